"""E-mail, as the settings say: who sends it, signed, and the page that ends it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from email.utils import parseaddr

import structlog
from aiohttp import hdrs, web

from composition.house import House, now
from dispatch.provider import Outgoing
from dispatch.providers.email.dkim import Signer
from dispatch.providers.email.letter import address
from dispatch.providers.email.smtp import Smtp
from languages import SOURCE, Language, _
from records.unit import Unavailable
from services.unsubscribing import PATH, Unsubscribing
from settings import SettingError, Settings
from web.access import Public, guarded

ASK = _("آگهی‌های ما دیگر به این نشانی نیاید؟")
CONFIRM = _("لغو دریافت آگهی")
DONE = _("از این پس آگهی به این نشانی نمی‌فرستیم. پاسخ شکایت‌ها و کدها همچنان می‌آید.")
UNKNOWN = _("این پیوند درست نیست. آن را از خود ایمیل باز کنید.")
LATER = _("اکنون نشد. کمی بعد دوباره تلاش کنید.")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
}

log = structlog.get_logger(__name__)


def mailer(home: House) -> Smtp:
    """Who sends by SMTP. Advertising has a way out by one click where PUBLIC_URL begins with https."""
    settings = home.settings
    ways_out = unsubscribing(home)
    try:
        returns = address(settings.mail_returns).addr_spec if settings.mail_returns else ""
    except ValueError as error:
        raise SettingError(f"MAIL_RETURNS: {error}") from None

    def way_out(outgoing: Outgoing) -> str:
        return ways_out.url(outgoing.to) if outgoing.klass == "bulk" else ""

    try:
        return Smtp(
            settings.smtp_url,
            settings.mail_from,
            clock=now,
            signer=signer(settings),
            unsubscribe=way_out,
            returns=returns,
        )
    except ValueError as error:
        raise SettingError(f"SMTP_URL, MAIL_FROM: {error}") from None


def signer(settings: Settings) -> Signer | None:
    """Signs for the domain of MAIL_FROM, where there is a key."""
    if settings.dkim_key_file is None:
        return None
    try:
        domain = address(parseaddr(settings.mail_from)[1]).domain
    except ValueError as error:
        raise SettingError(f"MAIL_FROM: {error}") from None
    try:
        return Signer(domain, settings.dkim_selector, settings.dkim_key_file.read_bytes())
    except OSError as error:
        raise SettingError(f"DKIM_KEY_FILE: {settings.dkim_key_file}: {error.strerror}") from None
    except ValueError as error:
        raise SettingError(f"DKIM_KEY_FILE: {settings.dkim_key_file} is not {error}") from None


def unsubscribing(home: House) -> Unsubscribing:
    return Unsubscribing(database=home.database, vault=home.vault, public_url=home.settings.public_url)


def routes(home: House) -> list[web.RouteDef]:
    """``/unsubscribe/…``: asks on GET, which programs that look into mails do too, and acts on POST."""
    ways_out = unsubscribing(home)
    if not ways_out.offered:
        return []

    async def ask(request: web.Request) -> web.Response:
        speak = spoken(request, home.languages)
        if not ways_out.knows(request.match_info["token"]):
            return page(speak, UNKNOWN, status=404)
        return page(speak, ASK, confirm=True)

    async def act(request: web.Request) -> web.Response:
        speak = spoken(request, home.languages)
        try:
            known = await ways_out.act(request.match_info["token"], now())
        except Unavailable as error:
            log.warning("unsubscribing.database_away", error=str(error))
            return page(speak, LATER, status=503)
        return page(speak, DONE) if known else page(speak, UNKNOWN, status=404)

    path = f"{PATH}{{token}}"
    return [web.get(path, guarded(ask, Public())), web.post(path, guarded(act, Public()))]


def spoken(request: web.Request, languages: Mapping[str, Language]) -> Language:
    """The first language of the browser's that there is."""
    for each in request.headers.get(hdrs.ACCEPT_LANGUAGE, "").split(","):
        code = each.partition(";")[0].strip().partition("-")[0].lower()
        if code in languages:
            return languages[code]
    return languages[SOURCE]


def page(speak: Language, text: str, *, confirm: bool = False, status: int = 200) -> web.Response:
    button = (
        '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
        f"<button>{html.escape(speak.translate(CONFIRM))}</button></form>\n"
    )
    return web.Response(
        text=f'<!doctype html>\n<html lang="{speak.code}" dir="{speak.direction}">\n'
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(speak.translate(CONFIRM))}</title></head>\n"
        f"<body>\n<p>{html.escape(speak.translate(text))}</p>\n{button if confirm else ''}</body>\n</html>\n",
        content_type="text/html",
        status=status,
        headers=HEADERS,
    )
