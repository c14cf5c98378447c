"""Sessions: a session is its last turn, found in the cache or in the database, written with its unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, and_, func, select

from engine.session import Session
from engine.turn import Screen
from records.arrivals import MOST, Asked, Found, StoredTurn, Subscriber, find
from records.cache import Cache
from records.database import Database
from records.gathered import Gathered
from records.tables import sessions, turns
from records.unit import Unit
from records.vault import Unreadable, Vault

__all__ = ["Arrival", "Due", "Opened", "SessionStore", "Subscriber", "TurnRecord"]

# Microseconds after which the sweeper looks at a session that has no time-out.
WITHOUT_TIMEOUT = 24 * 3_600 * 1_000_000

# Turns that are kept as they are beside the cache: to unseal and read one takes longer than to look it up.
LIVE = 512

_SEQUENCE = 4
_HEADER = 16 + _SEQUENCE


class TurnRecord(msgspec.Struct, array_like=True):
    """One turn as it is kept, sealed.

    ``session`` is the session after it. ``key`` tells a repetition of this input, where the gateway has
    such a thing. ``received`` and ``answered`` are microseconds since 1970 UTC. ``text`` is what was typed,
    folded; ``raw`` the request as it came, from ``peer``. ``screen``, ``replies``, ``trail`` and ``outcome``
    are those of the engine's ``Turn``.
    """

    session: Session
    key: bytes | None
    received: int
    answered: int
    text: str
    raw: bytes
    peer: str
    screen: Screen
    replies: bool
    trail: tuple[str, ...]
    outcome: str


class Opened(msgspec.Struct, frozen=True):
    """What is known of a session when it opens. ``replaces`` is the id of the session whose key it takes
    over, when a gateway uses its own id again."""

    channel: str
    route: str
    code: str
    party: bytes
    replaces: bytes | None = None


class Arrival(msgspec.Struct, frozen=True):
    """What the database knows of a caller: ``turn``, the last one of the session with this key; the
    ``subscriber`` who has this address; ``parked``, the last turn of the newest session of this person, on
    whichever channel, that is still open (it may be the session of ``turn``). ``lost`` is the session with
    this key where nobody can read its turns any more."""

    turn: TurnRecord | None
    subscriber: Subscriber | None
    parked: TurnRecord | None
    lost: bytes | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """An open session, to look at as its time-out may have come. ``key`` is its id where its key was taken
    over by another session. ``turn`` is None where the key ring lacks what opens its last turn."""

    key: bytes
    route: str
    party: bytes
    due_at: datetime
    session: bytes
    turn: TurnRecord | None


class SessionStore:
    """Sessions by their keys. Reading raises ``Unavailable`` when the cache knows nothing and the database
    does not answer; ``Unreadable`` when the key ring lacks the key of a stored turn."""

    def __init__(self, database: Database, vault: Vault, cache: Cache) -> None:
        self._database = database
        self._vault = vault
        self._cache = cache
        self._found: Gathered[Asked, Found] = Gathered(lambda asked: find(database, asked), MOST)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(TurnRecord)
        self._live: dict[bytes, tuple[bytes, TurnRecord]] = {}

    async def cached(self, key: bytes) -> TurnRecord | None:
        """The last turn of the session with this key, if the cache knows it. It may be an older one: then
        the commit of the next turn is a ``Conflict``. What is returned is the caller's alone, to be changed
        and given to ``remember``, or to be thrown away."""
        value = await self._cache.get(key)
        live = self._live.pop(key, None)
        if value is None:
            return None
        if live is not None and live[0] == value:
            return live[1]
        try:
            return self._read(value)
        except (Unreadable, msgspec.MsgspecError):
            return None  # Somebody else wrote there, or before the keys were changed: the database knows.

    async def last_turn(self, key: bytes, *, fresh: bool = False) -> TurnRecord | None:
        """The last turn of the session with this key; with ``fresh`` from the database alone, as after a
        ``Conflict``. For a caller who may be new, ``cached`` and then ``arrival`` cost one look-up less."""
        if not fresh and (record := await self.cached(key)) is not None:
            return record
        found = await self._found.ask(Asked(key))
        return self._refill(key, found.turn)

    async def arrival(
        self, key: bytes, kind: str, party: bytes, channel: str | None = None, *, lost: bool = False
    ) -> Arrival:
        """What the database knows of a caller: one look-up, shared with all who arrive at once. Only a
        session of this ``channel`` is ``parked``, or of any where none is named. With ``lost`` a turn that
        cannot be read any more is told by its session's id, for who begins another in its place."""
        found = await self._found.ask(Asked(key, kind, party, channel))
        try:
            parked = None if found.parked is None else self._read(_value(found.parked))
        except Unreadable:
            parked = None  # Its key is gone: there is nothing to go on with.
        try:
            return Arrival(self._refill(key, found.turn), found.subscriber, parked)
        except Unreadable:
            if not lost or found.turn is None:
                raise
            return Arrival(None, found.subscriber, parked, found.turn.session)

    async def answered(self, session: bytes, input_key: bytes) -> TurnRecord | None:
        """The turn in which this session took the input with this key."""
        rows = await self._database.read(
            select(turns.c.session, turns.c.sequence, turns.c.content).where(
                turns.c.session == session, turns.c.input_key == input_key
            )
        )
        return self._read(_value(StoredTurn(*rows[0]))) if rows else None

    def write(
        self,
        unit: Unit,
        *,
        key: bytes,
        record: TurnRecord,
        was_due: float | None,
        opened: Opened | None = None,
        closed: bool = False,
    ) -> bytes:
        """Adds the turn to the unit, and what it changes of its session's row; the value for ``remember``.

        ``opened`` with the first turn; ``was_due`` is ``session.due`` as it was before this turn, None with
        the first one.
        """
        session = record.session
        header = session.id + session.sequence.to_bytes(_SEQUENCE)
        content = self._vault.seal(self._encoder.encode(record), b"turn" + header, session.id)
        unit.insert(
            turns,
            {
                "session": session.id,
                "sequence": session.sequence,
                "input_key": record.key,
                "received_at": record.received,
                "answered_at": record.answered,
                "content": content,
            },
        )
        if opened is not None:
            self._open(unit, key, record, opened, closed)
        elif closed:
            self.close(unit, session.id, record.outcome, record.answered)
        elif session.due is not None and (was_due is None or session.due < was_due):
            self.postpone(unit, session.id, _microseconds(session.due))
        return header + content

    def remember(self, key: bytes, value: bytes, record: TurnRecord) -> None:
        """Keeps in the cache what ``write`` returned for this turn, once it is committed, and the turn itself
        for as long as the cache says the same; of a session that is over nothing, since hardly anybody asks.
        Never raises, never waits."""
        if record.session.finished:
            self._cache.drop(key)
            return
        self._cache.put(key, value)
        self._live[key] = value, record
        if len(self._live) > LIVE:
            # Each is taken out when it is used, so the first is the one used longest ago.
            del self._live[next(iter(self._live))]

    def close(self, unit: Unit, session: bytes, outcome: str, at: datetime | int) -> None:
        """Closes a session's row: it is no longer due, and can no longer be gone on with."""
        unit.update(sessions, {"id": session}, {"closed_at": at, "outcome": outcome})

    def postpone(self, unit: Unit, session: bytes, due: datetime | int, seen: datetime | None = None) -> None:
        """Moves when the sweeper looks at a session. With ``seen`` (``Due.due_at``) only if nobody moved it
        meanwhile: a turn may just have brought a nearer time-out."""
        where = {"id": session} if seen is None else {"id": session, "due_at": seen}
        unit.update(sessions, where, {"due_at": due})

    async def due(self, now: datetime, limit: int) -> list[Due]:
        """Open sessions to be looked at by ``now``, longest due first, with their last turns from the
        database. ``turn.session.due`` tells whether the time-out has really come."""
        return await self._open_ones(
            lambda every: every.where(sessions.c.due_at <= now).order_by(sessions.c.due_at).limit(limit)
        )

    async def standing(self, session: bytes) -> Due | None:
        """The open session with this id, due or not, from the database."""
        found = await self._open_ones(lambda every: every.where(sessions.c.id == session))
        return found[0] if found else None

    async def _open_ones(self, chosen: Callable[[Select[Any]], Select[Any]]) -> list[Due]:
        """Open sessions with their last turns."""
        any_turn = turns.alias()
        last = (
            select(func.max(any_turn.c.sequence)).where(any_turn.c.session == sessions.c.id).scalar_subquery()
        )
        statement = (
            select(
                sessions.c.id,
                sessions.c.key,
                sessions.c.route,
                sessions.c.party,
                sessions.c.due_at,
                turns.c.sequence,
                turns.c.content,
            )
            .select_from(sessions)
            .join(turns, and_(turns.c.session == sessions.c.id, turns.c.sequence == last))
            .where(sessions.c.closed_at.is_(None))
        )
        return [
            Due(
                key=row.key or row.id,
                route=row.route,
                party=row.party,
                due_at=row.due_at,
                session=row.id,
                turn=self._readable(StoredTurn(row.id, row.sequence, row.content)),
            )
            for row in await self._database.read(chosen(statement))
        ]

    def _open(self, unit: Unit, key: bytes, record: TurnRecord, opened: Opened, closed: bool) -> None:
        session = record.session
        if opened.replaces is not None:
            # By its id: by its key this could empty the row of somebody who opened the same session first.
            unit.update(sessions, {"id": opened.replaces}, {"key": None})
        due = record.received + WITHOUT_TIMEOUT if session.due is None else _microseconds(session.due)
        unit.insert(
            sessions,
            {
                "id": session.id,
                "key": key,
                "channel": opened.channel,
                "route": opened.route,
                "code": opened.code,
                "party": opened.party,
                "subscriber": session.subscriber,
                "opened_at": record.received,
                "due_at": due,
                "closed_at": record.answered if closed else None,
                "outcome": record.outcome if closed else None,
            },
        )

    def _readable(self, stored: StoredTurn) -> TurnRecord | None:
        try:
            return self._read(_value(stored))
        except Unreadable:
            return None

    def _read(self, value: bytes) -> TurnRecord:
        content = self._vault.open(value[_HEADER:], b"turn" + value[:_HEADER], value[:16])
        return self._decoder.decode(content)

    def _refill(self, key: bytes, stored: StoredTurn | None) -> TurnRecord | None:
        if stored is None:
            return None
        value = _value(stored)
        self._cache.put(key, value)
        return self._read(value)


def _microseconds(seconds: float) -> int:
    return int(seconds * 1_000_000)


def _value(stored: StoredTurn) -> bytes:
    return stored.session + stored.sequence.to_bytes(_SEQUENCE) + stored.content
