"""A chat as a test holds it: what its channel's file hands to the conversation and renders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from conversation.incoming import Caller, Incoming, Reply
from conversation.outgoing import Parcel, Render
from engine.channels import CHANNELS
from records.outbox import Content, content
from records.tables import outbox
from tests.conversation.conftest import Process


def render(reply: Reply, caller: Caller) -> Sequence[Parcel]:
    """One message for each reply, with what the channel would send beside it."""
    return [Parcel(reply.text, f'{{"chat": "{caller.session}"}}'.encode())]


RENDERS: dict[str, Render] = {"telegram": render, "bale": render, "sms": render}


@dataclass
class Chat:
    """One person's chat. ``ordered``: its updates carry numbers that grow, as on Telegram; else each has a
    name of its own, as SMS have."""

    process: Process
    channel: str = "telegram"
    address: str = "70001"
    route: str = ""
    ordered: bool = True
    update: int = 100

    @property
    def caller(self) -> Caller:
        return Caller(
            self.channel,
            self.route or self.channel,
            self.address,
            self.address,
            CHANNELS[self.channel],
            "127.0.0.1",
        )

    @property
    def key(self) -> bytes:
        """What the session is found by."""
        route = self.route or self.channel
        return self.process.vault.index("session", f"{route}\x1f{self.address}\x1f{self.address}")

    def on(self, process: Process) -> Chat:
        """The same chat, its next update going to another process."""
        return replace(self, process=process)

    async def write(self, text: str, *, begins: bool | None = None, files: tuple[str, ...] = ()) -> Reply:
        """A new update."""
        self.update += 1
        return await self.give(self.update, text, begins=begins, files=files)

    async def press(self, reply: Reply, key: str) -> Reply:
        """A new update: a button under the screen of that reply."""
        self.update += 1
        return await self.give(self.update, key, answers=(reply.session[-4:], reply.sequence))

    async def give(
        self,
        update: int,
        text: str,
        *,
        begins: bool | None = None,
        files: tuple[str, ...] = (),
        answers: tuple[bytes, int] | None = None,
    ) -> Reply:
        """An update by its number: the same one again is the same request."""
        incoming = Incoming(
            self.caller,
            text,
            f"raw {update} {text}".encode(),
            key=f"{self.channel}:{update}",
            begins=begins,
            chat=True,
            order=update if self.ordered else None,
            files=files,
            answers=answers,
        )
        return await self.process.conversation.take_turn(incoming)

    async def walk(self, *texts: str) -> Reply:
        """Several updates; the reply to the last."""
        for text in texts[:-1]:
            await self.write(text)
        return await self.write(texts[-1])


async def sent(at: Process) -> list[Content]:
    """What waits in the outbox on channels of chats, in the order in which it leaves."""
    rows = await at.database.read(
        select(outbox.c.id, outbox.c.sealed).where(outbox.c.channel.in_(RENDERS)).order_by(outbox.c.id)
    )
    return [content(at.vault, row.id, row.sealed) for row in rows]
