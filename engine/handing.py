"""What a session does while an operator talks with the person: texts are posts, not answers.

The thread itself, its queue and what the operator says are the outside's; here is only how the flow goes on.
"""

from __future__ import annotations

from collections.abc import Generator

from engine.flow import Handover
from engine.fold import key
from engine.limits import KEYWORD_LENGTH
from engine.needs import FAILED, LEAVE, SAY, SLOW
from engine.turn import Input, Met, Need

ACCEPTED = "accepted"  # What ``needs.HAND_OVER`` comes back with when somebody takes over.

# The outcomes that a handover goes on by once it was accepted; where a flow says nothing of one, it ends.
CLOSED = "closed"  # The operator ended it.
LEFT = "left"  # The person did, by a word of the flow's.
LATE = "late"  # Nobody said anything for too long.
OUTCOMES = (CLOSED, LEFT, LATE)

STAYS = ""
UNSAID = "unsaid"


def listen(state: Handover, input: Input) -> Generator[Need, Met, str]:
    """The outcome by which the handover goes on; ``STAYS`` while it does not, ``UNSAID`` when it does not and
    what the person wrote went nowhere."""
    if input.kind == "event":
        return input.text
    if input.kind == "timeout":
        yield Need(LEAVE, {"reason": LATE})
        return LATE
    if not input.files and len(input.text) <= KEYWORD_LENGTH and key(input.text) in state.leave:
        yield Need(LEAVE, {"reason": LEFT})
        return LEFT
    met = yield Need(SAY, {"text": input.text, "key": input.key, "files": " ".join(input.files)})
    if met.outcome == CLOSED:
        return CLOSED
    return UNSAID if met.outcome in (FAILED, SLOW) else STAYS
