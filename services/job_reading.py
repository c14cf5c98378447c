"""Reads the rows of a job's content, part by part, from any place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import cast

from records.jobs import PART
from services.job_rows import Form, Reader, Row

PartOf = Callable[[int], Awaitable[bytes | None]]


class Lost(Exception):
    """A part of the content is not there."""


class Reading:
    """Made by ``begin``. ``position`` and ``line`` are behind the last row that was taken."""

    def __init__(self, part_of: PartOf, parts: int, reader: Reader, position: int, line: int) -> None:
        self.position = position
        self.line = line
        self._part_of = part_of
        self._parts = parts
        self._reader = reader
        self._place, self._skip = divmod(position, PART)
        self._ready: Iterator[Row] = iter(())
        self._last = False

    @classmethod
    async def begin(
        cls, part_of: PartOf, parts: int, form: str, needs: Collection[str], position: int, line: int
    ) -> Reading:
        """From ``position``, on ``line``. Raises ``BadUpload``, ``Lost``."""
        kind = cast("Form", form)
        header = None
        if position and form == "csv":
            first = await part_of(0)
            if first is None:
                raise Lost
            probe = Reader(kind, needs)
            next(probe.feed(first), None)
            header = probe.header
        reader = Reader(kind, needs, offset=position, line=line, header=header)
        return cls(part_of, parts, reader, position, line)

    async def take(self, most: int) -> tuple[list[Row], bool]:
        """At most so many rows, and whether there are no more. Raises ``BadUpload``, ``Lost``."""
        rows: list[Row] = []
        while len(rows) < most:
            row = next(self._ready, None)
            if row is not None:
                rows.append(row)
                self.position, self.line = row.end, row.next_line
            elif self._last:
                return rows, True
            else:
                await self._go_on()
        return rows, False

    async def _go_on(self) -> None:
        if self._place >= self._parts:
            self._last = True
            self._ready = self._reader.finish()
            return
        piece = await self._part_of(self._place)
        if piece is None:
            raise Lost
        self._ready = self._reader.feed(piece[self._skip :])
        self._place, self._skip = self._place + 1, 0
