"""Complaints dialled through the real server, by every gateway in its own wire format; and all that can be
wrong with a request, with nothing written of it."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiohttp import ClientSession, ClientTimeout
from sqlalchemy import func, select

from conversation.incoming import Caller
from conversation.request import session_key
from engine.layout import USSD
from records.cache import MemoryCache
from records.database import Database
from records.keyring import Keyring
from records.sessions import SessionStore, TurnRecord
from records.tables import (
    attempts,
    complaint_events,
    complaints,
    metadata,
    provider_minutes,
    sessions,
    turns,
)
from records.vault import Vault
from tests.running import SECRET, Phone, Server, within
from tests.ussd.speakers import FORM, SPEAKERS, AfricasTalking, Inoti, Sent, Shown, Speaker, send, shown

# One server for all of them.
pytestmark = pytest.mark.xdist_group("end-to-end")

WORDS = "سه روز است قطع است و کسی پاسخ نمی‌دهد"
ANSWERS = ("2", "2", WORDS, "1")
FILED, OVER, PARKED = "شکایت شما ثبت شد", "این گفتگو تمام شده است", "گفتگوی قبلی ناتمام ماند"

_PERSIAN = str.maketrans("۰۱۲۳۴۵۶۷۸۹", "0123456789")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The embedded default."""
    server = Server(tmp_path_factory.mktemp("embedded"))
    asyncio.run(server.start())
    yield server
    assert asyncio.run(server.stop()) == 0


@pytest.fixture(scope="module")
def beyond(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a database that was named, where only one gateway has its secret."""
    folder = tmp_path_factory.mktemp("beyond")
    first = Server(folder)  # It makes the tables and publishes the flows.
    asyncio.run(first.start())
    assert asyncio.run(first.stop()) == 0
    settings = {"DATABASE_URL": first.database_url, "USSD_NALO_SECRET": SECRET}
    server = Server(folder, settings)
    asyncio.run(server.start())
    yield server
    assert asyncio.run(server.stop()) == 0


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=15)) as session:
        yield session


@asynccontextmanager
async def records(server: Server) -> AsyncIterator[Database]:
    database = await Database.open(server.database_url)
    try:
        yield database
    finally:
        await database.close()


async def written(server: Server) -> dict[str, int]:
    """How many rows each table has, but for what the dispatcher writes when it has the time."""
    async with records(server) as database:
        return {
            table.name: (await database.read(select(func.count()).select_from(table)))[0][0]
            for table in metadata.sorted_tables
            if table not in (attempts, provider_minutes)
        }


@contextmanager
def held(server: Server) -> Iterator[None]:
    """Meanwhile no turn is committed, so that requests that come now are all under way at once."""
    with closing(sqlite3.connect(server.data / "chapar.sqlite3", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")


async def last_turn(server: Server, route: str, session: str, number: str) -> TurnRecord:
    """The last turn of a session, opened with the server's own keys."""
    vault = Vault(Keyring.load(server.data / "keys.json"))
    async with records(server) as database:
        store = SessionStore(database, vault, MemoryCache())
        found = await store.last_turn(session_key(Caller("ussd", route, session, number, USSD), vault))
    assert found is not None
    return found


async def messages(server: Server, http: ClientSession, number: str) -> list[dict[str, Any]]:
    """What the system sent to a number, once all of it has gone."""
    while True:
        async with http.get(f"{server.url}/sandbox/messages", params={"to": number}) as response:
            found: list[dict[str, Any]] = (await response.json())["messages"]
        if all(message["status"] == "delivered" for message in found):
            return found
        await asyncio.sleep(0.02)


def numbers(text: str) -> list[str]:
    """The complaint numbers in a text."""
    found = re.findall(r"(?<![0-9/])[0-9]{4}[^0-9]?[0-9]{4}(?![0-9/])", text.translate(_PERSIAN))
    return [re.sub(r"\D", "", number) for number in found]


# Every gateway.


@pytest.mark.parametrize("kind", SPEAKERS, ids=lambda kind: kind.name)
@within(30)
async def test_a_complaint(server: Server, http: ClientSession, kind: type[Speaker]) -> None:
    place = SPEAKERS.index(kind)
    speaker = kind(f"+9891211100{place:02d}", f"7{place}1")

    async def say(sent: Sent) -> Shown:
        """One request, which arrives three times at once, and once more where that can be told."""
        with held(server):
            copies = [asyncio.create_task(shown(http, server.url, speaker, sent)) for _copy in range(3)]
            await asyncio.sleep(0.3)  # Until all three are there, however busy the machine is.
        screens = await asyncio.gather(*copies)
        assert screens == [screens[0]] * 3
        if speaker.numbers_answers:
            assert await shown(http, server.url, speaker, sent) == screens[0]
        return screens[0]

    menu = await say(speaker.begin())
    assert menu.waits
    if speaker.marks_openings:
        assert await shown(http, server.url, speaker, speaker.begin()) == menu
    assert menu.text.startswith("چاپار\n1 ")
    for answer, expected in zip(ANSWERS, ("پیام مزاحم", "در یک پیام", "ثبت شود؟"), strict=False):
        screen = await say(speaker.answer(answer))
        assert screen.waits
        assert expected in screen.text
    confirm = speaker.answer(ANSWERS[-1])
    last = await say(confirm)
    assert not last.waits
    assert FILED in last.text
    again = await shown(http, server.url, speaker, confirm)
    # A gateway that numbers nothing cannot say that it repeats: then it is told that the dialog is over.
    assert again == last or (not speaker.numbers_answers and OVER in again.text and not again.waits)

    [message] = await messages(server, http, speaker.number)
    assert (message["channel"], message["class"], message["to"]) == ("sms", "service", speaker.number)
    assert numbers(message["body"]) == numbers(last.text)
    [number] = numbers(last.text)
    async with records(server) as database:
        [complaint] = await database.read(select(complaints).where(complaints.c.number == number))
        [session] = await database.read(select(sessions).where(sessions.c.id == complaint.session))
        steps = await database.read(select(turns.c.sequence).where(turns.c.session == session.id))
        events = await database.read(
            select(complaint_events).where(complaint_events.c.complaint == complaint.id)
        )
    assert (session.route, session.code, session.outcome) == (kind.name, "*733#", "done")
    assert complaint.category == "outage"
    assert len(steps) == len(ANSWERS) + 1
    assert [event.kind for event in events] == ["opened"]


@pytest.mark.parametrize("kind", SPEAKERS, ids=lambda kind: kind.name)
@within(30)
async def test_who_is_cut_off_goes_on_where_it_stopped(
    server: Server, http: ClientSession, kind: type[Speaker]
) -> None:
    place = SPEAKERS.index(kind)
    speaker = kind(f"+9891222200{place:02d}", f"7{place}2")
    await shown(http, server.url, speaker, speaker.begin())
    for answer in ANSWERS[:2]:
        before = await shown(http, server.url, speaker, speaker.answer(answer))
    if (left := speaker.leave()) is not None:
        told = await send(http, server.url, left)
        assert told.status == 200
    redial = kind(speaker.number, f"7{place}3")
    assert PARKED in (await shown(http, server.url, redial, redial.begin())).text
    # What was answered before the break cannot be taken back any more; all else is as it was.
    resumed = await shown(http, server.url, redial, redial.answer("1"))
    assert resumed.text == before.text.replace("\n0 بازگشت", "")
    await shown(http, server.url, redial, redial.answer(WORDS))
    assert FILED in (await shown(http, server.url, redial, redial.answer("1"))).text
    assert len(await messages(server, http, speaker.number)) == 1


@pytest.mark.parametrize("kind", SPEAKERS, ids=lambda kind: kind.name)
@within(30)
async def test_answers_dialled_with_the_code(
    server: Server, http: ClientSession, kind: type[Speaker]
) -> None:
    place = SPEAKERS.index(kind)
    speaker = kind(f"+9891233300{place:02d}", f"7{place}4", code="733*2*2")
    assert "در یک پیام" in (await shown(http, server.url, speaker, speaker.begin())).text


@pytest.mark.parametrize("kind", SPEAKERS, ids=lambda kind: kind.name)
@within(30)
async def test_without_the_secret_nothing_is_written(
    beyond: Server, http: ClientSession, kind: type[Speaker]
) -> None:
    before = await written(beyond)
    speaker = kind("+989124440000", "741")
    asked = [speaker.begin(), speaker.answer("2"), *filter(None, [speaker.leave()])]
    for sent in asked:
        for secret in ("", "wrong", SECRET.upper(), *([SECRET] if kind.name != "nalo" else [])):
            answer = await send(http, beyond.url, sent, secret)
            assert answer.status == 403
            assert "733" not in answer.body.decode()
    assert await written(beyond) == before
    if kind.name == "nalo":
        screen = await shown(http, beyond.url, speaker, asked[0], SECRET)
        assert screen.text.startswith("چاپار")
        after = await written(beyond)
        assert {name for name in after if after[name] != before[name]} == {
            "addresses", "sessions", "subscribers", "turns"
        }  # fmt: skip


async def test_nobody_may_read_what_was_sent_through_a_proxy(server: Server, http: ClientSession) -> None:
    for headers in (
        {"X-Forwarded-For": "192.0.2.1"},
        {"Origin": "https://example.com"},
        {"Host": "example.com"},
    ):
        for path in ("/sandbox/messages", "/", "/metrics"):
            async with http.get(f"{server.url}{path}", headers=headers) as response:
                assert response.status == 403, (path, headers)
        refused = await send(http, server.url, Sent("POST", "/africastalking", b"", {**FORM, **headers}))
        assert refused.status == 403


# What is wrong with a request. Each is sent to the real server, which answers and writes nothing.


def form(**fields: str) -> bytes:
    """A good first request of Africa's Talking, changed. A field that is "-" is left out."""
    good = {
        "sessionId": "bad",
        "phoneNumber": "+989125550000",
        "networkCode": "43211",
        "serviceCode": "*733#",
        "text": "",
    }
    return urlencode({name: value for name, value in {**good, **fields}.items() if value != "-"}).encode()


def at(body: bytes) -> Sent:
    return Sent("POST", "/africastalking", body, FORM)


def nalo(**members: object) -> Sent:
    good = {"USERID": "u", "MSISDN": "989125550000", "USERDATA": "", "MSGTYPE": True, "SESSIONID": "bad"}
    return Sent("POST", "/nalo", json.dumps({**good, **members}).encode())


def xml(document: str) -> Sent:
    return Sent("POST", "/truroute", document.encode())


def truroute(text: str) -> str:
    return (
        f"<ussd><msisdn>989125550000</msisdn><sessionid>bad</sessionid><type>1</type><msg>{text}</msg></ussd>"
    )


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE ussd [<!ENTITY l0 "ha">{LAUGHS}]>{truroute("&l9;")}'
OUTSIDE = f'<!DOCTYPE ussd [<!ENTITY x SYSTEM "file:///etc/passwd">]>{truroute("&x;")}'

NEEDED = ("sessionId", "phoneNumber", "serviceCode")
BEGINNING = b'<processUnstructuredSSRequest_Request invokeId="1" string="*733#"/>'
HUBTEL = b'{"Type": "initiation", "Mobile": "989125550000", "SessionId": "bad"}'
GZIP = {**FORM, "Content-Encoding": "gzip", "Connection": "close"}

BAD: Mapping[str, tuple[int, Sent]] = {
    "unknown gateway": (404, Sent("POST", "/huawei", form())),
    "unknown path": (404, Sent("POST", "/africastalking/else", form())),
    "wrong method": (405, Sent("PUT", "/africastalking", form())),
    "nothing": (400, at(b"")),
    **{f"no {name}": (400, at(form(**{name: "-"}))) for name in (*NEEDED, "text")},
    **{f"empty {name}": (400, at(form(**{name: ""}))) for name in NEEDED},
    "doubled session": (400, at(form() + b"&sessionId=other")),
    "doubled number": (400, at(form() + b"&phoneNumber=%2B989125550001")),
    "doubled text": (400, at(form() + b"&text=2")),
    "long session": (400, at(form(sessionId="s" * 129))),
    "long number": (400, at(form(phoneNumber="+98912555000012345678901"))),
    "long text": (400, at(form(text="1" * 20_001))),
    "many fields": (400, at(form() + b"".join(b"&f%d=1" % n for n in range(100)))),
    "odd session": (400, at(form(sessionId="نشست"))),
    "session of controls": (400, at(form(sessionId="a\r\nb"))),
    "no number": (400, at(form(phoneNumber="nobody"))),
    "short number": (400, at(form(phoneNumber="12"))),
    "number of Iran that is none": (400, at(form(phoneNumber="+98212"))),
    "number in Persian digits": (400, at(form(phoneNumber="۰۹۱۲۵۵۵۰۰۰۰"))),
    "no code": (400, at(form(serviceCode="seven"))),
    "long code": (400, at(form(serviceCode="*" + "7" * 99 + "#"))),
    "not UTF-8": (400, at(form() + b"&x=\xff\xfe")),
    "escaped, not UTF-8": (400, at(form(text="-") + b"&text=%ff%fe")),
    "broken escape": (400, at(form(text="-") + b"&text=%zz")),
    "half a surrogate pair": (400, at(form(text="-") + b"&text=%ED%A0%80")),
    "not a form": (400, at(b'{"sessionId": "bad"}')),
    "ten million bytes": (413, at(form(text="-") + b"&text=" + b"1" * 10_000_000)),
    "compressed by name": (400, Sent("POST", "/africastalking", form(), GZIP)),
    "not JSON": (400, Sent("POST", "/nalo", b"{")),
    "JSON in UTF-16": (400, Sent("POST", "/nalo", json.dumps({"USERID": "u"}).encode("utf-16"))),
    "a list": (400, Sent("POST", "/nalo", b"[]")),
    "nested": (400, Sent("POST", "/nalo", b"[" * 30_000)),
    "a member twice": (400, Sent("POST", "/nalo", b'{"MSISDN": "989125550000", "MSISDN": "989125550001"}')),
    "NaN": (400, Sent("POST", "/nalo", b'{"USERID": NaN}')),
    "text as a number": (400, nalo(USERDATA=1)),
    "number as a number": (400, nalo(MSISDN=989125550000)),
    "flag as text": (400, nalo(MSGTYPE="true")),
    "session as a list": (400, nalo(SESSIONID=["bad"])),
    "text as null": (400, nalo(USERDATA=None)),
    "lone surrogate in JSON": (400, nalo(USERDATA="\ud83d")),
    "long answer in JSON": (400, nalo(USERDATA="1" * 1_001)),
    "unknown type": (400, Sent("POST", "/hubtel", HUBTEL.replace(b"initiation", b"dance"))),
    "not XML": (400, xml("<ussd>")),
    "another root": (400, xml("<ssud/>")),
    "an element twice": (400, xml(truroute("").replace("<type>1</type>", "<type>1</type><type>1</type>"))),
    "XML bomb": (400, xml(BOMB)),
    "XML from outside": (400, xml(OUTSIDE)),
    "XML bomb for RestComm": (400, Sent("POST", "/restcomm", BOMB.encode())),
    "dialog without a message": (400, Sent("POST", "/restcomm", b'<dialog localId="1"/>')),
    "dialog of nobody": (400, Sent("POST", "/restcomm", b'<dialog localId="1">' + BEGINNING + b"</dialog>")),
    "a call that is no code": (400, Sent("GET", "/inoti?call=hello&sessionid=b&mobile=09125550000")),
    "an act that there is not": (404, Sent("POST", "/infobip/b/dance", b"{}")),
}  # fmt: skip


@within(60)
async def test_a_wrong_request_is_told_so_and_writes_nothing(server: Server, http: ClientSession) -> None:
    before = await written(server)
    for name, (status, sent) in BAD.items():
        answer = await send(http, server.url, sent)
        assert answer.status == status, (name, answer.body)
        said = answer.body.decode()
        assert said, name
        # What is said is for the gateway's developers, and repeats nothing of anybody.
        assert "5550000" not in said, name
        assert "Traceback" not in said, name
    assert await written(server) == before
    assert (await Phone(http, server.url, "+989125550000", "good").dial()).startswith("CON")


async def test_an_unknown_code(server: Server, http: ClientSession) -> None:
    screen = await Phone(http, server.url, "+989125550009", "code").dial("*999#")
    assert screen == "END این کد شناخته نشد. کد را درست بگیرید."


# What people type.

ODD = {
    "emoji": ("قطع شد 😀👨\u200d👩\u200d👧 آن هم سه روز", "قطع شد 😀👨👩👧 آن هم سه روز"),
    "control characters": ("قطع\x07 شد\tآن هم\r\nسه روز\x00", "قطع شدآن همسه روز"),
    "half-space": ("سرویس\u200cها قطع\u200c\u200cاند", "سرویس ها قطع اند"),
    "right-to-left marks": ("\u200fخط \u202bقطع\u202c است\u200e\ufeff", "خط قطع است"),
    "Arabic letters and digits": ("كيفيت بد، ٣ روز و ۴ ساعت", "کیفیت بد، 3 روز و 4 ساعت"),
    "stars and sharps": ("از *733# تا # همه *قطع* است", "از *733# تا # همه *قطع* است"),
    "what looks like a form": ("a=1&text=2&b=%41+%", "a=1&text=2&b=%41+%"),
    "braces": ("{number} و {{x}} و {deadline:date}", "{number} و {{x}} و {deadline:date}"),
}


@pytest.mark.parametrize("name", ODD)
@within(30)
async def test_odd_answers_are_kept_as_they_came_and_read_folded(
    server: Server, http: ClientSession, name: str
) -> None:
    typed, folded = ODD[name]
    place = list(ODD).index(name)
    speaker = AfricasTalking(f"+98912666{place:04d}", f"odd{place}")
    for sent in (speaker.begin(), speaker.answer("2"), speaker.answer("2")):
        await shown(http, server.url, speaker, sent)
    sent = speaker.answer(typed)
    assert "ثبت شود؟" in (await shown(http, server.url, speaker, sent)).text
    record = await last_turn(server, "africastalking", speaker.session, speaker.number)
    assert record.raw == sent.body
    assert quote(typed.split()[0], safe="").encode() in record.raw.replace(b"+", b"%20")
    assert record.text == folded
    assert record.peer == "127.0.0.1"
    last = await shown(http, server.url, speaker, speaker.answer("1"))
    [number] = numbers(last.text)
    # The person reads it again as it was written, without what no screen can show.
    follow = Phone(http, server.url, speaker.number, f"follow{place}")
    screen = await follow.walk("3", number)
    assert "نیست" not in screen.split("\n")[0], screen


# Sessions that are used again.


@within(30)
async def test_a_session_id_used_again_by_another_number(server: Server, http: ClientSession) -> None:
    mine = Phone(http, server.url, "+989127770001", "shared")
    yours = Phone(http, server.url, "+989127770002", "shared")
    await mine.walk("2", "2")
    assert (await yours.dial()).startswith("CON چاپار")
    assert "ثبت شود؟" in await mine.type(WORDS)
    assert FILED in await mine.type("1")
    # Whose request is new: the dialog of the one says nothing about that of the other.
    assert "این گزینه نیست" in await yours.type("9")
    assert await messages(server, http, yours.number) == []


@pytest.mark.parametrize("kind", SPEAKERS, ids=lambda kind: kind.name)
@within(30)
async def test_a_reply_to_an_ended_session(server: Server, http: ClientSession, kind: type[Speaker]) -> None:
    place = SPEAKERS.index(kind)
    speaker = kind(f"+9891288800{place:02d}", f"7{place}5")
    await shown(http, server.url, speaker, speaker.begin())
    for answer in ANSWERS:
        screen = await shown(http, server.url, speaker, speaker.answer(answer))
    assert FILED in screen.text
    before = await written(server)
    late = await shown(http, server.url, speaker, speaker.answer("2"))
    assert OVER in late.text
    assert not late.waits
    assert await written(server) == before
    # And an answer in a dialog that never was.
    stranger = kind(f"+9891288801{place:02d}", f"7{place}6")
    if kind.name not in ("africastalking", "inoti", "comviva"):  # They do not say that a dialog goes on.
        if kind.name == "restcomm":
            stranger.__dict__["carried"] = f"7:{stranger.number}"
        assert OVER in (await shown(http, server.url, stranger, stranger.answer("1"))).text
        assert await written(server) == before


@within(60)
async def test_the_same_requests_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory, http: ClientSession
) -> None:
    """The last request of a dialog from every gateway that numbers its requests, and each one from those that
    repeat all answers."""
    server = Server(tmp_path_factory.mktemp("restarted"))
    speakers = [
        kind(f"+9891299900{place:02d}", f"7{place}7")
        for place, kind in enumerate(SPEAKERS)
        if kind.numbers_answers
    ]
    sent: list[tuple[Speaker, Sent, Shown]] = []
    async with server:
        for speaker in speakers:
            dialog: list[tuple[Speaker, Sent, Shown]] = []
            for answer in (None, *ANSWERS):
                request = speaker.begin() if answer is None else speaker.answer(answer)
                dialog.append((speaker, request, await shown(http, server.url, speaker, request)))
            sent += dialog if isinstance(speaker, AfricasTalking | Inoti) else dialog[-1:]
        before = await written(server)
        assert await server.stop() == 0
        await server.start()
        for speaker, request, screen in sent:
            assert await shown(http, server.url, speaker, request) == screen
        assert await written(server) == before
        for speaker in speakers:
            assert len(await messages(server, http, speaker.number)) == 1
        assert await server.stop() == 0
    assert before["complaints"] == len(speakers)
