"""What people wrote to the lines of a business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from records import inbox
from records.database import Database
from records.vault import Vault
from services.accounts import Holder
from services.tariff_file import line_of

LOOKED_AT = 500
"""Rows that one page looks at: lines are sealed, so that those of others are passed over one by one."""


class Sms(msgspec.Struct, array_like=True):
    """The beginning of what ``bot.sms.InboundSms`` keeps."""

    line: str
    sender: str
    text: str
    id: str
    received: datetime


@dataclass(frozen=True, slots=True)
class Received:
    id: bytes
    line: str
    sender: str
    text: str
    received_at: datetime


_decoder = msgspec.msgpack.Decoder(Sms)


class Inbound:
    def __init__(self, *, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def page(
        self, holder: Holder, before: bytes | None, most: int
    ) -> tuple[Sequence[Received], bytes | None]:
        """At most ``most`` messages to the account's lines, the newest first, and what to ask for the next
        page with; None after the last. Raises ``Unavailable``."""
        lines = {line_of(line) for line in holder.lines}
        if not lines or holder.sandbox:
            return (), None
        rows = await inbox.newest(self._database, self._vault, before, LOOKED_AT)
        found: list[Received] = []
        for row in rows:
            sms = None if row.content is None else read(row.content)
            if sms is not None and digits(sms.line) in lines:
                found.append(Received(row.id, sms.line, sms.sender, sms.text, row.received_at))
                if len(found) == most:
                    return found, row.id
        return found, rows[-1].id if len(rows) == LOOKED_AT else None


def read(content: bytes) -> Sms | None:
    """What was stored; None where it is something else."""
    try:
        return _decoder.decode(content)
    except msgspec.DecodeError:
        return None


def digits(line: str) -> str:
    """ "" where the source did not say, or named it by a word."""
    try:
        return line_of(line)
    except ValueError:
        return ""
