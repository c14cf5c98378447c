"""Mails that came back: what they say of a mail of ours is kept with it, and nothing more is sent to a
mailbox that is not there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

import structlog

from records import reported
from records.database import Database
from records.outbox import content
from records.suppressions import Suppression
from records.vault import Unreadable, Vault

FORGET = timedelta(days=90)  # As long as where a server says so while it is handed a mail.

log = structlog.get_logger()


class Returned(Protocol):
    """A mail of ours that did not arrive. ``gone``: its ``recipient`` has no mailbox."""

    @property
    def id(self) -> bytes: ...

    @property
    def tracking(self) -> str: ...

    @property
    def recipient(self) -> str: ...

    @property
    def gone(self) -> bool: ...

    @property
    def detail(self) -> str: ...


class Bouncing:
    def __init__(self, *, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def take(self, told: Returned, now: datetime) -> bool:
        """Keeps it; whether it is of a mail of ours. The same again changes nothing. Raises
        ``Unavailable``."""
        mail = await reported.mailed(self._database, told.id, told.tracking)
        if mail is None:
            return False
        suppression = None
        if told.gone and self._is_theirs(told, mail.sealed):
            suppression = Suppression("email", mail.party, "all", "hard", now, now + FORGET)
        await reported.bounced(self._database, mail, told.detail, suppression, now)
        log.info("a mail came back", tracking=told.tracking, suppressed=suppression is not None)
        return True

    def _is_theirs(self, told: Returned, sealed: bytes) -> bool:
        """Whether the mailbox that is not there is the one that we wrote to, and not one behind it."""
        try:
            to = content(self._vault, told.id, sealed).to
        except Unreadable:
            return False
        return not told.recipient or told.recipient.casefold() == to.casefold()
