"""Which tariff a message has, and how new tariffs follow on those that are there: data in, data out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from records.tariffs import Change, Kind, Tariff


class BadTariffs(Exception):
    """Tariffs that cannot stand together; the message is one line that says which."""


class Priced(NamedTuple):
    """What of a message decides its price. ``line``: its digits; ``alphabet``: gsm7 or ucs2 of an SMS, else
    ""; ``to``: the address."""

    channel: str
    provider: str
    line: str
    klass: str
    alphabet: str
    to: str


class Table:
    """Tariffs to look up in. Of several that are for a message the one that names most of it counts: one that
    names the line before one that does not, then the provider, the class, the alphabet, and the longest
    beginning of the number."""

    def __init__(self, tariffs: Iterable[Tariff]) -> None:
        self._rows: dict[tuple[Kind, str], list[Tariff]] = {}
        for tariff in sorted(tariffs, key=_named, reverse=True):
            self._rows.setdefault((tariff.kind, tariff.channel), []).append(tariff)

    def prices(self, channel: str) -> bool:
        """Whether messages of the channel have prices at all."""
        return ("price", channel) in self._rows

    def find(self, kind: Kind, message: Priced, at: datetime) -> Tariff | None:
        """The tariff of the message at that time; None where none is for it."""
        for tariff in self._rows.get((kind, message.channel), ()):
            if (
                is_for(tariff, message)
                and tariff.starts_at <= at
                and (tariff.ends_at is None or at < tariff.ends_at)
            ):
                return tariff
        return None

    def too_high(self) -> Iterator[tuple[Tariff, Tariff]]:
        """Prices that are above the ceiling of some message at some time, with that ceiling."""
        for (kind, channel), prices in self._rows.items():
            if kind == "price":
                for price in prices:
                    for ceiling in self._rows.get(("ceiling", channel), ()):
                        if price.rial > ceiling.rial and self._meet(price, ceiling):
                            yield price, ceiling

    def _meet(self, price: Tariff, ceiling: Tariff) -> bool:
        """Whether there is a message that has just this price and just this ceiling at one time. It is enough
        to look at one that is no more than what both name, whenever something changes for it."""
        message = _common(price, ceiling)
        if message is None:
            return False
        times = {price.starts_at, ceiling.starts_at}
        for kind in ("price", "ceiling"):
            for other in self._rows.get((kind, price.channel), ()):
                if is_for(other, message):
                    times |= {other.starts_at, *([other.ends_at] if other.ends_at else ())}
        return any(
            self.find("price", message, at) == price and self.find("ceiling", message, at) == ceiling
            for at in times
        )


def is_for(tariff: Tariff, message: Priced) -> bool:
    """Whether the tariff, whatever the time, is for such a message."""
    return (
        tariff.provider in ("", message.provider)
        and tariff.line in ("", message.line)
        and tariff.klass in ("", message.klass)
        and tariff.alphabet in ("", message.alphabet)
        and message.to.startswith(tariff.numbers)
    )


def following(there: Sequence[Tariff], new: Sequence[Tariff], now: datetime) -> Change:
    """How the table changes by ``new`` tariffs. Of those that are for the same, each ends where the next one
    begins; what is there already stays. What was once charged stays true: no price of the past becomes
    another one, or ends, afterwards. Raises ``BadTariffs``, also for a price above its ceiling."""
    keys = {tariff.key: None for tariff in new}
    changes = [
        _of_one_key(
            [tariff for tariff in there if tariff.key == key],
            [tariff for tariff in new if tariff.key == key],
            now,
        )
        for key in keys
    ]
    others = [tariff for tariff in there if tariff.key not in keys]
    for price, ceiling in Table([*others, *(row for rows, _removed in changes for row in rows)]).too_high():
        raise BadTariffs(f"{told(price)}: above the ceiling, {told(ceiling)}")
    before = {tariff.id: tariff for tariff in there}
    rows = [row for rows, _removed in changes for row in rows]
    return Change(
        added=[row for row in rows if not row.id],
        ended=[row for row in rows if row.id and row != before[row.id]],
        removed=[row for _rows, removed in changes for row in removed],
    )


def _of_one_key(
    there: Sequence[Tariff], new: Sequence[Tariff], now: datetime
) -> tuple[list[Tariff], list[Tariff]]:
    """The tariffs of one key as they will be, in the order of their times, and those that will be gone."""
    rows = {tariff.starts_at: tariff for tariff in there}
    removed: list[Tariff] = []
    fresh: set[datetime] = set()
    for tariff in new:
        same = rows.get(tariff.starts_at)
        if tariff.starts_at in fresh:
            raise BadTariffs(f"{told(tariff)}: there are two from that day on")
        fresh.add(tariff.starts_at)
        if same is None:
            rows[tariff.starts_at] = tariff
        elif same.rial == tariff.rial and tariff.ends_at in (None, same.ends_at):
            pass  # It is there.
        elif same.starts_at > now:
            removed.append(same)
            rows[tariff.starts_at] = tariff
        elif same.rial != tariff.rial:
            raise BadTariffs(f"{told(tariff)}: {told(same)} is in force from that day on")
        else:
            rows[tariff.starts_at] = _ending(same, tariff.ends_at, now)
    ordered = [rows[start] for start in sorted(rows)]
    for place, (tariff, after) in enumerate(pairwise(ordered)):
        if tariff.ends_at is None or tariff.ends_at > after.starts_at:
            if tariff.ends_at is not None and not tariff.id:
                raise BadTariffs(f"{told(tariff)}: {told(after)} begins before it ends")
            ordered[place] = _ending(tariff, after.starts_at, now)
    return ordered, removed


def _ending(tariff: Tariff, ends_at: datetime | None, now: datetime) -> Tariff:
    if tariff.id and tariff.starts_at <= now and ends_at is not None and ends_at < now:
        raise BadTariffs(f"{told(tariff)}: it is in force, and cannot have ended on a day that is past")
    return tariff.until(ends_at)


def told(tariff: Tariff) -> str:
    """A tariff in a few words."""
    names = (tariff.channel, tariff.provider, tariff.line, tariff.klass, tariff.alphabet, tariff.numbers)
    return f"{tariff.kind} {tariff.rial:,} rial of {' '.join(name for name in names if name)}"


def _named(tariff: Tariff) -> tuple[bool, bool, bool, bool, int]:
    return (
        bool(tariff.line),
        bool(tariff.provider),
        bool(tariff.klass),
        bool(tariff.alphabet),
        len(tariff.numbers),
    )


def _common(one: Tariff, other: Tariff) -> Priced | None:
    """A message that both are for and that is nothing else; None where there is none."""
    longer, shorter = sorted((one.numbers, other.numbers), key=len, reverse=True)
    both = Priced(
        one.channel,
        one.provider or other.provider,
        one.line or other.line,
        one.klass or other.klass,
        one.alphabet or other.alphabet,
        longer,
    )
    return both if is_for(one, both) and is_for(other, both) and longer.startswith(shorter) else None
