"""Requests that wait for their answers."""

from __future__ import annotations

import asyncio

import pytest

from smpp.errors import NoAnswer, NotBound, NotSent
from smpp.pdu import ENQUIRE_LINK, GENERIC_NACK, RESPONSE, SUBMIT_SM, SUBMIT_SM_RESP, Pdu
from smpp.window import LAST_SEQUENCE, Window


async def test_sequence_numbers_go_round_and_pass_over_those_that_wait() -> None:
    window = Window(10, 60)
    window._sequence = LAST_SEQUENCE - 2
    first, _answer = window.ask(SUBMIT_SM, inside=False)
    window._sequence = LAST_SEQUENCE - 2
    found = [window.ask(SUBMIT_SM, inside=False)[0] for _ in range(4)]
    assert (first, found) == (LAST_SEQUENCE - 1, [LAST_SEQUENCE, 1, 2, 3])


async def test_an_answer_is_for_its_own_request() -> None:
    window = Window(10, 60)
    sequence, answer = window.ask(SUBMIT_SM, inside=False)
    assert not window.answered(Pdu(SUBMIT_SM_RESP, sequence + 1))
    assert not window.answered(Pdu(ENQUIRE_LINK | RESPONSE, sequence))
    assert window.answered(Pdu(GENERIC_NACK, sequence, 3))
    assert not window.answered(Pdu(SUBMIT_SM_RESP, sequence))
    assert (await answer).status == 3


async def test_places_are_given_in_order() -> None:
    window, order = Window(1, 60), []

    async def enter(name: int) -> None:
        await window.place()
        order.append(name)
        window.leave()

    await window.place()
    waiting = [asyncio.create_task(enter(n)) for n in range(5)]
    await asyncio.sleep(0)
    assert window.load == 6
    waiting[1].cancel()
    window.leave()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order == [0, 2, 3, 4]
    assert window.load == 0
    await window.idle()


async def test_a_place_that_comes_to_who_just_left_goes_on_to_the_next() -> None:
    window = Window(1, 60)
    await window.place()
    one, two = (asyncio.create_task(window.place()) for _ in range(2))
    await asyncio.sleep(0)
    window.leave()  # One has its place, and has not run yet.
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    await two
    window.leave()
    assert window.load == 0


async def test_who_waits_for_a_place_is_told_that_nothing_was_sent() -> None:
    window = Window(1, 60)
    await window.place()
    _sequence, answer = window.ask(SUBMIT_SM)
    waiting = asyncio.create_task(window.place())
    await asyncio.sleep(0)
    window.lose(NotBound("gone"))
    with pytest.raises(NotSent, match="gone"):
        await waiting
    with pytest.raises(NoAnswer, match="gone"):
        await answer
    with pytest.raises(NotSent, match="gone"):
        await window.place()
    assert window.load == 0
