"""The language that the person reads."""

from __future__ import annotations

from collections.abc import Mapping

from conversation.needs.context import NeedContext, Needs, text_of
from engine.needs import NeedSpec
from engine.session import Value
from engine.turn import Met
from services.subscribers import UnknownLanguage

SET = NeedSpec(
    "language.set",
    fa="زبان صفحه‌ها و پیامک‌های شخص را عوض می‌کند: fa، en یا هر زبانی که کاتالوگ دارد.",
    en="Changes the language of the person's screens and SMS: fa, en, or any that has a catalogue.",
    arguments={"language": True},
    outcomes={"ok": ("language",), "unknown": ()},
    writes=True,
)


async def set_language(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    code = text_of(arguments, "language")
    try:
        turn.services.subscribers.set_language(turn.unit, turn.person.subscriber, code)
    except UnknownLanguage:
        return Met("unknown")
    return Met("ok", {"language": code})


NEEDS: Needs = ((SET, set_language),)
