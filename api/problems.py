"""What went wrong, as RFC 9457 says it (``application/problem+json``), in the language that is asked for.

``Problem`` is raised by handlers; ``middleware`` makes answers of it and of whatever else ends a request.
A ``type`` never changes its meaning: programs read it, people read ``title`` and ``detail``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import hdrs, web

from engine.turn import Language
from languages import _
from records.unit import Unavailable
from services.credit import NotEnough

CONTENT_TYPE = "application/problem+json"
TYPE = "urn:chapar:problem:"
DEFAULT = "fa"
AWAY = 5  # Seconds after which a request is worth trying again while the records are away.

# Every type of problem: its HTTP status, and its title.
KINDS: Mapping[str, tuple[int, str]] = {
    "not-json": (400, _("بدنه درخواست JSON درست نیست.")),
    "bad-header": (400, _("یک سرآیند درخواست درست نیست.")),
    "broken-body": (400, _("بدنه درخواست ناتمام رسید.")),
    "no-key": (401, _("کلید معتبر لازم است.")),
    "credit": (402, _("اعتبار شما برای این کار کافی نیست.")),
    "not-allowed": (403, _("این کلید اجازه این کار را ندارد.")),
    "address": (403, _("این کلید از این نشانی پذیرفته نیست.")),
    "not-found": (404, _("چنین چیزی نیست.")),
    "method": (405, _("این روش درخواست اینجا پذیرفته نیست.")),
    "other-request": (409, _("این Idempotency-Key پیش‌تر با درخواست دیگری آمده است.")),
    "not-queued": (409, _("پیام دیگر در صف نیست و لغو نمی‌شود.")),
    "webhooks": (409, _("بیش از این وب‌هوک نمی‌توان داشت؛ نخست یکی را پاک کنید.")),
    "too-large": (413, _("بدنه درخواست بیش از اندازه بزرگ است.")),
    "media-type": (415, _("بدنه درخواست باید application/json باشد.")),
    "upload-type": (415, _("بدنه باید text/csv، application/x-ndjson یا multipart/form-data باشد.")),
    "job-state": (409, _("این کار اکنون در وضعیتی نیست که این شدنی باشد.")),
    "invalid": (422, _("درخواست درست نیست.")),
    "too-fast": (429, _("از سقف مجاز تندتر می‌فرستید.")),
    "codes": (429, _("برای این شماره کد بیش از اندازه خواسته شده است.")),
    "jobs": (429, _("کارهای ناتمام شما بیش از اندازه است.")),
    "defect": (500, _("در چاپار خطایی رخ داد.")),
    "away": (503, _("چاپار اکنون نمی‌تواند پاسخ دهد؛ دوباره تلاش کنید.")),
}

# What is wrong with a field, by the name that programs read. Braces hold what the field should have been.
FIELDS: Mapping[str, str] = {
    "missing": _("لازم است."),
    "unknown": _("چنین فیلدی نیست."),
    "type": _("از نوع دیگری است."),
    "choice": _("از گزینه‌های مجاز نیست."),
    "form": _("به شکل درست نیست."),
    "short": _("کوتاه‌تر از حد مجاز است."),
    "long": _("بلندتر از حد مجاز است."),
    "range": _("بیرون از بازه مجاز است."),
    "number": _("شماره تلفن درستی نیست."),
    "channel": _("این کانال فرستنده‌ای ندارد."),
    "line": _("این خط از آن شما نیست."),
    "twice": _("هر کانال یک بار می‌آید."),
    "within": _("برای هر کانال جز آخری یک مهلت می‌آید و جمع آن‌ها کمتر از expires_in است."),
    "parts": _("پیامک بیش از {most:digits} بخش می‌شود."),
    "late": _("دورتر از {days:digits} روز آینده است."),
    "cursor": _("این نشانگر صفحه درست نیست."),
    "url": _("نشانی https درستی نیست که همه به آن دسترسی داشته باشند."),
    "template": _("قالب درستی نیست: هر {name} نام یک مقدار است و آکولاد تنها پذیرفته نیست."),
    "wrong": _("درست نیست."),
    "encoding": _("UTF-8 درستی نیست."),
    "control": _("نویسه‌ای دارد که در متن پذیرفته نیست."),
    "quote": _("گیومه‌ای باز مانده یا نابجاست."),
    "columns": _("شمار ستون‌ها {have:digits} است و نه {want:digits}."),
    "json": _("JSON درستی نیست."),
    "object": _("یک شیء JSON نیست."),
    "doubled": _("بیش از یک بار آمده است."),
    "empty": _("هیچ ردیفی ندارد."),
    "rows": _("ردیف نادرست دارد و چنان که خواسته بودید چیزی فرستاده نمی‌شود."),
    "lost": _("آنچه فرستاده بودید دیگر خوانده نمی‌شود."),
    "defect": _("در چاپار خطایی رخ داد."),
    "credit": _("اعتبار شما برای این کار کافی نیست."),
}

_ITEM = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*)?"
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wrong:
    """One field: ``pointer`` is a JSON Pointer into the body, or the name of a parameter; ``kind`` one of
    ``FIELDS``."""

    pointer: str
    kind: str
    values: Mapping[str, int] | None = None


class Problem(Exception):
    """Ends a request. ``kind`` is one of ``KINDS``; ``again``: seconds after which it may be tried again."""

    def __init__(
        self,
        kind: str,
        wrong: Sequence[Wrong] = (),
        *,
        again: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.wrong = wrong
        self.again = again
        self.headers = dict(headers or {})

    def response(self, language: Language) -> web.Response:
        """The answer in this language."""
        status, title = KINDS[self.kind]
        body: dict[str, Any] = {
            "type": TYPE + self.kind,
            "title": language.translate(title),
            "status": status,
        }
        if self.wrong:
            body["errors"] = [
                {"pointer": each.pointer, "code": each.kind, "detail": said(each, language)}
                for each in self.wrong
            ]
        headers = self.headers | {hdrs.CONTENT_LANGUAGE: language.code, hdrs.VARY: hdrs.ACCEPT_LANGUAGE}
        if self.again is not None:
            headers[hdrs.RETRY_AFTER] = str(max(1, math.ceil(self.again)))
        if status == 401:
            headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="Chapar"'
        text = json.dumps(body, ensure_ascii=False)
        return web.Response(
            status=status, body=text.encode(), headers=headers | {hdrs.CONTENT_TYPE: CONTENT_TYPE}
        )


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def middleware(languages: Mapping[str, Language]) -> Any:
    """Answers with a problem whenever a request ends in one."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Problem as problem:
            ended = problem
        except web.HTTPException as error:
            if error.status < 400:
                raise
            kind = {404: "not-found", 405: "method", 413: "too-large"}.get(error.status, "defect")
            allowed = {"Allow": error.headers[hdrs.ALLOW]} if hdrs.ALLOW in error.headers else {}
            ended = Problem(kind, headers=allowed)
        except NotEnough:
            ended = Problem("credit")
        except Unavailable as error:
            log.warning("request not done", reason=str(error))
            ended = Problem("away", again=AWAY)
        except Exception:
            # The path may hold a key, and so is not told.
            log.exception("a defect ended a request", handler=getattr(handler, "__name__", ""))
            ended = Problem("defect")
        return ended.response(language_of(request, languages))

    return answer


def language_of(request: web.Request, languages: Mapping[str, Language]) -> Language:
    """The language that is wanted most, of those that there are (RFC 9110, section 12.5.4); else Persian."""
    best, wanted = DEFAULT, 0.0
    for item in request.headers.get(hdrs.ACCEPT_LANGUAGE, "")[:500].split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            continue
        quality = float(match[2] or 1)
        if match[1].lower() in languages and quality > wanted:
            best, wanted = match[1].lower(), quality
    return languages[best]


def said(wrong: Wrong, language: Language) -> str:
    """What is wrong, in words."""
    text = language.translate(FIELDS[wrong.kind])
    for name, value in (wrong.values or {}).items():
        text = text.replace(f"{{{name}:digits}}", language.format(value, "digits"))
    return text
