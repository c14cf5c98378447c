"""Takes over what a business sends: into the outbox, under its own name, once for each Idempotency-Key."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from engine import alphabet
from records import account_messages as records
from records import orders
from records.account_messages import Answer, Sent, Step, Used
from records.changes import place
from records.committer import Committer
from records.database import Database
from records.orders import Way
from records.outbox import Content, queue
from records.reported import arrived
from records.statuses import cancelled
from records.tables import outbox
from records.unit import Conflict, Unavailable, Unit
from records.vault import Vault
from records.webhooks import owe_for
from services.accounts import Holder
from services.credit import Credit, Said, reserve

SANDBOX = "sandbox"

# Calls that are written at once, and that wait for it: what they hold is in memory, and the people who dial
# share the database with them.
WRITING = 4
WAITING = 64
TRIES = 4
TOGETHER = 100  # Messages that are sealed before anybody else has the processor.

KEPT = timedelta(hours=48)
"""How long an answer is kept for a request that comes again: at least a day, whoever's clock is asked."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to send. ``kind`` is that of the address ``to``; ``due`` None for at once; ``route`` the line
    or bot that it goes by, "" for the usual one; ``key`` what no other message has that is put in twice.
    ``then``: the same by other channels, each tried where the one before it failed or had no receipt
    ``within`` so many seconds."""

    channel: str
    kind: str
    to: str
    text: str
    klass: str
    lifetime: timedelta
    subject: str = ""
    route: str = ""
    due: datetime | None = None
    reference: str | None = None
    key: str | None = None
    within: int = 0
    then: tuple[Draft, ...] = ()


class Sender(Protocol):
    """Whose messages are taken over, and whether they go to anybody."""

    @property
    def account(self) -> bytes: ...

    @property
    def sandbox(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that is taken over."""

    id: bytes
    tracking: str
    parts: int | None
    status: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class Once:
    """``key`` is what the business calls its request, ``request`` all that it asks for."""

    key: str
    request: bytes


class OtherRequest(Exception):
    """The Idempotency-Key came with another request before."""


Respond = Callable[[Sequence[Taken]], str]


class Submissions:
    def __init__(self, *, database: Database, committer: Committer, vault: Vault, credit: Credit) -> None:
        self._credit = credit
        self._database = database
        self._committer = committer
        self._vault = vault
        self._writing = asyncio.Semaphore(WRITING)
        self._waiting = 0

    async def submit(
        self,
        holder: Holder,
        drafts: Sequence[Draft],
        now: datetime,
        respond: Respond,
        once: Once | None = None,
        status: int = 202,
    ) -> tuple[Answer, bool]:
        """Takes all the drafts over, or none. The answer that ``respond`` makes of them, which is kept in the
        same unit for ``once``; and whether it is that of an earlier call. Raises ``OtherRequest``,
        ``Unavailable``."""

        async def build(unit: Unit) -> str:
            return respond(await self.put(unit, holder, drafts, now))

        return await self.answered(holder, now, build, once, status)

    async def answered(
        self,
        holder: Holder,
        now: datetime,
        build: Callable[[Unit], Awaitable[str]],
        once: Once | None = None,
        status: int = 202,
    ) -> tuple[Answer, bool]:
        """Commits what ``build`` puts into a unit, with the answer that it returns."""
        if self._waiting >= WAITING:
            raise Unavailable("too many calls wait to be written")
        self._waiting += 1
        try:
            async with self._writing:
                return await self._answered(holder, now, build, once, status)
        finally:
            self._waiting -= 1

    async def _answered(
        self,
        holder: Holder,
        now: datetime,
        build: Callable[[Unit], Awaitable[str]],
        once: Once | None,
        status: int,
    ) -> tuple[Answer, bool]:
        name, digest = self._named(holder, once) if once is not None else (b"", b"")
        for _try in range(TRIES):
            if once is not None:
                before = await records.answer(self._database, name)
                if before is not None:
                    if before.digest != digest:
                        raise OtherRequest
                    kept = self._vault.open(base64.b64decode(before.body), _context(name)).decode()
                    return Answer(digest, before.status, kept), True
            unit = Unit()
            answer = Answer(digest, status, await build(unit))
            if once is not None:
                sealed = base64.b64encode(self._vault.seal(answer.body.encode(), _context(name))).decode()
                records.keep_answer(unit, name, digest, answer.status, sealed, now)
            try:
                await self._committer.commit(unit)
            except Conflict:
                continue  # The same request came twice at once, or a tracking number was taken.
            return answer, False
        raise Unavailable("others were first each time")

    async def put(self, unit: Unit, holder: Sender, drafts: Sequence[Draft], now: datetime) -> list[Taken]:
        """Adds the drafts to the unit, as the account's messages. What a sandbox key sends arrives at once,
        and goes to nobody. Raises ``NotEnough``, ``Unavailable``."""
        taken: list[Taken] = []
        prices = None
        if not holder.sandbox:
            prices = await self._credit.prices(holder.account, (_said(draft, now) for draft in drafts))
        for number, draft in enumerate(drafts, 1):
            tracking = queue(
                unit,
                self._vault,
                now=now,
                channel=draft.channel,
                klass=draft.klass,
                kind=draft.kind,
                to=draft.to,
                body=draft.text,
                subject=draft.subject,
                route=draft.route,
                lifetime=draft.lifetime,
                due=draft.due,
                idempotency_key=draft.key,
                sender=holder.account,
                within=draft.within,
            )
            if draft.then:
                orders.add(unit, self._vault, [_way(each) for each in draft.then], draft.due or now)
            taken.append(own(unit, holder, tracking, draft.reference, now))
            if number % TOGETHER == 0:
                await asyncio.sleep(0)
        if holder.sandbox:
            changes = [(each.id, status) for each in taken for status in ("sent", "delivered")]
            await owe_for(self._database, unit, holder.account, True, changes, now)
        reserve(unit, holder.account, [each.id for each in taken], prices, now)
        return taken

    async def find(
        self, holder: Holder, id: bytes
    ) -> tuple[Sent, Sequence[Step], Sequence[orders.Step]] | None:
        """The account's message, what is known of it, and its channels where it has several. Raises
        ``Unavailable``."""
        sent = await records.find(self._database, holder.account, holder.sandbox, id)
        if sent is None:
            return None
        ways = await orders.steps(self._database, id)
        return sent, await records.history(self._database, id), ways

    async def arrived(self, holder: Holder, numbers: Sequence[str], now: datetime) -> int:
        """The account says of pushes, by their tracking numbers, that they are there; how many of them it
        has. Raises ``Unavailable``."""
        return await arrived(self._database, holder.account, holder.sandbox, numbers, now)

    async def tracked(self, holder: Holder, numbers: Sequence[str]) -> dict[str, Sent]:
        """The account's messages by their tracking numbers, of those that there are."""
        found = await records.tracked(self._database, holder.account, holder.sandbox, numbers)
        return {sent.tracking: sent for sent in found}

    async def page(
        self, holder: Holder, before: bytes | None, most: int, reference: str | None
    ) -> Sequence[Sent]:
        """The account's messages, the newest first. Raises ``Unavailable``."""
        return await records.page(
            self._database, holder.account, holder.sandbox, before=before, most=most, reference=reference
        )

    async def usage(self, holder: Holder, since: datetime, until: datetime) -> Sequence[Used]:
        """What the account sent from then until before then. Raises ``Unavailable``."""
        return await records.usage(self._database, holder.account, holder.sandbox, since, until)

    async def cancel(self, holder: Holder, id: bytes, now: datetime) -> bool | None:
        """Whether the message could be cancelled; None where the account has none of this id. One that is
        cancelled already stays so. Raises ``Unavailable``."""
        sent = await records.find(self._database, holder.account, holder.sandbox, id)
        if sent is None:
            return None
        if sent.status == "cancelled":
            return True
        unit = Unit()
        records.cancel(unit, id, now)
        await cancelled(self._database, unit, holder.account, holder.sandbox, id, now)
        try:
            await self._committer.commit(unit)
        except Conflict:
            return False
        return True

    async def tidy(self, now: datetime, most: int = 1_000) -> int:
        """Forgets answers whose time is over, some at a time; how many. Raises ``Unavailable``."""
        return await records.forget_answers(self._database, now - KEPT, most)

    def _named(self, holder: Holder, once: Once) -> tuple[bytes, bytes]:
        """Where the answer is kept, and the digest of the request, which says who is written to what."""
        kind = "sandbox answer" if holder.sandbox else "answer"
        name = place(kind, holder.account, once.key.encode())
        return name, self._vault.digest("account-answer", hashlib.sha256(once.request).hexdigest())


def _said(draft: Draft, now: datetime) -> Sequence[Said]:
    """What decides the price of a draft, for each channel that it may go by."""
    at = draft.due or now
    return [Said(each.channel, each.klass, each.to, each.text, at) for each in (draft, *draft.then)]


def _way(draft: Draft) -> Way:
    said = Content(draft.to, draft.subject, draft.text, route=draft.route, within=draft.within)
    parts = alphabet.parts(draft.text) if draft.channel == "sms" else None
    return Way(draft.channel, draft.kind, said, parts)


def _context(name: bytes) -> bytes:
    return b"account answer" + name


def own(unit: Unit, holder: Sender, tracking: str, reference: str | None, now: datetime) -> Taken:
    """Makes the message that the unit has added last one of the account's."""
    rows = unit.rows[outbox]
    row = {**rows[-1], "sender": holder.account}
    if holder.sandbox:
        row |= {"status": "delivered", "provider": SANDBOX, "sent_at": now, "finished_at": now}
    rows[-1] = row
    records.add(unit, row["id"], holder.account, holder.sandbox, reference)
    return Taken(row["id"], tracking, row["parts"], row["status"], reference)
