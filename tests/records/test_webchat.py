"""What a visitor of the web chat is shown, in one order whatever is committed when; bells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, event

from engine.session import Session
from engine.turn import Screen
from records import threads as handovers
from records.bells import KEPT, Bells
from records.cache import MemoryCache
from records.committer import Committer
from records.database import Database
from records.ids import new_id
from records.keyring import Keyring
from records.sessions import Opened, SessionStore, TurnRecord
from records.tables import bells, microseconds, posts, subscribers, threads
from records.threads import Said
from records.unit import Unit
from records.vault import Vault
from records.webchat import MOST_ASKED, Asked, ChatLog, Entry, Position, find
from tests.records.rows import NOW, subscriber
from tests.records.test_threads import PERSON, post, thread

VISITOR, OTHER = b"v" * 16, b"w" * 16


class Story:
    """Writes what happens to visitors, a minute after the other."""

    def __init__(self, database: Database, committer: Committer, vault: Vault) -> None:
        self.committer = committer
        self.vault = vault
        self.store = SessionStore(database, vault, MemoryCache())
        self.now = NOW
        self.sessions: dict[bytes, Session] = {}
        self.posts: dict[bytes, int] = {}

    async def turn(
        self, text: str, party: bytes = VISITOR, *, channel: str = "webchat", anew: bool = False
    ) -> bytes:
        """A turn that shows ``text``; the id of its session."""
        self.now += timedelta(minutes=1)
        opened = anew or party not in self.sessions
        if opened:
            self.sessions[party] = Session(id=new_id(self.now), language="fa")
        session = self.sessions[party]
        session.sequence += 1
        unit = Unit()
        record = TurnRecord(
            session=session, key=None, received=microseconds(self.now), answered=microseconds(self.now),
            text="", raw=b"", peer="", screen=Screen(text, text), replies=True, trail=(), outcome="",
        )  # fmt: skip
        what = Opened(channel, channel, "", party) if opened else None
        self.store.write(unit, key=session.id, record=record, was_due=None, opened=what)
        await self.committer.commit(unit)
        return session.id

    async def post(
        self, text: str, party: bytes = VISITOR, *, author: str = "operator", kind: str = "text"
    ) -> bytes:
        """A post of the visitor's thread; its id."""
        self.now += timedelta(minutes=1)
        unit = Unit()
        if party not in self.posts:
            if not self.posts:
                unit.insert(subscribers, subscriber(PERSON))
            unit.insert(threads, thread(party, party=party))
        self.posts[party] = self.posts.get(party, 0) + 1
        id = new_id(self.now)
        sealed = handovers.seal_said(self.vault, id, party, Said(text))
        row = post(party, self.posts[party], id=id, party=party, author=author, kind=kind, sealed=sealed)
        unit.insert(posts, {**row, "at": self.now})
        await self.committer.commit(unit)
        return id


@pytest.fixture
def story(database: Database, committer: Committer, vault: Vault) -> Story:
    return Story(database, committer, vault)


@pytest.fixture
def chat(database: Database, vault: Vault) -> ChatLog:
    return ChatLog(database, vault)


def texts(entries: list[Entry]) -> list[str]:
    return [
        entry.turn.screen.text if entry.turn else entry.word.text if entry.word else "" for entry in entries
    ]


async def test_turns_and_posts_by_their_times(story: Story, chat: ChatLog) -> None:
    for text in ("t1", "t2", "p1", "t3", "p2", "p3"):
        await (story.post(text) if text.startswith("p") else story.turn(text))
    await story.turn("of another visitor", OTHER)
    await story.post("to another visitor", OTHER)
    await story.turn("on another channel", b"x" * 16, channel="telegram")
    part = await chat.newest(VISITOR, 50)
    assert texts(part.entries) == ["t1", "t2", "p1", "t3", "p2", "p3"]
    assert not part.more
    assert part.generation == 0
    positions = [entry.position for entry in part.entries]
    assert positions == sorted(positions)
    for place, position in enumerate(positions):
        after = await chat.after(VISITOR, position, 50)
        assert texts(after.entries) == texts(part.entries)[place + 1 :]


async def test_what_is_not_for_the_person_is_not_shown(story: Story, chat: ChatLog) -> None:
    await story.post("their own words, which a turn has", author="person")
    await story.post("for operators", kind="note")
    await story.post("accepted", kind="accepted")
    await story.post("seen", kind="notice", author="system")
    assert texts((await chat.newest(VISITOR, 50)).entries) == ["seen"]


async def test_only_the_newest(story: Story, chat: ChatLog) -> None:
    for number in range(6):
        await story.turn(f"t{number}")
        await story.post(f"p{number}")
    part = await chat.newest(VISITOR, 3)
    assert texts(part.entries) == ["p4", "t5", "p5"]


@pytest.mark.parametrize("most", [1, 2, 3, 5, 50])
async def test_part_after_part_everything_comes_once(story: Story, chat: ChatLog, most: int) -> None:
    wanted = []
    for number, kind in enumerate("ttptpppttttptppppptt"):
        wanted.append(f"{kind}{number}")
        await (story.post(wanted[-1]) if kind == "p" else story.turn(wanted[-1], anew=number in (4, 8, 15)))
    position, found, parts = Position(), list[str](), 0
    while True:
        part = await chat.after(VISITOR, position, most)
        found += texts(part.entries)
        parts += 1
        if part.entries:
            position = part.entries[-1].position
        if not part.more:
            break
    assert found == wanted
    assert parts <= len(wanted) + 1


async def test_what_is_committed_late_is_not_missed(story: Story, chat: ChatLog) -> None:
    """A post that was made before a turn, and committed after somebody has that turn."""
    await story.turn("t1")
    early = story.now + timedelta(seconds=30)
    await story.turn("t2")
    has = (await chat.newest(VISITOR, 50)).entries[-1].position
    story.now = early - timedelta(minutes=1)
    await story.post("made before")
    after = await chat.after(VISITOR, has, 50)
    assert texts(after.entries) == ["made before"]


async def test_what_cannot_be_opened_holds_nothing_up(story: Story, database: Database) -> None:
    for number in range(4):
        await story.turn(f"t{number}")
        await story.post(f"p{number}")
    stranger = ChatLog(database, Vault(Keyring.new()))
    part = await stranger.after(VISITOR, Position(), 2)
    assert texts(part.entries) == [""] * len(part.entries)
    assert part.more
    position = Position()
    for _part in range(10):
        part = await stranger.after(VISITOR, position, 2)
        position = part.entries[-1].position if part.entries else position
    assert not part.more


async def test_who_asks_at_once_gets_their_own(story: Story, database: Database) -> None:
    parties = [bytes([number]) * 16 for number in range(1, MOST_ASKED + 1)]
    for party in parties[::5]:
        await story.turn(f"turn of {party[0]}", party)
    for party in parties[::7]:
        await story.post(f"post to {party[0]}", party)
    asked = [Asked(party, Position() if place % 2 else None, 10) for place, party in enumerate(parties)]
    found = await find(database, asked)
    assert [len(each.turns) for each in found] == [int(place % 5 == 0) for place in range(MOST_ASKED)]
    assert [len(each.posts) for each in found] == [int(place % 7 == 0) for place in range(MOST_ASKED)]


async def test_generations_only_grow(chat: ChatLog) -> None:
    async def generation() -> int:
        return (await chat.newest(VISITOR, 1)).generation

    assert await generation() == 0
    await chat.renew(VISITOR, 3, NOW)
    await chat.renew(VISITOR, 2, NOW)
    assert await generation() == 3
    await chat.give_up(VISITOR, NOW)
    assert await generation() == 5
    await chat.give_up(OTHER, NOW)
    assert (await chat.newest(OTHER, 1)).generation == 2


# Bells.


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def others(database: Database, clock: Clock) -> AsyncIterator[Bells]:
    """The bells of another process."""
    async with Committer(database) as committer:
        yield Bells(database, committer, clock, rings=True)


async def test_a_bell_is_heard_once_and_not_by_who_rang(
    database: Database, committer: Committer, clock: Clock, others: Bells
) -> None:
    mine = Bells(database, committer, clock, rings=True)
    for party in (VISITOR, OTHER, VISITOR):
        mine.ring(party)
    await mine.flush()
    assert await others.look() == {VISITOR, OTHER}
    assert await others.look() == set()
    assert await mine.look() == set()
    mine.ring(VISITOR)
    await mine.flush()
    assert await others.look() == {VISITOR}


async def test_a_thousand_parties_are_a_few_rows(
    database: Database, committer: Committer, clock: Clock, others: Bells
) -> None:
    mine = Bells(database, committer, clock, rings=True)
    parties = {number.to_bytes(16) for number in range(1_000)}
    for party in parties:
        mine.ring(party)
    await mine.flush()
    assert len(await database.read(bells.select())) == 2
    assert await others.look() == parties


async def test_a_bell_that_is_committed_late_is_heard(
    database: Database, committer: Committer, clock: Clock, others: Bells
) -> None:
    mine = Bells(database, committer, clock, rings=True)
    mine.ring(VISITOR)
    await mine.flush()
    assert await others.look() == {VISITOR}
    clock.now -= timedelta(seconds=10)  # Of a process whose clock is behind, or whose commit took so long.
    mine.ring(OTHER)
    await mine.flush()
    clock.now += timedelta(seconds=10)
    assert await others.look() == {OTHER}


async def test_posts_ring_by_themselves(story: Story, committer: Committer, database: Database) -> None:
    clock = Clock()
    alone = Bells(database, committer, clock, rings=False)
    await story.post("سلام")
    clock.now = story.now
    assert await alone.look() == {VISITOR}
    assert await alone.look() == set()
    alone.ring(VISITOR)
    await alone.flush()
    assert await database.read(bells.select()) == []


async def test_old_bells_are_taken_away(database: Database, committer: Committer, clock: Clock) -> None:
    unit = Unit()
    for age in (KEPT + timedelta(seconds=1), KEPT - timedelta(seconds=1)):
        # Ids of one process never go back, so those of the past are made by hand.
        made = (microseconds(NOW - age) // 1_000).to_bytes(6) + b"\x7f" + bytes(9)
        unit.insert(bells, {"id": made, "parties": VISITOR})
    await committer.commit(unit)
    await Bells(database, committer, clock, rings=True).sweep()
    assert len(await database.read(bells.select())) == 1


async def test_somebody_else_can_wake_it(story: Story, committer: Committer, database: Database) -> None:
    clock, wake, heard = Clock(), asyncio.Event(), asyncio.Event()
    alone = Bells(database, committer, clock, rings=False)
    running = asyncio.create_task(alone.run(lambda parties: heard.set(), wake, pause=600.0))
    await asyncio.sleep(0.2)
    await story.post("سلام")
    clock.now = story.now
    wake.set()
    async with asyncio.timeout(10):
        await heard.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


# Plans.


async def test_every_statement_goes_by_an_index(
    database: Database, committer: Committer, chat: ChatLog
) -> None:
    sent: list[tuple[str, object]] = []

    def note(
        _connection: Connection, _cursor: object, statement: str, parameters: object, *_rest: object
    ) -> None:
        sent.append((statement, parameters))

    event.listen(database.reader.engine, "before_cursor_execute", note)
    await chat.newest(VISITOR, 50)
    await chat.after(VISITOR, Position(), 50)
    await Bells(database, committer, lambda: NOW, rings=True).look()
    event.remove(database.reader.engine, "before_cursor_execute", note)
    assert len(sent) == 7
    explain = "EXPLAIN (GENERIC_PLAN) " if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN "
    for statement, parameters in sent:

        def plan(connection: Connection, statement: str = statement, given: object = parameters) -> list[str]:
            rows = connection.exec_driver_sql(explain + statement, given).all()  # type: ignore[arg-type]
            return [str(row[-1]).strip() for row in rows]

        lines = await database.look(plan)
        bad = [
            line
            for line in lines
            if "Seq Scan" in line
            or "Hash" in line
            or (line.startswith("SCAN") and "subquery" not in line.lower())
        ]
        assert not bad, (statement, lines)
