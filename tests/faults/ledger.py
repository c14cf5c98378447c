"""Many phones that file complaints, a ledger of every screen that was acknowledged to them, and the records
held against it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientError, ClientSession
from sqlalchemy import func, select

from records.database import Database
from records.tables import complaint_events, complaints, outbox, sessions, turns
from tests.running import Phone, Server

ANSWERS = ("2", "2", "سه روز است قطع است و کسی پاسخ نمی‌دهد", "1")
FILED = "شکایت شما ثبت شد"
AWAY = "END پاسخ آماده نشد"

_PERSIAN = str.maketrans("۰۱۲۳۴۵۶۷۸۹", "0123456789")


def complaint_number(screen: str) -> str:
    """The number on a screen that says that a complaint was filed, eight digits."""
    match = re.search(r"[0-9][0-9\- ]{6,}[0-9]", screen.translate(_PERSIAN))
    assert match is not None, screen
    return re.sub(r"\D", "", match[0])


@dataclass
class Ledger:
    """``screens``: what was acknowledged, by (session, number, text). ``numbers``: complaints told to people.
    ``fallbacks``: dialogs that were given up. ``troubles``: requests that had to be sent again."""

    screens: dict[tuple[str, str, str], str] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    fallbacks: int = 0
    troubles: int = 0

    @property
    def turns(self) -> int:
        return len(self.screens)


async def walk(server: Server, http: ClientSession, ledger: Ledger, name: int, enough: int) -> None:
    """One phone after another files a complaint; what gets no answer is sent again, as gateways do."""
    round = 0
    while ledger.turns < enough:
        number = f"+98912{name:03d}{round:04d}"
        phone = Phone(http, server.url, number, f"W{name}-{round}", server.secret)
        round += 1
        for step in range(len(ANSWERS) + 1):
            phone.typed = list(ANSWERS[:step])
            screen = await insist(phone, ledger)
            if not screen.startswith("CON") and step < len(ANSWERS):
                ledger.fallbacks += 1  # A last screen before the end: the dialog was given up.
                break
            ledger.screens[phone.session, number, phone.text] = screen
            if step == len(ANSWERS):
                assert FILED in screen, screen
                ledger.numbers.append(complaint_number(screen))


async def insist(phone: Phone, ledger: Ledger) -> str:
    """Sends a request until it is answered."""
    for _try in range(600):
        try:
            return await phone.post(phone.text)
        except (ClientError, OSError, TimeoutError):
            ledger.troubles += 1
            await asyncio.sleep(0.05)
    raise AssertionError("no answer in half a minute")


@asynccontextmanager
async def people(
    server: Server, http: ClientSession, ledger: Ledger, phones: int, enough: int = 10**9
) -> AsyncIterator[asyncio.Future[list[None]]]:
    """Phones at work beside what is in the block; those that are not done at its end hang up."""
    walking = asyncio.gather(*(walk(server, http, ledger, name, enough) for name in range(phones)))
    try:
        yield walking
    finally:
        walking.cancel()
        await asyncio.gather(walking, return_exceptions=True)


async def reached(ledger: Ledger, turns: float, walking: asyncio.Future[list[None]]) -> None:
    """Waits until so many turns were acknowledged. Raises what went wrong with a phone meanwhile."""
    while ledger.turns < turns:
        if walking.done():
            walking.result()
            return
        await asyncio.sleep(0.002)


async def ask_again(server: Server, http: ClientSession, ledger: Ledger) -> list[str]:
    """Repeats every acknowledged request; those whose screen is not the one that was acknowledged."""
    lost: list[str] = []
    places = asyncio.Semaphore(32)

    async def check(session: str, number: str, text: str, screen: str) -> None:
        async with places:
            again = await Phone(http, server.url, number, session, server.secret).post(text)
        if again != screen:
            lost.append(f"{session} {text!r}: {screen!r} became {again!r}")

    await asyncio.gather(*(check(*key, screen) for key, screen in ledger.screens.items()))
    return lost


async def check_records(server: Server, ledger: Ledger) -> None:
    """The records against the ledger: nothing missing, nothing doubled, nothing half."""
    database = await Database.open(server.database_url)
    try:
        filed = await database.read(select(complaints.c.number, complaints.c.session))
        assert len({row.session for row in filed}) == len(filed), "a complaint was filed twice"
        assert {*ledger.numbers} <= {row.number for row in filed}, "an acknowledged complaint is missing"
        assert len(ledger.numbers) == len({*ledger.numbers})
        for table in (outbox, complaint_events):
            [[rows]] = await database.read(select(func.count()).select_from(table))
            assert rows == len(filed), f"each complaint has its one row in {table.name}"
        closed = await database.read(select(sessions.c.id).where(sessions.c.outcome == "done"))
        assert {row.id for row in closed} == {row.session for row in filed}, "half a turn was written"
        [[steps]] = await database.read(select(func.count()).select_from(turns))
        assert steps >= ledger.turns
        sums = select(turns.c.session, func.count().label("steps"), func.max(turns.c.sequence).label("last"))
        for row in await database.read(sums.group_by(turns.c.session)):
            assert row.steps == row.last, "a step is missing"
    finally:
        await database.close()
