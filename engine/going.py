"""On from where an answer led, through what does not wait, to the next state that does."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from engine import handing, history, limits
from engine.answering import answer
from engine.faults import BrokenFlow
from engine.flow import ELSE, SAID, Argument, Branch, Call, End, Handover, Run, Say, Waiting
from engine.needs import FAILED, HAND_OVER, SLOW
from engine.session import Value
from engine.show import joined, look_up
from engine.turn import Met, Need
from engine.walk import Asking, Walk

RESUME = "resume"  # The flow that offers to go on where a session stopped.


def on(walk: Walk) -> Asking:
    for _step in range(limits.STEPS_PER_TURN):
        if walk.last is not None:
            return
        state = walk.state
        if isinstance(state, Waiting):
            if not walk.answers:
                return
            given, walk.answers = walk.answers[0], walk.answers[1:]
            answer(walk, given)
        elif isinstance(state, Say):
            walk.session.lead = joined(walk.session.lead, walk.render(state.text))
            walk.take(SAID)
        elif isinstance(state, Branch):
            walk.take(case(walk, state))
        elif isinstance(state, Call):
            yield from call(walk, state)
        elif isinstance(state, Run):
            run(walk, state)
        elif isinstance(state, Handover):
            if walk.session.page or walk.session.handed or (yield from hand_over(walk, state)):
                return
        elif isinstance(state, End) and not leave(walk, state):
            return
    raise BrokenFlow(walk.trail[-1], f"{limits.STEPS_PER_TURN} steps in one turn")


def case(walk: Walk, state: Branch) -> str:
    for condition, outcome in state.cases:
        if condition is None or condition(lambda name: look_up(walk.session, name)):
            return outcome
    raise BrokenFlow(walk.trail[-1], "no case of the branch holds")


def call(walk: Walk, state: Call) -> Asking:
    met = yield Need(state.need, arguments(walk, state.arguments))
    session = walk.session
    for name, value in met.values.items():
        session.frames[-1].variables[name] = value
    language = met.values.get("language")
    if isinstance(language, str) and language in walk.languages:
        session.language = language
    spec = walk.library.needs.get(state.need)
    if spec is not None and spec.writes and met.outcome not in (FAILED, SLOW):
        session.history = []  # What has been done outside cannot be undone by "back".
    walk.take(met.outcome if met.outcome in state.outcomes else ELSE)


def arguments(walk: Walk, arguments: Mapping[str, Argument]) -> dict[str, Value]:
    return {
        name: look_up(walk.session, argument.name) if argument.name else argument.literal
        for name, argument in arguments.items()
    }


def run(walk: Walk, state: Run) -> None:
    if len(walk.session.frames) >= limits.RUN_DEPTH:
        raise BrokenFlow(walk.trail[-1], f"more than {limits.RUN_DEPTH} flows wait for one another")
    walk.push(walk.library.live(state.flow), arguments(walk, state.arguments))


def hand_over(walk: Walk, state: Handover) -> Generator[Need, Met, bool]:
    """True when an operator takes over: the handover's text is then the last screen, or on a channel
    where people can be talked to the last one of the flow until the handover goes on."""
    live = walk.layout.live
    met = yield Need(HAND_OVER, {"topic": state.topic, "live": live})
    session = walk.session
    session.frames[-1].variables |= met.values
    if met.outcome == handing.ACCEPTED:
        session.history = []
        session.handed = live
        return True
    walk.take(met.outcome if met.outcome in state.outcomes else ELSE)
    return False


def leave(walk: Walk, state: End) -> bool:
    """Leaves an ``end`` for the flow that ran this one, or for a parked session. False: it is final."""
    session = walk.session
    if len(session.frames) > 1:
        come_back(walk, state)
        return True
    if session.parked and session.frames[0].flow == RESUME:
        parked, session.parked = session.parked, []
        if state.outcome == "continue":
            session.frames, session.history, session.lead = parked, [], ""
            walk.entered()
        else:
            walk.open(walk.library.live(session.opened))
        return True
    return False


def come_back(walk: Walk, state: End) -> None:
    session = walk.session
    session.lead = joined(session.lead, walk.render(state.text))
    ended = session.frames.pop()
    caller = session.frames[-1]
    history.keep_caller(session)
    running = walk.state
    assert isinstance(running, Run)
    for mine, theirs in running.save.items():
        caller.variables[mine] = ended.variables.get(theirs)
    walk.take(state.outcome if state.outcome in running.outcomes else ELSE)
