"""Whole conversations over the web chat's socket, in front of a real server."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import WSServerHandshakeError

from bot.webchat_tokens import Tokens
from records.keyring import Keyring
from records.vault import Vault
from tests.bot.conftest import OwnServer, Visit, VisitAt
from tests.bot.visiting import Closed
from tests.running import Server, within

FILED = "شکایت شما ثبت شد"
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def tokens_of(server: Server) -> Tokens:
    """Issues tokens as this server does, of whatever age."""
    return Tokens(Vault(Keyring.load(server.data / "keys.json")))


def visitor_in(token: str) -> str:
    return token.split(".")[1]


async def test_a_whole_complaint(visit: Visit) -> None:
    visitor = await visit().come()
    assert visitor.welcome["text_bytes"] == 4_096
    menu = await visitor.say("سلام")
    assert [option["label"] for option in menu["options"]][1] == "شکایت"
    assert menu["open"]
    last = await visitor.file_complaint()
    assert last["said"] == "1"
    assert FILED in last["text"]
    assert re.search(r"\d{4}-\d{4}", last["text"])
    assert not last.get("open")
    ids = [frame["id"] for frame in visitor.seen]
    assert len(set(ids)) == len(ids) == 5


async def test_a_button_is_pressed(visit: Visit) -> None:
    visitor = await visit().come()
    menu = await visitor.say("منو")
    shown = await visitor.say("2", to=menu["id"])
    assert shown["text"] == "ثبت شکایت"
    # One of a menu that is not the present one any more.
    late = await visitor.say("3", to=menu["id"])
    assert late == {"type": "refused", "ref": late["ref"], "reason": "late"}
    back = await visitor.say("0", to=shown["id"])
    assert back["text"] == menu["text"]


async def test_after_the_end_a_word_begins_anew(visit: Visit) -> None:
    visitor = await visit().come()
    await visitor.file_complaint()
    again = await visitor.say("سلام")
    assert again["open"]
    assert len(visitor.seen) == 5


async def test_cut_in_the_middle_and_gone_on_with(visit: Visit) -> None:
    visitor = await visit().come()
    await visitor.say("شکایت")
    token, before = visitor.token, list(visitor.seen)
    visitor.cut()
    await visitor.come()
    assert visitor.token == token
    assert visitor.welcome["known"]
    assert visitor.seen == before, "it has everything already"
    for word in ("2", "آب محله دو روز است قطع است"):
        await visitor.say(word)
    assert FILED in (await visitor.say("1"))["text"]


async def test_cut_after_each_message_nothing_is_lost_or_doubled(visit: Visit) -> None:
    """The connection is cut before any answer comes, each time; the client says the same again."""
    visitor = await visit().come()
    words = ("شکایت", "2", "اینترنت محله ما از دیروز قطع است", "1")
    for number, word in enumerate(words):
        await visitor.send(type="say", id=f"m{number}", text=word)
        visitor.cut()
        await visitor.come()
        if not any(frame.get("ref") == f"m{number}" for frame in visitor.seen):
            await visitor.say(word, id=f"m{number}")
        await visitor.quiet(0.1)
    told = [(frame.get("ref"), frame.get("said")) for frame in visitor.seen]
    assert told == [(f"m{number}", word) for number, word in enumerate(words)]
    assert FILED in visitor.texts[-1]
    shown = list(visitor.seen)
    await visitor.go()
    await visitor.come(anew=True)
    assert visitor.seen == shown


async def test_the_same_message_again_is_one_turn(visit: Visit) -> None:
    visitor = await visit().come()
    await visitor.say("شکایت", id="one")
    assert await visitor.say("شکایت", id="one") == {"type": "taken", "ref": "one"}
    await visitor.say("2", id="two")
    assert await visitor.say("شکایت", id="one") == {"type": "taken", "ref": "one"}
    assert len(visitor.seen) == 2
    # Also when the dialog that took it is over, and another one has begun.
    for word in ("برق محله هر شب قطع می‌شود", "1", "منو"):
        await visitor.say(word)
    assert await visitor.say("2", id="two") == {"type": "taken", "ref": "two"}
    assert len(visitor.seen) == 5


async def test_what_happened_while_away_waits(visit: Visit) -> None:
    visitor = await visit().come()
    await visitor.say("شکایت")
    await visitor.go()
    other = visit(token=visitor.token)
    await other.come()
    assert other.seen == visitor.seen
    await other.say("2")
    await other.say("۲")
    await visitor.come()
    assert visitor.seen == other.seen
    assert len(visitor.seen) == 3


async def test_all_windows_of_a_visitor_show_the_same(visit: Visit) -> None:
    one = await visit().come()
    two = await visit(token=one.token).come()
    await one.say("شکایت", id="a")
    await two.until(lambda frame: frame.get("ref") == "a")
    await two.say("2", id="b")
    await one.until(lambda frame: frame.get("ref") == "b")
    assert one.seen == two.seen


async def test_visitors_are_apart(visit: Visit) -> None:
    one, two = await visit().come(), await visit().come()
    assert visitor_in(one.token) != visitor_in(two.token)
    await one.say("شکایت")
    await two.say("سلام")
    assert await one.quiet(0.2) == []
    assert [frame["said"] for frame in two.seen] == ["سلام"]


async def test_a_long_history_comes_whole(visit: Visit) -> None:
    visitor = await visit().come()
    await visitor.say("منو")
    start = visitor.last
    await visitor.go()
    # Faster than a person may write; there are several servers' worth of patience here.
    other = visit(token=visitor.token)
    await other.come()
    said = 1
    while said < 14:
        frame = await other.say("0")
        if frame["type"] == "slow":
            await asyncio.sleep(frame["retry"])
        else:
            said += 1
    await visitor.come()
    assert visitor.seen == other.seen
    assert visitor.seen[0]["id"] == start
    assert len(visitor.seen) == 14


async def test_markup_stays_text(visit: Visit) -> None:
    visitor = await visit().come()
    for word in ("شکایت", "2"):
        await visitor.say(word)
    shown = await visitor.say(MARKUP)
    assert shown["said"] == MARKUP
    await visitor.come(anew=True)
    assert visitor.seen[-1]["said"] == MARKUP


async def test_one_time_codes_are_not_shown_again(visit: Visit) -> None:
    visitor = await visit().come()
    await visitor.say("منو")
    await visitor.say("6")
    await visitor.say("09351117788")
    shown = await visitor.say("123456")
    assert shown["said"] == "••••••"


async def test_messages_that_are_not_taken(visit: Visit) -> None:
    visitor = await visit().come()
    for text, reason in (("", "empty"), ("  ", "empty"), ("س" * 2_049, "too_long")):
        frame = await visitor.say(text)
        assert (frame["type"], frame["reason"]) == ("refused", reason)
    assert (await visitor.say("منو"))["type"] == "turn", "the socket goes on"


# What is wrong with sockets.


async def test_who_floods_is_slowed_and_then_closed(visit: Visit) -> None:
    visitor = await visit().come()
    for number in range(300):
        await visitor.send(type="say", id=f"f{number}", text="0")
    assert await visitor.closed() == 4008
    slowed = [frame for frame in visitor.frames if frame["type"] == "slow"]
    assert slowed
    assert all(0 < frame["retry"] <= 10 for frame in slowed)
    assert len([frame for frame in visitor.frames if frame["type"] == "turn"]) <= 12


async def test_binary_is_refused(visit: Visit) -> None:
    visitor = await visit().come()
    assert visitor.ws is not None
    await visitor.ws.send_bytes(b"\x00" * 100)
    assert await visitor.closed() == 1003


@pytest.mark.parametrize("greeted", [True, False])
async def test_ten_megabytes_are_refused(visit: Visit, greeted: bool) -> None:
    visitor = visit()
    ws = await visitor.open()
    if greeted:
        await visitor.come()
        assert visitor.ws is not None
        ws = visitor.ws
    try:
        await ws.send_str("x" * 10_000_000)
    except ConnectionError:
        pass  # It was closed before all of it was sent.
    assert await visitor.closed() in (1009, 1006)


@pytest.mark.parametrize(
    "first",
    [
        '{"type": "say", "id": "a", "text": "سلام"}',
        '{"type": "ping"}',
        "hello",
        "{}",
        '{"type": "hello", "token": 7}',
    ],
)
async def test_the_first_frame_is_hello(visit: Visit, first: str) -> None:
    visitor = visit()
    ws = await visitor.open()
    await ws.send_str(first)
    assert await visitor.closed() == 4002
    assert visitor.frames == []


async def test_hello_comes_once(visit: Visit) -> None:
    visitor = await visit().come()
    await visitor.send(type="hello", token="")
    assert await visitor.closed() == 4002


async def test_a_sign_of_life_is_answered(visit: Visit) -> None:
    visitor = await visit().come()
    await visitor.send(type="ping")
    assert await visitor.receive() == {"type": "pong"}


# Tokens.


async def test_a_forged_token_opens_nobodys_chat(visit: Visit) -> None:
    owner = await visit().come()
    await owner.say("شکایت")
    version, id, issued, generation, mac = owner.token.split(".")
    stranger = await visit().come()
    forged = [
        f"{version}.{id}.{issued}.{generation}.{stranger.token.split('.')[-1]}",
        f"{version}.{id}.{issued}.{int(generation) + 1}.{mac}",
        f"{version}.{id}.{issued}.{generation}.{mac[:-1]}{'A' if mac[-1] != 'A' else 'E'}",
        f"{version}.{id}.{issued}.{generation}.",
    ]
    for token in forged:
        thief = await visit(token=token).come()
        assert not thief.welcome.get("known")
        assert visitor_in(thief.token) != id
        assert thief.seen == []
    assert await owner.quiet(0.2) == []


async def test_a_token_that_is_too_old_opens_nothing(visit: Visit, chat_server: Server) -> None:
    owner = await visit().come()
    await owner.say("شکایت")
    old = tokens_of(chat_server).issue(visitor_in(owner.token), 0, datetime.now(UTC) - timedelta(days=31))
    thief = await visit(token=old).come()
    assert not thief.welcome.get("known")
    assert thief.seen == []


async def test_a_renewed_token_ends_the_one_before(visit: Visit, chat_server: Server) -> None:
    tokens = tokens_of(chat_server)
    owner = await visit().come()
    await owner.say("شکایت")
    id = visitor_in(owner.token)
    aged = tokens.issue(id, 0, datetime.now(UTC) - timedelta(days=2))
    owner.token = aged
    await owner.come()
    assert owner.token != aged, "a younger one was handed out"
    # Its answer may have been lost: until the new one is used the old one is good.
    assert (await visit(token=aged).come()).welcome["known"]
    await owner.come()
    assert owner.welcome["known"]
    thief = await visit(token=aged).come()
    assert not thief.welcome.get("known")
    assert thief.seen == []
    assert (await owner.say("2"))["text"] != ""


async def test_a_chat_that_is_given_up_is_nobodys(visit: Visit) -> None:
    owner = await visit().come()
    other = await visit(token=owner.token).come()
    await owner.say("شکایت")
    await owner.send(type="forget")
    assert await owner.closed() == 4010
    assert owner.frames[-1] == {"type": "gone"}
    assert await other.closed() == 4010
    again = await visit(token=owner.token).come()
    assert not again.welcome.get("known")
    assert again.seen == []


async def test_who_comes_back_each_second_with_an_old_token_is_held_off(
    own_server: OwnServer, visit_at: VisitAt
) -> None:
    async with own_server() as server:
        honest = await visit_at(server).come()
        old = tokens_of(server).issue("v" * 22, 0, datetime.now(UTC) - timedelta(days=40))
        codes: list[int | None] = []
        for _time in range(14):
            visitor = visit_at(server, token=old)
            try:
                await visitor.come()
                codes.append(0)
            except Closed as closed:
                codes.append(closed.code)
            await visitor.go()
        assert codes[:10] == [0] * 10
        assert 4029 in codes[10:]
        # Others of the same address are not kept out.
        await honest.come()
        assert honest.welcome["known"]
        assert (await visit_at(server).come()).welcome["token"]


async def test_who_comes_back_each_second_with_a_good_token_is_held_off(visit: Visit) -> None:
    visitor = await visit().come()
    codes: list[int | None] = []
    for _time in range(20):
        await visitor.go()
        try:
            await visitor.come()
        except Closed as closed:
            codes.append(closed.code)
    assert codes
    assert set(codes) == {4029}


# Whose pages.


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "", "http://127.0.0.1:1"])
async def test_another_sites_page_may_not_connect(visit: Visit, origin: str) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await visit(origin=origin).open()
    assert refused.value.status == 403


async def test_our_own_page_may(visit: Visit, chat_server: Server) -> None:
    visitor = await visit(origin=chat_server.url).come()
    assert (await visitor.say("منو"))["open"]


async def test_pages_that_are_named_may(own_server: OwnServer, visit_at: VisitAt) -> None:
    async with own_server(WEBCHAT_ORIGINS="https://shop.example.ir") as server:
        await visit_at(server, origin="https://shop.example.ir").come()
        for origin in ("https://shop.example.ir.elsewhere", "http://shop.example.ir"):
            with pytest.raises(WSServerHandshakeError):
                await visit_at(server, origin=origin).open()


async def test_an_address_has_so_many_sockets(own_server: OwnServer, visit_at: VisitAt) -> None:
    async with own_server(WEBCHAT_ADDRESS_SOCKETS="3") as server:
        visitors = [await visit_at(server).come() for _each in range(3)]
        with pytest.raises(WSServerHandshakeError) as refused:
            await visit_at(server).open()
        assert refused.value.status == 429
        assert refused.value.headers is not None
        assert int(refused.value.headers["Retry-After"]) > 0
        await visitors[0].go()
        await visit_at(server).come()


async def test_no_chat_where_none_is_wanted(own_server: OwnServer, visit_at: VisitAt) -> None:
    async with own_server(WEBCHAT="no") as server:
        with pytest.raises(WSServerHandshakeError) as refused:
            await visit_at(server).open()
        assert refused.value.status == 404


# A server that goes and comes.


@within(60)
async def test_stopped_and_started_again(own_server: OwnServer, visit_at: VisitAt) -> None:
    server = own_server()
    async with server:
        visitor = await visit_at(server).come()
        await visitor.say("شکایت")
        closing = asyncio.create_task(visitor.closed())
        assert await server.stop() == 0
        assert await closing == 1001
    async with server:
        await visitor.come()
        assert visitor.welcome["known"]
        assert len(visitor.seen) == 1
        await visitor.say("2")
        assert len(visitor.seen) == 2


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.005, 0.01, 0.03])
@within(90)
async def test_killed_between_receiving_and_answering(
    own_server: OwnServer, visit_at: VisitAt, delay: float
) -> None:
    server = own_server()
    words = ("شکایت", "2", "اینترنت محله ما از دیروز قطع است", "1")
    async with server:
        visitor = await visit_at(server).come()
        for number, word in enumerate(words):
            await visitor.send(type="say", id=f"m{number}", text=word)
            await asyncio.sleep(delay)
            server.kill()
            await server.start()
            await visitor.come()
            if not any(frame.get("ref") == f"m{number}" for frame in visitor.seen):
                await visitor.say(word, id=f"m{number}")
        assert [frame["ref"] for frame in visitor.seen] == [f"m{number}" for number in range(len(words))]
        assert FILED in visitor.texts[-1]
        shown = list(visitor.seen)
        await visitor.come(anew=True)
        assert visitor.seen == shown
