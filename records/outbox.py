"""The outbox: messages that wait to leave. Adding one, and reading what it says.

A cause adds its message to its own unit, so the message exists exactly when what caused it does.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from engine import alphabet
from records.ids import new_id
from records.randomness import randomness
from records.tables import OURSELVES, outbox
from records.unit import Unit
from records.vault import Vault

TRACKING_DIGITS = 10  # The last one checks the others.

# Damm's quasigroup of order 10 (H. M. Damm, "Total anti-symmetrische Quasigruppen", 2004): it finds every
# single wrong digit and every two neighbours exchanged, which is how people mistype a number they heard.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


class Content(msgspec.Struct, array_like=True):
    """What is sealed of a message: the address that it goes to, its subject (e-mail), its words. ``payload``
    is the channel's own request as JSON where it is more than the words, ``route`` the bot or line that sends
    it; ``within`` how many seconds it has without a receipt where it has another channel to go by
    (``records.orders``), else 0. Rows from before there were such have none of them."""

    to: str
    subject: str
    body: str
    payload: bytes = b""
    route: str = ""
    within: int = 0


class Template(msgspec.Struct):
    """A payload that says the same as the words, for providers that carry approved texts only or sooner: one
    of our templates and what fills it. ``code``: a one-time code, with ``code``."""

    template: str
    parameters: dict[str, str] = {}


def templated(template: str, **parameters: str) -> bytes:
    """The payload of a message that can go by one of our templates."""
    return msgspec.json.encode(Template(template, parameters))


def template_of(payload: bytes) -> Template | None:
    """The template that a payload names; None where it is something else."""
    try:
        return msgspec.json.decode(payload, type=Template)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Content)


def queue(
    unit: Unit,
    vault: Vault,
    *,
    now: datetime,
    channel: str,
    klass: str,
    kind: str,
    to: str,
    body: str,
    subject: str = "",
    payload: bytes = b"",
    route: str = "",
    lifetime: timedelta,
    due: datetime | None = None,
    idempotency_key: str | None = None,
    sender: bytes = OURSELVES,
    within: int = 0,
) -> str:
    """Adds a message to the unit and returns its tracking number.

    ``klass`` is otp, service or bulk; ``kind`` the kind of the address ``to`` (msisdn, email, …). It is sent
    from ``due`` (else ``now``) and never after ``lifetime`` from then. A second message with one
    ``idempotency_key`` makes its unit a ``Conflict``, and so does, once in a long while, a tracking number
    that is taken: run the turn again. ``sender`` is whose message it is (16 bytes): senders take turns.
    ``within`` is of a message to which ``records.orders`` gives other ways.
    """
    id = new_id(now)
    tracking = new_tracking()
    start = now if due is None else due
    unit.insert(
        outbox,
        {
            "id": id,
            "tracking": tracking,
            "idempotency_key": idempotency_key,
            "channel": channel,
            "class": klass,
            "route": route,
            "party": vault.index(kind, to),
            "sealed": sealed(vault, id, Content(to, subject, body, payload, route, within)),
            "status": "queued",
            "created_at": now,
            "due_at": start,
            "expires_at": start + lifetime,
            "parts": alphabet.parts(body) if channel == "sms" else None,
            "sender": sender,
        },
    )
    return tracking


def sealed(vault: Vault, id: bytes, said: Content) -> bytes:
    """What the row with this id keeps of what it says."""
    return vault.seal(_encoder.encode(said), _context(id))


def content(vault: Vault, id: bytes, sealed: bytes) -> Content:
    """What the row with this id says; ``Unreadable`` when its key is gone."""
    return _decoder.decode(vault.open(sealed, _context(id)))


def new_tracking() -> str:
    """A random number of ten digits that does not begin with zero; nobody can guess another's."""
    first = 10 ** (TRACKING_DIGITS - 2)
    digits = str(first + randomness.randrange(9 * first))
    return digits + str(_check_digit(digits))


def is_tracking(text: str) -> bool:
    """Whether this can be a tracking number: its length and its check digit."""
    return len(text) == TRACKING_DIGITS and text.isascii() and text.isdecimal() and _check_digit(text) == 0


def _check_digit(digits: str) -> int:
    """The digit that, put behind these, makes the check come out as zero."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim


def _context(id: bytes) -> bytes:
    return b"outbox" + id
