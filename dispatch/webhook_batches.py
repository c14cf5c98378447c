"""One batch of what a business is owed at one place: few requests at once, and what became of each.

After the first try that fails no other one begins: what is left of the batch is given back, and the place is
tried with a single request at a time until one goes well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import aiohttp
import structlog

from dispatch.webhook_requests import TIMEOUT, Answer, post
from dispatch.webhook_signing import headers
from records import webhook_deliveries as records
from records.committer import Committer
from records.database import Database
from records.randomness import randomness
from records.unit import Conflict, Unavailable, Unit
from records.vault import Unreadable, Vault
from records.webhook_deliveries import DELIVERED, FAILED, WAITING, Delivery, Due
from records.webhooks import Place, place

# Seconds after the first, second, … try that failed, each longer or shorter by up to a fifth; about a day.
WAITS = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 21_600, 36_000)
JITTER = 0.2
PAUSED_AFTER = timedelta(days=1)  # Of nothing that went well.
EACH = 4  # Requests to one place at once.
AGENT = "Chapar-Webhooks/1"

Watch = Callable[[str, timedelta], None]
"""Told what became of each try (delivered, again, given_up), and how long after the event."""

log = structlog.get_logger(__name__)


class Bodies(Protocol):
    """Who says what is told."""

    async def of(self, webhook: bytes, deliveries: Sequence[Delivery]) -> Mapping[bytes, bytes]:
        """The body of each of a place's deliveries, by id; none where its subject is gone. Raises
        ``Unavailable``."""


@dataclass(slots=True)
class _Under:
    """A batch under way: what is left of it, the last first, and how things stand with its place."""

    due: Due
    lease: bytes
    place: Place
    bodies: Mapping[bytes, bytes]
    left: list[Delivery]
    failing_since: datetime | None
    failed: bool = False


class Teller:
    def __init__(
        self,
        *,
        database: Database,
        committer: Committer,
        vault: Vault,
        http: aiohttp.ClientSession,
        bodies: Bodies,
        clock: Callable[[], datetime],
        watch: Watch,
        limit: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:
        self._database = database
        self._committer = committer
        self._vault = vault
        self._http = http
        self._bodies = bodies
        self._clock = clock
        self._watch = watch
        self._limit = limit

    async def tell(
        self, due: Due, lease: bytes, batch: Sequence[Delivery], stopping: Callable[[], bool]
    ) -> None:
        """Tells what was claimed for one place, until ``stopping``. Raises ``Unavailable``: then what was not
        settled waits until the lease is over."""
        try:
            where = place(self._vault, due.id, due.sealed)
        except Unreadable:
            log.error("webhooks.unreadable: its key is not in the key ring", webhook=_name(due.id))
            return
        bodies = await self._bodies.of(due.id, batch)
        under = _Under(due, lease, where, bodies, [*reversed(batch)], due.failing_since)

        async def line() -> None:
            while under.left and not under.failed and not stopping():
                try:
                    await self._one(under, under.left.pop())
                except Exception:
                    under.failed = True  # So that no other line begins one that is given back below.
                    raise

        ended = await asyncio.gather(*(line() for _ in range(EACH)), return_exceptions=True)
        if under.left:
            left = [each.id for each in under.left]
            await records.release(self._database, lease, left, self._clock())
        for error in ended:
            if error is not None:
                raise error

    async def _one(self, under: _Under, delivery: Delivery) -> None:
        body = under.bodies.get(delivery.id)
        if body is None:  # No try: it says nothing of the place.
            unit, now = Unit(), self._clock()
            _settle(unit, under, delivery, FAILED, now, None, "gone", now)
            await self._commit(unit)
            self._watch("given_up", now - delivery.at)
            return
        at = self._clock()
        secrets = [secret for secret, until in under.place.secrets if until is None or until > at]
        head = {
            "Content-Type": "application/json",
            "User-Agent": AGENT,
            **headers(_name(delivery.id), at, body, secrets),
        }
        answer = await post(self._http, under.place.url, body, head, self._limit)
        now = self._clock()
        unit, outcome = self._became(under, delivery, answer, now)
        await self._commit(unit)
        self._watch(outcome, now - delivery.at)

    def _became(self, under: _Under, delivery: Delivery, answer: Answer, now: datetime) -> tuple[Unit, str]:
        """What to write of a try, and what became of it."""
        unit = Unit()
        if answer.problem is None:
            _settle(unit, under, delivery, DELIVERED, now, answer.status, None, now)
            if under.failing_since is not None:
                records.healthy(unit, under.due.id)
                under.failing_since = None
            return unit, "delivered"
        again = retry(delivery.attempts, now, answer.again, randomness.random())
        status = FAILED if again is None else WAITING
        _settle(unit, under, delivery, status, again or now, answer.status, answer.problem, now)
        why = ""
        if answer.status == 410:
            why = "gone"
        elif under.failing_since is not None and now - under.failing_since >= PAUSED_AFTER:
            why = "failing"
        if why:
            records.pause(unit, under.due.id, why, now)
            log.warning("webhooks.paused", webhook=_name(under.due.id), why=why)
        elif under.failing_since is None:
            records.failing(unit, under.due.id, now)
            under.failing_since = now
        under.failed = True
        log.info(
            "webhooks.not_told",
            webhook=_name(under.due.id),
            delivery=_name(delivery.id),
            attempts=delivery.attempts,
            problem=answer.problem,
            answered=answer.status,
        )
        return unit, "again" if again is not None else "given_up"

    async def _commit(self, unit: Unit) -> None:
        """Keeps at it for a while: what was answered must not be forgotten, or it is told twice."""
        for wait in (0.1, 0.5, 2.0, 5.0, 5.0, None):
            try:
                await self._committer.commit(unit)
            except Conflict:
                log.warning("webhooks.lease_lost")  # Or somebody has it told again.
            except Unavailable:
                if wait is None:
                    raise
                await asyncio.sleep(wait)
                continue
            return


def retry(attempts: int, now: datetime, asked: timedelta | None, draw: float) -> datetime | None:
    """When what failed for the ``attempts``-th time (from 1) is tried again; None: it is given up. ``asked``:
    how long the server asks for; ``draw``: from 0 to 1."""
    if attempts > len(WAITS):
        return None
    wait = timedelta(seconds=WAITS[attempts - 1] * (1 + JITTER * (2 * draw - 1)))
    return now + max(wait, asked or wait)


def _settle(
    unit: Unit,
    under: _Under,
    delivery: Delivery,
    status: str,
    due_at: datetime,
    answered: int | None,
    problem: str | None,
    now: datetime,
) -> None:
    records.settle(
        unit,
        under.lease,
        delivery.id,
        status=status,
        due_at=due_at,
        answered=answered,
        problem=problem,
        now=now,
    )


def _name(id: bytes) -> str:
    return str(UUID(bytes=id))
