"""Businesses that pay in advance: no more is taken over than is paid; in the end a message took its cost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from dispatch.dispatcher import Dispatcher
from dispatch.errors import Rejected
from dispatch.provider import Accepted, Outcome, Outgoing
from records import credit, dead_letters
from records.tables import credit_entries, credit_holds, credits, outbox
from records.tariffs import Tariff
from tests.api.conftest import Business, sms
from tests.api.test_jobs import fed, rows_of, upload
from tests.api.test_jobs import until as job_until
from tests.dispatch.outbox import Carrier, until
from tests.running import command

PRICE = 1_000


async def prepaid(business: Business, rial: int, price: int = PRICE) -> None:
    now = datetime.now(UTC)
    if price:
        tariff = Tariff("price", "sms", price, now + timedelta(milliseconds=50))
        await business.home.services.tariffs.add([tariff], now)
        await asyncio.sleep(0.1)
    await business.api.credit.add(business.name, rial, "فاکتور ۱۲", now)


async def left(business: Business) -> Any:
    status, body = await business.ask("GET", "/balance")
    assert status == 200
    return body["left"]


async def consistent(business: Business) -> bool:
    """What is left is the sum of all that moved it, and of what messages have taken."""
    database = business.home.database
    [[rial]] = await database.read(select(credits.c.rial))
    [[moved]] = await database.read(select(func.sum(credit_entries.c.rial)))
    [[added]] = await database.read(
        select(func.sum(credit_entries.c.rial)).where(credit_entries.c.kind == "added")
    )
    [[taken]] = await database.read(select(func.coalesce(func.sum(credit_holds.c.rial), 0)))
    return bool(rial == moved == added - taken)


async def test_who_pays_afterwards_has_no_limit(anywhere: Business) -> None:
    assert (await anywhere.ask("GET", "/balance"))[1] == {"prepaid": False, "left": None}
    assert (await anywhere.send(sms(), sms()))[0] == 202
    assert await anywhere.home.database.read(select(credit_holds)) == []
    assert (await anywhere.ask("GET", "/balance/entries"))[1] == {"items": [], "next": None}


async def test_no_more_is_taken_over_than_is_paid(anywhere: Business) -> None:
    await prepaid(anywhere, 5 * PRICE)
    status, body = await anywhere.send(sms(), sms("سلام " * 20))  # One part, and two.
    assert status == 202
    assert await left(anywhere) == 2 * PRICE
    for language, ascii_ in (("fa", False), ("en", True)):
        status, body = await anywhere.send(sms(), sms(), sms(), **{"Accept-Language": language})
        assert (status, body["type"]) == (402, "urn:chapar:problem:credit")
        assert body["title"].isascii() == ascii_
    assert await left(anywhere) == 2 * PRICE, "nothing of it was taken"
    assert (await anywhere.ask("POST", "/verifications", {"to": "09121234567"}))[0] == 202
    assert await left(anywhere) < 2 * PRICE, "codes are messages too"
    sandbox = await anywhere.key(sandbox=True)
    assert (await sandbox.send(*[sms()] * 10))[0] == 202, "what goes to nobody costs nothing"

    _status, body = await anywhere.ask("GET", "/balance/entries?limit=2")
    assert [(each["kind"], each["messages"]) for each in body["items"]] == [("reserved", 1), ("reserved", 2)]
    _status, body = await anywhere.ask("GET", f"/balance/entries?cursor={body['next']}")
    [first] = body["items"]
    assert (first["kind"], first["rial"], first["note"]) == ("added", 5 * PRICE, "فاکتور ۱۲")
    assert await consistent(anywhere)


async def test_many_calls_at_once_do_not_spend_the_same_rial_twice(anywhere: Business) -> None:
    await prepaid(anywhere, 10 * PRICE)
    answers = await asyncio.gather(*(anywhere.send(sms(), sms()) for _ in range(20)))
    statuses = [status for status, _body in answers]
    assert sorted(set(statuses)) == [202, 402]
    assert statuses.count(202) == 5
    assert await left(anywhere) == 0
    assert await anywhere.home.database.read(select(func.count()).select_from(outbox)) == [(10,)]
    assert await consistent(anywhere)


async def test_the_same_call_again_is_paid_once(anywhere: Business) -> None:
    await prepaid(anywhere, 3 * PRICE)
    for _again in range(3):
        assert (await anywhere.send(sms(), sms(), **{"Idempotency-Key": "a-1"}))[0] == 202
    assert await left(anywhere) == PRICE


async def test_in_the_end_a_message_took_what_it_cost(anywhere: Business) -> None:
    """What went cost less than was expected, what was refused nothing, and what is cancelled nothing."""
    await prepaid(anywhere, 10 * PRICE)
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    _status, body = await anywhere.send(sms("goes"), sms("refused"), sms("cancelled", send_at=later))
    assert await left(anywhere) == 7 * PRICE
    assert (await anywhere.ask("DELETE", f"/messages/{body['messages'][2]['id']}"))[0] == 200

    def answer(outgoing: Outgoing) -> Outcome:
        return Rejected("no") if outgoing.body == "refused" else Accepted(f"X{outgoing.tracking}")

    await dispatched(anywhere, Carrier(answer), cost=PRICE - 100)
    await until(lambda: is_left(anywhere, 9 * PRICE + 100))
    assert await consistent(anywhere)
    await asyncio.sleep(1.2)  # Nothing is corrected twice.
    assert await is_left(anywhere, 9 * PRICE + 100)

    # What is sent again by hand, and goes, is paid then.
    refused = await dead_letters.by_tracking(anywhere.home.database, body["messages"][1]["tracking"])
    assert refused is not None
    assert await dead_letters.replay(anywhere.home.database, [refused], datetime.now(UTC)) == 1
    await dispatched(anywhere, Carrier(), cost=PRICE - 100)
    await until(lambda: is_left(anywhere, 8 * PRICE + 200))
    assert await consistent(anywhere)


async def is_left(business: Business, rial: int) -> bool:
    return bool(await left(business) == rial)


async def dispatched(business: Business, carrier: Carrier, cost: int) -> None:
    """Sends what is due."""
    home = business.home
    dispatcher = Dispatcher(
        home.database,
        home.vault,
        {"sms": carrier},
        clock=lambda: datetime.now(UTC),
        wake=asyncio.Event(),
        charge=lambda claimed, outgoing, provider, at: cost,
        poll=0.02,
    )
    running = asyncio.create_task(dispatcher.run())

    async def idle() -> bool:
        due = select(outbox.c.id).where(outbox.c.finished_at.is_(None), outbox.c.due_at <= datetime.now(UTC))
        return not await home.database.read(due)

    await until(idle)
    dispatcher.stop()
    await running


async def test_two_who_correct_at_once_do_it_once(anywhere: Business) -> None:
    await prepaid(anywhere, 100 * PRICE)
    await anywhere.send(*[sms()] * 50)
    await dispatched(anywhere, Carrier(), cost=PRICE - 1)
    now = datetime.now(UTC)
    for _round in range(10):
        await asyncio.gather(*(credit.correct(anywhere.home.database, now) for _ in range(4)))
    assert await left(anywhere) == 50 * PRICE + 50
    assert await consistent(anywhere)


async def test_messages_without_a_tariff_take_nothing(anywhere: Business) -> None:
    await prepaid(anywhere, 1, price=0)
    assert (await anywhere.send(sms(), sms()))[0] == 202
    assert await left(anywhere) == 1


async def test_who_comes_from_kavenegar_is_told_in_its_way(business: Business) -> None:
    await prepaid(business, PRICE - 1)
    form = {"receptor": "09121234567", "message": "سلام"}
    async with business.client.post(f"/v1/{business.token}/sms/send.json", data=form) as response:
        assert (response.status, (await response.json())["return"]["status"]) == (418, 418)


async def test_a_job_waits_for_credit_and_goes_on(anywhere: Business) -> None:
    await prepaid(anywhere, 5 * PRICE)
    _status, job = await upload(anywhere, rows_of(range(20)), text="{order}")
    async with fed(anywhere):
        found = await job_until(anywhere, job["id"], lambda job: job["fault"] is not None)
        assert (found["state"], found["queued"], found["fault"]["code"]) == ("running", 0, "credit")
        assert await left(anywhere) == 5 * PRICE
        await anywhere.api.credit.add(anywhere.name, 20 * PRICE, "", datetime.now(UTC))
        found = await job_until(anywhere, job["id"], lambda job: job["queued"] == 20)
        assert found["fault"] is None
    assert await left(anywhere) == 5 * PRICE
    assert await consistent(anywhere)


def test_the_command_adds_and_takes(tmp_path: Path) -> None:
    assert command("accounts", "add", "shop", folder=tmp_path).returncode == 0
    done = command("accounts", "credit", "shop", "1000000", "--note", "فاکتور", folder=tmp_path)
    assert (done.returncode, "1,000,000 rial" in done.stdout) == (0, True), done.stderr
    done = command("accounts", "credit", "shop", "-400000", folder=tmp_path)
    assert "600,000 rial" in done.stdout
    for wrong in (("nobody", "5"), ("shop", "0")):
        done = command("accounts", "credit", *wrong, folder=tmp_path)
        assert done.returncode == 2
        assert "server.py: " in done.stderr.splitlines()[-1]
