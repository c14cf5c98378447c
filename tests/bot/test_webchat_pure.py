"""Tokens, limits and frames of the web chat, without any server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import webchat
from bot.webchat import BadFrame, BadMessage, position_id, position_of
from bot.webchat_frames import Attached, Say
from bot.webchat_limits import Addresses, Bucket, Limits, Rate, network
from bot.webchat_tokens import LENGTH, LIFETIME, RENEWAL, Tokens, Visitor
from engine.session import Session
from engine.turn import Option, Screen
from records.keyring import Keyring
from records.sessions import TurnRecord
from records.vault import Vault
from records.webchat import Entry, Position, Word

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


# Tokens.


@pytest.fixture
def tokens(vault: Vault) -> Tokens:
    return Tokens(vault)


def test_a_token_names_its_visitor(tokens: Tokens) -> None:
    visitor = tokens.new()
    token = tokens.issue(visitor.id, 3, NOW)
    assert len(token) <= LENGTH
    assert tokens.read(token, NOW) == Visitor(visitor.id, 3)


def test_visitors_cannot_be_guessed(tokens: Tokens) -> None:
    ids = {tokens.new().id for _each in range(1_000)}
    assert len(ids) == 1_000
    assert all(len(id) == 22 for id in ids)


def test_a_token_comes_of_age_and_ends(tokens: Tokens) -> None:
    token = tokens.issue("a" * 22, 0, NOW)

    def read_after(age: timedelta) -> Visitor | None:
        return tokens.read(token, NOW + age)

    assert read_after(RENEWAL - MINUTE) == Visitor("a" * 22, 0)
    assert read_after(RENEWAL) == Visitor("a" * 22, 0, renew=True)
    assert read_after(LIFETIME - MINUTE) is not None
    assert read_after(LIFETIME) is None
    assert read_after(-MINUTE) is not None, "the clocks of two processes differ a little"
    assert read_after(-timedelta(hours=1)) is None


def test_a_token_of_another_service_is_none(tokens: Tokens) -> None:
    elsewhere = Tokens(Vault(Keyring.new()))
    assert tokens.read(elsewhere.issue("a" * 22, 0, NOW), NOW) is None


@given(place=st.integers(0, 90), character=st.sampled_from("abz09-_.~"))
def test_a_token_that_was_changed_anywhere_is_none(place: int, character: str) -> None:
    tokens = Tokens(VAULT)
    token = tokens.issue("visitor-of-22-letters_", 1, NOW)
    at = place % len(token)
    changed = token[:at] + character + token[at + 1 :]
    assert (tokens.read(changed, NOW) is None) == (changed != token)


VAULT = Vault(Keyring.new())


@pytest.mark.parametrize(
    "token", ["", "1", "1....", "x" * 5_000, "۱.a.b.0.c", "2." + "a" * 22 + ".0.0." + "a" * 43]
)
def test_what_is_no_token(tokens: Tokens, token: str) -> None:
    assert tokens.read(token, NOW) is None


# Limits.


def test_a_bucket_gives_so_much_at_once_and_then_so_much_a_second() -> None:
    bucket, rate = Bucket(), Rate(2.0, 3.0)
    assert [bucket.take(rate, 100.0) for _each in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert bucket.take(rate, 100.5) == 0.0
    assert bucket.take(rate, 100.5) == pytest.approx(0.5)
    assert [bucket.take(rate, 200.0) for _each in range(3)] == [0.0, 0.0, 0.0]


def test_no_rate_is_no_limit() -> None:
    bucket = Bucket()
    assert all(bucket.take(Rate(0.0, 0.0), 1.0) == 0.0 for _each in range(1_000))


def test_an_address_has_so_many_sockets() -> None:
    addresses = Addresses(Limits(sockets=2, total=3))
    for _each in range(2):
        assert addresses.refusal("192.0.2.1", 1.0) is None
        addresses.opened(addresses.of("192.0.2.1", 1.0))
    assert addresses.refusal("192.0.2.1", 1.0) == (429, 30.0)
    assert addresses.refusal("192.0.2.2", 1.0) is None
    addresses.opened(addresses.of("192.0.2.2", 1.0))
    assert addresses.refusal("192.0.2.3", 1.0) == (503, 30.0)
    addresses.closed(addresses.of("192.0.2.1", 2.0), 2.0)
    assert addresses.refusal("192.0.2.1", 2.0) is None


def test_addresses_without_sockets_are_forgotten() -> None:
    addresses = Addresses(Limits())
    for number in range(200):
        addresses.refusal(f"192.0.2.{number}", 10.0)
    addresses.opened(addresses.of("192.0.2.7", 10.0))
    assert len(addresses) == 200
    addresses.refusal("192.0.2.250", 10_000.0)
    assert len(addresses) == 2


def test_one_customers_ipv6_network_is_one_address() -> None:
    assert network("2001:db8:1:2:3:4:5:6") == network("2001:db8:1:2::99")
    assert network("2001:db8:1:2::1") != network("2001:db8:1:3::1")
    assert network("::ffff:192.0.2.1") == network("192.0.2.1")


# What comes.


def parse(said: Say) -> str:
    return webchat.parse(said, b"{}", visitor="v", route="webchat", peer="").text


def test_a_message() -> None:
    said = webchat.read('{"type": "say", "id": "a1", "text": "سلام\\tدنیا\\u0000\\n"}')
    assert isinstance(said, Say)
    incoming = webchat.parse(said, b"raw", visitor="v1", route="webchat", peer="192.0.2.1")
    assert (incoming.text, incoming.key, incoming.raw, incoming.chat) == ("سلام دنیا", "a1", b"raw", True)
    caller = incoming.caller
    assert (caller.channel, caller.route, caller.session, caller.address) == (
        "webchat",
        "webchat",
        "v1",
        "v1",
    )
    assert not caller.verified
    assert incoming.answers is None


def test_a_pressed_button_names_its_turn() -> None:
    to = position_id(Position(b"s" * 16, 7, b"p" * 16))
    incoming = webchat.parse(Say("a", "1", to=to), b"", visitor="v", route="webchat", peer="")
    assert incoming.answers == (b"s" * 16, 7)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Say("", "x"), "id"),
        (Say("a" * 65, "x"), "id"),
        (Say("a b", "x"), "id"),
        (Say("a", ""), "empty"),
        (Say("a", " \n\t\x00 "), "empty"),
        (Say("a", "س" * 2_049), "too_long"),
        (Say("a", "x", files=[Attached("0" * 32)] * 6), "files"),
        (Say("a", "x", files=[Attached("../etc")]), "files"),
    ],
)
def test_a_message_that_is_not_taken(said: Say, reason: str) -> None:
    with pytest.raises(BadMessage) as refused:
        parse(said)
    assert refused.value.reason == reason


def test_a_message_of_the_full_length() -> None:
    assert len(parse(Say("a", "س" * 2_048)).encode()) == 4_096


@pytest.mark.parametrize(
    "data",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"type": "say"}',
        '{"type": "say", "id": 1}',
        '{"type": "say", "id": "a", "text": null}',
        '{"type": "shout", "id": "a"}',
        '{"type": "say", "id": "a", "text": "\\ud800"}',
        '{"type": "say", "id": "a", "files": "x"}',
        "[" * 10_000,
        '{"type": "hello", "token": {"$ne": ""}}',
        "NaN",
    ],
)
def test_what_is_no_frame(data: str) -> None:
    with pytest.raises(BadFrame):
        webchat.read(data)


@given(st.text() | st.binary())
def test_anything_is_a_frame_or_is_none(data: str | bytes) -> None:
    try:
        webchat.read(data)
    except BadFrame:
        pass


# What goes.


def record(text: str = "", raw: bytes = b"", screen: Screen | None = None) -> TurnRecord:
    return TurnRecord(
        session=Session(id=b"s" * 16, language="fa", sequence=2),
        key=None,
        received=1_000_000,
        answered=2_000_000,
        text=text,
        raw=raw,
        peer="",
        screen=screen or Screen("", ""),
        replies=True,
        trail=(),
        outcome="",
    )


PLACE = Position(b"s" * 16, 2, b"p" * 16)
MARKUP = "<img src=x onerror=alert(1)>"


def test_a_turn_as_it_is_shown() -> None:
    screen = Screen("متن\n1 یک\n0 بازگشت", "متن", (Option("1", "یک"),), ways=(Option("0", "بازگشت"),))
    raw = json.dumps({"type": "say", "id": "m1", "text": MARKUP}).encode()
    shown = json.loads(webchat.render(Entry(PLACE, 2_000_000, turn=record(MARKUP, raw, screen))) or b"")
    assert shown == {
        "type": "turn",
        "id": position_id(PLACE),
        "at": 2_000,
        "ref": "m1",
        "said": MARKUP,
        "text": "متن",
        "options": [{"key": "1", "label": "یک"}],
        "ways": [{"key": "0", "label": "بازگشت"}],
        "open": True,
    }


def test_what_nobody_is_to_read_later_is_not_shown_again() -> None:
    raw = b'{"type": "say", "id": "m1", "text": "123456"}'
    shown = json.loads(webchat.render(Entry(PLACE, 0, turn=record("••••••", raw))) or b"")
    assert shown["said"] == "••••••"


def test_a_time_out_is_a_turn_that_nobody_said_anything_in() -> None:
    shown = json.loads(
        webchat.render(Entry(PLACE, 0, turn=record(screen=Screen("وقت تمام شد", "وقت تمام شد")))) or b""
    )
    assert "said" not in shown
    assert shown["text"] == "وقت تمام شد"


def test_the_words_of_an_operator() -> None:
    word = Word("operator", MARKUP, None, False)
    shown = json.loads(webchat.render(Entry(PLACE, 3_000_000, word=word)) or b"")
    assert shown == {"type": "post", "id": position_id(PLACE), "at": 3_000, "by": "operator", "text": MARKUP}


def test_what_can_no_longer_be_read_is_not_shown() -> None:
    assert webchat.render(Entry(PLACE, 0)) is None


@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**31 - 1), st.binary(min_size=16, max_size=16))
def test_an_id_names_its_position(session: bytes, sequence: int, post: bytes) -> None:
    position = Position(session, sequence, post)
    assert position_of(position_id(position)) == position


@given(st.text(max_size=60))
def test_what_is_no_id_names_nothing(text: str) -> None:
    found = position_of(text)
    assert found is None or position_id(found) == text
