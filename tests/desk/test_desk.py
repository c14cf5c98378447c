"""Operators at desks of their own, people on the web chat, and the service between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import ClientSession

from services.handover_posts import ACCEPTED, RETURNED, TRANSFERRED
from tests.bot.visiting import Visitor
from tests.desk.conftest import Operator, count, shown
from tests.running import Server, within

SURVEY = "گفتگو با کارشناس تمام شد.\nچقدر راضی بودید؟"


async def asks(http: ClientSession, service: Server, said: str = "") -> Visitor:
    """Somebody who asks for an operator, and then says something."""
    visitor = await Visitor(http, service.url).come()
    waiting = await visitor.say("کارشناس")
    assert "در صف هستید" in waiting["text"]
    if said:
        await visitor.say(said)
    return visitor


@asynccontextmanager
async def again(act: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Does it every second meanwhile."""

    async def go_on() -> None:
        while True:
            await act()
            await asyncio.sleep(1)

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        task.cancel()


@within(120)
async def test_an_operator_answers_live(service: Server, http: ClientSession) -> None:
    async with service, Operator(service) as operator:
        await operator.see("کسی در صف نیست.")
        visitor = await asks(http, service, "پیامک‌هایم نمی‌رسد")
        await operator.see("وب  support")
        await operator.type("1")
        await operator.see("شخص: پیامک‌هایم نمی‌رسد")
        await shown(visitor, ACCEPTED)
        await operator.type("بررسی می‌کنم")
        await shown(visitor, "بررسی می‌کنم")
        await visitor.say("ممنون\nمنتظرم")
        await operator.see("شخص: ممنون\n         منتظرم")
        await operator.type("/یادداشت مشتری قدیمی")
        await operator.see("یادداشت ماند")
        await operator.type("/بستن حل شد")
        await operator.see("گفتگو را بستید")
        await shown(visitor, SURVEY)
        assert (await visitor.say("5"))["text"].startswith("ممنون که گفتید.")
        assert [text for text in visitor.texts if "مشتری" in text] == []
        # What was shown live is what is shown after a reload.
        live = visitor.texts
        again = await Visitor(http, service.url, token=visitor.token).come()
        assert [text for text in again.texts if text] == [text for text in live if text]
        assert await operator.quit() == 0


@within(120)
async def test_one_of_two_desks_accepts(service: Server, http: ClientSession) -> None:
    async with service, Operator(service) as sara, Operator(service, "ali") as ali:
        visitor = await asks(http, service, "الو")
        await asyncio.gather(*(each.see("وب  support") for each in (sara, ali)))
        await asyncio.gather(*(each.type("1") for each in (sara, ali)))
        await shown(visitor, ACCEPTED)

        async def outcome(each: Operator) -> bool:
            while True:
                if "شخص: الو" in each.shown:
                    return True
                if "زودتر آن را پذیرفت" in each.shown or "این گفتگو با شما نیست" in each.shown:
                    return False
                await asyncio.sleep(0.02)

        won = await asyncio.gather(outcome(sara), outcome(ali))
        assert sorted(won) == [False, True]
        assert count(visitor, ACCEPTED) == 1
        first, second = (sara, ali) if won[0] else (ali, sara)
        await first.type("سلام")
        await shown(visitor, "سلام")
        # It is handed on, with a note for the other one alone.
        await first.type(f"/انتقال {second.name} دو بار پرداخت کرده")
        await first.see("سپرده شد")
        await second.see("گفتگوهای شما")
        await second.type("1")
        await second.see("یادداشت: دو بار پرداخت کرده")
        await shown(visitor, TRANSFERRED)
        await second.type("/انتقال حسین")
        await second.see("کارشناسی با این نام پشت میز نیست. پشت میزند: ali, sara")
        await second.type("من ادامه می‌دهم")
        await shown(visitor, "من ادامه می‌دهم")


@within(120)
async def test_a_desk_is_killed_in_the_middle(service: Server, http: ClientSession) -> None:
    service.settings["HANDOVER_PATIENCE"] = "10"
    async with service:
        async with Operator(service) as sara:
            visitor = await asks(http, service, "الو")
            await sara.see("وب  support")
            await sara.type("1")
            await shown(visitor, ACCEPTED)
            await sara.type("یک لحظه")
            await shown(visitor, "یک لحظه")
            sara.kill()
        await visitor.say("هستید؟")
        await shown(visitor, RETURNED)
        async with Operator(service, "ali") as ali:
            await ali.see("در صف")
            await ali.type("1")
            seen = await ali.see("شخص: هستید؟")
            assert "sara: یک لحظه" in seen
            await ali.type("من هستم")
            await shown(visitor, "من هستم")
            assert count(visitor, "یک لحظه") == 1


@within(120)
async def test_a_desk_that_comes_back_in_time_goes_on(service: Server, http: ClientSession) -> None:
    async with service:
        async with Operator(service) as sara:
            visitor = await asks(http, service, "الو")
            await sara.see("وب  support")
            await sara.type("1")
            await shown(visitor, ACCEPTED)
            sara.kill()
        await visitor.say("هنوز هستید؟")
        async with Operator(service) as sara:
            await sara.see("گفتگوهای شما")
            await sara.type("1")
            await sara.see("شخص: هنوز هستید؟")
            await sara.type("بله")
            await shown(visitor, "بله")
            assert count(visitor, ACCEPTED) == 1
            # Who closes the desk gives back what is open.
            sara.stop()
            assert await sara.ended() == 0
            await shown(visitor, RETURNED)


@within(120)
async def test_the_service_is_away_while_the_desk_works(service: Server, http: ClientSession) -> None:
    async with service, Operator(service) as operator:
        visitor = await asks(http, service, "الو")
        await operator.see("وب  support")
        service.kill()
        await operator.type("1")
        await operator.see("شخص: الو")
        await operator.type("سلام")
        await operator.see("sara: سلام")
        await operator.type("/بستن")
        await operator.see("گفتگو را بستید")
        await service.start()
        # All that happened meanwhile is there when the person is back, and the flow goes on, once.
        visitor = await Visitor(http, service.url, token=visitor.token).come()
        await shown(visitor, SURVEY)
        assert visitor.texts.index("سلام") < visitor.texts.index(SURVEY)
        assert count(visitor, SURVEY) == count(visitor, "سلام") == count(visitor, ACCEPTED) == 1
        assert (await visitor.say("4"))["text"].startswith("ممنون که گفتید.")


@within(120)
async def test_each_sees_the_other_write(service: Server, http: ClientSession) -> None:
    async with service, Operator(service, terminal=True) as operator:
        visitor = await asks(http, service, "الو")
        await operator.see("وب  support")
        await operator.type("1")
        await operator.see("الو")
        await shown(visitor, ACCEPTED)
        # A signal may be lost; who goes on writing goes on sending them.
        await operator.type("سلا", enter=False)
        async with again(lambda: operator.type("x\x7f", enter=False)):
            await visitor.until(lambda frame: frame["type"] == "typing")
        # What is half typed stays below what arrives, and is one message when it is finished.
        async with again(lambda: visitor.send(type="typing")):
            await operator.see("در حال نوشتن است")
        await operator.see("> سلا")
        await visitor.say("کجایید")
        await operator.see("کجایید")
        await operator.type("م")
        await shown(visitor, "سلام")
        # Several lines that are pasted are one message; the last key takes back one letter.
        await operator.type("\x1b[200~یک\nدو\x1b[201~ سهه\x7f")
        await shown(visitor, "یک\nدو سه")
        await operator.type("\x04", enter=False)
        assert await operator.ended() == 0
