"""Two services on one PostgreSQL and one Redis: what happens in one reaches the sockets of the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests import servers
from tests.bot.conftest import VisitAt
from tests.running import Server, within

FILED = "شکایت شما ثبت شد"


@pytest.fixture
async def two(chats_beyond: list[Server]) -> AsyncIterator[list[Server]]:
    """Both, serving."""
    async with chats_beyond[0], chats_beyond[1]:
        yield chats_beyond


@within(90)
async def test_what_one_takes_reaches_the_socket_at_the_other(two: list[Server], visit_at: VisitAt) -> None:
    here = await visit_at(two[0]).come()
    there = await visit_at(two[1], token=here.token).come()
    for place, word in enumerate(("شکایت", "2", "اینترنت محله ما از دیروز قطع است", "1")):
        speaks, hears = (here, there) if place % 2 else (there, here)
        await speaks.say(word, id=f"m{place}")
        await hears.until(lambda frame, place=place: frame.get("ref") == f"m{place}")  # type: ignore[misc]
    assert here.seen == there.seen
    assert FILED in here.texts[-1]


@within(90)
async def test_with_redis_away_it_only_takes_longer(
    two: list[Server], visit_at: VisitAt, redis: servers.Redis
) -> None:
    here = await visit_at(two[0]).come()
    there = await visit_at(two[1], token=here.token).come()
    redis.kill()
    await here.say("شکایت", id="a")
    await there.until(lambda frame: frame.get("ref") == "a")
    redis.start()
    await there.say("2", id="b")
    await here.until(lambda frame: frame.get("ref") == "b")
    assert here.seen == there.seen


@within(90)
async def test_both_windows_at_once_are_one_conversation(two: list[Server], visit_at: VisitAt) -> None:
    here = await visit_at(two[0]).come()
    there = await visit_at(two[1], token=here.token).come()
    await here.say("منو", id="first")
    await there.until(lambda frame: frame.get("ref") == "first")
    ids = set[str]()

    async def speak(visitor: object, name: str) -> None:
        speaker = here if visitor is here else there
        for number in range(4):
            ids.add(f"{name}{number}")
            await speaker.send(type="say", id=f"{name}{number}", text="0")
        while {frame.get("ref") for frame in speaker.seen if frame.get("ref")} < {"first", *ids}:
            await speaker.receive()

    await asyncio.gather(speak(here, "a"), speak(there, "b"))
    assert here.seen == there.seen
    refs = [frame["ref"] for frame in here.seen]
    assert len(refs) == len(set(refs)) == 9
    shown = list(here.seen)
    await here.come(anew=True)
    assert here.seen == shown


@within(120)
async def test_cut_from_one_and_back_at_the_other(two: list[Server], visit_at: VisitAt) -> None:
    """The message may be under way at the first still when it is sent again at the second."""
    words = ("شکایت", "2", "اینترنت محله ما از دیروز قطع است", "1")
    visitor = await visit_at(two[0]).come()
    for place, word in enumerate(words):
        await visitor.send(type="say", id=f"m{place}", text=word)
        visitor.cut()
        visitor.url = two[(place + 1) % 2].url
        await visitor.come()
        if not any(frame.get("ref") == f"m{place}" for frame in visitor.seen):
            await visitor.say(word, id=f"m{place}")
            while not any(frame["type"] == "turn" and frame["ref"] == f"m{place}" for frame in visitor.seen):
                await visitor.receive()
    assert [frame["ref"] for frame in visitor.seen] == [f"m{place}" for place in range(len(words))]
    assert FILED in visitor.texts[-1]
    shown = list(visitor.seen)
    await visitor.come(anew=True)
    assert visitor.seen == shown


@within(120)
async def test_killed_and_gone_on_with_at_the_other(two: list[Server], visit_at: VisitAt) -> None:
    words = ("شکایت", "2", "اینترنت محله ما از دیروز قطع است", "1")
    visitor = await visit_at(two[0]).come()
    for place, word in enumerate(words):
        await visitor.send(type="say", id=f"m{place}", text=word)
        await asyncio.sleep(0.004 * place)
        two[place % 2].kill()
        visitor.url = two[(place + 1) % 2].url
        await visitor.come()
        if not any(frame.get("ref") == f"m{place}" for frame in visitor.seen):
            await visitor.say(word, id=f"m{place}")
        await two[place % 2].start()
    await visitor.quiet(1.0)
    assert [frame["ref"] for frame in visitor.seen] == [f"m{place}" for place in range(len(words))]
    assert FILED in visitor.texts[-1]


@within(90)
async def test_a_token_of_one_is_good_at_the_other_and_its_end_is_known(
    two: list[Server], visit_at: VisitAt
) -> None:
    here = await visit_at(two[0]).come()
    await here.say("شکایت")
    there = await visit_at(two[1], token=here.token).come()
    assert there.welcome["known"]
    assert there.seen == here.seen
    await there.send(type="forget")
    assert await there.closed() == 4010
    assert await here.closed() == 4010
    again = await visit_at(two[0], token=here.token).come()
    assert not again.welcome.get("known")
