"""Calls that people ask for."""

from __future__ import annotations

from collections.abc import Mapping

from conversation.needs.context import NeedContext, Needs, text_of
from engine.needs import NeedSpec
from engine.session import Value
from engine.turn import Met

ASK = NeedSpec(
    "callbacks.ask",
    fa="درخواست تماس را ثبت می‌کند؛ برای هر موضوع یکی در نوبت می‌ماند. "
    "time_of_day: morning (صبح)، afternoon (بعدازظهر)، evening (شب) یا any (هر وقت).",
    en="Asks for a call; one waits for each topic. time_of_day: morning, afternoon, evening or any.",
    arguments={"topic": True, "time_of_day": True},
    outcomes={"ok": (), "waiting": ()},
    writes=True,
)


async def ask_for_call(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    asked = await turn.services.callbacks.ask(
        turn.unit,
        turn.person,
        now=turn.now,
        topic=text_of(arguments, "topic"),
        time_of_day=text_of(arguments, "time_of_day"),
    )
    return Met("ok" if asked else "waiting")


NEEDS: Needs = ((ASK, ask_for_call),)
