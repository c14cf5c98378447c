"""Files in threads: what operators see of them, take and send.

What an operator sends is looked at and kept as what people send is, with the same limits, those of a day for
each thread. The post has the file's name for its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from records import threads as records
from records.database import Database
from records.threads import Thread
from records.unit import Unit
from records.vault import Vault
from services.file_names import clean
from services.files import About, Files, Kept, Refused, Stored, UnknownFile
from services.handover_acts import Acts, own
from services.handover_posts import Line, Postbox


class HandoverFiles:
    def __init__(
        self, *, database: Database, vault: Vault, acts: Acts, files: Files, postbox: Postbox
    ) -> None:
        self._database = database
        self._vault = vault
        self._acts = acts
        self._files = files
        self._postbox = postbox

    @property
    def most(self) -> int:
        """The most bytes that a file may have."""
        return self._files.limits.most

    async def about(self, lines: Iterable[Line]) -> Mapping[bytes, About]:
        """What is known of the files that came with these posts, by their ids."""
        return await self._files.about([line.file for line in lines if line.file is not None])

    async def read(self, thread: bytes, file: bytes) -> Stored:
        """A file that either side sent in this thread. Raises ``UnknownFile``, also for one of another
        thread, and ``Unreadable``."""
        posts = await records.posts_of(self._database, thread)
        if not any(post.file == file for post in posts):
            raise UnknownFile
        return await self._files.read(file)

    async def send(
        self, thread: bytes, *, operator: str, name: str, content: bytes, now: datetime, key: bytes
    ) -> Kept | Refused:
        """Sends a file to the person, if it is one that people may send us. The same ``key`` (16 bytes) again
        sends nothing more. Raises ``NotYours`` and ``Over``."""
        party = self._vault.index("operator", f"{operator}\x1f{thread.hex()}")
        sent: Kept | Refused = Refused("empty")

        async def act(unit: Unit, found: Thread) -> None:
            nonlocal sent
            said = await records.by_key(self._database, found.id, key)
            if said is None:
                own(found, operator)
            sent = await self._files.keep(
                unit, party, now=now, name=name, declared="", content=content, session=found.session
            )
            if said is None and isinstance(sent, Kept):
                self._postbox.write(
                    unit, found, now, "operator", "text", clean(name, sent.type), operator=operator,
                    key=key, file=sent.id,
                )  # fmt: skip

        await self._acts.do(thread, act, over=True)
        return sent
