"""Accounts of businesses and the keys that they call the API with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from records.database import Database
from records.ids import new_id
from records.tables import account_keys, accounts
from records.unit import Unit


@dataclass(frozen=True, slots=True)
class Account:
    """``lines`` are the numbers of ours that are this account's."""

    id: bytes
    name: str
    lines: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``digest`` is the HMAC of it, ``networks`` the addresses that it may be used from (none: from
    anywhere), ``rate`` the messages that it may send in a second."""

    prefix: str
    account: bytes
    digest: bytes
    sandbox: bool
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    rate: int
    created_at: datetime
    revoked_at: datetime | None = None


def add(unit: Unit, name: str, lines: Sequence[str], now: datetime) -> bytes:
    """Adds an account, a ``Conflict`` where there is one of this name; its id."""
    id = new_id(now)
    unit.insert(accounts, {"id": id, "name": name, "lines": " ".join(lines), "created_at": now})
    return id


def add_key(unit: Unit, key: Key) -> None:
    """Adds a key, a ``Conflict`` where there is one of this prefix."""
    unit.insert(
        account_keys,
        {
            "prefix": key.prefix,
            "account": key.account,
            "digest": key.digest,
            "sandbox": key.sandbox,
            "scopes": " ".join(key.scopes),
            "networks": " ".join(key.networks),
            "rate": key.rate,
            "created_at": key.created_at,
            "revoked_at": key.revoked_at,
        },
    )


def revoke(unit: Unit, prefix: str, now: datetime) -> None:
    """Ends a key: a ``Conflict`` where there is none, or it has ended before."""
    unit.guard(
        update(account_keys)
        .where(account_keys.c.prefix == prefix, account_keys.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


async def find(database: Database, name: str) -> Account | None:
    """The account of this name."""
    rows = await database.read(select(accounts).where(accounts.c.name == name))
    return _account(rows[0]) if rows else None


async def by_key(database: Database, prefix: str) -> tuple[Account, Key] | None:
    """The key of this prefix, also one that has ended, and whose it is."""
    rows = await database.read(
        select(accounts, account_keys)
        .join(accounts, accounts.c.id == account_keys.c.account)
        .where(account_keys.c.prefix == prefix)
    )
    return (_account(rows[0][:4]), _key(rows[0][4:])) if rows else None


async def every(database: Database) -> Sequence[tuple[Account, Sequence[Key]]]:
    """All accounts by name, each with its keys, the oldest first."""
    found = [_account(row) for row in await database.read(select(accounts).order_by(accounts.c.name))]
    keys = [
        _key(row) for row in await database.read(select(account_keys).order_by(account_keys.c.created_at))
    ]
    return [(account, [key for key in keys if key.account == account.id]) for account in found]


def _account(row: Sequence[object]) -> Account:
    id, name, lines, created_at = row
    assert isinstance(id, bytes)
    assert isinstance(created_at, datetime)
    return Account(id, str(name), tuple(str(lines).split()), created_at)


def _key(row: Sequence[object]) -> Key:
    prefix, account, digest, sandbox, scopes, networks, rate, created_at, revoked_at = row
    assert isinstance(account, bytes)
    assert isinstance(digest, bytes)
    assert isinstance(rate, int)
    assert isinstance(created_at, datetime)
    assert revoked_at is None or isinstance(revoked_at, datetime)
    return Key(
        str(prefix), account, digest, bool(sandbox), tuple(str(scopes).split()), tuple(str(networks).split()),
        rate, created_at, revoked_at,
    )  # fmt: skip
