"""How much one visitor, and one address of the network, may ask of the web chat.

Buckets of tokens: so much at once, then so much each second. A bucket is two numbers, because there is one
for each socket. Whole offices and mobile networks stand behind one address: what is allowed to an address is
far more than what is allowed to a visitor, and one visitor who floods must not shut the others out.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from web.access import parse_address

IDLE = 120.0  # Seconds after which an address without sockets is forgotten; by then its buckets are full.


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` at once, then ``each`` a second; no bound where ``each`` is 0."""

    each: float
    burst: float


@dataclass(frozen=True, slots=True)
class Limits:
    """``say``: messages of a visitor. ``frames``: whatever else comes on one socket. ``visits``: connections
    of one visitor. Of one address: ``sockets`` at once, ``connects``, ``messages``, ``failures``, which
    are tokens that are not good, and ``uploads``. ``total``: sockets of this process."""

    total: int = 25_000
    sockets: int = 200
    say: Rate = Rate(1.0, 10.0)
    frames: Rate = Rate(5.0, 40.0)
    visits: Rate = Rate(0.2, 12.0)
    connects: Rate = Rate(10.0, 200.0)
    messages: Rate = Rate(50.0, 200.0)
    failures: Rate = Rate(0.2, 10.0)
    uploads: Rate = Rate(1.0, 20.0)


class Bucket:
    """Level of a bucket at a moment; full at first."""

    __slots__ = ("_at", "_used")

    def __init__(self) -> None:
        self._used = 0.0
        self._at = 0.0

    def take(self, rate: Rate, now: float) -> float:
        """0.0 when one more is allowed, which is then counted; else the seconds until it would be. ``now`` is
        of a clock that does not go back."""
        if not rate.each:
            return 0.0
        used = self._left(rate, now)
        if used + 1.0 > rate.burst:
            return (used + 1.0 - rate.burst) / rate.each
        self._used, self._at = used + 1.0, now
        return 0.0

    def _left(self, rate: Rate, now: float) -> float:
        return max(0.0, self._used - (now - self._at) * rate.each)


class Address:
    """What is known of one address: its open sockets and its buckets."""

    __slots__ = ("connects", "failures", "messages", "seen", "sockets", "uploads")

    def __init__(self) -> None:
        self.sockets = 0
        self.seen = 0.0
        self.connects = Bucket()
        self.messages = Bucket()
        self.failures = Bucket()
        self.uploads = Bucket()


class Addresses:
    """Addresses that have a socket, or had one of late."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: dict[str, Address] = {}
        self._swept = 0.0
        self.open = 0

    def __len__(self) -> int:
        return len(self._known)

    def refusal(self, peer: str, now: float) -> tuple[int, float] | None:
        """Why one more socket is not for this address, as an HTTP status and the seconds to wait; None when
        it may connect, which is then counted."""
        self._sweep(now)
        limits, address = self._limits, self.of(peer, now)
        if self.open >= limits.total:
            return 503, 30.0
        if address.sockets >= limits.sockets:
            return 429, 30.0
        wait = address.connects.take(limits.connects, now)
        return (429, wait) if wait else None

    def of(self, peer: str, now: float) -> Address:
        """What is known of the address; an IPv6 network of 64 bits, which one customer has, is one."""
        name = network(peer)
        address = self._known.get(name)
        if address is None:
            address = self._known[name] = Address()
        address.seen = now
        return address

    def opened(self, address: Address) -> None:
        address.sockets += 1
        self.open += 1

    def closed(self, address: Address, now: float) -> None:
        address.sockets -= 1
        address.seen = now
        self.open -= 1

    def _sweep(self, now: float) -> None:
        if now - self._swept < IDLE:
            return
        self._swept = now
        for name in [
            name
            for name, address in self._known.items()
            if not address.sockets and now - address.seen >= IDLE
        ]:
            del self._known[name]


def network(peer: str) -> str:
    """What counts as one address."""
    address = parse_address(peer)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address) if address is not None else ""
