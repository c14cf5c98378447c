"""Who calls, mails and pushes, as the settings say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dispatch.provider import Provider
from dispatch.providers.sandbox import Sandbox
from dispatch.providers.sms.kavenegar_api import Api
from dispatch.providers.voice.ippanel import IpPanelCalls
from dispatch.providers.voice.kavenegar import KavenegarCalls
from house import House
from mailing import mailer
from settings import SettingError

Close = Callable[[], Awaitable[None]]


def provider(channel: str, name: str, home: House) -> tuple[Provider, Close]:
    """The provider of that name, and what lets it go. Raises ``SettingError`` for one that there is not."""
    settings = home.settings
    match channel, name:
        case _, "sandbox":
            return Sandbox(channel), _nothing
        case "email", "smtp":
            smtp = mailer(home)
            return smtp, smtp.close
        case "voice", "kavenegar-call":
            api = Api(home.http, settings.kavenegar_key, settings.kavenegar_url, proxy=settings.sms_proxy)
            template = settings.kavenegar_call_template
            return KavenegarCalls(api, {"code": template} if template else {}), _nothing
        case "voice", "ippanel-call":
            calls = IpPanelCalls(
                home.http, settings.ippanel_key, url=settings.ippanel_url, proxy=settings.sms_proxy
            )
            return calls, _nothing
        case _:
            raise SettingError(f"ROUTES_FILE: there is no provider {name} of {channel}")


async def _nothing() -> None:
    """Of those that hold nothing of their own."""
