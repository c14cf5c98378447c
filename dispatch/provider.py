"""What the dispatcher and a provider say to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from dispatch.errors import DispatchError
from records.schema import OURSELVES


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send now. ``to`` is a number in E.164, an e-mail address or the channel's own id of the
    person. ``attempt`` counts from 1; from 2 on the provider may have seen the message before. Nothing is
    sent after ``expires_at``. ``payload`` is the channel's own request as JSON where it is more than the
    words, ``route`` the bot or line that sends it, else empty, ``parts`` how many short messages an SMS
    is. ``sender`` is whose message it is, ``party`` the blind index of ``to``; ``within``: how many seconds
    without a receipt it has where another channel comes next, else 0."""

    id: bytes
    tracking: str
    klass: str
    to: str
    subject: str
    body: str
    attempt: int
    expires_at: datetime
    payload: bytes = b""
    route: str = ""
    parts: int = 1
    sender: bytes = OURSELVES
    party: bytes = b""
    within: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message. ``external_id`` is its name there, as its receipts spell it.
    ``receipt``: pending (ask later), none (this provider never tells), delivered (already known). ``parts``:
    the names of its parts, in order, where it has several and the provider tells of each by itself."""

    external_id: str = ""
    receipt: Literal["pending", "none", "delivered"] = "none"
    detail: str = ""
    parts: tuple[str, ...] = ()


Outcome = Accepted | DispatchError


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider says became of a message. ``status``: sent (not known yet), delivered, failed,
    blocked. ``detail`` is the provider's own code and word. ``unknown``: its file does not know the code,
    which is therefore kept."""

    status: Literal["sent", "delivered", "failed", "blocked"]
    detail: str = ""
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A message that a provider has, asked for by our own name of it: its name there, as in ``Accepted``, and
    what became of it so far."""

    external_id: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Credit:
    """What is left on our account with a provider: ``amount`` rial, or short messages."""

    amount: int
    unit: Literal["rial", "messages"]


class Provider(Protocol):
    """Hands messages of one channel to whoever carries them."""

    @property
    def name(self) -> str:
        """One word, kept with each message that it carried."""

    @property
    def channel(self) -> str:
        """sms, email, voice, …"""

    @property
    def batch(self) -> int:
        """The most messages that it takes at once."""

    @property
    def repeatable(self) -> bool:
        """Whether the same message handed over again is not sent a second time."""

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """One outcome for each message, in order; an error is returned in its place. An error that is
        raised holds for the whole batch; one that is no ``DispatchError`` counts as ``Ambiguous``."""


@runtime_checkable
class Correspondent(Protocol):
    """A provider of a channel where people talk: what goes to one person goes in order, and nobody waits for
    another. It leaves alone by itself whoever asks for it, and says when it may be tried again
    (``retry_after``)."""

    @property
    def name(self) -> str:
        """One word, kept with each message that it carried."""

    @property
    def at_once(self) -> int:
        """The most messages that it has under way."""

    @property
    def repeatable(self) -> bool:
        """Whether the same message handed over again is not sent a second time."""

    async def send_one(self, outgoing: Outgoing) -> Outcome:
        """What became of one message. The next one to the same person is handed over after that."""


@runtime_checkable
class ReceiptSource(Protocol):
    """A provider that is asked for receipts."""

    @property
    def receipts_batch(self) -> int:
        """The most messages that it answers for at once."""

    async def receipts(self, external_ids: Sequence[str]) -> Mapping[str, Receipt]:
        """What is known of these messages; those that it does not name are asked for again. Raises
        ``DispatchError``."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A request in which a provider calls us: its query, its form and its body as it came."""

    query: Mapping[str, str]
    form: Mapping[str, str]
    body: bytes


@runtime_checkable
class Calling(Protocol):
    """A provider that calls us with receipts."""

    def parse_receipt(self, callback: Callback) -> Mapping[str, Receipt]:
        """The receipts in it, by the name that ``Accepted.external_id`` has too. ``ValueError`` for what is
        none."""


@runtime_checkable
class Lookup(Protocol):
    """A provider that can be asked whether it has a message, by our own name of it."""

    async def find(self, references: Sequence[str]) -> Mapping[str, Found]:
        """Those of these messages that it has. A reference is a message's id in hexadecimal
        (``Outgoing.id.hex()``); one that is not among the answers was never taken. Raises ``DispatchError``
        when nothing can be said."""


@runtime_checkable
class Account(Protocol):
    """A provider that tells what is left to send with."""

    async def credit(self) -> Credit:
        """As of now. Raises ``DispatchError``."""
