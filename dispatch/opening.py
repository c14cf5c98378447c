"""A claimed message as its provider gets it."""

from __future__ import annotations

import structlog

from dispatch.provider import Outgoing
from engine import alphabet
from records.claims import Claimed
from records.outbox import content
from records.vault import Unreadable, Vault

log = structlog.get_logger(__name__)


def opened(vault: Vault, claimed: Claimed) -> Outgoing | None:
    """What is sealed of it with what is known of it; None, and a line in the log, when its key is gone."""
    try:
        said = content(vault, claimed.id, claimed.sealed)
    except Unreadable as error:
        log.error("dispatch.unreadable", tracking=claimed.tracking, error=str(error))
        return None
    return Outgoing(
        claimed.id,
        claimed.tracking,
        claimed.klass,
        said.to,
        said.subject,
        said.body,
        claimed.attempts,
        claimed.expires_at,
        said.payload,
        said.route,
        _parts(claimed, said.body),
        claimed.sender,
        claimed.party,
        said.within,
    )


def _parts(claimed: Claimed, body: str) -> int:
    """One for whatever is no SMS; counted here for one that was queued before that was."""
    return 1 if claimed.channel != "sms" else claimed.parts or alphabet.parts(body)
