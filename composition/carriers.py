"""Who carries SMS, as the settings say: each vendor's provider with its account."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import ClientSession

from dispatch.provider import Provider
from dispatch.providers.bot.safir import Safir
from dispatch.providers.sandbox import Sandbox
from dispatch.providers.sms.ippanel import IpPanel
from dispatch.providers.sms.kavenegar import Kavenegar
from dispatch.providers.sms.kavenegar_api import Api
from dispatch.providers.sms.magfa import Magfa
from dispatch.providers.sms.melipayamak import Melipayamak
from dispatch.providers.sms.smsir import SmsIr
from services.tariffs import Carrier
from settings import Settings


def sms(name: str, settings: Settings, http: ClientSession) -> Provider:
    """The provider of that name (one of ``settings.SMS_PROVIDERS``)."""
    proxy, own = settings.sms_proxy, lines(settings).get(name, ())
    match name:
        case "kavenegar":
            api = Api(http, settings.kavenegar_key, settings.kavenegar_url, proxy=proxy)
            return Kavenegar(api, own, _code(settings.kavenegar_template))
        case "smsir":
            return SmsIr(
                http,
                settings.smsir_key,
                own,
                templates=_code(settings.smsir_template),
                parameter=settings.smsir_parameter,
                url=settings.smsir_url,
                proxy=proxy,
            )
        case "melipayamak":
            return Melipayamak(
                http,
                settings.melipayamak_username,
                settings.melipayamak_password,
                own,
                templates=_code(settings.melipayamak_template),
                together=settings.melipayamak_together,
                url=settings.melipayamak_url,
                proxy=proxy,
            )
        case "ippanel":
            return IpPanel(
                http,
                settings.ippanel_key,
                own,
                templates=_code(settings.ippanel_template),
                parameter=settings.ippanel_parameter,
                url=settings.ippanel_url,
                proxy=proxy,
            )
        case "magfa":
            return Magfa(
                http,
                settings.magfa_username,
                settings.magfa_password,
                settings.magfa_domain,
                own,
                url=settings.magfa_url,
                proxy=proxy,
            )
        case "safir":
            return Safir(
                http, settings.safir_key, settings.safir_bot or 0, url=settings.safir_url, proxy=proxy
            )
        case _:
            return Sandbox("sms")


def lines(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """The lines of each provider of SMS, the usual one first: "" where the account has one that we are not
    told. Inbound SMS come by Kavenegar, so their lines are its own too."""
    usual = settings.kavenegar_sender
    return {
        "kavenegar": (usual, *settings.sms_lines) if usual or settings.sms_lines else (),
        "smsir": settings.smsir_sender,
        "melipayamak": settings.melipayamak_sender,
        "ippanel": settings.ippanel_sender,
        "magfa": settings.magfa_sender,
        **{name: smsc.sender for name, smsc in settings.smscs.items()},
    }


def usual(settings: Settings) -> Mapping[str, Carrier]:
    """Who carries each channel where nothing else is asked for."""
    own = lines(settings).get(settings.sms_provider, ())
    return {
        "sms": Carrier(settings.sms_provider, own[0] if own else ""),
        "voice": Carrier(settings.voice_provider),
        "email": Carrier(settings.email_provider),
        "push": Carrier(settings.push_provider[0]),
        "ussd": Carrier(settings.ussd_push_provider),
    }


def _code(template: str | int | None) -> Mapping[str, str]:
    return {"code": str(template)} if template else {}
