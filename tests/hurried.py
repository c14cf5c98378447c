"""The program with its clock in a test's hand: ``python -m tests.hurried serve``.

SIGUSR1 lets the clock run ``RATE`` times as fast, for the event loop with all its timers as for everything
that asks for the time; SIGUSR2 lets it run as usual again. It never jumps and never goes back, so whatever
was begun goes on, only sooner. Every connection that is tried is printed with the time on this clock: of one
that nobody accepts no other side can tell.
"""

from __future__ import annotations

import asyncio
import selectors
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

RATE = 30.0

_monotonic = time.monotonic
_began = datetime.now(UTC)
_start = _monotonic()


class Clock:
    """Runs ``rate`` times as fast as the machine's since ``changed``, when it was ``passed`` seconds old."""

    def __init__(self) -> None:
        self.rate, self.changed, self.passed = 1.0, _start, 0.0

    def monotonic(self) -> float:
        return _start + self.passed + (_monotonic() - self.changed) * self.rate

    def now(self) -> datetime:
        return _began + timedelta(seconds=self.monotonic() - _start)

    def run(self, rate: float) -> None:
        self.passed, self.changed = self.monotonic() - _start, _monotonic()
        self.rate = rate
        print(f"clock {self.monotonic() - _start:.1f} rate {rate:.0f}", file=sys.stderr, flush=True)


CLOCK = Clock()


class Selector(selectors.DefaultSelector):
    """Waits for as long as the clock says, which is sooner when it hurries."""

    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout if timeout is None or timeout <= 0 else timeout / CLOCK.rate)


class Loop(asyncio.SelectorEventLoop):
    async def sock_connect(self, sock: Any, address: Any) -> None:
        print(f"connect {CLOCK.monotonic() - _start:.1f} {address[1]}", file=sys.stderr, flush=True)
        await super().sock_connect(sock, address)


def run(main: Any) -> Any:
    """In the place of ``uvloop.run``, whose clock is its own."""
    with asyncio.Runner(loop_factory=lambda: Loop(Selector())) as runner:
        return runner.run(main)


if __name__ == "__main__":
    # Before anything is imported that takes them for itself.
    time.monotonic = CLOCK.monotonic
    import uvloop

    from composition import house

    house.now = CLOCK.now
    uvloop.run = run  # type: ignore[assignment]
    signal.signal(signal.SIGUSR1, lambda _number, _frame: CLOCK.run(RATE))
    signal.signal(signal.SIGUSR2, lambda _number, _frame: CLOCK.run(1.0))
    import server

    sys.exit(server.main())
