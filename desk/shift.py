"""One operator's shift at the desk: what they type becomes acts, what happens is printed as it happens."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from desk import screen, words
from desk.filing import Filing
from desk.keyboard import Keyboard
from desk.words import Words
from records.signals import Signals
from records.threads import Thread
from records.unit import Conflict, Unavailable
from records.woken import woken
from services.complaint_rules import OtherPerson, UnknownComplaint
from services.complaints import TooManyOpen
from services.handover_complaints import HandoverComplaints
from services.handover_desk import HandoverDesk
from services.handover_errors import Absent, HandoverError, NotYours, Over, Taken, UnknownThread, Unread
from services.handover_files import HandoverFiles
from services.handover_words import PERSON_AWAY, PERSON_HERE, PERSON_TYPES

LOOK = 1.0  # Seconds between looks, unless a signal comes first.
SIGNS = 6  # Signs of life in the time that the service waits for one.
KEYS = timedelta(seconds=4)  # Between two signals that the operator is writing.
TRIES = 5
AGAIN = 1.0
LAST = 10.0  # Seconds that giving back may take at the end.

T = TypeVar("T")

NOTICES = {PERSON_TYPES: words.TYPES, PERSON_HERE: words.IS_HERE, PERSON_AWAY: words.IS_AWAY}


class Shift:
    """``thread`` is the conversation that is open, ``seen`` the sequence number of its last post that was
    shown, ``rows`` the threads of the list as it was numbered."""

    def __init__(
        self,
        *,
        name: str,
        service: HandoverDesk,
        complaints: HandoverComplaints,
        files: HandoverFiles,
        signals: Signals,
        keyboard: Keyboard,
        say: Words,
        clock: Callable[[], datetime],
        patience: float,
    ) -> None:
        self._name = name
        self._service = service
        self._complaints = complaints
        self._filing = Filing(name=name, service=files, say=say, clock=clock)
        self._signals = signals
        self._keyboard = keyboard
        self._say = say
        self._clock = clock
        self._patience = patience
        self._thread: Thread | None = None
        self._seen = 0
        self._rows: list[Thread] = []
        self._told: dict[bytes, bytes] = {}  # Of other threads: up to which post the operator was told of.
        self._lost: set[str] = set()
        self._typed = datetime.min.replace(tzinfo=clock().tzinfo)
        self._news = asyncio.Event()
        self._one = asyncio.Lock()  # What is typed and what is looked for change the same things.
        self._acts: dict[str, Callable[[str], Awaitable[None]]] = {
            "queue": self._list,
            "close": self._close,
            "transfer": self._transfer,
            "return": self._return,
            "note": self._note,
            "complaint": self._complaint,
            "save": self._save,
            "file": self._send_file,
            "who": self._who,
            "help": self._help,
        }

    async def run(self) -> int:
        """Until the operator leaves; the command's exit code."""
        self._keyboard.on_key(self._key)
        silence = self._signals.listen(self._heard)
        self._show(words.HELLO, name=self._name)
        await self._guarded(self._begin)
        watching = [asyncio.create_task(self._live()), asyncio.create_task(self._watch())]
        try:
            while (line := await self._keyboard.read()) is not None:
                if not await self._take(line):
                    break
        finally:
            silence()
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await self._leave()
        return 0

    # What is typed.

    async def _take(self, line: str) -> bool:
        """Does what a line says; False when it ends the shift."""
        act, rest = words.command(line) if line.startswith("/") else ("", "")
        if act == "quit":
            return False
        async with self._one:
            if line.startswith("/"):
                await self._guarded(lambda: self._acts.get(act, self._unknown)(rest))
            elif not line.strip():
                await self._guarded(self._look)
            elif self._thread is None:
                await self._guarded(lambda: self._choose(line))
            else:
                await self._speak(line)
        return True

    async def _speak(self, text: str) -> None:
        assert self._thread is not None
        thread, key = self._thread.id, os.urandom(16)
        await self._surely(
            lambda: self._service.say(thread, operator=self._name, text=text, now=self._clock(), key=key),
            text,
        )

    async def _surely(self, act: Callable[[], Awaitable[T]], what: str) -> T | None:
        """Sends it, and again where it is not known whether it was sent: its key makes it once. None where it
        was not."""
        for attempt in range(TRIES):
            try:
                done = await act()
                await self._look()
                return done
            except (Conflict, Unavailable):
                if not attempt:
                    self._show(words.AWAY)
                await asyncio.sleep(AGAIN)
            except HandoverError as error:
                self._refused(error)
                await self._guarded(self._look)
                break
        self._show(words.NOT_SENT, text=what)
        return None

    async def _choose(self, line: str) -> None:
        number = int(line) if line.strip().isdecimal() else 0
        if not 0 < number <= len(self._rows):
            self._show(words.NO_SUCH)
            return
        await self._open(self._rows[number - 1])

    async def _open(self, thread: Thread) -> None:
        await self._service.accept(thread.id, operator=self._name, now=self._clock())
        self._thread, self._seen, self._lost = thread, 0, set()
        self._filing.open(thread.id)
        earlier = len(await self._service.history(thread.subscriber)) - 1
        self._print("\n".join(screen.opened(self._say, thread, earlier)))
        await self._look()

    async def _list(self, _rest: str) -> None:
        self._thread = None
        self._told.clear()
        await self._look(again=True)

    async def _close(self, rest: str) -> None:
        reason = self._say.reason(rest)
        if reason is None:
            self._usage("close")
        elif (thread := self._open_one()) is not None:
            await self._service.close(
                thread.id, operator=self._name, reason=reason, seen=self._seen, now=self._clock()
            )
            self._show(words.CLOSED)
            await self._list("")

    async def _transfer(self, rest: str) -> None:
        to, _space, note = rest.partition(" ")
        if not to:
            self._usage("transfer")
        elif (thread := self._open_one()) is not None:
            await self._service.transfer(
                thread.id, operator=self._name, to=to, note=note.strip(), now=self._clock()
            )
            self._show(words.TRANSFERRED, operator=to)
            await self._list("")

    async def _return(self, rest: str) -> None:
        if (thread := self._open_one()) is not None:
            await self._service.give_back(thread.id, operator=self._name, note=rest, now=self._clock())
            self._show(words.RETURNED)
            await self._list("")

    async def _note(self, rest: str) -> None:
        if not rest:
            self._usage("note")
        elif (thread := self._open_one()) is not None:
            await self._service.note(thread.id, operator=self._name, text=rest, now=self._clock())
            self._show(words.NOTED)
            await self._look()

    async def _complaint(self, rest: str) -> None:
        first, _space, text = rest.partition(" ")
        if not first or (first in words.NEW and not text.strip()):
            self._usage("complaint")
        elif (thread := self._open_one()) is None:
            return
        elif first not in words.NEW:
            number = await self._complaints.join(
                thread.id, operator=self._name, number=rest, now=self._clock()
            )
            self._show(words.JOINED, number=number)
        else:
            opened = await self._complaints.open_complaint(
                thread.id, operator=self._name, subject="other", text=text.strip(), now=self._clock()
            )
            if isinstance(opened, TooManyOpen):
                self._show(words.TOO_MANY)
            else:
                self._show(words.COMPLAINT_OPENED, number=opened.number, deadline=opened.deadline)
        await self._look()

    async def _save(self, rest: str) -> None:
        number, _space, folder = rest.partition(" ")
        if number.isdecimal() and folder.strip():
            self._print(await self._filing.save(int(number), folder.strip()))
        else:
            self._usage("save")

    async def _send_file(self, rest: str) -> None:
        if not rest:
            self._usage("file")
        elif (thread := self._open_one()) is not None and (
            said := await self._filing.send(thread.id, rest, self._surely)
        ):
            self._print(said)

    async def _who(self, _rest: str) -> None:
        self._show(words.PRESENT, names=", ".join(await self._service.present(now=self._clock())))

    async def _help(self, _rest: str) -> None:
        self._print("\n".join(self._say(help) for _act, _names, help in words.COMMANDS))

    async def _unknown(self, _rest: str) -> None:
        self._show(words.UNKNOWN_COMMAND)

    # What happens.

    async def _begin(self) -> None:
        await self._service.show_up(self._name, now=self._clock())
        await self._look(again=True)

    async def _live(self) -> None:
        """Signs of life, for as long as the shift lasts."""
        while True:
            await asyncio.sleep(self._patience / SIGNS)
            await self._guarded(lambda: self._service.show_up(self._name, now=self._clock()), quiet=True)

    async def _watch(self) -> None:
        while True:
            await woken(self._news, LOOK)  # Where no signal comes it looks all the same.
            self._news.clear()
            async with self._one:
                await self._guarded(self._look, quiet=True)

    async def _look(self, again: bool = False) -> None:
        """Prints what is new. With ``again`` the list, changed or not."""
        mine = await self._service.mine(self._name)
        if self._thread is not None:
            await self._look_at(self._thread)
        queue = await self._service.queue(now=self._clock())
        rows = [*mine, *(each.thread for each in queue)]
        changed = [each.id for each in rows] != [each.id for each in self._rows]
        if self._thread is None and (changed or again):
            self._rows = rows
            self._print("\n".join(screen.listed(self._say, mine, queue)))
        elif self._thread is not None and changed:
            self._rows = rows
            self._show(words.QUEUE, count=len(queue))
        for number, thread in enumerate(mine, 1):
            if screen.unread(thread) and self._told.get(thread.id) != thread.last:
                self._told[thread.id] = thread.last
                if self._thread is None or thread.id != self._thread.id:
                    self._show(words.NEW_POSTS, number=number)

    async def _look_at(self, thread: Thread) -> None:
        found, lines = await self._service.read(thread.id, self._seen)
        for line, file in zip(lines, await self._filing.shown(lines), strict=True):
            self._print(screen.line(self._say, line, file))
        if lines:
            self._seen = lines[-1].sequence
            await self._service.seen(thread.id, lines[-1].id)
        for post, status in await self._service.undelivered(thread.id):
            if post.id.hex() not in self._lost:
                self._lost.add(post.id.hex())
                self._show(words.NOT_DELIVERED, status=status, text=screen.clean(post.text))
        self._thread = found
        if found.state == "closed":
            self._show(words.IS_OVER, reason=self._say(words.REASONS.get(found.reason or "", "")))
        elif found.operator != self._name:
            self._show(words.GONE_BACK)
        else:
            return
        self._thread = None

    def _heard(self, about: bytes, word: str) -> None:
        thread = self._thread
        if word in NOTICES:
            if thread is not None and about == thread.party:
                self._print(screen.stamp(self._say, self._clock(), self._say(NOTICES[word])))
        else:
            self._news.set()

    def _key(self) -> None:
        now = self._clock()
        if self._thread is not None and now - self._typed > KEYS:
            self._typed = now
            self._service.typing(self._thread)

    async def _leave(self) -> None:
        """Gives back what is open, so that nobody waits for who has gone."""
        returned = 0
        try:
            async with asyncio.timeout(LAST):
                for thread in await self._service.mine(self._name):
                    await self._service.give_back(thread.id, operator=self._name, note="", now=self._clock())
                    returned += 1
                await self._service.go_away(self._name, now=self._clock())
        except (TimeoutError, Conflict, HandoverError, Unavailable):
            self._show(words.NOT_DONE)  # The sweep finds them when the time for signs of life is over.
        self._show(words.GOODBYE, count=returned)

    # How.

    async def _guarded(self, act: Callable[[], Awaitable[None]], *, quiet: bool = False) -> None:
        """Does it; what goes wrong is said and ends nothing."""
        try:
            await act()
        except (HandoverError, UnknownComplaint, OtherPerson) as error:
            self._refused(error)
        except Conflict:
            self._show(words.NOT_DONE)
        except Unavailable:
            if not quiet:
                self._show(words.AWAY)

    def _refused(self, error: Exception) -> None:
        match error:
            case Taken():
                self._show(words.TAKEN, operator=error.operator)
            case Unread():
                self._show(words.UNREAD)
                self._news.set()
            case NotYours():
                self._show(words.NOT_YOURS)
            case Over():
                self._show(words.OVER)
            case UnknownThread():
                self._show(words.UNKNOWN)
            case Absent():
                self._show(words.ABSENT, names=", ".join(error.present))
            case UnknownComplaint() | OtherPerson():
                self._show(words.NO_COMPLAINT)

    def _open_one(self) -> Thread | None:
        if self._thread is None:
            self._show(words.NO_THREAD)
        return self._thread

    def _usage(self, act: str) -> None:
        [usage] = [help for name, _names, help in words.COMMANDS if name == act]
        self._show(words.HOW, usage=self._say(usage))

    def _show(self, text: str, /, **values: object) -> None:
        self._print(self._say(text, **values))  # type: ignore[arg-type]

    def _print(self, text: str) -> None:
        self._keyboard.show(text)
