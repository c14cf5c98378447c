"""Many phones that file complaints, and a ledger of every screen that was acknowledged to them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

from aiohttp import ClientError, ClientSession

from tests.running import Phone, Server

ANSWERS = ("2", "2", "سه روز است قطع است و کسی پاسخ نمی‌دهد", "1")
FILED = "شکایت شما ثبت شد"

_PERSIAN = str.maketrans("۰۱۲۳۴۵۶۷۸۹", "0123456789")


def complaint_number(screen: str) -> str:
    """The number on a screen that says that a complaint was filed, eight digits."""
    match = re.search(r"[0-9][0-9\- ]{6,}[0-9]", screen.translate(_PERSIAN))
    assert match is not None, screen
    return re.sub(r"\D", "", match[0])


@dataclass
class Ledger:
    """``screens``: what was acknowledged, by (session, number, text). ``numbers``: complaints told to people.
    ``troubles``: requests that had to be sent again."""

    screens: dict[tuple[str, str, str], str] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    fallbacks: int = 0
    troubles: int = 0

    @property
    def turns(self) -> int:
        return len(self.screens)


async def walk(
    server: Server, http: ClientSession, ledger: Ledger, name: int, enough: int, secret: str
) -> None:
    """One phone after another files a complaint; what gets no answer is sent again, as gateways do."""
    round = 0
    while ledger.turns < enough:
        number = f"+98912{name:03d}{round:04d}"
        phone = Phone(http, server.url, number, f"W{name}-{round}", secret)
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


async def ask_again(server: Server, http: ClientSession, ledger: Ledger, secret: str) -> list[str]:
    """Repeats every acknowledged request; those whose screen is not the one that was acknowledged."""
    lost: list[str] = []
    places = asyncio.Semaphore(32)

    async def check(session: str, number: str, text: str, screen: str) -> None:
        async with places:
            again = await Phone(http, server.url, number, session, secret).post(text)
        if again != screen:
            lost.append(f"{session} {text!r}: {screen!r} became {again!r}")

    await asyncio.gather(*(check(*key, screen) for key, screen in ledger.screens.items()))
    return lost
