"""Bots on bad days, each really done: the real server, killed, alone, flooded or lied to."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from sqlalchemy import func, select

from records.tables import complaints, outbox, turns
from tests.bot.messenger import TOKEN, Person, messenger, refusal
from tests.bot.serving import eventually, rows, served, settings_of
from tests.bot.test_telegram_talks import WORDS
from tests.running import Server, free_port, within

# Each of these starts the server.
pytestmark = pytest.mark.xdist_group("bots")

OTHER = "987654321:AAOtherTokenOfOurOwnMaking987654321"


async def count(server: Server, table: Any) -> int:
    return int((await rows(server, select(func.count()).select_from(table)))[0][0])


@within(60)
async def test_broken_updates_hold_up_nobody(tmp_path: Path) -> None:
    """What nobody can read is answered 200 and logged, or it would come for ever."""
    async with messenger() as chats, served(tmp_path, chats, "webhook") as server:
        sara, bot = Person(chats), chats.bot
        broken: list[Any] = [
            b"",
            b"{",
            b"\xff\xfe\x00",
            b"null",
            b"[1, 2]",
            b"[" * 50_000,
            {"update_id": "x"},
            {"update_id": 5, "message": 7},
            {"update_id": 5, "message": {"chat": {"id": "x"}, "text": ["y"]}},
            {"update_id": 5, "callback_query": {"id": {}, "from": []}},
            {"update_id": 2**70, "message": {"chat": {"id": 2**70, "type": "private"}, "text": "x"}},
            json.dumps({"update_id": 5, "message": {"text": "x" * 2_000_000}}).encode(),
            b"{" + b" " * 3_000_000,
        ]
        for body in broken:
            status, _answer = await chats.post(bot, body)
            # Of the largest the server need not read to the end; then it hangs up.
            assert status == 200 or (status == 0 and len(body) > 2_000_000), str(body)[:80]
        assert "شکایت" in await _menu(sara)
        assert await count(server, turns) <= 2
        said = server.log.read_text()
        assert said.count("update unreadable") >= len(broken) - 2
        assert "Traceback" not in said


async def _menu(person: Person) -> str:
    person.say("/start")
    return " ".join(button["text"] for button in (await person.hears()).buttons)


@within(60)
async def test_broken_updates_among_polled_ones(tmp_path: Path) -> None:
    async with messenger() as chats, served(tmp_path, chats, "polling") as server:
        sara, bot = Person(chats), chats.bot
        chats.update(bot, message=7)
        chats.update(bot, message={"chat": 5, "text": []})
        sara.say("/start")
        chats.give(bot, {"no": "id"})
        chats.update(bot, callback_query={"id": 5})
        await sara.hears()
        assert "قطعی" in await _complaint(sara)
        await eventually(lambda: bot.offset == chats.updates + 1)
        assert await count(server, turns) == 2


async def _complaint(person: Person) -> str:
    person.say("شکایت")
    return " ".join(button["text"] for button in (await person.hears()).buttons)


@within(60)
async def test_an_update_counts_once(tmp_path: Path) -> None:
    """However often, however late and in whatever order it comes."""
    async with messenger() as chats, served(tmp_path, chats, "webhook") as server:
        sara, bot = Person(chats), chats.bot
        updates = []
        for text in ("/start complaint", "2", WORDS, "1"):
            update = sara.say(text)
            updates.append(update)
            await sara.hears()
            answers = await asyncio.gather(*(chats.post(bot, update) for _copy in range(5)))
            assert {status for status, _answer in answers} == {200}
        replayed = [*updates, *updates[::-1]]
        random.Random(733).shuffle(replayed)
        for update in replayed:
            assert (await chats.post(bot, update))[0] == 200
        await _menu(sara)
        for update in replayed:
            assert (await chats.post(bot, update))[0] == 200
        assert len(sara.messages) == 5
        assert await count(server, complaints) == 1
        assert await count(server, turns) == 5


@within(60)
async def test_many_at_once_keep_their_order(tmp_path: Path) -> None:
    """Forty people write three messages each without waiting for the answers."""
    async with messenger() as chats, served(tmp_path, chats, "polling"):
        people = [Person(chats, 8_000 + place) for place in range(40)]
        for text in ("/start complaint", "2", WORDS):
            for person in people:
                person.say(text)
        for person in people:
            await person.hears(3)
            shown = [sent.text.split("\n")[0] for sent in person.messages]
            assert "ثبت شکایت" in shown[0]
            assert "در یک پیام" in shown[1]
            assert "ثبت شود" in person.messages[2].text


@pytest.mark.parametrize("mode", ["webhook", "polling"])
@within(90)
async def test_a_storm_of_429(tmp_path: Path, mode: str) -> None:
    """The messenger takes nothing for a while; then everything arrives, once and in order."""
    async with messenger() as chats, served(tmp_path, chats, mode) as server:
        storm = [True]
        refused: list[float] = []

        def slower(method: str, given: dict[str, Any]) -> web.Response | None:
            if method not in ("sendMessage", "editMessageReplyMarkup") or not storm:
                return None
            refused.append(asyncio.get_running_loop().time())
            return refusal(429, "Too Many Requests: retry after 1", retry_after=1)

        chats.fault = slower
        people = [Person(chats, 8_000 + place) for place in range(20)]
        for text in ("/start complaint", "2", WORDS):
            for person in people:
                person.say(text)
        await eventually(lambda: len(refused) >= 8)
        await asyncio.sleep(1.5)
        assert len(refused) < 120, "a messenger that asks for time is not hammered"
        assert chats.bot.sent == []
        storm.clear()
        for person in people:
            await person.hears(3)
            assert "ثبت شود" in person.messages[2].text
        assert all(len(person.messages) == 3 for person in people)
        assert await server.stop() == 0
        found = await rows(server, select(outbox.c.status, outbox.c.attempts))
        assert {row.status for row in found} == {"sent"}
        assert {row.attempts for row in found} == {1}, "a wait costs no attempt"


@pytest.mark.parametrize(
    ("platform", "code", "words"),
    [("telegram", 401, "Unauthorized"), ("bale", 400, "Bad Request: Token not found")],
)
@within(60)
async def test_a_revoked_token_is_an_alarm_and_the_rest_goes_on(
    tmp_path: Path, platform: str, code: int, words: str
) -> None:
    async with messenger(TOKEN, OTHER) as chats:
        chats.refuses = (code, words)
        more = {f"{platform.upper()}_BOTS": f"other={OTHER}"}
        async with served(tmp_path, chats, "polling", platform, **more) as server, ClientSession() as http:
            sara, reza = Person(chats), Person(chats, 7_002, chats.bots[OTHER])
            await _menu(sara)
            chats.refused.add(TOKEN)
            # The request that the messenger held ends without an update; the next one is refused.
            await eventually(lambda: "bot token refused" in server.log.read_text())
            assert "شکایت" in await _menu(reza)
            async with http.get(f"{server.url}/metrics") as response:
                metrics = await response.text()
            assert f'chapar_bot_refused{{bot="{platform}"}} 1.0' in metrics
            assert f'chapar_bot_refused{{bot="{platform}-other"}} 0.0' in metrics
            assert f'chapar_bot_updates_total{{bot="{platform}-other",kind="incoming"}} 1.0' in metrics
            [line] = [each for each in server.log.read_text().splitlines() if "bot token refused" in each]
            said = json.loads(line)
            setting = f"{platform.upper()}_TOKEN"
            assert (said["level"], said["bot"], said["setting"]) == ("error", platform, setting)


@pytest.mark.parametrize("mode", ["webhook", "polling"])
@within(120)
async def test_killed_between_an_update_and_its_answer(tmp_path: Path, mode: str) -> None:
    """``kill -9`` again and again while people talk. Every update is taken once, every answer arrives, and
    none twice but those that were on their way when the process died."""
    chance = random.Random(733)
    async with messenger() as chats:
        port = free_port()
        server = Server(tmp_path, settings_of(chats, mode, "telegram", port), port=port)
        people = [Person(chats, 8_000 + place) for place in range(12)]

        async def talks(person: Person) -> None:
            for text in ("/start complaint", "2", WORDS, "1", "/start"):
                said = len(person.messages)
                person.say(text)
                async with asyncio.timeout(90):
                    while len(person.messages) == said:
                        await asyncio.sleep(0.01)

        async with server:
            talking = asyncio.gather(*(talks(person) for person in people))
            for _kill in range(4):
                await asyncio.sleep(0.05 + chance.random() * 0.4)
                server.kill()
                await server.start()
            await talking
            assert await server.stop() == 0
        assert await count(server, complaints) == len(people), "each was filed, once"
        assert await count(server, turns) == 5 * len(people), "one turn for each update"
        found = await rows(server, select(outbox.c.status, outbox.c.attempts))
        assert {row.status for row in found} == {"sent"}
        twice = sum(row.attempts - 1 for row in found)
        assert sum(len(person.messages) for person in people) - 5 * len(people) <= twice


@within(60)
async def test_killed_while_the_messenger_takes_the_answer(tmp_path: Path) -> None:
    """The worst moment: the messenger has the answer, and nobody wrote down that it has. It may come twice,
    and comes in any case."""
    async with messenger() as chats:
        port = free_port()
        server = Server(tmp_path, settings_of(chats, "polling", "telegram", port), port=port)
        taken = asyncio.Event()

        def takes(method: str, given: dict[str, Any]) -> web.Response | None:
            if method == "sendMessage" and not taken.is_set():
                taken.set()
                server.kill()
            return None

        chats.fault = takes
        sara = Person(chats)
        async with server:
            sara.say("/start")
            await taken.wait()
            await server.start()
            assert await count(server, turns) == 1
            await sara.hears()
            await sara.asks("شکایت")
            await eventually(lambda: "قطعی" in str(sara.messages[-1].given))
            shown = [sent.text for sent in sara.messages]
            assert len(set(shown)) == 2
            assert len(shown) <= 3


@within(120)
async def test_two_processes_poll_one_bot(tmp_path: Path, beyond: dict[str, str]) -> None:
    """One polls, the other waits without a word; when it dies the other takes over. Nothing is doubled."""
    async with messenger() as chats:
        servers = []
        for name in ("one", "two"):
            port = free_port()
            settings = settings_of(chats, "polling", "telegram", port) | beyond | {"DISPATCH_IN_SERVE": "yes"}
            servers.append(Server(tmp_path / name, settings, port=port))
        async with servers[0], servers[1]:
            people = [Person(chats, 8_000 + place) for place in range(10)]
            for person in people:
                person.say("/start complaint")
            for person in people:
                await person.hears()
            polls = [server for server in servers if '"polling"' in server.log.read_text()]
            assert len(polls) == 1, "one of them"
            for person in people:
                person.say("2")
            polls[0].kill()
            # What was on its way when the process died may come twice: it was never written down as sent.
            await eventually(lambda: all("در یک پیام" in person.messages[-1].text for person in people))
            assert all(len(person.messages) <= 3 for person in people)
            [other] = [server for server in servers if server is not polls[0]]
            assert await count(other, turns) == 20
            said = other.log.read_text()
            assert "somebody else" not in said
            assert "Traceback" not in said


@within(90)
async def test_somebody_else_polls_the_same_bot(tmp_path: Path) -> None:
    """Without a database in common: the messenger says 409, and that is said once in the log."""
    async with messenger() as chats, served(tmp_path, chats, "polling") as server:
        sara = Person(chats)
        await _menu(sara)
        async with ClientSession() as http:
            for _poll in range(5):
                async with http.get(f"{chats.url}{TOKEN}/getUpdates", params={"timeout": "0"}) as response:
                    await response.read()
                await asyncio.sleep(0.2)
        await eventually(lambda: "somebody else polls this bot" in server.log.read_text())
        assert "قطعی" in await _complaint(sara), "it goes on when the other one has gone"
        assert server.log.read_text().count("somebody else polls this bot") == 1


@within(60)
async def test_a_webhook_that_was_there_is_taken_away_for_polling(tmp_path: Path) -> None:
    async with messenger() as chats:
        chats.bot.webhook = {"url": "http://127.0.0.1:9/gone"}
        async with served(tmp_path, chats, "polling"):
            await eventually(lambda: chats.bot.webhook is None)
            await _menu(Person(chats))


@within(90)
async def test_the_records_are_away_for_a_while(
    tmp_path: Path, beyond: dict[str, str], postgresql: Any
) -> None:
    """An update that cannot be written down is not acknowledged, and is taken when the records are back."""
    more = beyond | {"DISPATCH_IN_SERVE": "yes"}
    async with messenger() as chats, served(tmp_path, chats, "webhook", **more) as server:
        sara = Person(chats)
        await _menu(sara)
        postgresql.stop()
        try:
            sara.say("شکایت")
            await eventually(lambda: 503 in chats.refusals)
            assert len(sara.messages) == 1
        finally:
            postgresql.start()
        await sara.hears()
        assert "در یک پیام" in await sara.asks("2")
        assert len(sara.messages) == 3
        assert await count(server, turns) == 3
