"""Threads: conversations with an operator, their posts in one order, and what people thought of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from records.changes import change, waiting
from records.database import Database
from records.subscribers import members
from records.tables import outbox, posts, presences, ratings, threads
from records.unit import Unit
from records.vault import Vault

SHOWN = ("text", "notice")  # The kinds of post that the person reads too.
UNDELIVERED = ("failed", "blocked", "expired", "cancelled")  # Of a message in the outbox.


class Where(msgspec.Struct, array_like=True):
    """What is sealed of a thread: the person's address on its channel, and the chat where that differs."""

    address: str
    chat: str = ""


class Said(msgspec.Struct, array_like=True):
    """What is sealed of a post: the words, and the request that brought them as it came."""

    text: str
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Thread:
    """A row of ``threads`` with its last post: ``sequence`` is 0 and ``last`` empty where there is none."""

    id: bytes
    subscriber: bytes
    party: bytes
    channel: str
    route: str
    sealed: bytes
    language: str
    session: bytes
    topic: str
    complaint: bytes | None
    operator: str | None
    opened_at: datetime
    queued_at: datetime
    accepted_at: datetime | None
    closed_at: datetime | None
    reason: str | None
    owed: str | None
    person_seen: bytes | None
    operator_seen: bytes | None
    revision: int
    sequence: int = 0
    last: bytes = b""

    @property
    def state(self) -> str:
        """waiting, open or closed."""
        if self.closed_at is not None:
            return "closed"
        return "waiting" if self.operator is None else "open"


@dataclass(frozen=True, slots=True)
class Post:
    """A row of ``posts``; ``sealed`` opens with ``said``."""

    id: bytes
    thread: bytes
    sequence: int
    key: bytes | None
    party: bytes
    author: str
    operator: str | None
    kind: str
    sealed: bytes
    file: bytes | None
    tracking: str | None
    at: datetime
    delivered_at: datetime | None
    read_at: datetime | None


_encode = msgspec.msgpack.Encoder().encode
_where = msgspec.msgpack.Decoder(Where)
_said = msgspec.msgpack.Decoder(Said)


def seal_where(vault: Vault, thread: bytes, where: Where) -> bytes:
    return vault.seal(_encode(where), b"thread" + thread)


def where(vault: Vault, thread: Thread) -> Where:
    """Where the person is; ``Unreadable`` when its key is gone."""
    return _where.decode(vault.open(thread.sealed, b"thread" + thread.id))


def seal_said(vault: Vault, post: bytes, thread: bytes, said: Said) -> bytes:
    """The posts of one thread share a key, which is kept at hand."""
    return vault.seal(_encode(said), b"post" + post, thread)


def said(vault: Vault, post: Post) -> Said:
    """What a post says; ``Unreadable`` when its key is gone."""
    return _said.decode(vault.open(post.sealed, b"post" + post.id, post.thread))


def seal_comment(vault: Vault, thread: bytes, text: str) -> bytes:
    return vault.seal(text.encode("utf-8", "replace"), b"rating" + thread)


def comment(vault: Vault, thread: bytes, sealed: bytes) -> str:
    """The words of a rating; ``Unreadable`` when their key is gone."""
    return vault.open(sealed, b"rating" + thread).decode()


# One thread.

# The last post by the index of (thread, sequence), together with its thread.
_of_last = select(func.max(posts.c.sequence)).where(posts.c.thread == threads.c.id).correlate(threads)
_THREADS = (
    select(threads, func.coalesce(posts.c.sequence, 0), func.coalesce(posts.c.id, b""))
    .select_from(threads)
    .outerjoin(posts, and_(posts.c.thread == threads.c.id, posts.c.sequence == _of_last.scalar_subquery()))
)


async def live(database: Database, party: bytes, route: str) -> Thread | None:
    """The person's thread on this route that is not over."""
    return await _one(database, threads.c.party == party, threads.c.route == route, _is_live())


async def of_session(database: Database, session: bytes) -> Thread | None:
    """The newest thread of a session, which may be over."""
    statement = _THREADS.where(threads.c.session == session).order_by(threads.c.id.desc()).limit(1)
    found = await _all(database, statement)
    return found[0] if found else None


async def by_id(database: Database, thread: bytes) -> Thread | None:
    return await _one(database, threads.c.id == thread)


# Several threads.


async def queue(database: Database, most: int) -> list[Thread]:
    """Threads that nobody has accepted, the oldest first."""
    return await _all(
        database, _THREADS.where(*_waits()).order_by(threads.c.queued_at, threads.c.id).limit(most)
    )


async def ahead(
    database: Database, queued_at: datetime, thread: bytes, coming: Collection[bytes] = ()
) -> int:
    """How many threads wait before one that was queued then; of those that are ``coming``, the ones that are
    not in the records yet count too."""
    before = or_(
        threads.c.queued_at < queued_at, and_(threads.c.queued_at == queued_at, threads.c.id < thread)
    )
    # The first condition bounds the index; the second one decides between those of one instant.
    waiting = (
        select(func.count()).select_from(threads).where(*_waits(), threads.c.queued_at <= queued_at, before)
    )
    come = select(func.count()).select_from(threads).where(threads.c.id.in_(coming))
    # One statement sees one moment: none that comes meanwhile is counted twice, or not at all.
    rows = await database.read(select(waiting.scalar_subquery(), come.scalar_subquery()))
    return int(rows[0][0]) + len(coming) - int(rows[0][1])


async def of_operator(database: Database, operator: str) -> list[Thread]:
    """The threads that an operator talks in, the oldest first."""
    return await _all(
        database, _THREADS.where(threads.c.operator == operator, _is_live()).order_by(threads.c.id)
    )


async def of_subscriber(database: Database, subscriber: bytes, most: int) -> list[Thread]:
    """All threads of a person, the newest first."""
    return await _all(
        database,
        _THREADS.where(threads.c.subscriber.in_(members(subscriber)))
        .order_by(threads.c.id.desc())
        .limit(most),
    )


async def of_complaint(database: Database, complaint: bytes) -> list[Thread]:
    """The threads that joined a complaint, the oldest first."""
    return await _all(database, _THREADS.where(threads.c.complaint == complaint).order_by(threads.c.id))


async def lost(database: Database, now: datetime, most: int) -> list[Thread]:
    """Threads whose operators gave no sign of life in time."""
    return await _all(
        database,
        _THREADS.join(presences, presences.c.operator == threads.c.operator)
        .where(presences.c.alive_until <= now, _is_live())
        .limit(most),
    )


async def owed(database: Database, most: int) -> list[Thread]:
    """Threads whose sessions have still to be told of something."""
    return await _all(
        database, _THREADS.where(threads.c.owed.is_not(None)).order_by(threads.c.id).limit(most)
    )


# Operators.


async def alive_until(database: Database, operator: str) -> datetime | None:
    """Until when an operator is taken to be at a desk; None for one who never was at one."""
    rows = await database.read(select(presences.c.alive_until).where(presences.c.operator == operator))
    return rows[0][0] if rows else None


async def present(database: Database, now: datetime) -> list[str]:
    """The operators who are at a desk."""
    rows = await database.read(select(presences.c.operator).where(presences.c.alive_until > now))
    return sorted(str(row[0]) for row in rows)


# Posts.


async def posts_of(database: Database, thread: bytes, after: int = 0) -> list[Post]:
    """The posts of a thread after the one with this sequence number, in their order."""
    return await _posts(
        database,
        select(posts).where(posts.c.thread == thread, posts.c.sequence > after).order_by(posts.c.sequence),
    )


async def posts_to(database: Database, party: bytes, after: bytes, most: int) -> list[Post]:
    """What the person with this address may read, after the post with this id, in its order."""
    return await _posts(
        database,
        select(posts)
        .where(posts.c.party == party, posts.c.id > after, posts.c.kind.in_(SHOWN))
        .order_by(posts.c.id)
        .limit(most),
    )


async def by_key(database: Database, thread: bytes, key: bytes) -> Post | None:
    """The post that this key made."""
    found = await _posts(database, select(posts).where(posts.c.thread == thread, posts.c.key == key))
    return found[0] if found else None


async def undelivered(database: Database, thread: bytes) -> list[tuple[Post, str]]:
    """The posts of a thread whose messages did not arrive, with the messages' status."""
    rows = await database.read(
        select(posts, outbox.c.status)
        .join(outbox, outbox.c.tracking == posts.c.tracking)
        .where(posts.c.thread == thread, outbox.c.status.in_(UNDELIVERED))
        .order_by(posts.c.sequence)
    )
    return [(Post(*tuple(row)[:-1]), str(row[-1])) for row in rows]


async def rating(database: Database, thread: bytes) -> Sequence[Any] | None:
    """(score, sealed words or None) of a thread, if the person rated it."""
    rows = await database.read(select(ratings.c.score, ratings.c.sealed).where(ratings.c.thread == thread))
    return rows[0] if rows else None


# Changes.


def last_in(unit: Unit, thread: Thread) -> tuple[int, bytes]:
    """(sequence, id) of a thread's last post, those included that ``unit`` will insert."""
    for row in waiting(unit, posts):
        if row["thread"] == thread.id:
            return row["sequence"], row["id"]
    return thread.sequence, thread.last


def set_values(unit: Unit, found: Thread, values: Mapping[str, Any]) -> None:
    """Changes a thread as it was found; a ``Conflict`` when anybody changed it since."""
    change(
        unit, threads, found.id, {**values, "revision": found.revision + 1},
        threads.c.revision == found.revision,
    )  # fmt: skip


def _is_live() -> ColumnElement[bool]:
    return threads.c.closed_at.is_(None)


def _waits() -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return threads.c.operator.is_(None), _is_live()


async def _one(database: Database, *conditions: ColumnElement[bool]) -> Thread | None:
    found = await _all(database, _THREADS.where(*conditions))
    return found[0] if found else None


async def _all(database: Database, statement: Select[Any]) -> list[Thread]:
    return [Thread(*tuple(row)) for row in await database.read(statement)]


async def _posts(database: Database, statement: Select[Any]) -> list[Post]:
    return [Post(*tuple(row)) for row in await database.read(statement)]
