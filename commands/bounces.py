"""Mails that came back."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from composition.house import house, now
from dispatch.providers.email.bounces import LONGEST, read
from records.unit import Unavailable
from services.bouncing import Bouncing
from settings import Settings

LATER_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: a mail server that pipes a mail to us keeps it then.


async def take_bounces(settings: Settings, arguments: argparse.Namespace) -> int:
    """Takes mails that came back: those of a maildir, or the one that is piped in. A mail that is none of
    ours, or says nothing of that kind, is passed over: it must not come back itself."""
    try:
        async with house(settings) as home:
            bouncing = Bouncing(database=home.database, vault=home.vault)
            if arguments.maildir is None:
                taken = await _take(bouncing, sys.stdin.buffer.read(LONGEST + 1))
                print("Taken." if taken else "Passed over: it tells of no mail of ours.")
                return 0
            seen = count = 0
            for path in sorted((arguments.maildir / "new").iterdir()):
                seen += 1
                with path.open("rb") as file:
                    count += await _take(bouncing, file.read(LONGEST + 1))
                (arguments.maildir / "cur").mkdir(exist_ok=True)
                path.rename(arguments.maildir / "cur" / f"{path.name}:2,S")
            print(f"{seen} mails, {count} of them of ours that did not arrive")
    except Unavailable as error:
        print(f"server.py: {error}", file=sys.stderr)
        return LATER_AGAIN
    return 0


async def _take(bouncing: Bouncing, mail: bytes) -> bool:
    told = read(mail)
    return told is not None and await bouncing.take(told, now())


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    returned = commands.add_parser("bounces", help="Take a mail that came back, piped in.")
    returned.add_argument(
        "--maildir", type=Path, help="a folder with new/, all mails of which are taken instead"
    )
    returned.set_defaults(run=take_bounces)
