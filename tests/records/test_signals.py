"""Signals between processes: heard by all who are there, missed by nobody's death, waited for by no one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from records.signals import LocalSignals, OwnSignals, RedisSignals, Signals
from tests.servers import Redis

ABOUT = b"p" * 16
ROOT = Path(__file__).parent.parent.parent

# Another process that listens until it has heard one signal, which it prints.
LISTENER = """
import asyncio, sys
from pathlib import Path
from records.signals import LocalSignals

async def main():
    signals = LocalSignals(Path(sys.argv[1]))
    heard = asyncio.get_running_loop().create_future()
    signals.listen(lambda about, word: heard.done() or heard.set_result((about, word)))
    print("ready", flush=True)
    about, word = await heard
    print(about.decode(), word, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


class Ear:
    def __init__(self, signals: Signals) -> None:
        self.heard: list[tuple[bytes, str]] = []
        self.stop = signals.listen(lambda about, word: self.heard.append((about, word)))

    async def hears(self, *words: str) -> None:
        async with asyncio.timeout(20):
            while [word for _about, word in self.heard] != list(words):
                await asyncio.sleep(0.01)


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await done():
            await asyncio.sleep(0.05)


async def test_within_one_process() -> None:
    signals = OwnSignals()
    ear, other = Ear(signals), Ear(signals)

    def broken(_about: bytes, _word: str) -> None:
        raise ZeroDivisionError

    signals.listen(broken)
    third = Ear(signals)
    signals.send(ABOUT, "typing")
    other.stop()
    signals.send(b"short", "news")
    assert ear.heard == [(ABOUT, "typing"), (b"short" + bytes(11), "news")] == third.heard
    assert other.heard == [(ABOUT, "typing")]
    await signals.close()


async def test_between_processes_of_one_machine(tmp_path: Path) -> None:
    # Deeper than the name of a socket may be long.
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    one, two = LocalSignals(folder), LocalSignals(folder)
    ear, other = Ear(one), Ear(two)
    listener = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LISTENER, str(folder), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert listener.stdout is not None
    try:
        assert await listener.stdout.readline() == b"ready\n"
        one.send(ABOUT, "typing")
        assert await listener.stdout.readline() == b"p" * 16 + b" typing\n"
        await ear.hears("typing")
        await other.hears("typing")
        assert len(os.listdir(folder)) == 3
    finally:
        listener.kill()
        await listener.wait()
    # A process that was killed leaves its socket behind; the next signal clears it away.
    one.send(ABOUT, "news")
    await other.hears("typing", "news")
    assert len(os.listdir(folder)) == 2
    await two.close()
    one.send(ABOUT, "typing")
    await ear.hears("typing", "news", "typing")
    assert len(os.listdir(folder)) == 1
    await one.close()
    assert os.listdir(folder) == []


async def test_a_process_that_does_not_listen_holds_up_nobody(tmp_path: Path) -> None:
    one, two = LocalSignals(tmp_path), LocalSignals(tmp_path)
    ear = Ear(two)
    # It has no time to read: the socket fills up, and what does not fit is lost.
    for number in range(5_000):
        one.send(ABOUT, f"typing {number}")
    await asyncio.sleep(0.1)
    assert 0 < len(ear.heard) < 5_000
    one.send(ABOUT, "last")
    async with asyncio.timeout(20):
        while ear.heard[-1][1] != "last":
            await asyncio.sleep(0.01)
    await one.close()
    await two.close()


async def test_what_is_no_signal_is_passed_over(tmp_path: Path) -> None:
    one, two = LocalSignals(tmp_path), LocalSignals(tmp_path)
    ear = Ear(two)
    one._send(two._name, b"")
    one._send(two._name, b"short")
    one._send(two._name, b"x" * 200)
    one.send(ABOUT, "typing")
    await ear.hears("typing")
    await one.close()
    await two.close()


async def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        LocalSignals(tmp_path / "file")


async def test_closing_while_something_is_sent(redis: Redis) -> None:
    for number in range(20):
        signals = RedisSignals(redis.url)
        if number % 2:
            await asyncio.sleep(0.02)
        signals.send(ABOUT, "news")
        for _step in range(number):
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            await signals.close()


async def test_by_redis(redis: Redis) -> None:
    one, two = RedisSignals(redis.url), RedisSignals(redis.url)
    ear, other = Ear(one), Ear(two)

    async def all_hear() -> bool:
        one.send(ABOUT, "typing")
        await asyncio.sleep(0.05)
        return bool(ear.heard and other.heard)

    await until(all_hear)
    assert set(ear.heard) == set(other.heard) == {(ABOUT, "typing")}
    # While Redis is away nobody waits, nothing is raised, and this process hears its own.
    redis.kill()
    heard = len(ear.heard)
    one.send(ABOUT, "news")
    async with asyncio.timeout(20):
        while (ABOUT, "news") not in ear.heard[heard:]:
            await asyncio.sleep(0.05)
    redis.start()

    async def both_again() -> bool:
        two.send(ABOUT, "here")
        await asyncio.sleep(0.1)
        return (ABOUT, "here") in ear.heard and (ABOUT, "here") in other.heard

    await until(both_again)
    await one.close()
    await two.close()
