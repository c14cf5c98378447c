"""The open sockets of the web chat, and what goes to each of them.

A socket knows the position up to which it has everything. What follows on it directly is written at once, as
the turn is committed; whatever does not, because it happened in another process or more came than the socket
takes, is read from the records after that position. So nothing is lost or doubled, however it was learned of.

Twenty thousand idle people are sockets here and nothing else: no task and no timer of their own.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

from bot import webchat
from bot import webchat_frames as frames
from bot.webchat_limits import Bucket, Rate
from bot.webchat_sockets import GIVEN_UP, GOING_AWAY, Room, Socket
from records.bells import Bells
from records.sessions import TurnRecord
from records.signals import Signals
from records.unit import Unavailable
from records.webchat import ChatLog, Entry, Part, Position
from services.handover_words import AWAY, HERE, NEWS, PERSON_AWAY, PERSON_HERE, PERSON_TYPES, TYPING

MOST = 100  # Turns, and posts, read at once.
SIGNALS = Rate(50.0, 100.0)  # Turns that other processes are told of at once; of more they hear by the bells.

OVER = "given up"  # The signal that a visitor's token is over.

FRAMES: Mapping[str, bytes] = {
    TYPING: frames.encode(frames.TheyType()),
    HERE: frames.encode(frames.Presence(True)),
    AWAY: frames.encode(frames.Presence(False)),
}


class Hub:
    """All sockets of this process. ``delivered`` is called with the party and the id of a post that reached
    a device of theirs for the first time."""

    def __init__(
        self,
        chat: ChatLog,
        bells: Bells,
        signals: Signals,
        delivered: Callable[[bytes, bytes], None],
    ) -> None:
        self._chat = chat
        self._bells = bells
        self._signals = signals
        self._delivered = delivered
        self._name = secrets.token_hex(8)
        self._signalled = Bucket()
        self._tasks: set[asyncio.Task[None]] = set()
        self.rooms: dict[bytes, Room] = {}
        self.sockets: set[Socket] = set()

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
                socket.write(frames.GONE)
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

    # The end.

    def close(self, socket: Socket, code: int) -> None:
        """Closes one socket, soon."""
        self.start(socket.close(code))

    async def close_all(self) -> None:
        """Tells everybody to come back to another process, or later."""
        for socket in list(self.sockets):
            self.close(socket, GOING_AWAY)
        while self._tasks:
            await asyncio.wait(list(self._tasks))
