"""The rows of an upload, read piece by piece: CSV with a header (RFC 4180, ``,`` or ``;``), or NDJSON.

Bytes in, rows out. A row that cannot be read says why and does not end the others: reading goes on with the
next line. How the bytes are cut into pieces changes nothing, and no more than one row of the greatest length
and the piece itself are held. Reading can begin again at the end of any row (``Row.end``, ``Row.next_line``).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Form = Literal["csv", "ndjson"]

MOST_ROW = 65_536  # Bytes of one row, with its end.
MOST_COLUMNS = 200
BOM = b"\xef\xbb\xbf"
ADDRESS = "to"  # The column that there must be.


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row. ``kind`` is a word for programs (``api.problems.FIELDS``); ``column`` is ""
    where it is the row itself; ``values`` fill the words for people."""

    column: str
    kind: str
    values: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the ``line`` that it begins on (the first is 1), the byte behind it and the line there. Its
    values by column, or its ``fault``."""

    line: int
    end: int
    next_line: int
    values: Mapping[str, str]
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a CSV, "" for one without a name, and what parts them."""

    columns: Sequence[str]
    delimiter: str


class BadUpload(ValueError):
    """Nothing of the upload can be read; ``fault`` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


class Reader:
    """Begins at byte ``offset`` and ``line``; of a CSV that is not begun at its start, with its ``header``.
    ``needs``: columns without which no row is good. Raises ``BadUpload``."""

    def __init__(
        self,
        form: Form,
        needs: Collection[str] = (),
        *,
        offset: int = 0,
        line: int = 1,
        header: Header | None = None,
    ) -> None:
        self.header = header
        self._form = form
        self._needs = {ADDRESS, *needs}
        self._pending = bytearray()
        self._offset = offset  # Of what is pending, in the whole.
        self._line = line
        self._skipping = False  # Of a line that is too long; its end is looked for.
        self._searched = 0  # Up to there no end of a line is pending.
        self._counted = 0  # Up to there quotes are counted.
        self._quotes = 0
        self._first = 0  # Where the first line of a row of several ends.
        self._breaks = 0

    @property
    def buffered(self) -> int:
        """Bytes that wait for the end of their row."""
        return len(self._pending)

    def feed(self, piece: bytes) -> Iterator[Row]:
        """The rows that end in this piece, and are not blank. All of them are to be taken before the next."""
        self._pending += piece
        while True:
            end = self._pending.find(b"\n", self._searched)
            if end < 0:
                self._searched = len(self._pending)
                if self._skipping:
                    self._drop(len(self._pending), lines=0)
                elif len(self._pending) <= MOST_ROW:
                    return
                elif self._first:
                    yield self._broken(self._first)
                    continue
                else:
                    self._skipping = True
                    continue
                return
            yield from self._line_ends(end + 1)

    def finish(self) -> Iterator[Row]:
        """The rows that are left once all was fed."""
        while self._pending or self._skipping:
            if self._skipping:
                yield self._cut(Fault("", "long"), 0)
            elif self._odd(len(self._pending)):
                yield self._broken(len(self._pending))
                yield from self.feed(b"")
            else:
                yield from self._row(len(self._pending))
        if self._form == "csv" and self.header is None:
            raise BadUpload(Fault(ADDRESS, "missing"))

    def _line_ends(self, end: int) -> Iterator[Row]:
        """What there is to tell once a line ends before ``end``."""
        if self._skipping:
            self._searched = 0
            yield self._cut(Fault("", "long"), end)
        elif end > MOST_ROW:
            yield self._broken(end) if self._first else self._cut(Fault("", "long"), end)
        elif self._odd(end):
            # A quoted value goes on over the end of the line.
            self._first = end if self._first == 0 else self._first
            self._quotes += self._pending.count(b'"', self._counted, end)
            self._counted = self._searched = end
            self._breaks += 1
        else:
            yield from self._row(end)

    def _odd(self, end: int) -> bool:
        """Whether a quoted value is open there."""
        if self._form != "csv":
            return False
        return (self._quotes + self._pending.count(b'"', self._counted, end)) % 2 == 1

    def _row(self, end: int) -> Iterator[Row]:
        """The row that ends there."""
        raw = bytes(self._pending[:end])
        if self._offset == 0:
            if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise BadUpload(Fault("", "encoding"))
            raw = raw.removeprefix(BOM)
        if not raw.strip():
            self._drop(end, lines=self._breaks + 1)
            return
        if self._form == "csv" and self.header is None:
            self.header = _header(raw, self._needs)
            self._drop(end, lines=self._breaks + 1)
            return
        found = _csv(raw, self.header) if self.header is not None else _json(raw)
        if isinstance(found, Fault):
            if found.kind == "quote":
                yield self._broken(end)
            else:
                yield self._cut(found, end)
            return
        line = self._line
        self._drop(end, lines=self._breaks + 1)
        yield Row(line, self._offset, self._line, found)

    def _broken(self, end: int) -> Row:
        """A row up to ``end`` that does not end a quoted value as it should: its first line is bad, and what
        follows is read by itself."""
        self._breaks = 0
        if self.header is None and self._form == "csv":
            raise BadUpload(Fault("", "quote"))
        return self._cut(Fault("", "quote"), self._first or end)

    def _cut(self, fault: Fault, end: int) -> Row:
        line = self._line
        if self.header is None and self._form == "csv":
            raise BadUpload(fault)
        self._skipping = False
        self._drop(end, lines=self._breaks + 1)
        return Row(line, self._offset, self._line, {}, fault)

    def _drop(self, end: int, *, lines: int) -> None:
        del self._pending[:end]
        self._offset += end
        self._line += lines
        self._searched = self._counted = self._quotes = self._first = self._breaks = 0


def _header(raw: bytes, needs: Collection[str]) -> Header:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise BadUpload(Fault("", "encoding")) from None
    delimiter = ";" if text.count(";") > text.count(",") else ","
    cells = _cells(text, delimiter)
    if cells is None:
        raise BadUpload(Fault("", "quote"))
    columns = [cell.strip().lower() for cell in cells]
    if len(columns) > MOST_COLUMNS:
        raise BadUpload(Fault("", "columns", {"want": MOST_COLUMNS, "have": len(columns)}))
    named = [column for column in columns if column]
    for column in named:
        if named.count(column) > 1:
            raise BadUpload(Fault(column, "doubled"))
    for column in sorted(needs):
        if column not in named:
            raise BadUpload(Fault(column, "missing"))
    return Header(columns, delimiter)


def _cells(text: str, delimiter: str) -> list[str] | None:
    """The cells of one row; None where a quoted value is wrong."""
    text = text.removesuffix("\n").removesuffix("\r")
    try:
        [cells] = csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        return None
    return cells


def _csv(raw: bytes, header: Header) -> dict[str, str] | Fault:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return Fault("", "encoding")
    if "\0" in text:
        return Fault("", "control")
    cells = _cells(text, header.delimiter)
    if cells is None:
        return Fault("", "quote")
    if len(cells) != len(header.columns):
        return Fault("", "columns", {"want": len(header.columns), "have": len(cells)})
    return {column: cell for column, cell in zip(header.columns, cells, strict=True) if column}


def _json(raw: bytes) -> dict[str, str] | Fault:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return Fault("", "encoding")
    try:
        pairs = json.loads(
            text, parse_int=str, parse_float=str, parse_constant=_no_constant, object_pairs_hook=_Pairs
        )
    except (ValueError, RecursionError):
        return Fault("", "json")
    if not isinstance(pairs, _Pairs):
        return Fault("", "object")
    if len(pairs) > MOST_COLUMNS:
        return Fault("", "columns", {"want": MOST_COLUMNS, "have": len(pairs)})
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            return Fault(_writable(name), "doubled")
        if value is not None and not isinstance(value, str):
            return Fault(_writable(name), "type")
        if value is not None:
            if "\0" in value or value != _writable(value):
                return Fault(_writable(name), "control")
            values[name] = value
    return values


class _Pairs(list[tuple[str, Any]]):
    """An object as it is written, a name that comes twice twice."""


def _writable(text: str) -> str:
    """Without halves of surrogate pairs, which JSON can name and nothing can store."""
    return text.encode("utf-8", "replace").decode()


def _no_constant(name: str) -> str:
    raise ValueError(f"{name} is no JSON")
