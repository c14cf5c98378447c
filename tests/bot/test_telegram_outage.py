"""The messenger is out of reach for minutes, in each of the ways in which that happens."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from sqlalchemy import func, select

from records.tables import attempts, complaints, outbox, turns
from tests.bot.messenger import TOKEN, Messenger, Person, messenger
from tests.bot.serving import eventually, rows, settings_of
from tests.bot.test_telegram_talks import WORDS
from tests.hurried import RATE
from tests.running import Server, free_port, within

PEOPLE = 10
MOST = 120  # Tries in all: twice as many as there are, for a machine that is slow while the clock hurries.
FIRST = ("/start complaint", "2")  # Said before, and at the beginning of the outage.


@asynccontextmanager
async def hurried(folder: Path, chats: Messenger, mode: str) -> AsyncIterator[Server]:
    """The server on a clock that can be made to run faster."""
    port = free_port()
    settings = settings_of(chats, mode, "telegram", port)
    async with Server(folder, settings, port=port, program=("-m", "tests.hurried")) as server:
        if mode == "webhook":
            await eventually(lambda: chats.bot.webhook is not None)
        yield server


async def pass_minutes(server: Server, minutes: float) -> None:
    """So much time for the server."""
    await turn_clock(server, signal.SIGUSR1)
    await asyncio.sleep(minutes * 60 / RATE)
    await turn_clock(server, signal.SIGUSR2)


async def turn_clock(server: Server, number: int) -> None:
    """Returns once it runs as it should: of two signals that wait the process takes the lower one first."""
    turned = clock_turned(server)
    server.signal(number)
    await eventually(lambda: clock_turned(server) > turned)


def clock_turned(server: Server) -> int:
    return len(re.findall("^clock ", server.log.read_text(), re.MULTILINE))


@asynccontextmanager
async def nobody(port: int) -> AsyncIterator[None]:
    """Connections are refused."""
    yield


@asynccontextmanager
async def black_hole(port: int) -> AsyncIterator[None]:
    """Nothing comes back, not even a refusal: the listener's queue is full, so the kernel drops whatever
    comes for it, as a filter on the way does."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        waiting = []
        for _some in range(3):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(("127.0.0.1", port))
        with socket.socket() as probe:
            probe.settimeout(0.3)
            with pytest.raises(TimeoutError):
                probe.connect(("127.0.0.1", port))
        try:
            yield
        finally:
            for each in waiting:
                each.close()


@asynccontextmanager
async def silence(port: int) -> AsyncIterator[None]:
    """Somebody takes connections and all that is written to them, and never says a word."""
    writers: list[asyncio.StreamWriter] = []

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while await reader.read(4_096):
            pass

    swallower = await asyncio.start_server(swallow, "127.0.0.1", port, reuse_address=True)
    try:
        yield
    finally:
        swallower.close()
        for writer in writers:
            writer.close()


OUTAGES = {"refused": nobody, "black hole": black_hole, "silent": silence}


async def metrics(server: Server) -> str:
    async with ClientSession() as http, http.get(f"{server.url}/metrics") as response:
        return await response.text()


def tried(server: Server, port: int) -> list[float]:
    """When connections to the messenger were tried, on the server's clock."""
    return [float(at) for at in re.findall(rf"^connect (\S+) {port}$", server.log.read_text(), re.MULTILINE)]


@pytest.mark.parametrize("mode", ["webhook", "polling"])
@pytest.mark.parametrize("how", OUTAGES)
@within(150)
async def test_the_messenger_is_out_of_reach_for_ten_minutes(tmp_path: Path, mode: str, how: str) -> None:
    """People go on writing, by webhook while it lasts. Afterwards each has every answer once and in order;
    meanwhile there are few tries, however many wait, and the metrics and the log say what is wrong."""
    async with messenger() as chats, hurried(tmp_path, chats, mode) as server:
        people = [Person(chats, 8_000 + place) for place in range(PEOPLE)]
        for person in people:
            person.say(FIRST[0])
        for person in people:
            await person.hears()
        port = await chats.stop()
        async with OUTAGES[how](port):
            before = len(tried(server, port))
            for person in people:
                person.say(FIRST[1])
            if mode == "webhook":
                await turns_are(server, 2 * PEOPLE)
            await pass_minutes(server, 4)
            for person in people:
                person.say(WORDS)
            if mode == "webhook":
                await turns_are(server, 3 * PEOPLE)
            await pass_minutes(server, 6)
            assert 'chapar_bot_away{bot="telegram"} 1.0' in await metrics(server)
            # One try in 20 s to send, one in 30 s to poll, or in a minute to set the webhook; and those that
            # were on their way when it began.
            assert 8 <= len(tried(server, port)) - before <= MOST
            found = await rows(server, select(outbox.c.status, outbox.c.finished_at))
            assert not [row for row in found if row.status in ("expired", "failed", "blocked")]
        await back(chats, server, port)
        # Now and then the clock hurries, but for less than any request may take: what failed alone waits.
        while any(len(person.messages) < 3 for person in people):
            await pass_minutes(server, 0.2)
            await asyncio.sleep(0.2)
        for person in people:
            await person.hears(2)
        for person in people:
            person.say("1")
        for person in people:
            assert "ثبت شد" in (await person.hears()).text
            first, second, third, _filed = (sent.text for sent in person.messages)
            assert ("ثبت شکایت" in first, "در یک پیام" in second, "ثبت شود" in third) == (True, True, True)
        assert 'chapar_bot_away{bot="telegram"} 0.0' in await metrics(server)
        assert (await rows(server, select(func.count()).select_from(complaints)))[0][0] == PEOPLE
        assert await server.stop() == 0
        found = await rows(server, select(outbox.c.channel, outbox.c.status, outbox.c.attempts))
        assert {row.status for row in found if row.channel == "telegram"} == {"sent"}
        spent = sum(row.attempts - 1 for row in found if row.channel == "telegram")
        assert spent == 0 if how != "silent" else spent <= 60, "a wait costs no attempt"
        noted = Counter(row.status for row in await rows(server, select(attempts.c.status)))
        assert noted["away"] + noted["ambiguous"] <= MOST, "what was not tried is no attempt"
        said = server.log.read_text()
        assert "Traceback" not in said
        assert TOKEN not in said
        assert said.count("bot unreachable") + said.count("bot left alone") <= 2, "told once, not each time"
        assert ("bot sends again" in said) is (mode == "webhook")


async def turns_are(server: Server, wanted: int) -> None:
    async def taken() -> bool:
        return bool((await rows(server, select(func.count()).select_from(turns)))[0][0] == wanted)

    await eventually(taken)


async def back(chats: Messenger, server: Server, port: int) -> None:
    """The messenger is there again. The server's clock hurries until it has noticed."""
    noticed = asyncio.Event()

    def notice(method: str, given: dict[str, Any]) -> web.Response | None:
        if not noticed.is_set():
            noticed.set()
            server.signal(signal.SIGUSR2)
        return None

    await turn_clock(server, signal.SIGUSR1)
    turned = clock_turned(server)
    chats.fault = notice
    await chats.start(port)
    await noticed.wait()
    await eventually(lambda: clock_turned(server) > turned)
