"""Accounts of businesses, their keys of the API and their credit."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from composition.house import Refused, house, now
from composition.submitting import Api
from services.accounts import RATE, SCOPES, BadAccount
from settings import Settings


async def add_account(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home, said():
        await Api.of(home).accounts.create(arguments.name, arguments.line, now())
    print(f"Added: {arguments.name}")
    return 0


async def list_accounts(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home:
        for account, keys in await Api.of(home).accounts.every():
            print(f"{account.name}  {' '.join(account.lines)}".rstrip())
            for key in keys:
                kind = "sandbox" if key.sandbox else "live"
                where = f" from {', '.join(key.networks)}" if key.networks else ""
                state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "good"
                print(f"    {key.prefix}  {kind} {','.join(key.scopes)} {key.rate}/s{where} ({state})")
    return 0


async def issue_key(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home, said():
        token = await Api.of(home).accounts.issue(
            arguments.name,
            now(),
            scopes=arguments.scope or SCOPES,
            sandbox=arguments.sandbox,
            networks=arguments.address,
            rate=arguments.rate,
        )
    print(f"{token}\nThis is the only time that the key is shown.")
    return 0


async def add_credit(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home, said():
        left = await Api.of(home).credit.add(arguments.name, arguments.rial, arguments.note, now())
    print(f"{arguments.name} pays in advance, and has {left:,} rial left.")
    return 0


async def revoke_key(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home, said():
        await Api.of(home).accounts.revoke(arguments.prefix, now())
    print(f"Revoked: {arguments.prefix}")
    return 0


@asynccontextmanager
async def said() -> AsyncIterator[None]:
    """What cannot be is told in one line."""
    try:
        yield
    except BadAccount as error:
        raise Refused(str(error)) from None


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    accounts = commands.add_parser("accounts", help="Accounts of businesses, and their keys of the API.")
    acts = accounts.add_subparsers(dest="act", required=True, metavar="ACT")
    opened = acts.add_parser("add", help="Open an account.")
    opened.add_argument("name", help="the name of the business")
    opened.add_argument("--line", action="append", default=[], help="a line of ours that is theirs; again")
    opened.set_defaults(run=add_account)
    acts.add_parser("list", help="All accounts and their keys.").set_defaults(run=list_accounts)
    issued = acts.add_parser("key", help="Make a key. It is shown once.")
    issued.add_argument("name", help="the account")
    issued.add_argument("--scope", action="append", choices=SCOPES, help="what it may do; again (all)")
    issued.add_argument("--sandbox", action="store_true", help="what it sends goes to nobody")
    issued.add_argument("--address", action="append", default=[], help="where it may be used from; again")
    issued.add_argument("--rate", type=int, default=RATE, help=f"messages a second ({RATE})")
    issued.set_defaults(run=issue_key)
    paid = acts.add_parser("credit", help="Add what a business paid in advance, or take from it.")
    paid.add_argument("name", help="the account; from the first time on it can spend no more than it has")
    paid.add_argument("rial", type=int, help="how much; below zero to take")
    paid.add_argument("--note", default="", help="why, for the business to see")
    paid.set_defaults(run=add_credit)
    ended = acts.add_parser("revoke", help="End a key.")
    ended.add_argument("prefix", help="what stands between its second and third _")
    ended.set_defaults(run=revoke_key)
