"""The web chat's socket: who may connect, the first frame, and what comes after it.

A message goes through three lines, ``parse``, ``take_turn``, ``render``; the last one is the hub's, because
what a turn shows goes to every socket of the visitor. All else here is for what can be wrong.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Container
from datetime import datetime
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Protocol

import msgspec
from aiohttp import WSMsgType, hdrs, web

from bot import webchat
from bot import webchat_frames as frames
from bot.webchat import FRAME_BYTES, BadFrame, BadMessage
from bot.webchat_hub import Hub
from bot.webchat_limits import Addresses, Limits
from bot.webchat_sockets import BAD_FRAME, FLOOD, GIVEN_UP, GOODBYE, LATER, NOT_TEXT, Room, Socket
from bot.webchat_tokens import LENGTH, Tokens, Visitor
from conversation.incoming import Incoming, Reply
from records.unit import Unavailable
from records.vault import Vault
from records.webchat import NOBODY, ChatLog, Part, Position
from web.access import Networks, peer_of

ROUTE = "webchat"
NEWEST = 50  # Turns and posts that a client without any is shown.
MOST = 100
RETRY = 2.0  # Seconds until what was not taken may be sent again.
KERNEL_BUFFER = 64 * 1024  # Bytes on their way to a client.


class Conversation(Protocol):
    """What this door needs of the conversation."""

    async def take_turn(self, incoming: Incoming) -> Reply:
        """The reply to one message. It does not raise."""


class Door:
    """``/chat/ws``. ``read`` is told which post somebody has read, ``forgotten`` who gave up their token."""

    def __init__(
        self,
        *,
        conversation: Conversation,
        hub: Hub,
        chat: ChatLog,
        tokens: Tokens,
        vault: Vault,
        limits: Limits,
        addresses: Addresses,
        trusted_proxies: Networks,
        clock: Callable[[], datetime],
        read: Callable[[bytes, bytes], None],
        languages: Container[str],
        welcome: frames.Welcome,
        forgotten: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> None:
        self._conversation = conversation
        self._hub = hub
        self._chat = chat
        self._tokens = tokens
        self._vault = vault
        self._limits = limits
        self._addresses = addresses
        self._trusted_proxies = trusted_proxies
        self._clock = clock
        self._read = read
        self._languages = languages
        self._welcome = welcome
        self._forgotten = forgotten

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One socket, from its beginning to its end."""
        now = asyncio.get_running_loop().time
        peer = peer_of(request, self._trusted_proxies)
        refusal = self._addresses.refusal(peer, now())
        if refusal is not None:
            status, wait = refusal
            headers = {hdrs.RETRY_AFTER: str(math.ceil(wait))}
            return web.Response(status=status, text="Too many connections; come back later.", headers=headers)
        # Compression would keep a window of 32 KiB and more for each socket, for texts of a few words.
        ws = web.WebSocketResponse(compress=False, max_msg_size=FRAME_BYTES, timeout=GOODBYE)
        await ws.prepare(request)
        assert request.transport is not None
        _keep_little(request.transport)
        address = self._addresses.of(peer, now())
        socket = Socket(ws, request.transport, peer, address, now())
        self._addresses.opened(address)
        self._hub.add(socket)
        try:
            async for message in ws:
                code = NOT_TEXT
                if message.type is WSMsgType.TEXT:
                    code = await self._take(socket, message.data, now())
                if code:
                    await socket.close(code)
        except ConnectionError:
            pass  # It was cut while something was being written.
        finally:
            self._hub.leave(socket, now())
            self._addresses.closed(address, now())
        return ws

    async def _take(self, socket: Socket, data: str, now: float) -> int:
        """Takes one frame; the code to close the socket with, 0 where it goes on."""
        socket.seen = now
        if socket.frames.take(self._limits.frames, now):
            return FLOOD
        try:
            frame = webchat.read(data)
        except BadFrame:
            return BAD_FRAME
        room = socket.room
        if room is None:
            return await self._greet(socket, frame, now) if isinstance(frame, frames.Hello) else BAD_FRAME
        match frame:
            case frames.Say():
                await self._say(socket, room, frame, data, now)
            case frames.Ping():
                await socket.send(frames.PONG)
            case frames.Typing():
                self._hub.types(room)
            case frames.Here():
                self._hub.attend(room, socket, frame.here)
            case frames.Seen():
                position = webchat.position_of(frame.id)
                if position is not None and position.post != NOBODY:
                    self._read(room.party, position.post)
            case frames.Forget():
                return await self._forget(socket, room)
            case frames.Hello():
                return BAD_FRAME
        return 0

    # The first frame.

    async def _greet(self, socket: Socket, hello: frames.Hello, now: float) -> int:
        """Lets the visitor in, and sends what they lack."""
        visitor = self._tokens.read(hello.token, self._clock()) if len(hello.token) <= LENGTH else None
        if visitor is None and hello.token and socket.address.failures.take(self._limits.failures, now):
            return LATER
        known = visitor is not None
        visitor = visitor or self._tokens.new()
        room = self._room(visitor)
        if room.visits.take(self._limits.visits, now):
            return LATER
        self._hub.join(socket, room)
        if hello.language in self._languages:
            socket.language = hello.language
        after = webchat.position_of(hello.after) if known and hello.after else None
        part = Part([], False, 0)
        try:
            if known:
                part = await self._lacks(room, after)
        except Unavailable:
            return LATER
        if part.generation > visitor.generation:
            # A token that was good once, and whose owner has a newer one: whoever sends it is somebody else.
            self._hub.part(socket, now)
            if socket.address.failures.take(self._limits.failures, now):
                return LATER
            known, visitor, after, part = False, self._tokens.new(), None, Part([], False, 0)
            room = self._room(visitor)
            self._hub.join(socket, room)
        await socket.send(frames.encode(await self._welcomed(visitor, part.generation, known)))
        if after is not None:
            socket.position = after
        await self._hub.bring(socket, part)
        await socket.send(frames.READY)
        return 0

    def _room(self, visitor: Visitor) -> Room:
        return self._hub.room(visitor.id, self._vault.index(webchat.CHANNEL, visitor.id))

    async def _lacks(self, room: Room, after: Position | None) -> Part:
        if after is None:
            return await self._chat.newest(room.party, NEWEST)
        return await self._chat.after(room.party, after, MOST)

    async def _welcomed(self, visitor: Visitor, generation: int, known: bool) -> frames.Welcome:
        """The welcome, with a token where the visitor has none, or one that has come of age."""
        party = self._vault.index(webchat.CHANNEL, visitor.id)
        if known and visitor.generation > generation:
            # The first use of a renewed token: the one before it is over from now on.
            await self._chat.renew(party, visitor.generation, self._clock())
        token = ""
        if not known or visitor.renew:
            token = self._tokens.issue(visitor.id, visitor.generation + known, self._clock())
        name = party.hex()[:16]
        return msgspec.structs.replace(self._welcome, visitor=name, token=token, known=known)

    # Messages.

    async def _say(self, socket: Socket, room: Room, said: frames.Say, data: str, now: float) -> None:
        wait = room.messages.take(self._limits.say, now)
        wait = wait or socket.address.messages.take(self._limits.messages, now)
        if wait:
            await socket.send(frames.encode(frames.Slow(said.id, round(wait + 0.05, 1))))
            return
        try:
            incoming = webchat.parse(
                said,
                data.encode(),
                visitor=room.visitor,
                route=ROUTE,
                peer=socket.peer,
                language=socket.language,
            )
        except BadMessage as error:
            await socket.send(frames.encode(frames.Refused(said.id, error.reason)))
            return
        if incoming.answers is not None and socket.live and incoming.answers != socket.position[:2]:
            await socket.send(frames.encode(frames.Refused(said.id, "late")))
            return
        socket.waiting = said.id
        reply = await self._conversation.take_turn(incoming)
        waits, socket.waiting = socket.waiting, ""
        if not reply.taken or (not reply.sequence and not reply.repeated):
            retry = 0.0 if reply.taken else RETRY
            await socket.send(frames.encode(frames.Sorry(said.id, reply.text, retry)))
        elif waits:
            # It was taken before, perhaps in another process, and this socket may not have it yet.
            self._hub.catch_up(socket)
            await socket.send(frames.encode(frames.Taken(said.id)))

    async def _forget(self, socket: Socket, room: Room) -> int:
        """Every token of this visitor is over."""
        try:
            await self._chat.give_up(room.party, self._clock())
            if self._forgotten is not None:
                await self._forgotten(room.party)
        except Unavailable:
            return LATER
        await socket.send(frames.GONE)
        self._hub.give_up(room)
        return GIVEN_UP


def _keep_little(transport: asyncio.Transport) -> None:
    """Bounds what the kernel keeps for a reader who takes nothing; it would be some megabytes each."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(SOL_SOCKET, SO_SNDBUF, KERNEL_BUFFER)
