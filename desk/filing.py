"""The files of one conversation at the desk: numbered as they are shown, saved by their numbers, sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from desk import screen, words
from desk.saving import Unsuitable, load, save
from desk.words import Words
from records.vault import Unreadable
from services.files import Refused, UnknownFile
from services.handover_files import HandoverFiles
from services.handover_posts import Line

T = TypeVar("T")


class Surely(Protocol):
    """Does something that may be done again, until it is known to be done; None where it was not."""

    async def __call__(self, act: Callable[[], Awaitable[T]], what: str, /) -> T | None: ...


class Filing:
    """Of the conversation that was opened last, also when it is over."""

    def __init__(
        self, *, name: str, service: HandoverFiles, say: Words, clock: Callable[[], datetime]
    ) -> None:
        self._name = name
        self._service = service
        self._say = say
        self._clock = clock
        self._thread = b""
        self._files: list[bytes] = []

    def open(self, thread: bytes) -> None:
        """Another conversation, whose files count from 1."""
        self._thread, self._files = thread, []

    async def shown(self, lines: Sequence[Line]) -> list[str]:
        """What is shown of the file that came with each of these posts, "" where none did."""
        about = await self._service.about(lines)
        found = []
        for line in lines:
            found.append("")
            if line.file is not None:
                self._files.append(line.file)
                found[-1] = screen.file(self._say, len(self._files), about.get(line.file))
        return found

    async def save(self, number: int, folder: str) -> str:
        """Writes a file into a folder; what is to be said of that."""
        if not 0 < number <= len(self._files):
            return self._say(words.NO_FILE)
        try:
            found = await self._service.read(self._thread, self._files[number - 1])
            path = await asyncio.to_thread(save, folder, found.name, found.content)
        except (UnknownFile, Unreadable):
            return self._say(words.NO_FILE)
        except Unsuitable as error:
            return self._say(words.UNSUITABLE, why=screen.clean(str(error)))
        return self._say(words.SAVED, path=screen.clean(str(path)))

    async def send(self, thread: bytes, path: str, surely: Surely) -> str:
        """Sends a file of this machine; what is to be said of that, "" where it was said."""
        try:
            name, content = await asyncio.to_thread(load, path, self._service.most)
        except Unsuitable as error:
            return self._say(words.UNSUITABLE, why=screen.clean(str(error)))
        key = os.urandom(16)
        sent = await surely(
            lambda: self._service.send(
                thread, operator=self._name, name=name, content=content, now=self._clock(), key=key
            ),
            name,
        )
        if isinstance(sent, Refused):
            return self._say(words.UNSUITABLE, why=sent.explain(self._say.language))
        return "" if sent is None else self._say(words.FILE_SENT)
