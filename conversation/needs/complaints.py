"""Complaints: file one, look at one's own, add to it."""

from __future__ import annotations

from collections.abc import Mapping

from conversation.needs.context import NeedContext, Needs, optional_text_of, text_of
from conversation.needs.files import ids_of
from engine.needs import NeedSpec
from engine.numbers import grouped
from engine.session import Value
from engine.turn import Met
from services.complaint_rules import UnknownComplaint, Unproved, WrongMove, category
from services.complaints import TooManyOpen

OPEN = NeedSpec(
    "complaints.open",
    fa="شکایت را ثبت و شماره و روز پاسخ آن را پیامک می‌کند. subject: unwanted، outage، charging، "
    "undelivered، privacy یا other؛ جز این‌ها هم با متن نگه داشته می‌شود. files فایل‌هایی است که حالتی "
    "با files یا check: file نگه داشته است.",
    en="Files a complaint and confirms its number and deadline by SMS. subject: unwanted, outage, "
    "charging, undelivered, privacy or other; any other is kept with the text. `files` is what a state "
    "with `files` or `check: file` has saved.",
    arguments={"subject": True, "text": True, "tracking": False, "files": False},
    outcomes={"ok": ("number", "deadline"), "too_many": ()},
    writes=True,
)


async def open_complaint(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    opened = await turn.services.complaints.open(
        turn.unit,
        turn.person,
        now=turn.now,
        subject=text_of(arguments, "subject"),
        text=text_of(arguments, "text"),
        tracking=optional_text_of(arguments, "tracking"),
        files=await _files(turn, arguments),
    )
    if isinstance(opened, TooManyOpen):
        return Met("too_many")
    return Met("ok", {"number": grouped(opened.number), "deadline": opened.deadline})


FIND = NeedSpec(
    "complaints.find",
    fa="شکایت خود شخص را با شماره‌اش پیدا می‌کند، از هر کانالی ثبت شده باشد؛ شکایت دیگران «ناشناخته» "
    "است. unproved یعنی از راه دیگری ثبت شده و این گفتگو باید اول شماره را تأیید کند، چون نکرده یا از "
    "آن مدت‌ها گذشته است. وضعیت: open (در دست بررسی)، answered (پاسخ داده شده)، closed (بسته)، merged "
    "(یکی شده با number).",
    en="Finds a complaint of this person by its number, on whichever channel it was filed; others' are "
    "`unknown`. `unproved`: it came another way, and a number must be proved from this chat first, as "
    "it never was or too long ago. status: open, answered, closed, or merged (into the complaint "
    "`number`).",
    arguments={"number": True},
    outcomes={
        "ok": ("number", "subject", "status", "deadline", "answer", "answered"),
        "unknown": (),
        "unproved": (),
    },
)


async def find_complaint(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    desk = turn.services.complaints
    try:
        found = await desk.find(turn.unit, turn.person, text_of(arguments, "number"))
    except UnknownComplaint:
        return Met("unknown")
    except Unproved:
        return Met("unproved")
    return Met(
        "ok",
        {
            "number": grouped(await desk.number_of_merged(found)),
            "subject": turn.services.notices.words(turn.language, category(found.category)[1].label, {}),
            "status": found.state,
            "deadline": found.deadline,
            "answer": await desk.answer_to(found),
            "answered": found.answered_at,
        },
    )


ADD = NeedSpec(
    "complaints.add",
    fa="حرف تازه شخص را به شکایت خودش می‌افزاید. شکایت پاسخ‌داده‌شده دوباره در نوبت پاسخ می‌رود.",
    en="Adds the person's words to their complaint. One that was answered waits for an answer again.",
    arguments={"number": True, "text": True, "files": False},
    outcomes={"ok": (), "unknown": (), "closed": ()},
    writes=True,
)


async def add_to_complaint(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    try:
        await turn.services.complaints.add(
            turn.unit,
            turn.person,
            now=turn.now,
            number=text_of(arguments, "number"),
            text=text_of(arguments, "text"),
            files=await _files(turn, arguments),
        )
    except (UnknownComplaint, Unproved):
        return Met("unknown")
    except WrongMove:
        return Met("closed")
    return Met("ok")


async def _files(turn: NeedContext, arguments: Mapping[str, Value]) -> list[bytes]:
    """Those of the files that are this person's."""
    ids = ids_of(optional_text_of(arguments, "files") or "")
    taken = await turn.services.files.take(turn.unit, turn.party, turn.session.id, ids) if ids else []
    return [each.id for each in taken]


NEEDS: Needs = ((OPEN, open_complaint), (FIND, find_complaint), (ADD, add_to_complaint))
