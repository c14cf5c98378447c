"""Statements that ask for many at once, below SQLAlchemy's compiler, which would take longer over a list than
the database does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from records.database import Dialect

Shape = tuple[tuple[str, str, int], ...]  # Of each list its name, its type, and how many there are.


def asking(
    dialect: Dialect, text: str, **lists: Sequence[bytes] | Sequence[str]
) -> tuple[str, tuple[Any, ...]]:
    """The statement and what to run it with. ``WHERE id {ids}`` asks for the ids of the list ``ids``; no list
    is empty, and a name may stand in the text more than once.

    PostgreSQL takes each list as an array. SQLite's parameters are written out; each list is filled up to a
    power of two by its last one again, which finds nothing more, so that there are few texts to prepare.
    """
    if dialect == "postgresql":
        shape = tuple((name, _type(values), 0) for name, values in lists.items())
        return _written(text, shape), tuple(lists.values())
    sizes = {name: 1 << (len(values) - 1).bit_length() for name, values in lists.items()}
    shape = tuple((name, "", size) for name, size in sizes.items())
    given: list[Any] = []
    for name, values in lists.items():
        given += values
        given += [values[-1]] * (sizes[name] - len(values))
    return _written(text, shape), tuple(given)


@lru_cache(maxsize=512)
def _written(text: str, shape: Shape) -> str:
    places: dict[str, str] = {}
    first = 1
    for name, kind, size in shape:
        if size:
            places[name] = f"IN ({', '.join(f'?{place}' for place in range(first, first + size))})"
        else:
            places[name] = f"= ANY(${first}::{kind}[])"
        first += size or 1
    return text.format(**places)


def _type(values: Sequence[bytes] | Sequence[str]) -> str:
    return "text" if isinstance(values[0], str) else "bytea"
