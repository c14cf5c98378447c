"""Tells people something while they are not speaking: by SMS where they have a number, else where they chat.

On a chat that carries messages (Telegram, Bale) it is a message in the outbox; on the web chat, which shows
what is in the records, a post: in the thread under way, else in one that is there for notices alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from engine.session import Value
from records import subscribers as people
from records import threads as records
from records.changes import waiting
from records.database import Database
from records.ids import new_id
from records.tables import threads
from records.threads import Thread, Where
from records.unit import Unit
from records.vault import Vault
from services.handover_posts import Postbox
from services.notices import Notices
from services.subscribers import Person, Subscribers

log = structlog.get_logger()

CARRIED = ("telegram", "bale")
SHOWN = "webchat"
WRITTEN = "sms"
TOPIC = "notices"
MOST = 200  # Threads of a person that are looked through for the one with their notices.


@dataclass(frozen=True, slots=True)
class Chat:
    """Where somebody chats. ``route`` is the bot or site that it was last used over."""

    kind: str
    route: str
    address: str
    party: bytes
    language: str
    subscriber: bytes


class Telling:
    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        subscribers: Subscribers,
        notices: Notices,
        postbox: Postbox,
    ) -> None:
        self._database = database
        self._vault = vault
        self._subscribers = subscribers
        self._notices = notices
        self._postbox = postbox

    async def tell(
        self,
        unit: Unit,
        now: datetime,
        subscriber: bytes,
        text: str,
        values: Mapping[str, Value],
        speaking: Person | None = None,
    ) -> None:
        """Queues one of the texts of ``services.notices``. To the number that speaks now, else the one that
        the person verified, else the chat that they used last. Where that is what speaks now nothing is
        queued, if its screens stay to be read again: the one of this very turn says it."""
        recipient = None if speaking is None else speaking.recipient
        if recipient is not None and speaking is not None and speaking.channel == WRITTEN:
            return
        recipient = recipient or await self._subscribers.recipient(subscriber, now)
        if recipient is not None:
            self._notices.sms(unit, now, recipient, text, values)
            return
        chat = await self.chat(unit, subscriber)
        if chat is None:
            log.warning("nowhere to send a complaint's notice to")
        elif speaking is not None and (speaking.kind, speaking.party) == (chat.kind, chat.party):
            return
        elif chat.kind == SHOWN:
            thread = await self._thread(unit, now, chat)
            words = self._notices.chat_words(chat.language, text, values)
            self._postbox.write(unit, thread, now, "system", "notice", words)
        else:
            self._notices.chat(unit, now, chat.kind, chat.route, chat.address, chat.language, text, values)

    async def chat(self, unit: Unit, subscriber: bytes) -> Chat | None:
        """The chat that a person used last; None when they have none, or closed it to us."""
        person = await self._subscribers.root(unit, subscriber)
        found = [
            each
            for each in await people.addresses_of(self._database, person)
            if each.kind in (*CARRIED, SHOWN) and each.blocked_at is None
        ]
        language = await people.language(self._database, person)
        if language is None or not found:
            return None
        last = max(found, key=lambda each: each.seen_at or each.created_at)
        route = last.route or last.kind
        return Chat(last.kind, route, self._subscribers.open(last), last.index, language, person)

    async def _thread(self, unit: Unit, now: datetime, chat: Chat) -> Thread:
        """The thread in which a visitor of the web chat finds a notice."""
        for row in waiting(unit, threads):
            if row["party"] == chat.party and row["topic"] == TOPIC:
                return Thread(**row)
        live = await records.live(self._database, chat.party, chat.route)
        if live is not None:
            return live
        for each in await records.of_subscriber(self._database, chat.subscriber, MOST):
            if each.party == chat.party and each.topic == TOPIC:
                return each
        return self._opened(unit, now, chat)

    def _opened(self, unit: Unit, now: datetime, chat: Chat) -> Thread:
        """A thread that was never anybody's talk: over from its beginning, and of no session."""
        id = new_id(now)
        row: dict[str, Any] = {
            "id": id,
            "subscriber": chat.subscriber,
            "party": chat.party,
            "channel": chat.kind,
            "route": chat.route,
            "sealed": records.seal_where(self._vault, id, Where(chat.address)),
            "language": chat.language,
            "session": id,
            "topic": TOPIC,
            "complaint": None,
            "operator": None,
            "opened_at": now,
            "queued_at": now,
            "accepted_at": None,
            "closed_at": now,
            "reason": None,
            "owed": None,
            "person_seen": None,
            "operator_seen": None,
            "revision": 1,
        }
        unit.insert(threads, row)
        return Thread(**row)
