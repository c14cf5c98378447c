"""A person takes over from the flow."""

from __future__ import annotations

from collections.abc import Mapping

from conversation.needs.context import NeedContext, Needs, text_of
from engine.needs import NeedSpec
from engine.session import Value
from engine.turn import Met

REQUEST = NeedSpec(
    "handover.request",
    fa="گفتگو را به کارشناس می‌سپارد. در USSD درخواست تماس می‌شود، چون آنجا نمی‌شود منتظر ماند.",
    en="Hands the conversation to a person. On USSD it becomes a call-back: nobody can wait there.",
    arguments={"topic": True},
    outcomes={"accepted": ()},
    writes=True,
)


async def request_handover(turn: NeedContext, arguments: Mapping[str, Value]) -> Met:
    await turn.services.handover.request(
        turn.unit, turn.person, now=turn.now, topic=text_of(arguments, "topic")
    )
    return Met("accepted")


NEEDS: Needs = ((REQUEST, request_handover),)
