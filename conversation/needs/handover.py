"""A person takes over from the flow, and what was thought of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping

from conversation.needs.context import NeedContext, Needs, optional_text_of, text_of
from conversation.request import digest
from engine.needs import HAND_OVER, LEAVE, SAY, NeedSpec
from engine.session import Value
from engine.turn import Met

OUTLOOK = NeedSpec(
    "handover.outlook",
    fa="می‌گوید کسی که الان کارشناس بخواهد چه در پیش دارد: open یعنی کارشناسان هستند و place نوبت اوست؛ "
    "closed یعنی بیرون از ساعت کاری است و opens زمانی است که می‌آیند (اگر معلوم نباشد خالی است).",
    en="What somebody who asks for an operator now has to expect: `open`, operators are there and `place` is "
    "the place in the queue; `closed`, they are not, and come at `opens` (empty where nobody can say).",
    outcomes={"open": ("place",), "closed": ("opens",)},
)


async def look_out(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    outlook = await turn.services.handover.outlook(now=turn.now)
    if outlook.open:
        return Met("open", {"place": outlook.place})
    return Met("closed", {"opens": outlook.opens})


REQUEST = NeedSpec(
    HAND_OVER,
    fa="گفتگو را به کارشناس می‌سپارد. place نوبت شخص در صف است و اگر کارشناس پیش‌تر آمده باشد 0. در USSD و "
    "پیامک درخواست تماس می‌شود، چون آنجا نمی‌شود منتظر ماند؛ آنجا place خالی است. با complaint گفتگو به آن "
    "شکایت می‌پیوندد.",
    en="Hands the conversation to an operator. `place` is the person's place in the queue, 0 when one has "
    "come. On USSD and SMS it becomes a call-back, since nobody can wait there, and `place` is empty. It "
    "joins the complaint with the number `complaint`.",
    arguments={"topic": True, "live": False, "complaint": False},
    outcomes={"accepted": ("place",)},
    writes=True,
)


async def request_handover(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    waiting = await turn.services.handover.request(
        turn.unit,
        turn.person,
        now=turn.now,
        topic=text_of(arguments, "topic"),
        live=arguments.get("live") is True,
        route=turn.route,
        complaint=optional_text_of(arguments, "complaint"),
    )
    return Met("accepted", {"place": None if waiting is None else waiting.place})


SPEAK = NeedSpec(
    SAY,
    fa="نوشته شخص را به کارشناس می‌رساند. موتور خودش در حالت handover می‌خواهد؛ جریان‌ها نیازی به آن ندارند.",
    en="Brings what the person writes to the operator. The engine asks for it in a handover; flows need not.",
    arguments={"text": True, "key": False, "files": False},
    outcomes={"ok": (), "closed": ()},
    writes=True,
)


async def say(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    key = optional_text_of(arguments, "key")
    goes_on = await turn.services.handover.say(
        turn.unit,
        turn.person,
        now=turn.now,
        route=turn.route,
        text=str(arguments.get("text") or ""),
        key=None if key is None else digest(key),
        raw=turn.raw,
        files=[bytes.fromhex(each) for each in (optional_text_of(arguments, "files") or "").split()],
    )
    return Met("ok" if goes_on else "closed")


GO = NeedSpec(
    LEAVE,
    fa="گفتگو با کارشناس را از سوی شخص تمام می‌کند: reason آن left (خودش خواست) یا late (چیزی گفته نشد) است. "
    "موتور خودش در حالت handover می‌خواهد.",
    en="Ends the talk with the operator on the person's side: `reason` is left (they wanted to) or late "
    "(nothing was said). The engine asks for it in a handover.",
    arguments={"reason": True},
    outcomes={"ok": ()},
    writes=True,
)


async def leave(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    await turn.services.handover.leave(
        turn.unit, turn.person, now=turn.now, route=turn.route, reason=text_of(arguments, "reason")
    )
    return Met("ok")


RATE = NeedSpec(
    "survey.rate",
    fa="امتیاز شخص به آخرین گفتگوی این نشست با کارشناس را ثبت می‌کند: score از 1 (خیلی بد) تا 5 (عالی) و اگر "
    "نوشت comment. بار دوم همان را تازه می‌کند. اگر گفتگویی نبوده خروجی none است.",
    en="Records what the person thought of this session's last talk with an operator: `score` from 1 (very "
    "bad) to 5, and a `comment`. Again, it changes that. `none` when there was no such talk.",
    arguments={"score": True, "comment": False},
    outcomes={"ok": (), "none": ()},
    writes=True,
)


async def rate(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    rated = await turn.services.handover.rate(
        turn.unit,
        turn.person,
        now=turn.now,
        score=int(text_of(arguments, "score")),
        comment=optional_text_of(arguments, "comment"),
    )
    return Met("ok" if rated else "none")


NEEDS: Needs = (
    (OUTLOOK, look_out),
    (REQUEST, request_handover),
    (SPEAK, say),
    (GO, leave),
    (RATE, rate),
)
