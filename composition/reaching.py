"""Who calls, mails and pushes, as the settings say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from composition.house import House, now
from composition.mailing import mailer
from dispatch.guard import guarded
from dispatch.provider import Provider, Receipt
from dispatch.providers.push.apns import Apns
from dispatch.providers.push.devices import Devices
from dispatch.providers.push.fcm import Fcm, read_account
from dispatch.providers.push.jwt import read_p256_key
from dispatch.providers.push.webpush import WebPush, public_key
from dispatch.providers.sandbox import Sandbox
from dispatch.providers.sms.kavenegar_api import Api
from dispatch.providers.ussd.restcomm import RestcommPush
from dispatch.providers.voice.asterisk import Asterisk, Prompts
from dispatch.providers.voice.ippanel import IpPanelCalls
from dispatch.providers.voice.kavenegar import KavenegarCalls
from dispatch.routes import Route
from records import receipts
from records.unit import Unavailable
from settings import SettingError

log = structlog.get_logger()

Close = Callable[[], Awaitable[None]]


def provider(channel: str, name: str, home: House) -> tuple[Provider, Close]:
    """The provider of that name, and what lets it go. Raises ``SettingError`` for one that there is not."""
    settings = home.settings
    match channel, name:
        case _, "sandbox":
            return Sandbox(channel), _nothing
        case "ussd", "restcomm-push":
            return RestcommPush(
                home.http, settings.restcomm_push_url, settings.restcomm_push_network
            ), _nothing
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
        case "voice", "asterisk":
            calling = asterisk(home)
            return calling, calling.close
        case "push", "fcm":
            return fcm(home), _nothing
        case "push", "webpush":
            return webpush(home)
        case "push", "apns":
            made = apns(home)
            return made, made.close
        case _:
            raise SettingError(f"ROUTES_FILE: there is no provider {name} of {channel}")


def asterisk(home: House) -> Asterisk:
    """Its receipts come while nobody asks: each is kept as it comes."""

    async def told(call: str, receipt: Receipt) -> None:
        said = receipts.Told(call, receipt.status, receipt.detail)
        for wait in (0.5, 1, 2, 4, 8, 15, 30, None):
            try:
                await receipts.keep(home.database, Asterisk.name, [said], now())
            except Unavailable as error:
                log.warning("asterisk.receipt_waits", call=call, error=str(error))
                if wait is None:
                    raise
                await asyncio.sleep(wait)
            else:
                return

    settings = home.settings
    return Asterisk(
        home.http,
        settings.asterisk_url,
        settings.asterisk_user,
        settings.asterisk_password,
        settings.asterisk_endpoint,
        told=told,
        caller=settings.asterisk_caller,
        prompts=Prompts(settings.asterisk_prompts),
    )


# Whoever is pushed to as a person, and not as one device: a number, or a visitor of the web chat.
PEOPLE = (
    Route("push", {Devices.name: 1}, numbers="+"),
    Route("push", {Devices.name: 1}, lines=frozenset({"webchat"})),
)


def push_routes(names: Sequence[str]) -> list[Route]:
    """Each service has the addresses that begin with its name."""
    if names == ("sandbox",):
        return [Route("push", {"sandbox": 1})]
    return [Route("push", {name: 1}, numbers=f"{name}:") for name in names]


def fcm(home: House) -> Fcm:
    settings, file = home.settings, home.settings.fcm_account_file
    if file is None:
        raise SettingError("FCM_ACCOUNT_FILE: is empty, but a route names fcm")
    try:
        account = read_account(file.read_bytes())
    except OSError as error:
        raise SettingError(f"FCM_ACCOUNT_FILE: {file}: {error.strerror}") from None
    except ValueError as error:
        raise SettingError(f"FCM_ACCOUNT_FILE: {file} is not {error}") from None
    return Fcm(home.http, account, clock=now, url=settings.fcm_url, proxy=settings.push_proxy)


def webpush(home: House) -> tuple[WebPush, Close]:
    """Where there is a proxy on the way it is the proxy that resolves names, and that itself is at a private
    address: only the list of push services stands before it then."""
    settings, file = home.settings, home.settings.webpush_key_file
    if file is None or not settings.webpush_contact:
        raise SettingError("WEBPUSH_KEY_FILE, WEBPUSH_CONTACT: are empty, but a route names webpush")
    proxy = settings.push_proxy
    key = p256_key("WEBPUSH_KEY_FILE", file)
    http = home.http if proxy else guarded()
    made = WebPush(http, key, settings.webpush_contact, clock=now, proxy=proxy)
    return made, _nothing if proxy else http.close


def push_key(home: House) -> str:
    """What browsers subscribe to pushes with; "" where there are none."""
    file = home.settings.webpush_key_file
    return "" if file is None else public_key(p256_key("WEBPUSH_KEY_FILE", file))


def apns(home: House) -> Apns:
    settings, file = home.settings, home.settings.apns_key_file
    if file is None:
        raise SettingError("APNS_KEY_FILE: is empty, but a route names apns")
    return Apns(
        p256_key("APNS_KEY_FILE", file),
        settings.apns_key_id,
        settings.apns_team,
        settings.apns_topic,
        clock=now,
        url=settings.apns_url,
        proxy=settings.push_proxy,
    )


def p256_key(setting: str, file: Path) -> ec.EllipticCurvePrivateKey:
    try:
        return read_p256_key(file.read_bytes())
    except OSError as error:
        raise SettingError(f"{setting}: {file}: {error.strerror}") from None
    except ValueError as error:
        raise SettingError(f"{setting}: {file} is not {error}") from None


async def _nothing() -> None:
    """Of those that hold nothing of their own."""
