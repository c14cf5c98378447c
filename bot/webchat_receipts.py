"""Tells operators what became of their words on the web chat: a device of the person has them, the person has
read them. Gathered, so that twenty thousand readers are one transaction a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog

from records.committer import Committer
from records.unit import Unavailable, Unit

log = structlog.get_logger()

PAUSE = 1.0  # Seconds between commits.
MOST = 5_000  # Receipts that wait; beyond, an operator sees a tick less.


class Posts(Protocol):
    """What has to be told of posts."""

    def seen(self, unit: Unit, party: bytes, post: bytes, now: datetime, *, read: bool) -> None:
        """The person's device has a post, or the person has read it."""


class Receipts:
    """Receipts that wait for the next commit."""

    def __init__(self, posts: Posts, committer: Committer, clock: Callable[[], datetime]) -> None:
        self._posts = posts
        self._committer = committer
        self._clock = clock
        self._waiting: dict[tuple[bytes, bytes, bool], datetime] = {}

    def delivered(self, party: bytes, post: bytes) -> None:
        self._add(party, post, False)

    def read(self, party: bytes, post: bytes) -> None:
        self._add(party, post, True)

    async def run(self) -> None:
        """Commits until cancelled."""
        while True:
            await asyncio.sleep(PAUSE)
            await self.flush()

    async def flush(self) -> None:
        """Commits what waits; lost is what the database does not take."""
        if not self._waiting:
            return
        unit = Unit()
        waiting, self._waiting = self._waiting, {}
        for (party, post, read), at in waiting.items():
            self._posts.seen(unit, party, post, at, read=read)
        try:
            await self._committer.commit(unit)
        except Unavailable:
            log.warning("receipts of the web chat are lost", count=len(waiting))

    def _add(self, party: bytes, post: bytes, read: bool) -> None:
        if len(self._waiting) < MOST:
            self._waiting.setdefault((party, post, read), self._clock())
