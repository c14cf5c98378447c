"""How vendors of SMS are told whom a message goes to, from which line, and which message it is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from dispatch.provider import Outgoing

ANSWERS = "sms-"  # What the routes of inbound SMS begin with.


def home(to: str) -> str:
    """A number in E.164 as it is dialled in Iran: ``09…``, and ``00…`` for one abroad."""
    return "0" + to[3:] if to.startswith("+98") else "00" + to.removeprefix("+")


def line(outgoing: Outgoing, lines: tuple[str, ...]) -> str:
    """The line that a message goes from: the first of a provider's ``lines``, unless it answers an SMS
    (``sms-<line>``) that came to another of them. A provider refuses a line that is not its own, and with it
    every message for a while; where none is named, all of them may be its own."""
    if not outgoing.route.startswith(ANSWERS):
        return lines[0] if lines else ""
    answered = outgoing.route.removeprefix(ANSWERS)
    if not lines:
        return answered
    return next((each for each in lines if bare(each) == bare(answered)), lines[0])


def bare(line: str) -> str:
    """A line by its digits, without the prefix of the country: ``+9810004346`` is ``10004346``."""
    digits = "".join(character for character in line if "0" <= character <= "9")
    return digits.removeprefix("00").removeprefix("98").removeprefix("0")


def serial(message: bytes) -> int:
    """Our number of a message, where vendors want one: 63 bits of its id's hash, so that a number is not met
    again, even after the database began anew. Two of a thousand million messages share one with a chance of
    5 %."""
    return int.from_bytes(hashlib.sha256(message).digest()[:8], "big") >> 1


def by_line(batch: Sequence[Outgoing], lines: tuple[str, ...]) -> dict[str, list[Outgoing]]:
    """The messages of each line."""
    found: dict[str, list[Outgoing]] = {}
    for outgoing in batch:
        found.setdefault(line(outgoing, lines), []).append(outgoing)
    return found


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
