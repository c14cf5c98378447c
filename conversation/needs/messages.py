"""Messages that were sent to the person."""

from __future__ import annotations

from collections.abc import Mapping

from conversation.needs.context import NeedContext, Needs, text_of
from engine.needs import NeedSpec
from engine.session import Value
from engine.turn import Met

STATUS = NeedSpec(
    "messages.status",
    fa="وضعیت پیامی را که برای همین شخص فرستاده شده با شماره پیگیری می‌گوید؛ پیام دیگران «ناشناخته» است. "
    "status: queued و claimed (در نوبت)، sent (فرستاده شده)، delivered (رسیده)، "
    "failed، blocked، expired و cancelled (نرسیده). at زمان آن و by کانال است.",
    en="The status of a message to this person by its tracking number; others' are `unknown`. "
    "status: queued, claimed, sent, delivered, failed, blocked, expired or cancelled; "
    "`at` is since when, `by` the channel.",
    arguments={"tracking": True},
    outcomes={"ok": ("status", "at", "by"), "unknown": ()},
)


async def message_status(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    found = await turn.services.messages.status(turn.person, text_of(arguments, "tracking"))
    if found is None:
        return Met("unknown")
    return Met("ok", {"status": found.status, "at": found.at, "by": found.by})


NEEDS: Needs = ((STATUS, message_status),)
