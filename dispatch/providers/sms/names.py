"""How vendors of SMS are told whom a message goes to, from which line, and which message it is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from dispatch.provider import Outgoing

ANSWERS = "sms-"  # What the routes of inbound SMS begin with.


def home(to: str) -> str:
    """A number in E.164 as it is dialled in Iran: ``09…``, and ``00…`` for one abroad."""
    return "0" + to[3:] if to.startswith("+98") else "00" + to.removeprefix("+")


def line(outgoing: Outgoing, usual: str) -> str:
    """The line that a message goes from: its route is ``sms-<line>`` where it answers one, else the usual."""
    return outgoing.route.removeprefix(ANSWERS) if outgoing.route.startswith(ANSWERS) else usual


def serial(message: bytes) -> int:
    """Our number of a message, where vendors want one: 63 bits of its id's hash, so that a number is not met
    again, even after the database began anew. Two of a thousand million messages share one with a chance of
    5 %."""
    return int.from_bytes(hashlib.sha256(message).digest()[:8], "big") >> 1


def by_line(batch: Sequence[Outgoing], usual: str) -> dict[str, list[Outgoing]]:
    """The messages of each line."""
    lines: dict[str, list[Outgoing]] = {}
    for outgoing in batch:
        lines.setdefault(line(outgoing, usual), []).append(outgoing)
    return lines


def each_number_once(batch: Sequence[Outgoing]) -> list[list[Outgoing]]:
    """The messages in as few lots as have every number once: a vendor that leaves a repeated number out would
    answer with fewer ids than there are messages."""
    lots: list[list[Outgoing]] = []
    seen: dict[str, int] = {}
    for outgoing in batch:
        place = seen.get(outgoing.to, 0)
        seen[outgoing.to] = place + 1
        if place == len(lots):
            lots.append([])
        lots[place].append(outgoing)
    return lots
