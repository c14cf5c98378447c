"""One request on its way through the conversation, with what was worked out about it."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from conversation.incoming import Caller, Incoming
from records.tables import microseconds
from records.vault import Vault

# What kind of address a person has on a channel; one number is one person on all that use it.
KINDS = {"ussd": "msisdn", "sms": "msisdn", "voice": "msisdn"}


class Request(msgspec.Struct):
    """``key`` finds the session, ``input_key`` tells a repeated request, ``party`` is the caller's blind
    index. ``at`` is ``received`` in microseconds since 1970. ``language`` is the person's once it is known,
    for the words of a fallback."""

    incoming: Incoming
    key: bytes
    input_key: bytes | None
    kind: str
    party: bytes
    received: datetime
    at: int
    language: str = "fa"

    @classmethod
    def of(cls, incoming: Incoming, vault: Vault, now: datetime) -> Request:
        caller = incoming.caller
        kind = KINDS.get(caller.channel, caller.channel)
        return cls(
            incoming=incoming,
            key=session_key(caller, vault),
            input_key=None if incoming.key is None else digest(incoming.key),
            kind=kind,
            party=vault.index(kind, caller.address),
            received=now,
            at=microseconds(now),
            language=incoming.language,
        )


def session_key(caller: Caller, vault: Vault) -> bytes:
    """What a session is found by. The number is part of it: a gateway's session id that comes with another
    number is another session."""
    return vault.index("session", f"{caller.route}\x1f{caller.session}\x1f{caller.address}")


def digest(key: str) -> bytes:
    """An input key at its fixed length."""
    return hashlib.blake2b(key.encode(), digest_size=16).digest()
