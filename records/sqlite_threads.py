"""Threads that do one job after the other, each with a connection of its own, for callers on an event loop.

Leaner than an executor of the standard library, whose own future for each job costs a lock, a condition and
a chain of callbacks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

Work = Callable[[Connection], Any]
Job = tuple["asyncio.Future[Any]", Work | None]  # Without work the thread ends.


class Threads:
    """``many`` threads, started with the first job. ``connect`` is called in the thread, by its first job and
    by the one after an error."""

    def __init__(self, connect: Callable[[], Connection], many: int, patience: float) -> None:
        self._connect = connect
        self._many = many
        self._patience = patience
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._started = 0
        self._closed = False

    async def do(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` returns; a transaction that it leaves open is rolled back. After ``patience`` seconds
        ``TimeoutError``: what the thread has begun is then left to end by itself. A job whose caller has gone
        before it began is not begun."""
        if self._closed:
            raise RuntimeError("the database is closed")
        while self._started < self._many:
            self._started += 1
            # At the end of the program nobody waits for one that is stuck in the file system.
            Thread(target=self._serve, name=f"sqlite-{self._started}", daemon=True).start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((future, work))
        late = loop.call_later(self._patience, _give_up, future)
        try:
            return await future
        finally:
            late.cancel()

    async def close(self) -> None:
        """Begins no more jobs, and waits for those under way no longer than their callers do."""
        self._closed = True
        try:
            while True:
                self._jobs.get_nowait()[0].cancel()
        except Empty:
            pass
        loop = asyncio.get_running_loop()
        ends: list[asyncio.Future[Any]] = [loop.create_future() for _ in range(self._started)]
        for end in ends:
            self._jobs.put((end, None))
        if ends:
            await asyncio.wait(ends, timeout=self._patience)

    def _serve(self) -> None:
        connection: Connection | None = None
        while True:
            future, work = self._jobs.get()
            if work is None:
                break
            if not future.done():
                connection = self._done(connection, future, work)
            del future, work  # Not to be held while nothing is to be done.
        if connection is not None:
            connection.close()
        _tell(future, None, None)

    def _done(
        self, connection: Connection | None, future: asyncio.Future[Any], work: Work
    ) -> Connection | None:
        """Does one job; the connection for the next, or None when that one needs another."""
        try:
            if connection is None:
                connection = self._connect()
            try:
                answer = work(connection)
                if connection.in_transaction():
                    connection.rollback()
            except BaseException:
                connection.close()  # Which rolls back what it has begun.
                raise
        except BaseException as error:
            _tell(future, None, error)
            return None
        _tell(future, answer, None)
        return connection


def _tell(future: asyncio.Future[Any], answer: Any, error: BaseException | None) -> None:
    try:
        future.get_loop().call_soon_threadsafe(_told, future, answer, error)
    except RuntimeError:
        pass  # The loop is closed, and with it whoever asked.


def _told(future: asyncio.Future[Any], answer: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(answer)
    else:
        future.set_exception(error)


def _give_up(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())
