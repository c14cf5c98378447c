"""The state machine of a flow: ``transitions``' own, with a short way for what flows need of it.

A flow's transitions have neither conditions nor callbacks, and its states none either: what a state does is
its kind's, and which way is taken is its outcome's name (``engine.advance``). ``transitions`` looks for all
of these at each step, in seven calls and a dozen log lines; ``Way`` takes the step alone. The machine itself,
its states, its transitions and its graph are as ``transitions`` builds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transitions import Event, Machine, MachineError


class Way(Event):
    """One outcome, from every state that has it."""

    def trigger(self, model: Any, *args: Any, **kwargs: Any) -> bool:
        """Moves the model (a ``Frame``) to where this outcome leads; ``MachineError`` when its state has no
        such way."""
        arrows = self.transitions.get(model.state)
        if not arrows:
            raise MachineError(f"state {model.state} has no outcome {self.name}")
        model.state = arrows[0].dest
        return True


class FlowMachine(Machine):
    """``Machine`` whose events are ``Way``s."""

    event_cls = Way


def machine(states: Sequence[str], start: str, transitions: Sequence[Mapping[str, str]]) -> FlowMachine:
    """The machine of a flow: ``transitions`` as ``{trigger, source, dest}``. No session is ever added to it:
    the frame is handed to the event, ``machine.events[outcome].trigger(frame)``."""
    return FlowMachine(
        model=None,
        states=list(states),
        initial=start,
        transitions=list(transitions),
        auto_transitions=False,
        send_event=True,
    )
