"""11 and 12: a person closes the line to advertising, and opens it again.

«لغو ۱۱» in any spelling is always that. The bare 11, 12 and «لغو» are that too, unless a dialog stands open
whose question takes just this as an answer: then the dialog has it. 12 opens again; from who never said
anything about advertising it means nothing, since nobody was asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from conversation.accepting import Accepting
from conversation.incoming import Incoming
from conversation.outgoing import LIFETIME
from engine.fold import key
from engine.turn import Language
from languages import _
from records.outbox import queue
from records.unit import Unit
from records.vault import Vault
from services.consents import Consents
from services.subscribers import Person, Subscribers

PURPOSE = "advertising"
KIND = "msisdn"

STOPPED = _("دیگر پیام تبلیغاتی برای شما نمی‌فرستیم.\nعضویت دوباره: ۱۲")
STARTED = _("از این پس پیام تبلیغاتی می‌گیرید.\nلغو: ۱۱")

# The same wish again is recorded, but confirmed no more than once in this time.
CONFIRMED = timedelta(days=1)

_BETWEEN = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Wish:
    """``given``: whether advertising is wanted. ``sure``: it can mean nothing else."""

    given: bool
    sure: bool = False


WISHES: Mapping[str, Wish] = {
    "لغو11": Wish(False, sure=True),
    "11لغو": Wish(False, sure=True),  # As it is read where the digits are shown first.
    "لغو": Wish(False),
    "11": Wish(False),
    "12": Wish(True),
}


def wish_of(text: str) -> Wish | None:
    """What a message says about advertising; None when it says something else."""
    return WISHES.get(_BETWEEN.sub("", key(text))) if len(text) <= 40 else None


class ConsentRule:
    """Does what people wish."""

    def __init__(
        self,
        *,
        accepting: Accepting,
        consents: Consents,
        subscribers: Subscribers,
        vault: Vault,
        languages: Mapping[str, Language],
    ) -> None:
        self._accepting = accepting
        self._consents = consents
        self._subscribers = subscribers
        self._vault = vault
        self._languages = languages

    async def holds(self, wish: Wish, incoming: Incoming, now: datetime) -> bool:
        """Whether the message is this rule's and not the dialog's."""
        if not wish.sure and await self._accepting.accepts(incoming, now):
            return False
        if not wish.given:
            return True
        known = await self._subscribers.find(KIND, incoming.caller.address)
        return known is not None and await self._consents.last(known.id, PURPOSE) is not None

    async def obey(
        self, unit: Unit, wish: Wish, incoming: Incoming, now: datetime, message: bytes, *, silent: bool
    ) -> None:
        """Records the wish, with the id of the ``message`` in the inbox that says it, and confirms it by SMS
        unless that is to be ``silent``."""
        caller = incoming.caller
        known = await self._subscribers.find_or_create(
            unit, now=now, kind=KIND, address=caller.address, language="fa", by=None
        )
        last = await self._consents.last(known.id, PURPOSE)
        party = self._vault.index(KIND, caller.address)
        person = Person(known.id, caller.address, party, known.language, caller.channel, message)
        self._consents.set(unit, person, now=now, purpose=PURPOSE, given=wish.given)
        if silent or (last is not None and last.given == wish.given and now - last.at < CONFIRMED):
            return
        language = self._languages.get(known.language) or self._languages["fa"]
        queue(
            unit, self._vault, now=now, channel=caller.channel, klass="service", kind=KIND,
            to=caller.address, body=language.translate(STARTED if wish.given else STOPPED),
            route=caller.route, lifetime=LIFETIME,
        )  # fmt: skip
