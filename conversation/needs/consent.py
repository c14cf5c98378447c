"""What the person agrees to."""

from __future__ import annotations

from collections.abc import Mapping

from conversation.needs.context import NeedContext, Needs, text_of
from engine.needs import NeedSpec
from engine.session import Value
from engine.turn import Met

READ = NeedSpec(
    "consent.read",
    fa="می‌گوید شخص به کاری رضایت داده است یا نه. purpose: advertising (پیام تبلیغاتی).",
    en="Whether the person agrees to something now. purpose: advertising.",
    arguments={"purpose": True},
    outcomes={"given": (), "withheld": ()},
)


async def read_consent(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    given = await turn.services.consents.given(
        turn.unit, turn.person.subscriber, text_of(arguments, "purpose")
    )
    return Met("given" if given else "withheld")


SET = NeedSpec(
    "consent.set",
    fa="رضایت (given: true) یا پس گرفتن آن (given: false) را با زمانش ثبت می‌کند. چیزی پاک نمی‌شود.",
    en="Records that the person agrees (given: true) or no longer does (given: false), and when.",
    arguments={"purpose": True, "given": True},
    outcomes={"ok": ()},
    writes=True,
)


async def set_consent(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    given = arguments.get("given")
    if not isinstance(given, bool):
        # A consent is never guessed from a word.
        raise ValueError("`given` is neither true nor false")
    turn.services.consents.set(
        turn.unit, turn.person, now=turn.now, purpose=text_of(arguments, "purpose"), given=given
    )
    return Met("ok")


NEEDS: Needs = ((READ, read_consent), (SET, set_consent))
