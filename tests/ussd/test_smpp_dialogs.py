"""What tells an answer that comes again from the same answer to the next screen."""

from __future__ import annotations

import itertools

import pytest

from conversation.incoming import Caller
from engine.layout import USSD
from records.cache import MemoryCache
from smpp.delivery import Delivery
from smpp.pdu import Message
from ussd import smpp_dialogs
from ussd.smpp_dialogs import CROSSING, Dialogs, Met

CALLER = Caller("ussd", "smpp", "1234", "+989121234567", USSD, "smsc", True)


class Link:
    """A session that is alive, or not."""

    def __init__(self) -> None:
        self.alive = True
        self._sequences = itertools.count(1)

    def brings(self, text: bytes, sequence: int = 0) -> Delivery:
        return Delivery(self, sequence or next(self._sequences), Message(short_message=text), text)

    def answer(self, sequence: int, status: int) -> None:
        pass

    async def submit(self, message: Message) -> str:
        return ""


@pytest.fixture
def link() -> Link:
    return Link()


@pytest.fixture
def dialogs() -> Dialogs:
    return Dialogs()


async def shown(dialogs: Dialogs, delivery: Delivery) -> Met:
    """An answer whose screen the SMSC took."""
    met = await dialogs.answer(CALLER, delivery)
    dialogs.shown(CALLER, met.number)
    return met


def begin(dialogs: Dialogs, link: Link) -> None:
    dialogs.shown(CALLER, dialogs.begin(CALLER, link.brings(b"*733#")))


async def test_the_same_answer_to_the_next_screen_is_another(dialogs: Dialogs, link: Link) -> None:
    begin(dialogs, link)
    met = [await shown(dialogs, link.brings(b"1")) for _ in range(3)]
    assert len({each.key for each in met}) == 3
    assert not any(each.doubtful for each in met)


async def test_before_its_screen_was_taken_it_is_the_same(dialogs: Dialogs, link: Link) -> None:
    begin(dialogs, link)
    first = await dialogs.answer(CALLER, link.brings(b"1"))
    again = await dialogs.answer(CALLER, link.brings(b"1"))
    assert again.key == first.key
    assert (await dialogs.answer(CALLER, link.brings(b"2"))).key != first.key


async def test_a_screen_that_is_taken_late_is_answered_all_the_same(link: Link) -> None:
    """Some SMSCs answer for a screen when the person has answered it."""
    now = 1_000.0
    dialogs = Dialogs(clock=lambda: now)
    begin(dialogs, link)
    first = await dialogs.answer(CALLER, link.brings(b"1"))
    now += 60
    assert (await dialogs.answer(CALLER, link.brings(b"1"))).key == first.key, "it was not acknowledged"
    dialogs.acknowledged(CALLER, first.number)
    now += CROSSING
    assert (await dialogs.answer(CALLER, link.brings(b"1"))).key == first.key, "it crossed"
    now += 0.1
    second = await dialogs.answer(CALLER, link.brings(b"1"))
    assert second.key != first.key
    assert not second.doubtful
    # What is told of the first one late is no news of the second.
    dialogs.shown(CALLER, first.number)
    assert (await dialogs.answer(CALLER, link.brings(b"1"))).key == second.key


async def test_the_very_same_delivery_is_the_same_even_later(dialogs: Dialogs, link: Link) -> None:
    begin(dialogs, link)
    first = await shown(dialogs, link.brings(b"1", sequence=7))
    assert (await dialogs.answer(CALLER, link.brings(b"1", sequence=7))).key == first.key
    second = await shown(dialogs, link.brings(b"2", sequence=8))
    assert (await dialogs.answer(CALLER, link.brings(b"1", sequence=7))).key == first.key
    # It did not disturb what the last one is.
    assert (await dialogs.answer(CALLER, link.brings(b"2", sequence=8))).key == second.key
    # A gateway that gives all its messages one number is none that repeats itself.
    third = await shown(dialogs, link.brings(b"3", sequence=7))
    assert third.key not in (first.key, second.key)


async def test_after_its_session_broke_it_is_doubtful(dialogs: Dialogs, link: Link) -> None:
    begin(dialogs, link)
    await shown(dialogs, link.brings(b"1"))
    link.alive = False
    other = Link()
    again = await dialogs.answer(CALLER, other.brings(b"1"))
    assert again.doubtful
    dialogs.shown(CALLER, again.number)
    # The SMSC took a screen since: it is bound to the new session, and nothing is in doubt any more.
    assert not (await shown(dialogs, other.brings(b"1"))).doubtful
    other.alive = False
    assert not (await shown(dialogs, Link().brings(b"2"))).doubtful


async def test_two_sessions_that_are_alive_leave_no_doubt(dialogs: Dialogs, link: Link) -> None:
    other = Link()
    begin(dialogs, link)
    met = [await shown(dialogs, each.brings(b"1")) for each in (link, other, link)]
    assert len({each.key for each in met}) == 3
    assert not any(each.doubtful for each in met)


async def test_a_dialog_that_is_not_known_is_doubtful_once(link: Link) -> None:
    dialogs = Dialogs()
    first = await dialogs.answer(CALLER, link.brings(b"1"))
    assert first.doubtful
    copy = await dialogs.answer(CALLER, link.brings(b"1"))
    assert copy.key == first.key
    dialogs.shown(CALLER, first.number)
    second = await dialogs.answer(CALLER, link.brings(b"1"))
    assert not second.doubtful
    assert second.key != first.key


async def test_a_dialog_that_begins_again_shares_no_key_with_the_one_before(
    dialogs: Dialogs, link: Link
) -> None:
    """The SMSC uses its 15 bits again, perhaps for the same number."""
    keys = []
    for _ in range(3):
        begin(dialogs, link)
        keys.append((await shown(dialogs, link.brings(b"1"))).key)
    assert len({*keys}) == 3
    dialogs.forget(CALLER)
    assert len(dialogs) == 0


async def test_processes_remember_together(link: Link) -> None:
    cache = MemoryCache()

    def process() -> Dialogs:
        return Dialogs(cache, lambda caller: caller.session.encode())

    one, two = process(), process()
    begin(one, link)
    first = await shown(one, link.brings(b"1"))
    # The next answer comes by the other process, and is known to be one to the next screen.
    second = await shown(two, Link().brings(b"1"))
    assert not second.doubtful
    assert second.key != first.key
    third = await shown(one, link.brings(b"1"))
    assert not third.doubtful
    assert third.key not in (first.key, second.key)
    # One that was not shown anything is the same by any process: the first may have been killed.
    killed = await one.answer(CALLER, link.brings(b"1"))
    assert (await two.answer(CALLER, Link().brings(b"1"))).key == killed.key
    # Without what they shared it is in doubt where it was not seen, and nowhere else.
    cache._values.clear()
    assert (await process().answer(CALLER, link.brings(b"1"))).doubtful
    assert not (await two.answer(CALLER, Link().brings(b"2"))).doubtful


async def test_what_others_wrote_and_nobody_can_read_is_passed_over(link: Link) -> None:
    cache = MemoryCache()
    cache.put(b"1234", b"\xff{")
    assert (await Dialogs(cache, lambda caller: b"1234").answer(CALLER, link.brings(b"1"))).doubtful


async def test_so_many_are_remembered(dialogs: Dialogs, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp_dialogs, "DIALOGS", 3)
    for n in range(10):
        caller = Caller("ussd", "smpp", f"{n}", "+989121234567", USSD)
        dialogs.begin(caller, link.brings(b"x"))
    assert len(dialogs) == 3
