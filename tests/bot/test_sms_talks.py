"""Conversations by SMS with the real server, by Kavenegar's callback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from engine.alphabet import parts
from records.database import Database
from records.tables import complaints, consents, inbox, outbox, sessions
from tests.bot.sms_people import LINE, PATH, Texter, count, records, worked, written
from tests.faults.ledger import complaint_number
from tests.running import SECRET, Phone, Server, within

# One server for all of them.
pytestmark = pytest.mark.xdist_group("sms-talks")

WORDS = "سه روز است قطع است و کسی پاسخ نمی‌دهد"
FILED, MENU, AGAIN = "شکایت شما ثبت شد", "چاپار\n1 ", "این گزینه نیست"
STOPPED, STARTED = "دیگر پیام تبلیغاتی", "از این پس"

Someone = Callable[[str], Texter]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The embedded default."""
    server = Server(tmp_path_factory.mktemp("embedded"))
    asyncio.run(server.start())
    yield server
    assert asyncio.run(server.stop()) == 0


@pytest.fixture
async def database(server: Server) -> AsyncIterator[Database]:
    async with records(server) as database:
        yield database


@pytest.fixture
def someone(server: Server, http: ClientSession) -> Someone:
    """Somebody whose number ends like this."""
    return lambda tail: Texter(http, server.url, f"+98912555{tail}")


# The conversation.


@within(30)
async def test_a_complaint(someone: Someone, database: Database) -> None:
    sara = someone("0001")
    assert (await sara.say("سلام")).startswith(MENU)
    assert "پیام مزاحم" in await sara.say("شکایت")
    assert "در یک پیام" in await sara.say("۲")
    confirm = await sara.say(WORDS)
    assert confirm == "شکایت شما ثبت شود؟\n1 بله\n2 اصلاح متن\n3 نه\n0 بازگشت\n00 منو"
    last = await sara.say("بله")
    assert FILED in last
    number = complaint_number(last.replace("\xa0", " "))
    [complaint] = await database.read(select(complaints).where(complaints.c.number == number))
    assert (complaint.channel, complaint.category) == ("sms", "outage")
    [session] = await database.read(select(sessions).where(sessions.c.id == complaint.session))
    assert (session.channel, session.route, session.outcome) == ("sms", f"sms-{LINE}", "done")
    assert (await sara.say("سلام")).startswith(MENU), "the next dialog begins by itself"
    sent = await database.read(select(outbox).where(outbox.c.party == session.party))
    bodies = [message["body"] for message in await sara.messages()]
    assert sum(FILED in body for body in bodies) == 1, "a screen of SMS confirms by itself"
    assert sorted(row.parts for row in sent) == sorted(parts(body) for body in bodies), "each is counted"
    assert max(row.parts for row in sent) <= 2
    assert {*await worked(database)} == {"answered"}
    kept = await database.read(select(inbox.c.sealed).where(inbox.c.party == session.party))
    assert len(kept) == 6
    assert not any(b"9125550001" in row.sealed for row in kept)


@within(30)
async def test_the_same_person_by_ussd_and_by_sms(
    someone: Someone, server: Server, http: ClientSession
) -> None:
    """What was filed by SMS is followed by USSD."""
    sara = someone("0002")
    for text in ("شکایت", "2", WORDS):
        await sara.say(text)
    number = complaint_number((await sara.say("1")).replace("\xa0", " "))
    screen = await Phone(http, server.url, sara.number, "S-sms").walk("3", number)
    assert "قطعی" in screen or "در دست بررسی" in screen, screen


@within(30)
async def test_a_doubled_callback_is_one_turn(someone: Someone, database: Database) -> None:
    sara = someone("0003")
    await sara.say("سلام")
    assert await asyncio.gather(*(sara.send("2", "777001") for _copy in range(5))) == [200] * 5
    assert "پیام مزاحم" in (await sara.answers())[0]
    assert await sara.send("2", "777001") == 200, "and long after"
    assert "در یک پیام" in await sara.say("2")
    for earlier in ("777001", "777001"):
        assert await sara.send("2", earlier) == 200, "and after others"
    await worked(database)
    assert len(await sara.messages()) == 3


@within(30)
async def test_a_doubled_callback_that_has_no_number(someone: Someone, database: Database) -> None:
    sara = someone("0004")
    assert await asyncio.gather(*(sara.send("سلام", "") for _copy in range(5))) == [200] * 5
    await sara.answers()
    assert await sara.send("سلام", "") == 200
    await worked(database)
    assert len(await sara.messages()) == 1
    assert "پیام مزاحم" in await sara.say("2"), "other words are another message"


@within(30)
async def test_messages_are_answered_in_the_order_of_their_arrival(
    someone: Someone, database: Database
) -> None:
    """Numbers of a provider promise no order: one that comes late is the next answer, and is not lost."""
    sara = someone("0005")
    assert await sara.send("شکایت", "900003") == 200
    assert await sara.send("2", "900001") == 200
    assert await sara.send(WORDS, "900002") == 200
    screens = await sara.answers(3)
    assert [screen[:9] for screen in screens] == ["ثبت شکایت", "شکایت خود", "شکایت شما"]
    await worked(database)
    assert len(await sara.messages()) == 3


@within(30)
async def test_many_people_at_once(someone: Someone, database: Database) -> None:
    people = [someone(f"1{number:03d}") for number in range(40)]

    async def talk(person: Texter) -> None:
        assert "پیام مزاحم" in await person.say("شکایت")
        assert "در یک پیام" in await person.say("2")

    await asyncio.gather(*(talk(person) for person in people))
    assert [len(await person.messages()) for person in people] == [2] * len(people)
    await worked(database)


# What is wrong.


@within(30)
async def test_who_has_no_number_is_kept_and_not_answered(
    server: Server, http: ClientSession, database: Database
) -> None:
    before = await written(database)
    senders = ("BANK MELLI", "همراه اول", "700", "30001234", "9830001234", "+254711000111", "02188888888")
    for sender in senders:
        assert await Texter(http, server.url, sender).send("کد شما ۱۲۳۴ است. لغو۱۱") == 200
    outcomes = await worked(database)
    assert outcomes[-len(senders) :] == ["kept"] * len(senders)
    after = await written(database)
    assert after.pop("inbox") == before["inbox"] + len(senders)
    assert after == {name: rows for name, rows in before.items() if name != "inbox"}


@within(30)
async def test_what_is_no_sms_is_refused_and_leaves_nothing(
    server: Server, http: ClientSession, database: Database
) -> None:
    before = await written(database)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"from=09121234567&message="
        for _piece in range(160):
            yield b"x" * 65_536

    bodies: list[tuple[object, int]] = [
        (b"", 400),
        (b"message=hello", 400),
        (b"from=&message=hello", 400),
        (b"from=09121234567", 400),
        (b"from=09121234567&message=%ff%fe", 400),
        (b"from=09121234567&message=\xff\xfe", 400),
        (bytes(range(256)) * 16, 400),
        (b'{"from": "09121234567", "message": "x"}', 400),
        (b"from=09121234567&message=" + b"x" * 70_000, 413),
        (BytesIO(b"from=09121234567&message=" + b"x" * 10_000_000), 413),
        (chunks(), 413),
    ]
    for body, status in bodies:
        try:
            async with http.post(f"{server.url}{PATH}", data=body) as response:
                assert response.status == status, body
        except ConnectionError:
            assert status == 413, "a server may hang up on what it does not read"
    async with http.get(f"{server.url}{PATH}", params={"from": "09121234567", "message": "x"}) as response:
        assert response.status == 405
    async with http.post(f"{server.url}/sms/melipayamak") as response:
        assert response.status == 404
    assert await written(database) == before


@within(60)
async def test_without_the_secret_nothing_is_read(tmp_path: Path, http: ClientSession) -> None:
    """Beyond the embedded default: with the secret, with a wrong one, and where none is set."""
    first = Server(tmp_path)  # It makes the tables and publishes the flows.
    await first.start()
    assert await first.stop() == 0
    settings = {"DATABASE_URL": first.database_url, "DISPATCH_IN_SERVE": "yes"}
    async with Server(tmp_path, {**settings, "SMS_INBOUND_SECRET": SECRET}) as server:
        async with records(server) as database:
            before = await written(database)
            for secret in ("", "wrong", SECRET[:-1], SECRET + "x", SECRET.upper()):
                stranger = Texter(http, server.url, secret=secret)
                assert await stranger.send("سلام") == 403
            assert await written(database) == before
            assert (await Texter(http, server.url, secret=SECRET).say("سلام")).startswith(MENU)
        assert SECRET not in server.log.read_text()
        await server.stop()
    async with Server(tmp_path, settings) as server:
        assert await Texter(http, server.url).send("سلام") == 403, "closed, from this machine too"
        await server.stop()


@within(30)
async def test_lines_that_are_not_ours_are_kept(tmp_path: Path, http: ClientSession) -> None:
    settings = {"SMS_LINES": "10004346,30002225"}
    async with Server(tmp_path, settings) as server, records(server) as database:
        for line in ("+9830002225", ""):
            sara = Texter(http, server.url, line=line)
            await sara.send("سلام")
            await worked(database)
        assert await Texter(http, server.url, line="20001111").send("سلام") == 200
        assert await worked(database) == ["answered", "answered", "kept"]
        routes = await database.read(select(sessions.c.route).order_by(sessions.c.id))
        assert [row.route for row in routes] == ["sms-30002225", "sms-10004346"]
        assert "SMS_LINES does not name" in server.log.read_text()
        await server.stop()


# 11 and 12.


async def answers_of(database: Database, number: str) -> list[bool]:
    """What was kept of somebody's consent, by the party of their newest message."""
    newest = select(inbox.c.id).order_by(inbox.c.id.desc()).limit(1)
    rows = await database.read(
        select(consents.c.given, consents.c.channel).where(
            consents.c.subscriber.in_(
                select(sessions.c.subscriber).where(
                    sessions.c.party == select(inbox.c.party).where(inbox.c.id.in_(newest)).scalar_subquery()
                )
            )
        ).order_by(consents.c.id)
    )  # fmt: skip
    assert all(row.channel == "sms" for row in rows), number
    return [row.given for row in rows]


@within(30)
async def test_eleven_closes_and_twelve_opens_again(someone: Someone, database: Database) -> None:
    sara = someone("2001")
    before = await count(database, consents)
    assert (await sara.say("12")).startswith(MENU), "nobody asked her yet: it is a word like any other"
    assert await count(database, consents) == before
    assert (await sara.say("11")).startswith(STOPPED)
    assert await sara.send("۱۱") == 200
    assert await sara.send("لغو۱۱") == 200
    await worked(database)
    assert len(await sara.messages()) == 2, "confirmed once"
    assert (await sara.say("۱۲")).startswith(STARTED)
    assert (await sara.say("لغو 11")).startswith(STOPPED)
    assert await answers_of(database, sara.number) == [False, False, False, True, False]
    evidence = await database.read(select(consents.c.session).order_by(consents.c.id.desc()).limit(5))
    rows = await database.read(
        select(inbox.c.outcome).where(inbox.c.id.in_([row.session for row in evidence]))
    )
    assert [row.outcome for row in rows] == ["consent"] * 5, "the message that says so is found by its id"


@within(30)
async def test_a_newcomer_can_close_the_line(someone: Someone, database: Database) -> None:
    sara = someone("2002")
    answer = await sara.say("لغو")
    assert answer == "دیگر پیام تبلیغاتی برای شما نمی‌فرستیم.\nعضویت دوباره: ۱۲"
    assert parts(answer) == 1
    [wish] = await database.read(select(inbox.c.party).order_by(inbox.c.id.desc()).limit(1))
    assert not await database.read(select(sessions.c.id).where(sessions.c.party == wish.party)), "no dialog"
    assert (await sara.say("12")).startswith(STARTED)


@within(30)
async def test_an_open_dialog_has_what_it_waits_for_and_the_rule_the_rest(
    someone: Someone, database: Database
) -> None:
    sara = someone("2003")
    await sara.say("شکایت")
    assert (await sara.say("11")).startswith(STOPPED), "the menu has no eleventh option"
    assert "در یک پیام" in await sara.say("2"), "and stands where it stood"
    assert (await sara.say("۱۲")).startswith(STARTED), "too short for a complaint"
    assert (await sara.say("لغو ۱۱")).startswith(STOPPED), "long enough, but it can mean nothing else"
    assert "ثبت شود" in await sara.say(WORDS)
    menu = await sara.say("منو")
    assert menu.startswith(MENU)
    assert "پیام تبلیغاتی" in await sara.say("تبلیغات")
    assert "بفرستیم؟" in await sara.say("1")
    assert "انجام شد" in await sara.say("1")
    await sara.say("تبلیغات")
    assert "قطع شود؟" in await sara.say("لغو"), "an option of this menu"


@within(30)
async def test_the_confirmation_is_in_the_persons_language(someone: Someone) -> None:
    sara = someone("2004")
    await sara.say("زبان")
    assert (await sara.say("English")).isascii()
    assert (await sara.say("11")).startswith("You will get no more")
    assert (await sara.say("12")).startswith("You will get advertising")
