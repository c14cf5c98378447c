"""The posts of threads: written once each in one order, carried to the person, read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
import structlog

from engine.session import Value
from languages import _
from records import threads as records
from records.ids import next_id
from records.outbox import queue
from records.tables import posts
from records.threads import SHOWN, Post, Said, Thread
from records.unit import Unit
from records.vault import Unreadable, Vault
from services.notices import Notices

log = structlog.get_logger()

# An operator's words that could not be sent for this long come out of nowhere.
LIFETIME = timedelta(days=2)

ACCEPTED = _("کارشناس به گفتگو پیوست.")
TRANSFERRED = _("گفتگو به کارشناس دیگری سپرده شد. آنچه نوشته‌اید را می‌بیند.")
RETURNED = _("کارشناس از گفتگو بیرون رفت. نوبت شما محفوظ است و کارشناس دیگری پاسخ می‌دهد.")
JOINED = _("این گفتگو به شکایت {number:digits} شما پیوست.")
COMPLAINT_OPENED = _("شکایت شما با شماره {number:digits} ثبت شد.\nپاسخ تا {deadline:date}")


@dataclass(frozen=True, slots=True)
class Line:
    """A post with its words. ``kind``: text and notice are for the person too; note, and the names of acts
    (requested, accepted, transferred, returned, joined, closed), for operators only."""

    id: bytes
    thread: bytes
    sequence: int
    at: datetime
    author: str
    operator: str | None
    kind: str
    text: str
    file: bytes | None
    tracking: str | None
    delivered_at: datetime | None
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a person is reached. ``chat`` is the channel's id of the dialog."""

    channel: str
    route: str
    address: str
    chat: str
    language: str


class Carry(Protocol):
    """Puts words for a person into the outbox, in ``unit``; the tracking number, None on a channel that shows
    posts by itself (the web chat). ``key`` is the same for a repetition. ``file`` is the id of one that goes
    in the place of the words, which are its name."""

    def __call__(
        self, unit: Unit, now: datetime, to: Destination, text: str, key: str, file: bytes | None = None
    ) -> str | None: ...


class Postbox:
    """Writes and reads posts. ``carry`` takes what the person is to read to where they are."""

    def __init__(self, *, vault: Vault, notices: Notices, carry: Carry) -> None:
        self._vault = vault
        self._notices = notices
        self._carry = carry

    def write(
        self,
        unit: Unit,
        thread: Thread,
        now: datetime,
        author: str,
        kind: str,
        text: str,
        *,
        operator: str | None = None,
        key: bytes | None = None,
        raw: bytes = b"",
        file: bytes | None = None,
    ) -> bytes:
        """Adds a post behind the thread's last one; its id. The unit is a ``Conflict`` when somebody else
        took that place, or wrote a post with this ``key``: then everything is looked at again."""
        sequence, last = records.last_in(unit, thread)
        id = next_id(now, last)
        tracking = None
        if author != "person" and kind in SHOWN:
            tracking = self._carry(unit, now, self.destination(thread), text, f"post-{id.hex()}", file)
        row: dict[str, Any] = {
            "id": id,
            "thread": thread.id,
            "sequence": sequence + 1,
            "key": key,
            "party": thread.party,
            "author": author,
            "operator": operator,
            "kind": kind,
            "sealed": records.seal_said(self._vault, id, thread.id, Said(text, raw)),
            "file": file,
            "tracking": tracking,
            "at": now,
            "delivered_at": None,
            "read_at": None,
        }
        unit.insert(posts, row)
        return id

    def notice(
        self, unit: Unit, thread: Thread, now: datetime, text: str, values: Mapping[str, Value] | None = None
    ) -> None:
        """Adds words of ours for the person, in their language."""
        words = self._notices.words(thread.language, text, values or {})
        self.write(unit, thread, now, "system", "notice", words)

    def destination(self, thread: Thread) -> Destination:
        """Where the thread's person is; raises ``Unreadable`` when the key is gone."""
        where = records.where(self._vault, thread)
        return Destination(thread.channel, thread.route, where.address, where.chat, thread.language)

    def opened(self, found: Iterable[Post]) -> list[Line]:
        """Posts with their words; one whose key is gone has none."""
        return [self._line(post) for post in found]

    def _line(self, post: Post) -> Line:
        try:
            text = records.said(self._vault, post).text
        except Unreadable:
            log.error("post unreadable", kind=post.kind)
            text = ""
        return Line(
            post.id, post.thread, post.sequence, post.at, post.author, post.operator, post.kind, text,
            post.file, post.tracking, post.delivered_at, post.read_at,
        )  # fmt: skip


def sending(file: bytes) -> bytes:
    """The payload of a message that is a file of ours; how it is sent is the provider's to know."""
    return msgspec.json.encode({"method": "sendFile", "file": file.hex()})


def by_outbox(vault: Vault, channels: Mapping[str, str]) -> Carry:
    """Carries plain words, and files by their ids, through the outbox. ``channels`` names the kind of address
    of each channel that has a provider; on others nothing is to be carried."""

    def carry(
        unit: Unit, now: datetime, to: Destination, text: str, key: str, file: bytes | None = None
    ) -> str | None:
        kind = channels.get(to.channel)
        if kind is None:
            return None
        return queue(
            unit, vault, now=now, channel=to.channel, klass="service", kind=kind, to=to.address,
            body=text, payload=b"" if file is None else sending(file), route=to.route, lifetime=LIFETIME,
            idempotency_key=key,
        )  # fmt: skip

    return carry
