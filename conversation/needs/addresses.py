"""Numbers that belong to the person who speaks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from conversation.needs.context import NeedContext, Needs, text_of
from engine.needs import FAILED, NeedSpec
from engine.session import Value
from engine.turn import Met
from records.tables import moment
from services.verification import e164

LINK = NeedSpec(
    "addresses.link",
    fa="خط را به نام شخص می‌نویسد، تنها اگر کد آن خط در همین نشست درست وارد شده باشد؛ وگرنه خروجی failed است.",
    en="Makes the number one of this person's, only after its code was right in this session; else `failed`.",
    arguments={"number": True},
    outcomes={"ok": ()},
    writes=True,
)


async def link_address(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    number = e164(text_of(arguments, "number"))
    proved = await turn.services.verification.proved(
        turn.unit, number=number, asker=turn.party, since=min(began(turn.session.id), turn.now)
    )
    if not proved:
        return Met(FAILED)
    await turn.services.subscribers.link(
        turn.unit, now=turn.now, subscriber=turn.person.subscriber, number=number, by="code"
    )
    return Met("ok")


def began(session: bytes) -> datetime:
    """When a session began: its id is a UUID of version 7, whose first 48 bits are milliseconds since
    1970."""
    return moment(int.from_bytes(session[:6]) * 1_000)


NEEDS: Needs = ((LINK, link_address),)
