"""One SMSC that several parts of a process use: bound once, while one of them does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from smpp.connection import Connection
from smpp.delivery import Delivery, Handler
from smpp.errors import TEMPORARY
from smpp.receipts import is_receipt

Connect = Callable[[Handler], Connection]


class Shared:
    """``connect`` makes the connection, given who takes what it delivers: a receipt goes to the one who takes
    receipts, anything else to the one who takes messages; of several, to the one who came last. While there
    is nobody the SMSC keeps it and brings it again."""

    def __init__(self, connect: Connect) -> None:
        self.connection = connect(self._deliver)
        self._receipts: list[Handler] = []
        self._messages: list[Handler] = []
        self._users = 0

    @property
    def used_now(self) -> bool:
        """Whether somebody uses it."""
        return self._users > 0

    @asynccontextmanager
    async def used(
        self, *, receipts: Handler | None = None, messages: Handler | None = None
    ) -> AsyncIterator[Connection]:
        """Binds if nobody has; unbinds when the last one leaves."""
        self._users += 1
        if self._users == 1:
            await self.connection.__aenter__()
        added = [(some, each) for some, each in
                 ((self._receipts, receipts), (self._messages, messages)) if each is not None]  # fmt: skip
        for some, handler in added:
            some.append(handler)
        try:
            yield self.connection
        finally:
            try:
                if self._users == 1:
                    # Those who take deliveries stay until what they have in hand is done.
                    await self.connection.__aexit__(None, None, None)
            finally:
                self._users -= 1
                for some, handler in added:
                    some.remove(handler)

    async def _deliver(self, delivery: Delivery) -> None:
        handlers = self._receipts if is_receipt(delivery.message) else self._messages
        if handlers:
            await handlers[-1](delivery)
        else:
            delivery.acknowledge(TEMPORARY)
