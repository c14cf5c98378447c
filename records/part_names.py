"""Messages of several parts that a provider names, and tells of, each by itself: all parts delivered is
delivered, one that failed is failed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from records.database import Database
from records.part_tables import part_names
from records.tables import outbox

RANKS: Mapping[str | None, int] = {None: 0, "sent": 1, "failed": 2, "blocked": 2, "delivered": 3}


@dataclass(frozen=True, slots=True)
class Part:
    """``number`` of ``total`` of a message whose status is ``shown``. ``former``: another provider has the
    message by now."""

    message: bytes
    name: str
    number: int
    total: int
    shown: str
    former: bool

    @property
    def place(self) -> str:
        return f"part {self.number} of {self.total}: "


def keep(
    connection: Connection,
    database: Database,
    named: Iterable[tuple[str, tuple[bytes, Sequence[str]]]],
) -> None:
    """Keeps what the parts of messages are called: (provider, (message, names in order)). A name given out
    once more is the newer one's. What failed of a message that goes once more is open again."""
    rows = [
        {
            "provider": provider,
            "external_id": name,
            "message": message,
            "number": number,
            "total": len(called),
        }
        for provider, (message, called) in named
        for number, name in enumerate(called, 1)
    ]
    if not rows:
        return
    connection.execute(
        update(part_names)
        .where(
            part_names.c.message.in_(sorted({row["message"] for row in rows})),
            part_names.c.status.in_(("failed", "blocked")),
        )
        .values(status=None)
    )
    added = (postgresql.insert if database.dialect == "postgresql" else sqlite.insert)(part_names)
    again = {each: added.excluded[each] for each in ("message", "number", "total")} | {"status": None}
    connection.execute(
        added.on_conflict_do_update(index_elements=["provider", "external_id"], set_=again), rows
    )


def known(connection: Connection, provider: str, names: Collection[str]) -> Mapping[str, Part]:
    """The parts that have these names there."""
    rows = connection.execute(
        select(
            part_names.c.message,
            part_names.c.external_id,
            part_names.c.number,
            part_names.c.total,
            outbox.c.status,
            outbox.c.provider,
        )
        .join(outbox, outbox.c.id == part_names.c.message)
        .where(part_names.c.provider == provider, part_names.c.external_id.in_(names))
    )
    return {row[1]: Part(*row[:5], row[5] != provider) for row in rows}


def told(connection: Connection, provider: str, said: Sequence[tuple[Part, str]]) -> Mapping[bytes, str]:
    """Keeps what was said of parts; by message, what follows for the whole of those that are decided."""
    messages = sorted({part.message for part, _status in said})
    # Two processes that hear of two parts at once must not each miss what the other one writes.
    connection.execute(
        select(outbox.c.id).where(outbox.c.id.in_(messages)).order_by(outbox.c.id).with_for_update()
    )
    for part, status in said:
        lower = [each for each, rank in RANKS.items() if each and rank < RANKS[status]]
        connection.execute(
            update(part_names)
            .where(
                part_names.c.provider == provider,
                part_names.c.external_id == part.name,
                part_names.c.status.is_(None) | part_names.c.status.in_(lower),
            )
            .values(status=status)
        )
    best: dict[bytes, dict[int, str | None]] = {}
    totals: dict[bytes, int] = {}
    for message, number, total, status in connection.execute(
        select(part_names.c.message, part_names.c.number, part_names.c.total, part_names.c.status).where(
            part_names.c.provider == provider, part_names.c.message.in_(messages)
        )
    ):
        totals[message] = total
        parts = best.setdefault(message, {})
        parts[number] = max(parts.get(number), status, key=lambda each: RANKS[each])
    decided: dict[bytes, str] = {}
    for message, parts in best.items():
        said_of = set(parts.values())
        if said_of == {"delivered"} and len(parts) == totals[message]:
            decided[message] = "delivered"
        elif ended := said_of & {"failed", "blocked"}:
            decided[message] = "failed" if "failed" in ended else "blocked"
    return decided
