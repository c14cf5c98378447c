"""A door for programs made for Kavenegar's REST interface (https://kavenegar.com/rest.html): ``/v1/{key}/…``.

Whoever has such a program changes the host, and its key to one of ours. Forms and answers are the vendor's:
HTTP repeats ``return.status``, ``entries`` have its fields, a ``messageid`` is our tracking number. What it
has and we have not is answered 404; a message goes from the account's own lines, or from the usual one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import structlog
from aiohttp import web

from api import body
from api.access import HOLDER, ApiKey, Guard, in_path
from api.models import DAYS_AHEAD, MOST_MESSAGES, MOST_PARTS, TEMPLATE_NAME
from api.problems import Problem
from engine.alphabet import parts
from records.unit import Unavailable
from services.accounts import Holder
from services.business_templates import BusinessTemplates, Unfilled
from services.credit import NotEnough
from services.submissions import Draft, Once, OtherRequest, Submissions, Taken
from services.tariff_file import line_of
from services.verification import BadNumber, e164
from web.access import Handler, Public, guarded

MOST_STATUSES = 500
LIFE = timedelta(days=2)
CODE_LIFE = timedelta(minutes=5)  # A code that comes later is of no use.
TOKENS = ("token", "token2", "token3", "token10", "token20")
MOST_TOKEN = 100
AHEAD = timedelta(days=DAYS_AHEAD)

# What each of our problems is there, and in its words.
STATUSES: Mapping[str, tuple[int, str]] = {
    "no-key": (403, "کد شناسائی API-Key معتبر نیست"),
    "not-allowed": (407, "دسترسی به اطلاعات مورد نظر برای شما امکان پذیر نیست"),
    "address": (407, "دسترسی به اطلاعات مورد نظر برای شما امکان پذیر نیست"),
    "not-found": (404, "متدی با این نام پیدا نشده است"),
    "method": (405, "متد فراخوانی Get یا Post اشتباه است"),
    "too-fast": (429, "تعداد درخواست‌ها بیش از حد مجاز است"),
    "too-large": (413, "پیام خالی است و یا طول پیام بیش از حد مجاز می‌باشد"),
    "away": (409, "سرور قادر به پاسخگوئی نیست بعدا تلاش کنید"),
    "defect": (402, "عملیات ناموفق بود"),
}
PARAMETERS = (400, "پارامترها ناقص هستند")
RECEPTOR = (411, "دریافت کننده نامعتبر است")
SENDER = (412, "ارسال کننده نامعتبر است")
LENGTH = (413, "پیام خالی است و یا طول پیام بیش از حد مجاز می‌باشد")
MANY = (414, "حجم درخواست بیشتر از حد مجاز است")
DATE = (417, "تاریخ ارسال اشتباه است و فرمت آن صحیح نمی‌باشد")
CREDIT = (418, "اعتبار حساب شما کافی نمی‌باشد")
TEMPLATE = (424, "الگوی مورد نظر پیدا نشد")
TOKEN = (431, "ساختار کد صحیح نمی‌باشد")
SIZES = (419, "طول آرایه متن و گیرنده و فرستنده هم اندازه نیست")
LOCAL = (400, "شناسه محلی با درخواست دیگری آمده است")

# What a message is there, by our status.
SHOWN: Mapping[str, tuple[int, str]] = {
    "queued": (1, "در صف ارسال"),
    "held": (1, "در صف ارسال"),
    "claimed": (4, "ارسال به مخابرات"),
    "sent": (5, "ارسال به مخابرات"),
    "delivered": (10, "رسیده به گیرنده"),
    "failed": (6, "خطا در ارسال پیام"),
    "expired": (11, "نرسیده به گیرنده"),
    "cancelled": (13, "پیام از سمت کاربر لغو شده است"),
    "blocked": (14, "بلاک شده است"),
}
SCHEDULED = (2, "زمان بندی شده")
UNKNOWN = (100, "شناسه پیامک نامعتبر است")


log = structlog.get_logger()


class Refused(Exception):
    """A request that the vendor's interface answers with this status."""

    def __init__(self, status: tuple[int, str]) -> None:
        super().__init__(status[0])
        self.status = status


class Kavenegar:
    def __init__(
        self,
        *,
        submissions: Submissions,
        guard: Guard,
        templates: BusinessTemplates,
        clock: Callable[[], datetime],
    ) -> None:
        self._submissions = submissions
        self._guard = guard
        self._templates = templates
        self._clock = clock

    def routes(self) -> Sequence[web.RouteDef]:
        """The routes, each beside its rule. Both GET and POST, as the vendor takes them."""
        made: list[web.RouteDef] = []
        for path, scope, handler in (
            ("sms/send", "send", self.send),
            ("sms/sendarray", "send", self.send_array),
            ("sms/status", "read", self.status),
            ("verify/lookup", "verify", self.lookup),
        ):
            rule = ApiKey((("GET", scope), ("POST", scope)), in_path)
            behind = told(self._guard.keyed(handler, rule))
            behind.__dict__["access_rule"] = rule
            at = f"/v1/{{key}}/{path}.json"
            made += [web.route(method, at, behind) for method in ("GET", "POST")]
        return [*made, web.route("*", "/v1/{key}/{scope}/{method}.json", guarded(nothing, Public()))]

    async def send(self, request: web.Request) -> web.Response:
        form = await given(request)
        text = form.get("message", "")
        receptors = [each.strip() for each in form.get("receptor", "").split(",") if each.strip()]
        if not receptors:
            raise Refused(PARAMETERS)
        senders = [form.get("sender", "")] * len(receptors)
        local = [each.strip() for each in form.get("localid", "").split(",") if each.strip()]
        return await self._send(request, receptors, senders, [text] * len(receptors), local, form)

    async def send_array(self, request: web.Request) -> web.Response:
        form = await given(request)
        receptors, senders, texts = (array(form, name) for name in ("receptor", "sender", "message"))
        if not len(receptors) == len(senders) == len(texts):
            raise Refused(SIZES)
        local = array(form, "localmessageids") if form.get("localmessageids") else []
        return await self._send(request, receptors, senders, texts, local, form)

    async def status(self, request: web.Request) -> web.Response:
        form = await given(request)
        asked = [each.strip() for each in form.get("messageid", "").split(",") if each.strip()]
        if not asked:
            raise Refused(PARAMETERS)
        if len(asked) > MOST_STATUSES:
            raise Refused(MANY)
        if not all(each.isascii() and each.isdecimal() and len(each) <= 18 for each in asked):
            raise Refused(PARAMETERS)
        found = await self._submissions.tracked(request[HOLDER], asked)
        entries = []
        for number in asked:
            sent = found.get(number)
            status, text = UNKNOWN if sent is None else SHOWN[sent.status]
            entries.append({"messageid": int(number), "status": status, "statustext": text})
        return reply(entries)

    async def lookup(self, request: web.Request) -> web.Response:
        """A code by one of the account's templates; its placeholders are named as the vendor's fields."""
        form = await given(request)
        values = {name: form[name] for name in TOKENS if form.get(name)}
        if not form.get("receptor") or not form.get("template") or not values:
            raise Refused(PARAMETERS)
        if any(len(value) > MOST_TOKEN or not value.isprintable() for value in values.values()):
            raise Refused(TOKEN)
        holder, now = request[HOLDER], self._clock()
        if not re.fullmatch(TEMPLATE_NAME.strip("^$"), form["template"]):
            raise Refused(TEMPLATE)
        version = await self._templates.find(holder, form["template"])
        if version is None:
            raise Refused(TEMPLATE)
        try:
            text = self._templates.filled(version, values)
        except Unfilled:
            raise Refused(TOKEN) from None
        made = draft(holder, form["receptor"], "", text, None)
        channel = "voice" if form.get("type") == "call" else "sms"
        made = replace(made, channel=channel, klass="otp", lifetime=CODE_LIFE)
        answer, _again = await self._submissions.submit(
            holder, [made], now, lambda taken: json.dumps([entry(taken[0], made, now, None)]), None, 200
        )
        return reply(json.loads(answer.body))

    async def _send(
        self,
        request: web.Request,
        receptors: Sequence[str],
        senders: Sequence[str],
        texts: Sequence[str],
        local: Sequence[str],
        form: Mapping[str, str],
    ) -> web.Response:
        if len(receptors) > MOST_MESSAGES:
            raise Refused(MANY)
        if local and len(local) != len(receptors):
            raise Refused(SIZES)
        await self._guard.take(request, len(receptors) - 1)
        holder, now = request[HOLDER], self._clock()
        due = date(form.get("date", ""), now)
        drafts = [draft(holder, *each, due) for each in zip(receptors, senders, texts, strict=True)]
        again = None
        if local:
            # A localid that comes again is answered with the message that it had.
            again = Once(f"localid {','.join(local)}", repr((receptors, senders, texts)).encode())

        def respond(taken: Sequence[Taken]) -> str:
            return json.dumps(
                [entry(message, draft, now, due) for message, draft in zip(taken, drafts, strict=True)]
            )

        try:
            answer, _again = await self._submissions.submit(holder, drafts, now, respond, again, 200)
        except OtherRequest:
            raise Refused(LOCAL) from None
        return reply(json.loads(answer.body))


def told(handler: Handler) -> Handler:
    """The handler, whose problems are told as the vendor tells them."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            return reply(None, *refused.status)
        except Problem as problem:
            response = reply(None, *STATUSES.get(problem.kind, PARAMETERS))
            response.headers.update(problem.headers)
            return response
        except NotEnough:
            return reply(None, *CREDIT)
        except Unavailable as error:
            log.warning("request not done", reason=str(error))
            return reply(None, *STATUSES["away"])
        except Exception:
            # The path holds a key, and is not told.
            log.exception("a defect ended a request", handler=answer.__name__)
            return reply(None, *STATUSES["defect"])

    answer.__name__ = getattr(handler, "__name__", "answer")
    return answer


def reply(
    entries: Sequence[Mapping[str, Any]] | None, status: int = 200, message: str = "تایید شد"
) -> web.Response:
    """The vendor's answer; its HTTP status repeats the one inside."""
    said = {"return": {"status": status, "message": message}, "entries": entries}
    return web.Response(
        text=json.dumps(said, ensure_ascii=False),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def nothing(request: web.Request) -> web.Response:
    """What the vendor has and we have not."""
    return reply(None, *STATUSES["not-found"])


async def given(request: web.Request) -> Mapping[str, str]:
    """The parameters, of the query and of the form."""
    pairs = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
    if request.method == "POST":
        raw = await body.body(request)
        try:
            pairs += parse_qsl(raw.decode(), keep_blank_values=True)
        except UnicodeDecodeError:
            raise Refused(PARAMETERS) from None
    return dict(pairs)


def array(form: Mapping[str, str], name: str) -> Sequence[str]:
    """A JSON array of texts or numbers."""
    try:
        found = json.loads(form.get(name, ""))
    except (ValueError, RecursionError):
        raise Refused(PARAMETERS) from None
    if not isinstance(found, list) or not found or not all(type(each) in (str, int) for each in found):
        raise Refused(PARAMETERS)
    return [str(each) for each in found]


def date(text: str, now: datetime) -> datetime | None:
    """Seconds since 1970, None for at once."""
    if text in ("", "0"):
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 11):
        raise Refused(DATE)
    due = datetime.fromtimestamp(int(text), UTC)
    if due > now + AHEAD:
        raise Refused(DATE)
    return max(due, now)


def draft(holder: Holder, receptor: str, sender: str, text: str, due: datetime | None) -> Draft:
    """One SMS. The vendor folds a number's forms as we do."""
    number = "+" + receptor[2:] if receptor.startswith("00") else receptor
    try:
        to = e164(number)
    except BadNumber:
        raise Refused(RECEPTOR) from None
    if not text.strip() or "\x00" in text or parts(text) > MOST_PARTS:
        raise Refused(LENGTH)
    route = ""
    if sender:
        try:
            line = {line_of(line): line for line in holder.lines}.get(line_of(sender))
        except ValueError:
            line = None
        if line is None:
            raise Refused(SENDER)
        route = f"sms-{line}"
    return Draft("sms", "msisdn", to, text, "service", LIFE, route=route, due=due)


def entry(taken: Taken, draft: Draft, now: datetime, due: datetime | None) -> Mapping[str, Any]:
    status, text = SCHEDULED if due is not None and due > now else SHOWN[taken.status]
    return {
        "messageid": int(taken.tracking),
        "message": draft.text,
        "status": status,
        "statustext": text,
        "sender": draft.route.removeprefix("sms-"),
        "receptor": home(draft.to),
        "date": int((due or now).timestamp()),
        "cost": 0,
    }


def home(number: str) -> str:
    """A number as it is dialled in Iran."""
    return "0" + number[3:] if number.startswith("+98") else "00" + number[1:]
