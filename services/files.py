"""Files that people send: looked at, and kept sealed, or refused with a reason that they can be told.

Nothing is unpacked, drawn or played here. What a file is, is told from its content; one that says otherwise
of itself is refused, and so is every archive, which could hold anything at any size.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import structlog

from engine.files import explain
from engine.turn import Language
from records import files as records
from records.changes import place
from records.committer import Committer
from records.database import Database
from records.files import File
from records.tables import microseconds
from records.unit import Conflict, Unavailable, Unit
from records.vault import Unreadable, Vault
from services.file_names import clean, ending
from services.file_types import ARCHIVE, UNKNOWN, fits, kind_of, promises, size_of, told

log = structlog.get_logger()

DAY = timedelta(days=1)
TRIES = 6
SWEPT = 100  # Files that nobody took, of one transaction.
MEGABYTE = 1_000_000

TYPES = (
    "image/jpeg", "image/png", "image/webp", "audio/ogg", "audio/mpeg", "audio/mp4", "audio/webm",
    "application/pdf",
)  # fmt: skip

Reason = Literal["too_big", "too_much", "type", "archive", "lies", "pixels", "broken", "empty"]


@dataclass(frozen=True, slots=True)
class FileLimits:
    """``most``: bytes of one file; ``day``: bytes from one address in 24 hours; ``types``: which are taken;
    ``pixels`` of an image, width by height as its header says."""

    most: int = 5 * MEGABYTE
    day: int = 25 * MEGABYTE
    types: Collection[str] = TYPES
    pixels: int = 50_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is kept, or was before. ``kind``: image, audio, document."""

    id: bytes
    type: str
    size: int

    @property
    def kind(self) -> str:
        return kind_of(self.type)


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that was not kept. ``most``: the bound, in megabytes or megapixels, where there is one."""

    reason: Reason
    most: int = 0

    @property
    def told(self) -> str:
        """The same for ``Incoming.refused``, by which the conversation tells the person."""
        return f"{self.reason}:{self.most}"

    def explain(self, language: Language) -> str:
        """The reason in words."""
        return explain(self.told, language)


@dataclass(frozen=True, slots=True)
class About:
    """What is told of a file without its content: its cleaned name ("" when its key is gone), the type that
    its content has, its bytes."""

    name: str
    type: str
    size: int

    @property
    def kind(self) -> str:
        return kind_of(self.type)


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as it may be handed out: its cleaned name, the type that its content has."""

    name: str
    type: str
    content: bytes = field(repr=False)


class UnknownFile(LookupError):
    """There is no file with this id."""


@dataclass(frozen=True, slots=True)
class _Seen:
    type: str
    digest: bytes
    width: int | None
    height: int | None


class Files:
    def __init__(
        self, *, database: Database, committer: Committer, vault: Vault, limits: FileLimits | None = None
    ) -> None:
        self._database = database
        self._committer = committer
        self._vault = vault
        self.limits = limits or FileLimits()

    async def keep(
        self,
        unit: Unit,
        party: bytes,
        *,
        now: datetime,
        name: str,
        declared: str,
        content: bytes | AsyncIterable[bytes],
        session: bytes | None = None,
    ) -> Kept | Refused:
        """Looks at a file and adds it to the unit, of which it is a part: whole once that is committed, and
        else not there. ``party`` is the blind index of who sent it; ``name`` and ``declared`` (its media
        type) are the sender's word, either may be empty. Of a stream no more is read than may be kept. The
        same content from the same party again is the same file. Two at once from one party are a ``Conflict``
        for one of them, which then runs again. ``session``: which takes it at once. Raises what the stream
        raises."""
        whole = await self._whole(content)
        if isinstance(whole, Refused):
            return _refused(whole)
        seen = await asyncio.to_thread(self._look, party, name, declared, whole)
        if isinstance(seen, Refused):
            return _refused(seen)
        before = await records.by_digest(self._database, party, seen.digest)
        if before is not None:
            return Kept(before.id, before.type, before.size)
        sent, last = await records.since(self._database, party, now - DAY)
        if sent + len(whole) > self.limits.day:
            return _refused(Refused("too_much", _mega(self.limits.day)))
        # Behind the last one, and later: two at once, which would each leave the bound of a day to the other,
        # are two that take one place.
        day = (microseconds(now) // 86_400_000_000).to_bytes(4)
        id = place("file", party, day if last is None else last.id)
        at = now if last is None else max(now, last.at + timedelta(microseconds=1))
        file = File(
            id, party, seen.digest, seen.type, len(whole), 0, seen.width, seen.height, b"", session, at
        )
        await asyncio.to_thread(records.keep, unit, self._vault, file, clean(name, seen.type), whole)
        return Kept(id, seen.type, len(whole))

    async def store(
        self, party: bytes, *, now: datetime, name: str, declared: str, content: bytes | AsyncIterable[bytes]
    ) -> Kept | Refused:
        """The same as a unit of its own, for a channel that has a file before its turn is taken. Raises
        ``Unavailable``."""
        whole = await self._whole(content)
        if isinstance(whole, Refused):
            return _refused(whole)
        for _attempt in range(TRIES):
            unit = Unit()
            kept = await self.keep(unit, party, now=now, name=name, declared=declared, content=whole)
            try:
                await self._committer.commit(unit)
            except Conflict:
                continue
            return kept
        raise Unavailable("a file met a conflict each time")

    async def read(self, id: bytes) -> Stored:
        """A file; raises ``UnknownFile`` and ``Unreadable``."""
        found = await records.by_ids(self._database, Unit(), [id])
        if not found:
            raise UnknownFile
        content = await records.content(self._database, self._vault, found[0])
        return Stored(records.name(self._vault, found[0]), found[0].type, content)

    async def about(self, ids: Sequence[bytes]) -> Mapping[bytes, About]:
        """What is known of those of these files that there are."""
        found = await records.by_ids(self._database, Unit(), ids) if ids else []
        return {each.id: About(self._name(each), each.type, each.size) for each in found}

    def _name(self, file: File) -> str:
        try:
            return records.name(self._vault, file)
        except Unreadable:
            log.error("name of a file unreadable")
            return ""

    async def take(self, unit: Unit, party: bytes, session: bytes, ids: Sequence[bytes]) -> list[Kept]:
        """Those of these files that are this party's; the session took them."""
        found = [each for each in await records.by_ids(self._database, unit, ids) if each.party == party]
        for file in found:
            records.take(unit, file, session)
        return [Kept(file.id, file.type, file.size) for file in found]

    async def of_session(self, session: bytes) -> list[Kept]:
        """What a session took, the oldest first."""
        found = await records.of_session(self._database, session)
        return [Kept(file.id, file.type, file.size) for file in found]

    async def sweep(self, now: datetime) -> int:
        """Takes away what no session took for a day: its sender never learnt that it was kept."""
        swept = 0
        while found := await records.drop_untaken(self._database, now - DAY, SWEPT):
            swept += found
        return swept

    async def _whole(self, content: bytes | AsyncIterable[bytes]) -> bytes | Refused:
        """The content, or that it is too big; what is beyond that is not read."""
        too_big = Refused("too_big", _mega(self.limits.most))
        if isinstance(content, bytes):
            return too_big if len(content) > self.limits.most else content
        pieces: list[bytes] = []
        length = 0
        try:
            async for piece in content:
                length += len(piece)
                if length > self.limits.most:
                    return too_big
                pieces.append(piece)
        finally:
            if isinstance(content, AsyncGenerator):
                await content.aclose()
        return b"".join(pieces)

    def _look(self, party: bytes, name: str, declared: str, content: bytes) -> _Seen | Refused:
        """What the content is, or why it is not kept."""
        if not content:
            return Refused("empty")
        type = told(content)
        if type == ARCHIVE:
            return Refused("archive")
        if type == UNKNOWN:
            return Refused("lies" if promises(declared, ending(name)) else "type")
        if not fits(type, declared, ending(name)):
            return Refused("lies")
        if type not in self.limits.types:
            return Refused("type")
        width = height = None
        if kind_of(type) == "image":
            size = size_of(type, content)
            if size is None:
                return Refused("broken")
            width, height = size
            if width * height > self.limits.pixels:
                return Refused("pixels", self.limits.pixels // 1_000_000)
        digest = self._vault.digest("file", party.hex(), hashlib.sha256(content).hexdigest())
        return _Seen(type, digest, width, height)


def _refused(refused: Refused) -> Refused:
    log.info("file refused", reason=refused.reason)
    return refused


def _mega(bytes: int) -> int:
    return max(1, bytes // MEGABYTE)
