"""Files that come to a bot, on their way into the conversation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime

import msgspec

from bot.telegram import FileSent
from conversation.incoming import Incoming
from conversation.request import KINDS
from records.vault import Vault
from services.files import Files, Refused


class Cabinet:
    """Keeps what people send, for ``Updates``. A file is kept before its turn is taken: should the process be
    killed in between, the update comes again, and the same content is the same file."""

    def __init__(self, files: Files, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._files = files
        self._vault = vault
        self._clock = clock

    @property
    def most(self) -> int:
        """The most bytes that one may have."""
        return self._files.limits.most

    async def keep(self, sent: FileSent, content: Callable[[], AsyncIterator[bytes]]) -> Incoming:
        """The message with the file's id, or with why it was not kept. Raises ``Unavailable`` and what
        ``content`` raises."""
        caller = sent.incoming.caller
        kept = await self._files.store(
            self._vault.index(KINDS.get(caller.channel, caller.channel), caller.address),
            now=self._clock(),
            name=sent.name,
            declared=sent.mime,
            content=content(),
        )
        if isinstance(kept, Refused):
            return msgspec.structs.replace(sent.incoming, refused=kept.told)
        return msgspec.structs.replace(sent.incoming, files=(kept.id.hex(),))
