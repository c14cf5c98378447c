"""Questions that arrive while the last ones are being answered go together as the next ones.

There is no waiting window: the first question goes with what else arrived in the same turn of the event
loop, and later ones wait only for those under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Gathered(Generic[Q, A]):
    """``look_up`` answers questions in their order, at most ``most`` at a time; what it raises, each of
    their askers gets."""

    def __init__(self, look_up: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], most: int) -> None:
        self._look_up = look_up
        self._most = most
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer([each for each in batch if not each[1].done()])
        finally:
            self._task = None

    async def _answer(self, batch: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        if not batch:
            return
        try:
            answers = await self._look_up([question for question, _answer in batch])
        except Exception as error:
            for _question, answer in batch:
                if not answer.done():
                    answer.set_exception(_copy(error))
        else:
            for (_question, answer), found in zip(batch, answers, strict=True):
                if not answer.done():
                    answer.set_result(found)
        finally:
            # Only when this task itself is cancelled, at the end of the program, is one still open.
            for _question, answer in batch:
                answer.cancel()


def _copy(error: Exception) -> Exception:
    """The same error for one more asker, so that each has a traceback of its own where that is possible."""
    try:
        copy = type(error)(*error.args)
    except Exception:
        return error
    copy.__cause__ = error
    return copy
