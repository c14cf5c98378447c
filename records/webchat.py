"""What a visitor of the web chat is shown: the turns of their sessions and the posts of their threads, in one
order that a cursor can name.

Each of the two has an order of its own that no later commit changes: a turn is built on the one before it, a
post on the one before it. So a place in both together (``Position``) says exactly what somebody has, where a
time could not: what was made earlier may be committed later. Shown they are by their times.

Posts of two threads of one visitor have no order of their own. There are two only where one is for notices,
and notices go into a talk that is under way (``services.telling``): one that is being committed in the very
moment in which an operator speaks for the first time may be shown at the next reload only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, select, union_all
from sqlalchemy.dialects import postgresql, sqlite

from records.arrivals import StoredTurn
from records.database import Database, Dialect
from records.gathered import Gathered
from records.sessions import TurnRecord
from records.tables import files, posts, visitors
from records.threads import SHOWN, Said
from records.vault import Unreadable, Vault

MOST_ASKED = 64  # Visitors looked up by one statement.
NOBODY = bytes(16)  # Comes before every id.

# The index holds web chats alone, so the channel stands in the statement and is no parameter.
_TURNS = """
SELECT t.session, t.sequence, t.content
FROM sessions AS s JOIN turns AS t ON t.session = s.id
WHERE s.channel = 'webchat' AND s.party = {party} AND s.id >= {session}
 AND (t.session, t.sequence) > ({session}, {sequence})
ORDER BY s.id {way}, t.sequence {way} LIMIT {most}"""

_POSTS = """
SELECT p.id, p.thread, p.author, p.sealed, p.file, p.at, p.delivered_at
FROM posts AS p
WHERE p.party = {party} AND p.id > {post} AND p.kind IN ('text', 'notice') AND p.author <> 'person'
ORDER BY p.id {way} LIMIT {most}"""

# On PostgreSQL all who ask share a statement; ``place`` tells whose row it is.
_TURNS_OF_ALL = """
SELECT a.place, f.session, f.sequence, f.content
FROM unnest($1::integer[], $2::bytea[], $3::bytea[], $4::integer[], $5::integer[])
 AS a (place, party, session, sequence, most)
CROSS JOIN LATERAL ({one}) AS f"""

_POSTS_OF_ALL = """
SELECT a.place, f.*
FROM unnest($1::integer[], $2::bytea[], $3::bytea[], $4::integer[]) AS a (place, party, post, most)
CROSS JOIN LATERAL ({one}) AS f"""

_AT = 5  # The place of a post's time among these columns.


class Position(NamedTuple):
    """Up to where somebody has everything: the session and sequence of a turn, the id of a post."""

    session: bytes = NOBODY
    sequence: int = 0
    post: bytes = NOBODY


@dataclass(frozen=True, slots=True)
class Asked:
    """What comes after a position, the oldest first; without one what is newest. ``most`` of each kind."""

    party: bytes
    after: Position | None
    most: int


@dataclass(slots=True)
class Found:
    """``generation``: the token in use, see ``visitors``. Turns and posts as they are stored."""

    generation: int
    turns: list[StoredTurn]
    posts: list[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Word:
    """A post as it is shown. ``author``: operator, system. ``file``: the id of a stored file. ``delivered``:
    some device of the person has had it before."""

    author: str
    text: str
    file: bytes | None
    delivered: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A turn or a word; neither where its key is gone. ``position`` is where somebody is who has it; ``at``
    is in microseconds since 1970."""

    position: Position
    at: int
    turn: TurnRecord | None = None
    word: Word | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """``entries`` in their order; ``more``: others come after them. ``generation`` as in ``Found``."""

    entries: list[Entry]
    more: bool
    generation: int


class ChatLog:
    """Reads what visitors are shown; who ask at once share their statements."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._found: Gathered[Asked, Found] = Gathered(lambda asked: find(database, asked), MOST_ASKED)
        self._turn = msgspec.msgpack.Decoder(TurnRecord)
        self._said = msgspec.msgpack.Decoder(Said)

    async def newest(self, party: bytes, most: int) -> Part:
        """The last ``most`` entries."""
        found = await self._found.ask(Asked(party, None, most))
        found.turns.reverse()
        found.posts.reverse()
        return Part(self._merged(found, Position())[-most:], False, found.generation)

    async def after(self, party: bytes, position: Position, most: int) -> Part:
        """What comes after ``position``; ``more`` where there may be others still."""
        found = await self._found.ask(Asked(party, position, most))
        entries = self._merged(found, position)
        # Where one of the two was cut off, what the other has beyond that comes with the next part.
        ends = [len(entries)]
        if len(found.turns) == most:
            last = found.turns[-1].session, found.turns[-1].sequence
            ends.append(1 + next(i for i, entry in enumerate(entries) if entry.position[:2] == last))
        if len(found.posts) == most:
            ends.append(
                1 + next(i for i, entry in enumerate(entries) if entry.position.post == found.posts[-1][0])
            )
        return Part(entries[: min(ends)], len(ends) > 1, found.generation)

    async def generation(self, party: bytes) -> int:
        """The generation of this visitor's tokens; older ones are over."""
        rows = await self._database.read(select(visitors.c.generation).where(visitors.c.party == party))
        return int(rows[0][0]) if rows else 0

    async def may_read(self, party: bytes, file: bytes) -> bool:
        """Whether this visitor sent the file, or was sent it in a post."""
        sent = select(files.c.id).where(files.c.id == file, files.c.party == party)
        got = select(posts.c.id).where(posts.c.party == party, posts.c.file == file, posts.c.kind.in_(SHOWN))
        return bool(await self._database.read(union_all(sent, got).limit(1)))

    async def renew(self, party: bytes, generation: int, now: datetime) -> None:
        """Tokens of an older generation are no longer this visitor's."""
        insert = _insert(self._database.dialect, party, generation, now)
        statement = insert.on_conflict_do_update(
            index_elements=[visitors.c.party],
            set_={"generation": generation, "at": now},
            where=visitors.c.generation < generation,
        )
        await self._database.transaction(lambda connection: connection.execute(statement))

    async def give_up(self, party: bytes, now: datetime) -> None:
        """No token that was issued so far is this visitor's: neither the one in use nor the one that was to
        follow it."""
        insert = _insert(self._database.dialect, party, 2, now)
        statement = insert.on_conflict_do_update(
            index_elements=[visitors.c.party], set_={"generation": visitors.c.generation + 2, "at": now}
        )
        await self._database.transaction(lambda connection: connection.execute(statement))

    def _merged(self, found: Found, start: Position) -> list[Entry]:
        """Turns and posts by their times, each kind in its own order."""
        posts, place = found.posts, 0
        entries: list[Entry] = []
        position, at = start, 0

        def add_posts(until: int | None) -> None:
            nonlocal position, place
            while place < len(posts) and (until is None or posts[place][_AT] < until):
                position = position._replace(post=posts[place][0])
                entries.append(Entry(position, posts[place][_AT], word=self._word(posts[place])))
                place += 1

        for stored in found.turns:
            turn = self._open(stored)
            at = at if turn is None else turn.answered
            add_posts(at)
            position = Position(stored.session, stored.sequence, position.post)
            entries.append(Entry(position, at, turn=turn))
        add_posts(None)
        return entries

    def _open(self, stored: StoredTurn) -> TurnRecord | None:
        context = b"turn" + stored.session + stored.sequence.to_bytes(4)
        try:
            return self._turn.decode(self._vault.open(stored.content, context, stored.session))
        except (Unreadable, msgspec.MsgspecError):
            return None

    def _word(self, row: Sequence[Any]) -> Word | None:
        id, thread, author, sealed, file, _at, delivered_at = row
        try:
            said = self._said.decode(self._vault.open(sealed, b"post" + id, thread))
        except (Unreadable, msgspec.MsgspecError):
            return None
        return Word(author, said.text, file, delivered_at is not None)


async def find(database: Database, asked: Sequence[Asked]) -> list[Found]:
    """What is stored for each, in their order; at most ``MOST_ASKED`` of them."""
    if database.dialect == "postgresql":
        return await database.look(lambda connection: _find_together(connection, asked))
    return await database.look(lambda connection: [_find_one(connection, each) for each in asked])


def _find_one(connection: Connection, asked: Asked) -> Found:
    """SQLite: a statement costs microseconds there, and it has no lateral join."""
    after, way = asked.after or Position(), "DESC" if asked.after is None else "ASC"
    turns = connection.exec_driver_sql(
        _TURNS.format(party="?1", session="?2", sequence="?3", most="?4", way=way),
        (asked.party, after.session, after.sequence, asked.most),
    ).all()
    posts = connection.exec_driver_sql(
        _POSTS.format(party="?1", post="?2", most="?3", way=way), (asked.party, after.post, asked.most)
    ).all()
    generation = connection.exec_driver_sql(
        "SELECT generation FROM visitors WHERE party = ?", (asked.party,)
    ).scalar()
    return Found(generation or 0, [StoredTurn(*row) for row in turns], list(posts))


def _find_together(connection: Connection, asked: Sequence[Asked]) -> list[Found]:
    """PostgreSQL: all who ask in three statements, or in five when both ways are wanted."""
    found = [Found(0, [], []) for _each in asked]
    parties = [each.party for each in asked]
    known = connection.exec_driver_sql(
        "SELECT party, generation FROM visitors WHERE party = ANY($1::bytea[])", (parties,)
    ).all()
    generations: dict[bytes, int] = dict(map(tuple, known))
    for place, each in enumerate(asked):
        found[place].generation = generations.get(each.party, 0)
    for way, newest in (("ASC", False), ("DESC", True)):
        places = [place for place, each in enumerate(asked) if (each.after is None) == newest]
        if not places:
            continue
        some = [asked[place] for place in places]
        after = [each.after or Position() for each in some]
        one = _TURNS.format(
            party="a.party", session="a.session", sequence="a.sequence", most="a.most", way=way
        )
        turns = connection.exec_driver_sql(
            _TURNS_OF_ALL.format(one=one),
            (
                places,
                [each.party for each in some],
                [each.session for each in after],
                [each.sequence for each in after],
                [each.most for each in some],
            ),
        )
        for place, session, sequence, content in turns.all():
            found[place].turns.append(StoredTurn(session, sequence, content))
        one = _POSTS.format(party="a.party", post="a.post", most="a.most", way=way)
        posts = connection.exec_driver_sql(
            _POSTS_OF_ALL.format(one=one),
            (
                places,
                [each.party for each in some],
                [each.post for each in after],
                [each.most for each in some],
            ),
        )
        for place, *row in posts.all():
            found[place].posts.append(row)
    return found


def _insert(dialect: Dialect, party: bytes, generation: int, now: datetime) -> Any:
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(visitors).values(party=party, generation=generation, at=now)
