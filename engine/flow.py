"""A compiled flow: what ``engine.compile`` makes of a flow file and ``engine.advance`` walks through.

Each state names its outcomes; ``machine`` (one ``transitions`` machine per flow version, shared by all
sessions) knows where each outcome leads from each state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.checks import Check
from engine.conditions import Condition
from engine.machine import FlowMachine
from engine.session import Frame, Value
from engine.turn import Option

# Outcomes that the engine itself gives; needs and sub-flows bring their own names.
ANSWERED = "answered"
SAID = "said"
GAVE_UP = "gave_up"
TIMED_OUT = "timed_out"
ELSE = "else"


@dataclass(frozen=True, slots=True)
class Argument:
    """A literal, or the variable that ``name`` says."""

    literal: Value = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a menu. ``value`` is what is saved, ``outcome`` the transition that choosing it takes."""

    label: str
    value: Value
    outcome: str
    keywords: frozenset[str] = frozenset()
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What every kind of state has."""

    name: str


@dataclass(frozen=True, slots=True)
class Waiting(State):
    """A state that waits for an answer. ``most`` failed answers take the outcome ``gave_up``; where the flow
    names no ``attempts``, ``most`` is None. ``after`` is its time-out in seconds."""

    text: str
    save: str
    invalid: str
    most: int | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Menu(Waiting):
    """Shows options and takes one of them, or a file of the kinds in ``files``. ``words`` caches, per
    language, what else chooses an option, and ``shown`` the options as they were shown, per language and
    choices (their ids), where nothing in them is filled in."""

    choices: tuple[Choice, ...]
    conditional: bool
    files: frozenset[str] = frozenset()
    words: dict[str, dict[str, Choice]] = field(default_factory=dict, compare=False)
    shown: dict[tuple[object, ...], tuple[Option, ...]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Ask(Waiting):
    """Takes a free answer that passes ``check``, or a file of the kinds in ``files``."""

    check: Check | None
    secret: bool
    files: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Say(State):
    """Says something and goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class Call(State):
    """Asks the outside for ``need``."""

    need: str
    arguments: Mapping[str, Argument]
    outcomes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Branch(State):
    """Takes the outcome of the first condition that holds; None holds always."""

    cases: tuple[tuple[Condition | None, str], ...]


@dataclass(frozen=True, slots=True)
class Run(State):
    """Runs another flow. ``save``: this flow's variable → the other's."""

    flow: str
    arguments: Mapping[str, Argument]
    save: Mapping[str, str]
    outcomes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Handover(State):
    """Hands the person over to an operator. ``callback`` is said instead of ``text`` on channels where nobody
    can be talked to; ``leave`` are the words by which the person ends it."""

    text: str
    callback: str
    topic: str
    leave: frozenset[str]
    outcomes: frozenset[str]


@dataclass(frozen=True, slots=True)
class End(State):
    """The last word."""

    text: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Flow:
    """One published version. ``version`` is a hash of the source; ``expires`` is in seconds. ``words`` are
    its keywords as they are written, ``keywords`` as ``engine.fold.key`` spells them."""

    name: str
    version: str
    title: str
    start: str
    states: Mapping[str, State]
    machine: FlowMachine = field(compare=False, repr=False)
    codes: tuple[tuple[str, ...], ...] = ()
    words: tuple[str, ...] = ()
    keywords: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    expires: float | None = None
    source: Any = field(default=None, compare=False, repr=False)

    def open_on(self, channel: str) -> bool:
        """Whether people may come into it on this channel."""
        return not self.channels or channel in self.channels

    def go(self, frame: Frame, outcome: str) -> None:
        """Moves the frame along ``outcome``; ``transitions.MachineError`` when the state has no such way."""
        self.machine.events[outcome].trigger(frame)
