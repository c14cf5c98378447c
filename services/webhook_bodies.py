"""What businesses are told by webhooks: a message of theirs, or what somebody wrote to a line of theirs.

It is read when it is told, so that no copy of it lies about; an event's body is therefore the same each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from records import inbox
from records.database import Database
from records.vault import Vault
from records.webhook_deliveries import Delivery
from records.webhooks import INBOUND, OF_MESSAGES, TEST, Brief, brief
from services.received import read

_STATUSES = {event: status for status, event in OF_MESSAGES.items()}


class Message(msgspec.Struct, rename={"klass": "class"}):
    """Nobody's address and nobody's words: the business knows them by the id or its own ``reference``."""

    id: UUID
    tracking: str
    status: str
    channel: str
    klass: str
    parts: int | None
    reference: str | None


class Received(msgspec.Struct):
    id: UUID
    line: str
    sender: str
    text: str
    received_at: datetime


class Test(msgspec.Struct):
    webhook: UUID


class Event(msgspec.Struct):
    type: str
    timestamp: datetime
    data: Message | Received | Test


class Bodies:
    """See ``dispatch.webhook_batches.Bodies``."""

    def __init__(self, *, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def of(self, webhook: bytes, deliveries: Sequence[Delivery]) -> Mapping[bytes, bytes]:
        """The JSON of each delivery whose subject is there, by the delivery's id. Raises ``Unavailable``."""
        messages = {each.subject for each in deliveries if each.event in _STATUSES}
        received = {each.subject for each in deliveries if each.event == INBOUND}
        about: dict[bytes, Brief] = {}
        if messages:
            about = {each.id: each for each in await brief(self._database, messages)}
        heard = await self._heard(received) if received else {}
        made: dict[bytes, bytes] = {}
        for each in deliveries:
            data: Message | Received | Test | None = None
            if each.event == TEST:
                data = Test(UUID(bytes=webhook))
            elif each.event == INBOUND:
                data = heard.get(each.subject)
            elif (message := about.get(each.subject)) is not None:
                data = Message(
                    UUID(bytes=message.id),
                    message.tracking,
                    _STATUSES[each.event],
                    message.channel,
                    message.klass,
                    message.parts,
                    message.reference,
                )
            if data is not None:
                made[each.id] = msgspec.json.encode(Event(each.event, each.at, data))
        return made

    async def _heard(self, ids: set[bytes]) -> Mapping[bytes, Received]:
        heard: dict[bytes, Received] = {}
        for row in await inbox.by_ids(self._database, self._vault, ids):
            sms = None if row.content is None else read(row.content)
            if sms is not None:
                heard[row.id] = Received(UUID(bytes=row.id), sms.line, sms.sender, sms.text, row.received_at)
        return heard
