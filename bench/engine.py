"""The engine alone: the complaint conversation of the shipped flows, its session serialised and read again
after each turn. Rates are for a second of processor time, so that others on the machine matter less."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from time import process_time

from transitions import Machine

from bench.figures import Effort, Figure
from bench.machine import PRODUCT, on
from bench.product import COMPLAINT, FILED, ROOT, Broken
from conversation.needs import SPECS
from engine.advance import advance
from engine.layout import USSD
from engine.library import Library
from engine.session import Session, read, serialise
from engine.turn import Input, Language, Met, Turn
from languages import Languages
from services.publishing import read_folder

RATE = 25_000
TURNS = len(COMPLAINT) + 1
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DEADLINE = datetime(2026, 11, 25, 12, tzinfo=UTC)


@dataclass
class People:
    """One person after another, each with a complaint number of their own. ``last`` is the session as the
    last turn left it, ``trail`` the states that the last conversation went through."""

    library: Library
    languages: Mapping[str, Language]
    complaints: int = 0
    last: bytes = b""
    trail: tuple[str, ...] = ()

    def converse(self) -> None:
        """One conversation of six turns."""
        self.trail = ()
        session = Session(
            id=b"sixteen bytes id",
            language="fa",
            verified=True,
            caller="+989121234567",
            channel="ussd",
            code="*733#",
        )
        turn = self.take(session, Input("start", "*733#"))
        for answer in COMPLAINT:
            turn = self.take(read(self.last), Input("text", answer))
        if turn.replies or FILED not in turn.screen.text:
            raise Broken(f"the conversation ends otherwise: {turn.screen.text}")

    def take(self, session: Session, given: Input) -> Turn:
        steps = advance(self.library, session, given, NOW, self.languages, USSD)
        try:
            next(steps)
            while True:
                self.complaints += 1
                steps.send(Met("ok", {"number": str(10_000_000 + self.complaints), "deadline": DEADLINE}))
        except StopIteration as stop:
            turn: Turn = stop.value
        self.last = serialise(session)
        self.trail += turn.trail
        return turn

    def steps(self) -> int:
        """How many transitions the last conversation took; a flow's first state is entered without one."""
        states = (entered.split(":") for entered in self.trail)
        return sum(self.library.live(flow).start != state for flow, state in states)


class Standing:
    """What the floor's machine moves."""

    state = "s0"


def floor(session: Session, steps: int) -> Callable[[], None]:
    """One conversation as ``transitions`` and msgspec alone would have it: so many steps, and a session of
    this size there and back each turn."""
    names = [f"s{number}" for number in range(steps + 1)]
    arrows = [{"trigger": "go", "source": name, "dest": to} for name, to in pairwise(names)]
    machine = Machine(
        model=None, states=names, initial="s0", transitions=arrows, auto_transitions=False, send_event=True
    )
    go = machine.events["go"]

    def converse() -> None:
        standing = Standing()
        for _step in range(steps):
            go.trigger(standing)
        for _turn in range(TURNS):
            read(serialise(session))

    return converse


def measure(effort: Effort) -> Iterator[Figure]:
    sources, findings = read_folder(ROOT / "flows")
    if findings:
        raise Broken(f"the flows have errors: {findings[0]}")
    people = People(Library.of(sources, SPECS), Languages.load(ROOT / "locales"))
    people.converse()
    steps = people.steps()
    bare = floor(read(people.last), steps)
    rates: list[float] = []
    floors: list[float] = []
    with on(PRODUCT):
        for _round in range(max(3, effort.rounds)):
            rates.append(_rate(people.converse, effort.seconds / 3))
            floors.append(_rate(bare, effort.seconds / 3))
    yield Figure.of(
        "turns of the complaint conversation",
        rates,
        "turns/s",
        least=RATE,
        floor=median(floors),
        floor_is="transitions and msgspec alone",
        note=f"{steps} transitions in {TURNS} turns",
    )


def _rate(converse: Callable[[], None], seconds: float) -> float:
    """Turns in a second of processor time."""
    conversations, began = 0, process_time()
    while (took := process_time() - began) < seconds:
        for _conversation in range(50):
            converse()
        conversations += 50
    return TURNS * conversations / took
