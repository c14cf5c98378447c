"""Makes a ``Flow`` of the plain data of a flow file that the reader found sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.checks import compile_check, kinds_of_files
from engine.conditions import compile_condition
from engine.durations import seconds
from engine.flow import (
    ANSWERED,
    ELSE,
    GAVE_UP,
    SAID,
    TIMED_OUT,
    Argument,
    Ask,
    Branch,
    Call,
    Choice,
    End,
    Flow,
    Handover,
    Menu,
    Run,
    Say,
    State,
)
from engine.fold import key
from engine.machine import machine
from engine.reader import Source

Arrow = tuple[str, str]  # An outcome and the state it leads to.


def compile_flow(source: Source) -> Flow:
    """The flow, ready to run. ``source`` must be free of errors, else ``KeyError`` or ``ValueError``."""
    data = source.data
    states: dict[str, State] = {}
    transitions: list[dict[str, str]] = []
    for name, spec in data["states"].items():
        states[name], arrows = _compile_state(name, spec)
        transitions += [{"trigger": outcome, "source": name, "dest": to} for outcome, to in arrows]
    opens = data.get("opens", {})
    return Flow(
        name=source.name,
        version=source.version,
        title=data["title"],
        start=data["start"],
        states=states,
        machine=machine(list(states), data["start"], transitions),
        codes=tuple(segments(code) for code in opens.get("codes", ())),
        words=tuple(opens.get("keywords", ())),
        keywords=frozenset(key(word) for word in opens.get("keywords", ())),
        channels=frozenset(data.get("channels", ())),
        expires=seconds(data["expires"]) if "expires" in data else None,
        source=source,
    )


def segments(code: str) -> tuple[str, ...]:
    """The parts of a dialled string: ``*733*2#`` → ``("733", "2")``."""
    return tuple(part for part in code.strip().strip("*#").split("*") if part)


def _compile_state(name: str, spec: Mapping[str, Any]) -> tuple[State, list[Arrow]]:
    for kind, compile_kind in _KINDS.items():
        if kind in spec:
            state, arrows = compile_kind(name, spec)
            return state, list(arrows)
    raise ValueError(f"state {name} has no kind")


def _menu(name: str, spec: Mapping[str, Any]) -> tuple[State, Iterator[Arrow]]:
    choices = tuple(
        Choice(
            label=option["label"],
            value=option.get("value", option["label"]),
            outcome=f"chose:{number}",
            keywords=frozenset(key(word) for word in option.get("keywords", ())),
            condition=compile_condition(option["if"]) if "if" in option else None,
        )
        for number, option in enumerate(spec["options"], 1)
    )

    def arrows() -> Iterator[Arrow]:
        for choice, option in zip(choices, spec["options"], strict=True):
            yield choice.outcome, option.get("go") or spec["go"]
        if "files" in spec:
            yield ANSWERED, spec["go"]
        yield from _patience(spec)

    conditional = any(choice.condition for choice in choices)
    files = frozenset(spec.get("files", ()))
    return Menu(name, spec["menu"], *_waiting(spec), choices, conditional, files), arrows()


def _ask(name: str, spec: Mapping[str, Any]) -> tuple[State, Iterator[Arrow]]:
    check = compile_check(spec["check"]) if "check" in spec else None

    def arrows() -> Iterator[Arrow]:
        yield ANSWERED, spec["go"]
        yield from _patience(spec)

    files = frozenset(kinds_of_files(spec["check"]) if "check" in spec else ())
    return Ask(name, spec["ask"], *_waiting(spec), check, spec.get("secret", False), files), arrows()


def _say(name: str, spec: Mapping[str, Any]) -> tuple[State, Iterator[Arrow]]:
    return Say(name, spec["say"]), iter([(SAID, spec["go"])])


def _call(name: str, spec: Mapping[str, Any]) -> tuple[State, Iterator[Arrow]]:
    ways = spec["go"]
    return Call(name, spec["call"], _arguments(spec), frozenset(ways)), iter(ways.items())


def _branch(name: str, spec: Mapping[str, Any]) -> tuple[State, Iterator[Arrow]]:
    cases = [
        (compile_condition(case["if"]) if "if" in case else None, f"case:{number}", case["go"])
        for number, case in enumerate(spec["branch"], 1)
    ]
    state = Branch(name, tuple((condition, outcome) for condition, outcome, _ in cases))
    return state, ((outcome, to) for _, outcome, to in cases)


def _run(name: str, spec: Mapping[str, Any]) -> tuple[State, Iterator[Arrow]]:
    ways = spec["go"] if isinstance(spec["go"], Mapping) else {ELSE: spec["go"]}
    state = Run(name, spec["run"], _arguments(spec), dict(spec.get("save", {})), frozenset(ways))
    return state, iter(ways.items())


def _handover(name: str, spec: Mapping[str, Any]) -> tuple[State, Iterator[Arrow]]:
    ways = spec["go"]
    text = spec["handover"]
    leave = frozenset(key(word) for word in spec.get("leave", ()))
    state = Handover(name, text, spec.get("callback", text), spec["topic"], leave, frozenset(ways))
    return state, iter(ways.items())


def _end(name: str, spec: Mapping[str, Any]) -> tuple[State, Iterator[Arrow]]:
    return End(name, spec["end"], spec.get("outcome", "done")), iter(())


_KINDS = {
    "menu": _menu,
    "ask": _ask,
    "say": _say,
    "call": _call,
    "branch": _branch,
    "run": _run,
    "handover": _handover,
    "end": _end,
}


def _waiting(spec: Mapping[str, Any]) -> tuple[str, str, int | None, float | None]:
    attempts, timeout = spec.get("attempts"), spec.get("timeout")
    return (
        spec.get("save", ""),
        spec.get("invalid", ""),
        attempts["most"] if attempts else None,
        seconds(timeout["after"]) if timeout else None,
    )


def _patience(spec: Mapping[str, Any]) -> Iterator[Arrow]:
    if "attempts" in spec:
        yield GAVE_UP, spec["attempts"]["go"]
    if "timeout" in spec:
        yield TIMED_OUT, spec["timeout"]["go"]


def _arguments(spec: Mapping[str, Any]) -> dict[str, Argument]:
    return {
        name: Argument(name=value[1:])
        if isinstance(value, str) and value.startswith("$")
        else Argument(value)
        for name, value in spec.get("with", {}).items()
    }
