"""Two systems that answer one another, for real: the loop ends, and people are answered meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable
from pathlib import Path

from aiohttp import ClientSession

from bot.sms_loops import LIMITS
from tests.bot.sms_exchange import Exchange, call_back, exchange
from tests.bot.sms_people import records, worked
from tests.running import Server, within

HERE, THERE, PERSON = "09121110001", "09121110002", "09123334455"


def chapar(folder: Path, net: Exchange, line: str) -> Server:
    """A whole system whose line is a mobile number, as some providers sell."""
    settings = {
        "SMS_PROVIDER": "kavenegar",
        "KAVENEGAR_KEY": "key",
        "KAVENEGAR_SENDER": line,
        "KAVENEGAR_URL": net.url,
    }
    return Server(folder, settings)


async def read(server: Server, wanted: Callable[[list[str]], bool]) -> list[str]:
    """What a system did with what it read, once that is as wanted."""
    async with records(server) as database:
        while not wanted(outcomes := await worked(database)):
            await asyncio.sleep(0.05)
        return outcomes


def ended(outcomes: list[str]) -> bool:
    return "cut" in outcomes


async def metric(http: ClientSession, server: Server, outcome: str) -> float:
    async with http.get(f"{server.url}/metrics") as response:
        found = re.search(
            rf'chapar_sms_received_total{{outcome="{outcome}"}} ([0-9.]+)', await response.text()
        )
    assert found is not None
    return float(found[1])


@within(90)
async def test_two_systems_that_answer_one_another(tmp_path: Path, http: ClientSession) -> None:
    async with exchange() as net:
        one, two = chapar(tmp_path / "one", net, HERE), chapar(tmp_path / "two", net, THERE)
        lines = {HERE: one, THERE: two}

        async def deliver(sender: str, receptor: str, text: str) -> None:
            if receptor in lines:
                await call_back(http, lines[receptor].url, sender, receptor, text)

        net.deliver = deliver
        async with one, two:
            # Somebody forwards to one of them, with the other's number on it.
            await call_back(http, one.url, THERE, HERE, "سلام")
            ends = {asyncio.create_task(read(each, ended)): each for each in (one, two)}
            [first], others = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in others:
                task.cancel()
            cut, outcomes = ends[first], await first
            assert outcomes == ["answered"] * (len(outcomes) - 1) + ["cut"]
            loop = [text for sender, receptor, text in net.sent if receptor in lines]
            assert len(loop) <= 2 * (LIMITS.run + 2)

            # What the other one still says is read, and not answered.
            line, other = (HERE, THERE) if cut is one else (THERE, HERE)
            before = len(net.sent)
            for number in range(5):
                await call_back(http, cut.url, other, line, f"باز هم {number} بار")
            more = await read(cut, lambda each: len(each) >= len(outcomes) + 5)
            assert more[len(outcomes) :] == ["silent"] * 5
            assert len(net.sent) == before
            assert await metric(http, cut, "cut") == 1
            assert await metric(http, cut, "silent") == 5

            # A person is answered by it all the same.
            await call_back(http, cut.url, PERSON, line, "سلام")
            while len(net.sent) == before:
                await asyncio.sleep(0.02)
            assert net.sent[-1][:2] == (line, PERSON)
            assert net.sent[-1][2].startswith("چاپار")

            # The other system may close the line still; nothing is confirmed to it.
            await call_back(http, cut.url, other, line, "لغو۱۱")
            assert "consent" in await read(cut, lambda each: len(each) >= len(outcomes) + 7)
            assert len(net.sent) == before + 1

            log = cut.log.read_text()
            assert "sms loop cut" in log
            assert other not in log
            assert "+98" + other[1:] not in log


@within(60)
async def test_a_machine_that_thanks_for_each_message(tmp_path: Path, http: ClientSession) -> None:
    """Slowly enough for a person, but with the same words, and a number that counts up."""
    tickets = itertools.count(1_000)
    async with exchange() as net:
        server = chapar(tmp_path, net, HERE)

        async def deliver(sender: str, receptor: str, text: str) -> None:
            thanks = f"با سپاس، پیام شما با شماره {next(tickets)} ثبت شد."
            await call_back(http, server.url, receptor, sender, thanks)

        net.deliver = deliver
        async with server:
            await call_back(http, server.url, PERSON, HERE, "سلام")
            outcomes = await read(server, ended)
            assert outcomes == ["answered"] * (LIMITS.same + 1) + ["cut"]
            assert len(net.sent) == LIMITS.same + 1
