"""An end for turns that take too long. One clock looks at all of them, ten times a second: a timer for each
turn would cost more than holding its session does."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

PAUSE = 0.1  # Seconds between looks, and so how late a turn may be ended.


class _Bound:
    """``with`` cancels what is inside at the deadline and raises ``TimeoutError`` in its place."""

    __slots__ = ("_deadlines", "_task", "late")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self.late = False

    def __enter__(self) -> None:
        self._task = self._deadlines.watch(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.forget(self)
        # A cancellation from elsewhere counts one more than ours, and stays one.
        if self.late and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def end(self) -> None:
        self.late = True
        self._task.cancel()


class Deadlines:
    """Bounds of ``seconds`` each. All are equally long, so the first begun is the first to end."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._bounds: dict[_Bound, float] = {}
        self._ticking: asyncio.TimerHandle | None = None

    def bound(self) -> _Bound:
        """A bound that begins when it is entered."""
        return _Bound(self)

    def watch(self, bound: _Bound) -> asyncio.Task[Any]:
        """The present task, which ``bound`` ends at the deadline."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._bounds[bound] = loop.time() + self._seconds
        if self._ticking is None:
            self._ticking = loop.call_later(PAUSE, self._tick, loop)
        return task

    def forget(self, bound: _Bound) -> None:
        self._bounds.pop(bound, None)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for bound, end in list(self._bounds.items()):
            if end > now:
                break
            del self._bounds[bound]
            bound.end()
        self._ticking = loop.call_later(PAUSE, self._tick, loop) if self._bounds else None
