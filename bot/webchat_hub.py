"""The open sockets of the web chat, and what goes to each of them.

A socket knows the position up to which it has everything. What follows on it directly is written at once, as
the turn is committed; whatever does not, because it happened in another process or more came than the socket
takes, is read from the records after that position. So nothing is lost or doubled, however it was learned of.

Twenty thousand idle people are sockets here and nothing else: no task and no timer of their own. One patrol
looks at all of them every few seconds.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import WSMsgType, web

from bot import webchat
from bot.webchat import START
from bot.webchat_limits import Address, Bucket, Rate
from records.bells import Bells
from records.sessions import TurnRecord
from records.signals import Signals
from records.unit import Unavailable
from records.webchat import ChatLog, Entry, Part, Position
from services.handover_words import AWAY, HERE, NEWS, PERSON_AWAY, PERSON_HERE, PERSON_TYPES, TYPING

log = structlog.get_logger()

BUFFER = 48 * 1024  # Bytes that may wait for a slow reader before it is served at its own pace.
MOST = 100  # Turns, and posts, read at once.
AT_ONCE = 1_000  # Sockets that the patrol looks at before it lets others work.
RECHECKS = 64  # Sockets that one patrol brings up to date though nobody rang for them.
SIGNALS = Rate(50.0, 100.0)  # Turns that other processes are told of at once; of more they hear by the bells.

OVER = "given up"  # The signal that a visitor's token is over.

# Why a socket is closed, beside the codes of RFC 6455, section 7.4.1.
GOING_AWAY, NOT_TEXT, POLICY = 1001, 1003, 1008
SILENT, BAD_FRAME, FLOOD, GIVEN_UP, LATER = 4000, 4002, 4008, 4010, 4029

FRAMES: Mapping[str, bytes] = {
    TYPING: webchat.encode(webchat.TheyType()),
    HERE: webchat.encode(webchat.Presence(True)),
    AWAY: webchat.encode(webchat.Presence(False)),
}


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: between patrols; until the first frame; without a sign of life (browsers slow the timers of
    hidden pages to one a minute); that a reader may take nothing at all; after which a socket looks by
    itself, in case that a bell was lost; that a visitor without a socket is remembered, for the limits."""

    patrol: float = 5.0
    hello: float = 10.0
    idle: float = 150.0
    stalled: float = 20.0
    recheck: float = 600.0
    kept: float = 120.0


class Room:
    """One visitor: their sockets in this process, and what they may do."""

    __slots__ = ("left", "messages", "party", "sockets", "visitor", "visits")

    def __init__(self, visitor: str, party: bytes) -> None:
        self.visitor = visitor
        self.party = party
        self.sockets: list[Socket] = []
        self.messages = Bucket()
        self.visits = Bucket()
        self.left = 0.0


class Socket:
    """One connection. ``position`` is up to where it has everything; ``live``: it is written to as things
    happen, else it is being brought up to date, and ``behind`` tells that more has happened since. ``open``:
    the last turn that it has expects an answer. ``waiting`` is the message under way."""

    __slots__ = (
        "address", "behind", "busy", "checked", "frames", "here", "language", "live", "open", "peer",
        "position", "room", "seen", "stalled", "transport", "waiting", "ws",
    )  # fmt: skip

    def __init__(
        self, ws: web.WebSocketResponse, transport: asyncio.Transport, peer: str, address: Address, now: float
    ) -> None:
        self.ws = ws
        self.transport = transport
        self.peer = peer
        self.address = address
        self.frames = Bucket()
        self.room: Room | None = None
        self.position = START
        self.open = False
        self.live = False
        self.behind = False
        self.busy = False
        self.here = False
        self.waiting = ""
        self.language = "fa"
        self.seen = self.checked = now
        self.stalled = 0.0

    @property
    def full(self) -> bool:
        return self.transport.get_write_buffer_size() > BUFFER

    async def send(self, frame: bytes) -> None:
        """Writes a frame, at the reader's pace. Raises ``ConnectionError`` when it is gone."""
        if not self.ws.closed:
            await self.ws.send_frame(frame, WSMsgType.TEXT)

    def write(self, frame: bytes) -> None:
        """Writes a frame at once; for a socket that is not ``full``. One that is gone takes nothing."""
        sending = self.send(frame)
        try:
            # It waits only for a reader who is far behind, and this one is not.
            sending.send(None)
        except (StopIteration, ConnectionError):
            pass
        finally:
            sending.close()


class Hub:
    """All sockets of this process. ``delivered`` is called with the party and the id of a post that reached
    a device of theirs for the first time."""

    def __init__(
        self,
        chat: ChatLog,
        bells: Bells,
        signals: Signals,
        delivered: Callable[[bytes, bytes], None],
        patience: Patience,
    ) -> None:
        self._patience = patience
        self._chat = chat
        self._bells = bells
        self._signals = signals
        self._delivered = delivered
        self._name = secrets.token_hex(8)
        self._signalled = Bucket()
        self._tasks: set[asyncio.Task[None]] = set()
        self.rooms: dict[bytes, Room] = {}
        self.sockets: set[Socket] = set()
        self.dropped = 0

    # Coming and going.

    def room(self, visitor: str, party: bytes) -> Room:
        """The room of a visitor."""
        room = self.rooms.get(party)
        if room is None:
            room = self.rooms[party] = Room(visitor, party)
        return room

    def add(self, socket: Socket) -> None:
        """A socket that nobody has spoken on yet."""
        self.sockets.add(socket)

    def join(self, socket: Socket, room: Room) -> None:
        """From now on the socket hears what happens, though nothing is written to it before ``bring``."""
        socket.room = room
        socket.busy = True
        room.sockets.append(socket)

    def part(self, socket: Socket, now: float) -> None:
        """The socket is nobody's any more."""
        room = socket.room
        if room is not None:
            room.sockets.remove(socket)
            room.left = now
            socket.room = None
            self.attend(room, socket, False)

    def leave(self, socket: Socket, now: float) -> None:
        """The socket is closed."""
        self.sockets.discard(socket)
        self.part(socket, now)

    # What happens.

    def told(self, party: bytes, record: TurnRecord) -> None:
        """A turn of this visitor was committed by this process."""
        self._bells.ring(party)
        if not self._signalled.take(SIGNALS, asyncio.get_running_loop().time()):
            self._signals.send(party, f"{NEWS} {self._name}")
        room = self.rooms.get(party)
        if room is None or not room.sockets:
            return
        said = webchat.said_in(record)
        for socket in room.sockets:
            if said is not None and socket.waiting == said.id:
                socket.waiting = ""
            if not socket.live:
                socket.behind = True
                continue
            session, sequence = record.session.id, record.session.sequence
            has = socket.position
            if (session, sequence) <= has[:2]:
                continue
            follows = (
                sequence == has.sequence + 1 if session == has.session else sequence == 1 and not socket.open
            )
            if socket.full or not follows:
                self.catch_up(socket)
                continue
            socket.position = Position(session, sequence, has.post)
            socket.open = record.replies
            socket.write(webchat.render_turn(socket.position, record, said))

    def heard(self, parties: Collection[bytes]) -> None:
        """Something happened to these visitors, here or in another process."""
        for party in parties:
            room = self.rooms.get(party)
            if room is not None:
                for socket in room.sockets:
                    self.catch_up(socket)

    def signal(self, about: bytes, word: str) -> None:
        """A signal of another process, or of this one."""
        room = self.rooms.get(about)
        if room is None:
            return
        if word == OVER:
            for socket in room.sockets:
                socket.write(webchat.GONE)
                self.close(socket, GIVEN_UP)
            return
        if word.startswith(NEWS):
            if not word.endswith(self._name):
                self.heard((about,))
            return
        frame = FRAMES.get(word)
        if frame is not None:
            for socket in room.sockets:
                if socket.live and not socket.full:
                    socket.write(frame)

    def give_up(self, room: Room) -> None:
        """Tells every socket of the visitor, in every process, that its token is over."""
        self._signals.send(room.party, OVER)

    def types(self, room: Room) -> None:
        """The person is typing."""
        self._signals.send(room.party, PERSON_TYPES)

    def attend(self, room: Room, socket: Socket, here: bool) -> None:
        """The person looks at the chat on this socket, or no longer does."""
        before = any(each.here for each in room.sockets) or socket.here
        socket.here = here
        after = any(each.here for each in room.sockets)
        if before != after:
            self._signals.send(room.party, PERSON_HERE if after else PERSON_AWAY)

    # Bringing a socket up to date.

    def catch_up(self, socket: Socket) -> None:
        """Reads what the socket lacks, soon."""
        socket.live = False
        socket.behind = True
        if socket.room is not None and not socket.busy:
            self.start(self.bring(socket))

    async def bring(self, socket: Socket, part: Part | None = None) -> None:
        """Sends what the socket lacks until it lacks nothing; ``part`` is what was read of it already. What
        the records do not tell now, the patrol asks for again."""
        room = socket.room
        if room is None:
            return
        socket.busy = True
        try:
            while True:
                if part is None:
                    socket.behind = False
                    part = await self._chat.after(room.party, socket.position, MOST)
                for entry in part.entries:
                    await self._show(socket, room, entry)
                if not part.more and not socket.behind:
                    break
                part = None
            socket.live = True
            socket.checked = asyncio.get_running_loop().time()
        except Unavailable:
            socket.behind = True
        except ConnectionError:
            pass  # The handler of the socket learns of it too.
        finally:
            socket.busy = False

    async def _show(self, socket: Socket, room: Room, entry: Entry) -> None:
        socket.position = entry.position
        if entry.turn is not None:
            socket.open = entry.turn.replies
            said = webchat.said_in(entry.turn)
            if said is not None and said.id == socket.waiting:
                socket.waiting = ""
        frame = webchat.render(entry)
        if frame is not None:
            await socket.send(frame)
        if entry.word is not None and not entry.word.delivered:
            self._delivered(room.party, entry.position.post)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something short beside everything else; ``close`` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Looking after them.

    async def patrol(self) -> None:
        """Looks after the sockets until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._patience.patrol)
            rechecks = RECHECKS
            for place, socket in enumerate(list(self.sockets)):
                if place % AT_ONCE == AT_ONCE - 1:
                    await asyncio.sleep(0)
                rechecks -= self._look_after(socket, loop.time(), rechecks > 0)
            self._forget(loop.time())

    def _look_after(self, socket: Socket, now: float, recheck: bool) -> bool:
        """Closes a socket that is not used as it should be; whether it was brought up to date."""
        patience = self._patience
        if socket.ws.closed:
            return False
        if not socket.full:
            socket.stalled = 0.0
        elif not socket.stalled:
            socket.stalled = now
        if socket.stalled and now - socket.stalled > patience.stalled:
            self.dropped += 1
            socket.transport.abort()
        elif now - socket.seen > (patience.hello if socket.room is None else patience.idle):
            self.dropped += 1
            self.close(socket, SILENT)
        elif (socket.behind and not socket.busy) or (recheck and now - socket.checked > patience.recheck):
            socket.checked = now
            self.catch_up(socket)
            return True
        return False

    def _forget(self, now: float) -> None:
        for party in [
            party
            for party, room in self.rooms.items()
            if not room.sockets and now - room.left > self._patience.kept
        ]:
            del self.rooms[party]

    def close(self, socket: Socket, code: int, reason: str = "") -> None:
        """Closes one socket in good form, soon."""
        self.start(_close(socket, code, reason))

    async def close_all(self) -> None:
        """Tells everybody to come back to another process, or later."""
        for socket in list(self.sockets):
            self.close(socket, GOING_AWAY)
        while self._tasks:
            await asyncio.wait(list(self._tasks))


async def _close(socket: Socket, code: int, reason: str) -> None:
    await socket.ws.close(code=code, message=reason.encode())
