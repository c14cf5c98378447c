"""Why a message was not sent. The class says what to do next; callers never read the text.

DispatchError
├── Throttled       again later, and the wait costs no attempt
├── Unreachable     again later
│   └── Away        nobody is there at all: again later, and the wait costs no attempt
├── Ambiguous       it may have gone: again where that is safe, else by the message's class
├── Rejected        never again: this message
│   └── Nobody      and nothing else to this address for a long time
├── Unroutable      never again here: another provider may carry it
├── Unsubscribed    never again: this person
└── Misconfigured   not before somebody repairs the provider
"""

from __future__ import annotations

from datetime import timedelta


class DispatchError(Exception):
    """The provider did not take the message."""

    def __init__(self, detail: str = "", *, retry_after: timedelta | None = None, tried: bool = True) -> None:
        """``detail`` is kept with the attempt: the provider's own code and words, without secrets and
        without the person's address. ``retry_after`` is how long the provider asked to be left alone.
        ``tried``: False where nothing was sent, because of what others met before."""
        self.detail = detail
        self.retry_after = retry_after
        self.tried = tried
        message = (type(self).__doc__ or "").strip()
        super().__init__(f"{message} {detail}".strip())

    @property
    def name(self) -> str:
        """The class in one word, as the attempts are recorded."""
        return type(self).__name__.lower()


class Throttled(DispatchError):
    """The provider asks for fewer messages or is busy; it took nothing."""


class Unreachable(DispatchError):
    """The provider, or the receiver behind it, cannot be reached now; it took nothing."""


class Away(Unreachable):
    """Nobody answers at the provider's address; it was handed nothing."""


class Ambiguous(DispatchError):
    """The connection broke after the message was handed over; the provider may have taken it."""


class Rejected(DispatchError):
    """The provider will never take this message: a wrong address, or content that it does not allow."""


class Nobody(Rejected):
    """There is no such address: nobody has the number, or the mailbox does not exist."""


class Unroutable(DispatchError):
    """This provider does not carry the message for where it goes or how; another one may."""


class Unsubscribed(DispatchError):
    """The person has closed this address to us."""


class Misconfigured(DispatchError):
    """The provider takes nothing until a key, a line, an address list or the credit is put right."""
