"""Which screen an answer answers: what tells an answer given again from the same answer to the next screen.

SMPP does not tell. A deliver_sm that comes again may have another sequence number, and "1" to one menu and
"1" to the next look alike. What does tell is whether the SMSC took the screen in between: nobody answers a
screen that has not been shown. So the inputs of a dialog are numbered here: one that is the same as the last
while its screen has not been taken has the last one's number, and the conversation shows the stored screen
for it. Some SMSCs say only late that they took a screen, but none brings what was acknowledged again, but for
what crosses the acknowledgement on its way: ``CROSSING`` after it the next input is another one in any case.

Losing this memory loses nothing. Of a dialog that is not known here (the process is new), or whose session
broke after its last input, an input that is the same as the last is ``doubtful``: the conversation takes it
for a repetition. Should it have been a new answer, the person sees one screen twice; no step is ever taken
twice.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from secrets import token_hex
from typing import Protocol

import msgspec

from conversation.incoming import Caller
from smpp.delivery import Delivery, Link

DIALOGS = 50_000  # Kept in memory, those used last.
CROSSING = 0.5  # Seconds; less than a person takes to read a screen and answer it.
RECENT = 4  # Deliveries of a dialog that are known by their sequence number.


class Shared(Protocol):
    """What several processes remember together; it never raises, and may forget."""

    async def get(self, key: bytes) -> bytes | None: ...

    def put(self, key: bytes, value: bytes) -> None: ...


class Mark(msgspec.Struct, array_like=True):
    """The last input of a dialog. ``life`` is another one each time that a dialog begins or is met anew.
    ``shown``: the SMSC took its screen. ``acknowledged``: when it was told that the input is durable, in
    seconds since 1970, 0 before that."""

    life: str
    number: int
    digest: bytes
    shown: bool = False
    acknowledged: float = 0.0


class _Local:
    """A mark with what only this process knows: the session it came by, and the deliveries before it."""

    __slots__ = ("link", "mark", "recent")

    def __init__(self, mark: Mark, link: Link, recent: tuple[tuple[Link, int, bytes, int], ...]) -> None:
        self.mark = mark
        self.link = link
        self.recent = recent


class Met(msgspec.Struct, frozen=True):
    """What an input is: ``key`` as ``Incoming`` has it, and whether it may be the last one again."""

    key: str
    doubtful: bool
    number: int


class Dialogs:
    """``shared`` is read before this process's own memory, for SMSCs that deliver one dialog by several
    processes. ``name`` makes its keys, in which no number can be read."""

    def __init__(
        self,
        shared: Shared | None = None,
        name: Callable[[Caller], bytes] | None = None,
        life: Callable[[], str] = lambda: token_hex(4),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._shared = shared
        self._name = name
        self._life = life
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], _Local] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def begin(self, caller: Caller, delivery: Delivery) -> int:
        """A dialog begins; its first screen has the number 0."""
        self._keep(caller, _Local(Mark(self._life(), 0, _digest(delivery.raw)), delivery.link, ()))
        return 0

    async def answer(self, caller: Caller, delivery: Delivery) -> Met:
        """What this answer is."""
        digest = _digest(delivery.raw)
        shared = await self._read(caller)
        # From here on nothing is awaited, so copies that arrive together are numbered one after another.
        local = self._known.get(_key(caller))
        mark = _newer(shared, local)
        recent = local.recent if local is not None else ()
        if mark is None:
            mark = Mark(self._life(), 0, digest)
            self._note(caller, mark, delivery, recent)
            return _met(mark, doubtful=True)
        for link, sequence, seen, number in recent:
            if link is delivery.link and (sequence, seen) == (delivery.sequence, digest):
                return _met(Mark(mark.life, number, digest))
        broken = local is not None and not local.link.alive
        again = digest == mark.digest
        if not again or self._answered(mark):
            mark = Mark(mark.life, mark.number + 1, digest)
        self._note(caller, mark, delivery, recent)
        return _met(mark, doubtful=again and broken)

    def acknowledged(self, caller: Caller, number: int) -> None:
        """The SMSC was told that this input is durable."""
        local = self._known.get(_key(caller))
        if local is not None and local.mark.number == number:
            local.mark.acknowledged = self._clock()
            self._keep(caller, local)

    def shown(self, caller: Caller, number: int) -> None:
        """The SMSC took the screen of this input."""
        local = self._known.get(_key(caller))
        if local is not None and local.mark.number == number:
            local.mark.shown = True
            self._keep(caller, local)

    def forget(self, caller: Caller) -> None:
        """The dialog is over. What others remember of it is of no more use, and does no harm."""
        self._known.pop(_key(caller), None)

    def _answered(self, mark: Mark) -> bool:
        """Whether the next input can be an answer to this one's screen."""
        told = mark.acknowledged
        return mark.shown or (told > 0 and self._clock() - told > CROSSING)

    def _note(
        self,
        caller: Caller,
        mark: Mark,
        delivery: Delivery,
        recent: tuple[tuple[Link, int, bytes, int], ...],
    ) -> None:
        seen = (delivery.link, delivery.sequence, mark.digest, mark.number)
        self._keep(caller, _Local(mark, delivery.link, (*recent[1 - RECENT :], seen)))

    def _keep(self, caller: Caller, local: _Local) -> None:
        key = _key(caller)
        self._known[key] = local
        self._known.move_to_end(key)
        if len(self._known) > DIALOGS:
            self._known.popitem(last=False)
        if self._shared is not None and self._name is not None:
            self._shared.put(self._name(caller), msgspec.json.encode(local.mark))

    async def _read(self, caller: Caller) -> Mark | None:
        if self._shared is None or self._name is None:
            return None
        value = await self._shared.get(self._name(caller))
        try:
            return None if value is None else msgspec.json.decode(value, type=Mark)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None  # Of another version of the program.


def _newer(shared: Mark | None, local: _Local | None) -> Mark | None:
    if local is None:
        return shared
    if shared is None or (shared.life == local.mark.life and shared.number <= local.mark.number):
        return local.mark
    return shared


def _met(mark: Mark, *, doubtful: bool = False) -> Met:
    return Met(f"{mark.life}/{mark.number}/{mark.digest.hex()}", doubtful, mark.number)


def _key(caller: Caller) -> tuple[str, str]:
    return caller.session, caller.address


def _digest(raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=16).digest()
