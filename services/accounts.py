"""Businesses that use the API: their accounts, their keys, and who a key belongs to.

A key is ``chapar_<live|sandbox>_<prefix>_<secret>``. It is shown once; the records hold its HMAC under the
server's key, and find it by its prefix, which is no secret.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import structlog

from records import accounts as records
from records.accounts import Account, Key
from records.committer import Committer
from records.database import Database
from records.unit import Conflict, Unit
from records.vault import Vault

SCOPES = ("send", "read", "verify", "jobs", "webhooks")
RATE = 500  # Messages a second, where nothing else is said.
MOST_RATE = 100_000
NAME_LENGTH = 64

PREFIX, SECRET = 8, 32  # Characters of five bits each.
FORM = re.compile(r"chapar_(live|sandbox)_([a-z2-7]{8})_([a-z2-7]{32})")

KNOWN = 5.0  # Seconds for which a key is taken as it was read: so long may one that is revoked still be good.
MOST_KNOWN = 4_096

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_NAME = re.compile(r"[^\s\x00-\x1f](?:[^\x00-\x1f]{0,62}[^\s\x00-\x1f])?")
_LINE = re.compile(r"[0-9]{3,20}")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

log = structlog.get_logger()


class BadAccount(ValueError):
    """What was asked of an account or a key cannot be; the text says why."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever holds a key: what they may do. ``networks``: where they may call from, nothing for anywhere."""

    account: bytes
    name: str
    prefix: str
    sandbox: bool
    scopes: frozenset[str]
    networks: tuple[Network, ...]
    rate: int
    lines: tuple[str, ...]


class Accounts:
    """``clock`` counts seconds and never goes back."""

    def __init__(
        self,
        *,
        database: Database,
        committer: Committer,
        vault: Vault,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._database = database
        self._committer = committer
        self._vault = vault
        self._clock = clock
        self._known: dict[str, tuple[float, Account, Key]] = {}

    async def create(self, name: str, lines: Sequence[str], now: datetime) -> None:
        """Opens an account. Raises ``BadAccount``, ``Unavailable``."""
        if not _NAME.fullmatch(name):
            raise BadAccount(f"a name has 1 to {NAME_LENGTH} characters")
        if wrong := [line for line in lines if not _LINE.fullmatch(line)]:
            raise BadAccount(f"{wrong[0]!r} is no line such as 30004505000017")
        unit = Unit()
        records.add(unit, name, lines, now)
        try:
            await self._committer.commit(unit)
        except Conflict:
            raise BadAccount(f"there is an account {name!r} already") from None

    async def issue(
        self,
        name: str,
        now: datetime,
        *,
        scopes: Sequence[str] = SCOPES,
        sandbox: bool = False,
        networks: Sequence[str] = (),
        rate: int = RATE,
    ) -> str:
        """A new key of an account, in full, for the only time. Raises ``BadAccount``, ``Unavailable``."""
        if unknown := sorted(set(scopes) - set(SCOPES)):
            raise BadAccount(f"{unknown[0]!r} is none of {', '.join(SCOPES)}")
        if not scopes:
            raise BadAccount("a key that may do nothing is of no use")
        if not 1 <= rate <= MOST_RATE:
            raise BadAccount(f"a rate is 1 to {MOST_RATE} messages a second")
        allowed = [str(read_network(network)) for network in networks]
        account = await records.find(self._database, name)
        if account is None:
            raise BadAccount(f"there is no account {name!r}")
        prefix, secret = _draw(PREFIX), _draw(SECRET)
        token = f"chapar_{'sandbox' if sandbox else 'live'}_{prefix}_{secret}"
        unit = Unit()
        ordered = tuple(scope for scope in SCOPES if scope in scopes)
        records.add_key(
            unit,
            Key(prefix, account.id, self._digest(token), sandbox, ordered, tuple(allowed), rate, now),
        )
        await self._committer.commit(unit)
        return token

    async def revoke(self, prefix: str, now: datetime) -> None:
        """Ends a key: processes that have just seen it take it for some seconds more. Raises
        ``BadAccount``, ``Unavailable``."""
        unit = Unit()
        records.revoke(unit, prefix, now)
        try:
            await self._committer.commit(unit)
        except Conflict:
            raise BadAccount(f"there is no key {prefix!r} that is good") from None
        self._known.pop(prefix, None)

    async def every(self) -> Sequence[tuple[Account, Sequence[Key]]]:
        """All accounts and their keys. Raises ``Unavailable``."""
        return await records.every(self._database)

    async def holder(self, token: str) -> Holder | None:
        """Who holds this key; None where it is none, or has ended. Raises ``Unavailable``."""
        form = FORM.fullmatch(token)
        if form is None:
            return None
        found = await self._find(form[2])
        digest = self._digest(token)
        # A prefix that nobody has costs the same comparison.
        right = hmac.compare_digest(found[1].digest if found else bytes(32), digest)
        if not right or found is None or found[1].revoked_at is not None:
            return None
        account, key = found
        return Holder(
            account=account.id,
            name=account.name,
            prefix=key.prefix,
            sandbox=key.sandbox,
            scopes=frozenset(key.scopes),
            networks=tuple(map(read_network, key.networks)),
            rate=key.rate,
            lines=account.lines,
        )

    async def _find(self, prefix: str) -> tuple[Account, Key] | None:
        now = self._clock()
        known = self._known.get(prefix)
        if known is not None and now - known[0] < KNOWN:
            return known[1:]
        found = await records.by_key(self._database, prefix)
        if found is None:  # Not kept: anybody can make up prefixes.
            self._known.pop(prefix, None)
            return None
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[prefix] = (now, *found)
        return found

    def _digest(self, token: str) -> bytes:
        return self._vault.digest("account-key", token)


def read_network(text: str) -> Network:
    """An address or a network; raises ``BadAccount``."""
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError:
        raise BadAccount(f"{text!r} is no address or network such as 192.0.2.0/24") from None


def _draw(characters: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(characters))
