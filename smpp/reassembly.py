"""Inbound parts on their way to be one message again. Pure: the clock is handed in.

A part is acknowledged when its message is durable, so each is kept with whatever its owner acknowledges it by
(a ``Delivery``). What the SMSC brings twice meanwhile is kept as well, to be acknowledged with the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from smpp.parts import Part

H = TypeVar("H")

PATIENCE = 300.0  # Seconds from the first part until the rest is waited for no more.
MOST = 10_000  # Messages that are waited for; the oldest gives way.

Key = tuple[str, str, int, int]


@dataclass(slots=True)
class Whole(Generic[H]):
    """``octets`` in the right order; ``missing`` tells how many parts never came. ``handles``: of every part,
    and of every repetition of one."""

    source: str
    destination: str
    octets: bytes
    missing: int
    handles: list[H]


@dataclass(slots=True)
class _Group(Generic[H]):
    began: float
    parts: dict[int, bytes] = field(default_factory=dict)
    handles: list[H] = field(default_factory=list)


class Reassembly(Generic[H]):
    """Parts by (source, destination, reference, total): references are chosen by each sender for itself."""

    def __init__(self, patience: float = PATIENCE, most: int = MOST) -> None:
        self._patience = patience
        self._most = most
        self._groups: dict[Key, _Group[H]] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def add(self, source: str, destination: str, part: Part, handle: H, now: float) -> list[Whole[H]]:
        """The messages that are complete by this part: none or one, and with it one that gave way: its place
        was taken, or its reference is in use again. Octets are joined before they are read, so that a
        character cut by its sender is whole."""
        if part.total == 1:
            return [Whole(source, destination, part.octets, 0, [handle])]
        key = (source, destination, part.reference, part.total)
        out: list[Whole[H]] = []
        group = self._groups.get(key)
        if group is not None and group.parts.get(part.number, part.octets) != part.octets:
            out.append(self._take(key))
            group = None
        if group is None:
            if len(self._groups) >= self._most:
                out.append(self._take(next(iter(self._groups))))
            group = self._groups[key] = _Group(now)
        group.parts[part.number] = part.octets
        group.handles.append(handle)
        if len(group.parts) == part.total:
            out.append(self._take(key))
        return out

    def expired(self, now: float) -> list[Whole[H]]:
        """The messages whose rest did not come in time, as far as they did. The first begun is the first to
        be given up."""
        out = []
        for key, group in list(self._groups.items()):
            if now - group.began < self._patience:
                break
            out.append(self._take(key))
        return out

    def _take(self, key: Key) -> Whole[H]:
        group = self._groups.pop(key)
        source, destination, _reference, total = key
        octets = b"".join(group.parts[number] for number in sorted(group.parts))
        return Whole(source, destination, octets, total - len(group.parts), group.handles)
