"""Conditions of ``branch`` and ``if``: data, not code.

``{subject: outage}`` equals; ``{tries: {over: 3}}`` compares; several keys must all hold; ``all``, ``any``
and ``none`` combine lists of conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.session import Value

Lookup = Callable[[str], Value]
Condition = Callable[[Lookup], bool]

COMBINING = ("all", "any", "none")
COMPARISONS = ("is", "not", "in", "over", "under", "set")


def compile_condition(spec: Mapping[str, Any]) -> Condition:
    """The condition as a function of a variable look-up. ``ValueError`` names what is wrong with the data."""
    tests = [_compile_key(name, expected) for name, expected in spec.items()]
    if not tests:
        raise ValueError("a condition needs at least one variable")
    if len(tests) == 1:
        return tests[0]
    return lambda lookup: all(test(lookup) for test in tests)


def variables(spec: Mapping[str, Any]) -> set[str]:
    """The names that the condition reads."""
    names: set[str] = set()
    for name, expected in spec.items():
        if name in COMBINING:
            for part in expected:
                names |= variables(part)
        else:
            names.add(name)
    return names


def _compile_key(name: str, expected: Any) -> Condition:
    if name in COMBINING:
        if not isinstance(expected, list) or not expected:
            raise ValueError(f"`{name}` takes a list of conditions")
        parts = [compile_condition(part) for part in expected]
        if name == "all":
            return lambda lookup: all(part(lookup) for part in parts)
        if name == "any":
            return lambda lookup: any(part(lookup) for part in parts)
        return lambda lookup: not any(part(lookup) for part in parts)
    if not isinstance(expected, Mapping):
        return lambda lookup: lookup(name) == expected
    comparisons = [_compile_comparison(operator, value) for operator, value in expected.items()]
    if not comparisons:
        raise ValueError(f"`{name}` needs a value or a comparison")
    return lambda lookup: all(compare(lookup(name)) for compare in comparisons)


def _compile_comparison(operator: str, expected: Any) -> Callable[[Value], bool]:
    match operator:
        case "is":
            return lambda value: value == expected
        case "not":
            return lambda value: value != expected
        case "in":
            if not isinstance(expected, list):
                raise ValueError("`in` takes a list")
            return lambda value: value in expected
        case "over":
            return lambda value: _number(value) is not None and float(value) > expected  # type: ignore[arg-type]
        case "under":
            return lambda value: _number(value) is not None and float(value) < expected  # type: ignore[arg-type]
        case "set":
            return lambda value: (value is not None and value != "") is expected
    raise ValueError(f"`{operator}` is not a comparison; there are {', '.join(COMPARISONS)}")


def _number(value: Value) -> float | None:
    """The value as a number, or None: a missing or textual value is neither over nor under anything."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value
