"""Sessions on both databases: written with their units, found again by cache and database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from engine.session import Frame, Session
from engine.turn import Option, Screen
from records.cache import Cache, MemoryCache, RedisCache
from records.committer import Committer
from records.database import Database
from records.ids import new_id
from records.keyring import Keyring
from records.sessions import Opened, SessionStore, TurnRecord
from records.tables import addresses, microseconds, sessions, subscribers, turns
from records.unit import Conflict, Unit
from records.vault import Unreadable, Vault
from tests.records.rows import NOW, subscriber
from tests.servers import Redis

KEY = b"k" * 16
PARTY = b"p" * 16
OPENED = Opened("ussd", "nalo", "*733#", PARTY)


def session_of(id: bytes | None = None, due: float | None = None, **more: object) -> Session:
    return Session(
        id=new_id(NOW) if id is None else id,
        language="fa",
        sequence=1,
        due=NOW.timestamp() + 600 if due is None else due,
        frames=[Frame("main", "v1", "menu", {"name": "علی", "count": 3})],
        **more,  # type: ignore[arg-type]
    )


def record_of(session: Session, key: bytes | None = None, now: datetime = NOW, **more: object) -> TurnRecord:
    values: dict[str, object] = {
        "session": session,
        "key": key,
        "received": microseconds(now),
        "answered": microseconds(now) + 1_500,
        "text": "۱",
        "raw": b"sessionId=1&text=1\xff",
        "peer": "192.0.2.7",
        "screen": Screen("۱. شکایت", "", (Option("1", "شکایت"),)),
        "replies": True,
        "trail": ("main:menu",),
        "outcome": "",
    }
    return TurnRecord(**(values | more))  # type: ignore[arg-type]


class Phone:
    """Writes turns as the conversation does."""

    def __init__(self, store: SessionStore, committer: Committer, key: bytes = KEY) -> None:
        self.store = store
        self.committer = committer
        self.key = key

    async def open(self, session: Session, opened: Opened = OPENED, **more: object) -> TurnRecord:
        return await self._commit(record_of(session, **more), None, opened, False)  # type: ignore[arg-type]

    async def step(self, session: Session, *, closed: bool = False, **more: object) -> TurnRecord:
        was_due = session.due
        session.sequence += 1
        session.due = more.pop("due", session.due)  # type: ignore[assignment]
        return await self._commit(record_of(session, **more), was_due, None, closed)  # type: ignore[arg-type]

    async def _commit(
        self, record: TurnRecord, was_due: float | None, opened: Opened | None, closed: bool
    ) -> TurnRecord:
        unit = Unit()
        value = self.store.write(
            unit, key=self.key, record=record, was_due=was_due, opened=opened, closed=closed
        )
        await self.committer.commit(unit)
        self.store.remember(self.key, value, record)
        return record


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache()


@pytest.fixture
def store(database: Database, vault: Vault, cache: MemoryCache) -> SessionStore:
    return SessionStore(database, vault, cache)


@pytest.fixture
def phone(store: SessionStore, committer: Committer) -> Phone:
    return Phone(store, committer)


async def test_a_turn_comes_back_as_it_was(store: SessionStore, phone: Phone, cache: MemoryCache) -> None:
    record = await phone.open(session_of())
    assert await store.cached(KEY) == record
    assert await store.last_turn(KEY) == record
    assert await store.last_turn(KEY, fresh=True) == record
    assert cache.hits == 2


async def test_a_turn_that_was_taken_out_to_be_changed_is_read_anew(
    store: SessionStore, phone: Phone, cache: MemoryCache
) -> None:
    """Whoever fails half-way through a turn leaves nothing of it behind."""
    record = await phone.open(session_of())
    taken = await store.cached(KEY)
    assert taken is record
    taken.session.frames[-1].variables["name"] = "changed"
    again = await store.cached(KEY)
    assert again is not None
    assert again.session.frames[-1].variables["name"] == "علی"


async def test_a_session_that_is_over_is_the_databases(
    store: SessionStore, phone: Phone, cache: MemoryCache
) -> None:
    session = session_of()
    await phone.open(session)
    session.finished = True
    last = await phone.step(session, closed=True)
    assert await store.cached(KEY) is None
    assert cache.size == 0
    assert await store.last_turn(KEY) == last


async def test_what_another_process_put_in_the_cache_counts(
    database: Database, vault: Vault, committer: Committer, cache: MemoryCache
) -> None:
    one, two = [SessionStore(database, vault, cache) for _ in range(2)]
    await Phone(one, committer).open(session_of())
    elsewhere = await two.cached(KEY)
    assert elsewhere is not None
    newer = await Phone(two, committer).step(elsewhere.session)
    assert await one.cached(KEY) == newer


async def test_no_more_turns_are_kept_than_is_bounded(
    store: SessionStore, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("records.sessions.LIVE", 2)
    keys = [bytes([number]) * 16 for number in range(4)]
    records = [await Phone(store, committer, key).open(session_of()) for key in keys]
    found = [await store.cached(key) for key in keys]
    assert found == records
    assert [one is two for one, two in zip(found, records, strict=True)] == [False, False, True, True]


async def test_the_last_turn_counts(store: SessionStore, phone: Phone) -> None:
    session = session_of()
    first = await phone.open(session, key=b"1" * 16)
    records = [await phone.step(session, key=bytes([number]) * 16) for number in range(2, 12)]
    assert records[-1].session.sequence == 11
    assert await store.last_turn(KEY) == records[-1]
    assert await store.last_turn(KEY, fresh=True) == records[-1]
    found = await store.answered(session.id, b"1" * 16)
    assert found is not None
    assert (found.session.sequence, found.key) == (1, first.key)
    assert await store.answered(session.id, b"9" * 16) is None
    assert await store.answered(new_id(NOW), b"1" * 16) is None


async def test_an_unknown_session_is_none(store: SessionStore) -> None:
    assert await store.cached(KEY) is None
    assert await store.last_turn(KEY) is None
    arrival = await store.arrival(KEY, "msisdn", PARTY)
    assert (arrival.turn, arrival.subscriber, arrival.parked) == (None, None, None)


async def test_what_the_cache_lost_the_database_knows_and_gives_back(
    database: Database, vault: Vault, committer: Committer, redis: Redis
) -> None:
    cache = await RedisCache.open(redis.url)
    store = SessionStore(database, vault, cache)
    record = await Phone(store, committer).open(session_of())
    await cache.get(b"something else.")  # It comes back after what was put.
    redis.empty()
    assert await store.cached(KEY) is None
    assert await store.last_turn(KEY) == record
    assert await store.cached(KEY) == record
    redis.kill()
    assert await store.last_turn(KEY) == record
    await cache.close()


async def test_two_processes_share_a_session_through_redis(
    database: Database, vault: Vault, committer: Committer, redis: Redis
) -> None:
    caches: list[Cache] = [await RedisCache.open(redis.url) for _ in range(2)]
    one, two = [SessionStore(database, vault, cache) for cache in caches]
    record = await Phone(one, committer).open(session_of())
    await caches[0].close()
    assert await two.cached(KEY) == record
    await caches[1].close()


async def test_a_stale_cache_leads_to_a_conflict_and_the_database_to_the_truth(
    database: Database, vault: Vault, committer: Committer
) -> None:
    here, there = [SessionStore(database, vault, MemoryCache()) for _ in range(2)]
    await Phone(here, committer).open(session_of())
    elsewhere = await there.last_turn(KEY)
    assert elsewhere is not None
    truth = await Phone(there, committer).step(elsewhere.session, text="there")
    stale = await here.last_turn(KEY)
    assert stale is not None
    assert stale.session.sequence == 1
    with pytest.raises(Conflict):
        await Phone(here, committer).step(stale.session, text="here")
    assert await here.last_turn(KEY, fresh=True) == truth
    assert await here.last_turn(KEY) == truth


async def test_nonsense_in_the_cache_is_a_miss(store: SessionStore, phone: Phone, cache: MemoryCache) -> None:
    record = await phone.open(session_of())
    value = await cache.get(KEY)
    assert value is not None
    for nonsense in (b"", b"x" * 10, b"x" * 300, value[:-1], bytes(16) + value[16:]):
        cache.put(KEY, nonsense)
        assert await store.cached(KEY) is None
        assert await store.last_turn(KEY) == record


async def test_without_its_key_a_stored_turn_is_unreadable(database: Database, phone: Phone) -> None:
    await phone.open(session_of())
    other = SessionStore(database, Vault(Keyring.new()), MemoryCache())
    with pytest.raises(Unreadable):
        await other.last_turn(KEY)


async def test_nothing_of_a_turn_is_stored_in_the_clear(database: Database, phone: Phone) -> None:
    await phone.open(session_of(caller="+989121234567"))
    [row] = await database.read(select(turns))
    for word in (b"+989121234567", b"192.0.2.7", "شکایت".encode(), b"sessionId", b"main"):
        assert word not in row.content


async def test_a_session_row_says_who_and_when(database: Database, phone: Phone) -> None:
    session = session_of(subscriber=b"s" * 16)
    await phone.open(session)
    [row] = await database.read(select(sessions))
    assert (row.id, row.key, row.channel, row.route) == (session.id, KEY, "ussd", "nalo")
    assert (row.code, row.party, row.subscriber) == ("*733#", PARTY, b"s" * 16)
    assert (row.opened_at, row.due_at) == (NOW, NOW + timedelta(minutes=10))
    assert (row.closed_at, row.outcome) == (None, None)
    await phone.step(session, closed=True, outcome="done", now=NOW + timedelta(seconds=5))
    [row] = await database.read(select(sessions))
    assert (row.closed_at, row.outcome) == (NOW + timedelta(seconds=5, microseconds=1_500), "done")


async def test_a_session_of_a_single_turn_is_closed_as_it_opens(
    database: Database, store: SessionStore, committer: Committer
) -> None:
    unit = Unit()
    record = record_of(session_of(finished=True), outcome="done", replies=False)
    store.write(unit, key=KEY, record=record, was_due=None, opened=OPENED, closed=True)
    assert not unit.updates
    await committer.commit(unit)
    [row] = await database.read(select(sessions))
    assert row.outcome == "done"
    assert row.closed_at is not None


async def test_a_key_used_again_belongs_to_the_new_session(
    database: Database, store: SessionStore, phone: Phone
) -> None:
    old = session_of()
    await phone.open(old)
    with pytest.raises(Conflict):
        await phone.open(session_of())
    new = await phone.open(session_of(), Opened("ussd", "nalo", "*733#", PARTY, replaces=old.id))
    assert await store.last_turn(KEY, fresh=True) == new
    # Who also took the old session for the last one is too late, and takes nothing away.
    with pytest.raises(Conflict):
        await phone.open(session_of(), Opened("ussd", "nalo", "*733#", PARTY, replaces=old.id))
    assert await store.last_turn(KEY, fresh=True) == new
    rows = await database.read(select(sessions.c.key).order_by(sessions.c.id))
    assert [row.key for row in rows] == [None, KEY]


async def test_an_arrival_knows_the_person_and_what_they_left_open(
    database: Database, store: SessionStore, committer: Committer
) -> None:
    unit = Unit()
    person = new_id(NOW)
    unit.insert(subscribers, subscriber(person) | {"language": "en"})
    address = {"subscriber": person, "sealed": b"", "created_at": NOW}
    unit.insert(addresses, {"kind": "msisdn", "index": PARTY, "seen_at": NOW, **address})
    unit.insert(addresses, {"kind": "telegram", "index": b"t" * 16, **address})
    await committer.commit(unit)
    older = await Phone(store, committer, b"1" * 16).open(session_of())
    newer = await Phone(store, committer, b"2" * 16).open(session_of())
    texting = await Phone(store, committer, b"3" * 16).open(session_of(), Opened("sms", "gsm", "", PARTY))

    arrival = await store.arrival(b"1" * 16, "msisdn", PARTY, "ussd")
    assert arrival.turn == older
    assert arrival.parked == newer
    assert arrival.subscriber is not None
    assert (arrival.subscriber.id, arrival.subscriber.language) == (person, "en")
    assert arrival.subscriber.seen_at == NOW
    assert (await store.arrival(KEY, "msisdn", PARTY)).parked == texting
    assert (await store.arrival(KEY, "msisdn", PARTY, "bale")).parked is None

    chatting = await store.arrival(KEY, "telegram", b"t" * 16)
    assert chatting.subscriber is not None
    assert (chatting.subscriber.id, chatting.subscriber.seen_at) == (person, None)
    assert (chatting.turn, chatting.parked) == (None, None)

    closing = Unit()
    store.close(closing, newer.session.id, "superseded", NOW)
    await committer.commit(closing)
    assert (await store.arrival(KEY, "msisdn", PARTY, "ussd")).parked == older


async def test_callers_who_arrive_at_once_share_look_ups(
    database: Database, store: SessionStore, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [bytes([number]) * 16 for number in range(150)]
    records = await asyncio.gather(
        *[
            Phone(store, committer, key).open(session_of(), Opened("ussd", "nalo", "*733#", key))
            for key in keys
        ]
    )
    statements: list[str] = []

    async def fetch(statement: str, values: Sequence[Any]) -> Sequence[Any]:
        statements.append(statement)
        return await Database.fetch(database, statement, values)

    monkeypatch.setattr(database, "fetch", fetch)
    wanted = [*keys, b"nobody" + bytes(10)]
    arrivals = await asyncio.gather(*[store.arrival(key, "msisdn", key) for key in wanted])
    assert [arrival.turn for arrival in arrivals] == [*records, None]
    assert [arrival.parked for arrival in arrivals] == [*records, None]
    assert len(statements) == 3  # 64 at a time.
    statements.clear()
    fresh = await asyncio.gather(*[store.last_turn(key, fresh=True) for key in wanted])
    assert fresh == [*records, None]
    assert len(statements) == 3


async def test_due_sessions_are_found_put_off_and_closed(
    database: Database, store: SessionStore, committer: Committer
) -> None:
    start = NOW.timestamp()
    phones = [Phone(store, committer, bytes([number]) * 16) for number in range(6)]
    records = [
        await phone.open(session_of(due=start + 60 * (6 - number))) for number, phone in enumerate(phones)
    ]
    now = NOW + timedelta(minutes=4)
    due = await store.due(now, 10)
    assert [each.turn for each in due] == [records[5], records[4], records[3], records[2]]
    assert [each.key for each in due] == [bytes([number]) * 16 for number in (5, 4, 3, 2)]
    assert {(each.route, each.party) for each in due} == {("nalo", PARTY)}
    assert due[0].due_at == NOW + timedelta(minutes=1)
    assert len(await store.due(now, 2)) == 2

    unit = Unit()
    store.close(unit, due[0].session, "timeout", now)
    store.postpone(unit, due[1].session, now + timedelta(minutes=1), due[1].due_at)
    store.postpone(unit, due[2].session, now + timedelta(minutes=1), now)  # Somebody was first.
    await committer.commit(unit)
    assert [each.turn for each in await store.due(now, 10)] == [records[3], records[2]]


async def test_only_a_nearer_time_out_moves_the_row(database: Database, phone: Phone) -> None:
    async def due_at() -> datetime:
        [row] = await database.read(select(sessions.c.due_at))
        moment: datetime = row.due_at
        return moment

    session = session_of(due=NOW.timestamp() + 600)
    await phone.open(session)
    await phone.step(session, due=NOW.timestamp() + 700)
    assert await due_at() == NOW + timedelta(seconds=600)
    await phone.step(session, due=NOW.timestamp() + 90)
    assert await due_at() == NOW + timedelta(seconds=90)
    await phone.step(session, due=NOW.timestamp() + 600)
    assert await due_at() == NOW + timedelta(seconds=90)


async def test_a_session_whose_key_was_taken_over_still_comes_due(store: SessionStore, phone: Phone) -> None:
    old = session_of()
    await phone.open(old)
    await phone.open(session_of(), Opened("ussd", "nalo", "*733#", PARTY, replaces=old.id))
    keys = [each.key for each in await store.due(NOW + timedelta(hours=1), 10)]
    assert sorted(keys) == sorted([old.id, KEY])


async def test_a_session_without_a_time_out_is_looked_at_after_a_day(
    database: Database, store: SessionStore, committer: Committer
) -> None:
    session = session_of()
    session.due = None
    await Phone(store, committer).open(session)
    [row] = await database.read(select(sessions.c.due_at))
    assert row.due_at == NOW + timedelta(days=1)


async def test_a_turn_of_another_row_does_not_open(database: Database, phone: Phone) -> None:
    session = session_of()
    await phone.open(session)
    await phone.step(session)
    await database.transaction(
        lambda connection: connection.execute(
            update(turns)
            .where(turns.c.sequence == 2)
            .values(content=select(turns.c.content).where(turns.c.sequence == 1).scalar_subquery())
        )
    )
    with pytest.raises(Unreadable):
        await phone.store.last_turn(KEY, fresh=True)
