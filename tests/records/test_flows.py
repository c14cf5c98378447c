from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from records.committer import Committer
from records.database import Database
from records.flows import FlowStore
from tests.records.rows import NOW


@pytest.fixture
def flows(database: Database, committer: Committer) -> FlowStore:
    return FlowStore(database, committer)


async def test_what_is_published_last_is_live(flows: FlowStore) -> None:
    assert await flows.newest() == []
    await flows.publish("main", "a1", "flow: main", NOW)
    await flows.publish("language", "b1", "flow: language", NOW)
    await flows.publish("main", "a2", "flow: main # ویرایش", NOW + timedelta(seconds=1))
    assert await flows.newest() == [
        ("language", "b1", b"flow: language"),
        ("main", "a2", "flow: main # ویرایش".encode()),
    ]


async def test_old_versions_stay(flows: FlowStore) -> None:
    await flows.publish("main", "a1", "old", NOW)
    await flows.publish("main", "a2", "new", NOW + timedelta(seconds=1))
    assert await flows.version("main", "a1") == b"old"
    assert await flows.version("main", "a3") is None
    assert await flows.version("other", "a1") is None


async def test_an_old_version_can_be_published_again(flows: FlowStore) -> None:
    await flows.publish("main", "a1", "old", NOW)
    await flows.publish("main", "a2", "new", NOW + timedelta(seconds=1))
    await flows.publish("main", "a1", "old", NOW + timedelta(seconds=2))
    assert await flows.newest() == [("main", "a1", b"old")]


async def test_publishing_at_once_from_several_processes_publishes_once(
    flows: FlowStore, database: Database
) -> None:
    async with Committer(database) as other:
        await asyncio.gather(
            *[store.publish("main", "a1", "text", NOW) for store in (flows, FlowStore(database, other)) * 4]
        )
    assert await flows.newest() == [("main", "a1", b"text")]


async def test_what_was_published_since(flows: FlowStore) -> None:
    for second, name in enumerate(("one", "two", "three")):
        await flows.publish(name, "v", name, NOW + timedelta(seconds=second))
    since = await flows.since(NOW + timedelta(seconds=1))
    assert [name for name, _version, _source in since] == ["two", "three"]
    assert await flows.since(NOW + timedelta(seconds=3)) == []


async def test_two_of_the_same_moment_are_the_same_one_for_all(flows: FlowStore) -> None:
    await flows.publish("main", "b", "b", NOW)
    await flows.publish("main", "a", "a", NOW)
    assert await flows.newest() == [("main", "b", b"b")]
