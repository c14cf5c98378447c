"""Group commit: what arrives while one commit runs is committed together by the next.

There is one connection and never a waiting window, so an idle database commits a unit with the event loop's
next turn and a busy one shares each commit among as many units as came meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from time import monotonic
from types import TracebackType
from typing import Any

from sqlalchemy import Table

from records.bulk import Bulk
from records.database import Database
from records.unit import Unavailable, Unit

MOST_UNITS = 256  # In one transaction: beyond this a commit takes longer than what it saves.
MOST_WAITING = 4_096
RECENT = 5.0  # Seconds for which a failure tells how things stand.

Which = Callable[[Mapping[str, Any]], bool]
Waiting = tuple[Unit, "asyncio.Future[None]"]


class Committer:
    """Commits units, each whole or not at all; an async context manager.

    ``batches``, ``units`` and ``largest`` count what was committed, ``split`` how often a batch had to be
    taken apart because one of its units failed.
    """

    def __init__(
        self, database: Database, *, most_units: int = MOST_UNITS, most_waiting: int = MOST_WAITING
    ) -> None:
        self._database = database
        self._bulk = Bulk(database.dialect)
        self._most_units = most_units
        self._most_waiting = most_waiting
        self._queue: deque[Waiting] = deque()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._open = False
        self._sleepers: list[tuple[Table, asyncio.Event, Which | None]] = []
        self.batches = 0
        self.units = 0
        self.largest = 0
        self.split = 0
        self._failed: float | None = None  # When the database took nothing, if it was so the last time.

    @property
    def waiting(self) -> int:
        """Units that no transaction has taken yet."""
        return len(self._queue)

    async def __aenter__(self) -> Committer:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def wake(self, table: Table, sleeper: asyncio.Event, which: Which | None = None) -> None:
        """Sets the event whenever rows of this table were committed, or such rows as ``which`` says."""
        self._sleepers.append((table, sleeper, which))

    def start(self) -> None:
        self._open = True
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Commits what is waiting and takes no more."""
        self._open = False
        self._arrived.set()
        if self._task is not None:
            await self._task
            self._task = None

    async def commit(self, unit: Unit) -> None:
        """Returns when the unit is durable. ``Conflict``: nothing of it was written. ``Unavailable``: it is
        not known whether it was. Another error is a defect of the unit, and nothing of it was written.

        A unit whose caller is cancelled before its transaction begins is not written.
        """
        if not unit:
            return
        if not self._open:
            raise Unavailable("the committer is closed")
        if len(self._queue) >= self._most_waiting:
            raise Unavailable("too many units wait for the database")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((unit, done))
        self._arrived.set()
        await done

    async def ready(self) -> None:
        """Raises ``Unavailable`` while the database takes no writes: when it has just taken none, or, where
        nobody has tried for some seconds, takes none now. As long as commits succeed this costs nothing."""
        if self._failed is None:
            return
        if monotonic() - self._failed < RECENT:
            raise Unavailable("the database took no writes just now")
        await self._database.touch()

    async def _run(self) -> None:
        try:
            while self._open or self._queue:
                self._arrived.clear()
                if not self._queue and self._open:
                    await self._arrived.wait()
                # What else comes in this turn of the event loop goes with it.
                await asyncio.sleep(0)
                if batch := self._take():
                    await self._settle(batch)
        finally:
            # When this task is cancelled from outside, nobody may wait for ever.
            self._open = False
            _tell(self._take_all(), Unavailable("the committer was stopped"))

    def _take(self) -> list[Waiting]:
        batch: list[Waiting] = []
        while self._queue and len(batch) < self._most_units:
            waiting = self._queue.popleft()
            if not waiting[1].done():
                batch.append(waiting)
        return batch

    def _take_all(self) -> list[Waiting]:
        batch = list(self._queue)
        self._queue.clear()
        return batch

    async def _settle(self, batch: Sequence[Waiting]) -> None:
        """Commits the batch and tells each caller. Where that fails because of some unit, the two halves are
        tried for themselves, and so on, until the failing unit is alone: it is told what is wrong with it and
        the others are committed."""
        units = [unit for unit, _done in batch]
        try:
            statements = self._bulk.prepared(units)
            if statements is None:
                await self._database.transaction(lambda connection: self._bulk.write(connection, units))
            else:
                await self._database.write(statements)
        except Unavailable as away:
            self._failed = monotonic()
            # Those who wait would meet the same, one time-out after the other.
            _tell([*batch, *self._take_all()], away)
        except Exception as error:
            if len(batch) == 1:
                _tell(batch, error)
            else:
                self.split += 1
                half = len(batch) // 2
                await self._settle(batch[:half])
                await self._settle(batch[half:])
        except BaseException:
            _tell(batch, Unavailable("the committer was stopped"))
            raise
        else:
            self._failed = None
            self.batches += 1
            self.units += len(batch)
            self.largest = max(self.largest, len(batch))
            _tell(batch, None)
            self._wake(units)

    def _wake(self, units: Sequence[Unit]) -> None:
        for table, sleeper, which in self._sleepers:
            if sleeper.is_set():
                continue
            written = [unit.rows[table] for unit in units if table in unit.rows]
            if written and (which is None or any(map(which, chain.from_iterable(written)))):
                sleeper.set()


def _tell(batch: Sequence[Waiting], error: Exception | None) -> None:
    for _unit, done in batch:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        elif isinstance(error, Unavailable) and len(batch) > 1:
            # Each caller raises its own, so that their tracebacks do not grow into one another.
            own = Unavailable(*error.args)
            own.__cause__ = error.__cause__
            done.set_exception(own)
        else:
            done.set_exception(error)
