"""The web chat's own format: what comes over its socket, and what goes.

Each frame is one JSON object with a ``type``; docs/web-chat.md describes them all. ``parse`` turns a message
of a visitor into an ``Incoming``; ``render`` turns what the records hold into a frame. Both are pure: live or
shown again later, a frame is made from the same record, and so it is the same.

Source of the wire: RFC 6455 (WebSocket), RFC 8259 (JSON).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

import msgspec

from conversation.incoming import Caller, Incoming
from engine.channels import CHANNELS
from engine.turn import Option
from records.sessions import TurnRecord
from records.webchat import NOBODY, Entry, Position

CHANNEL = "webchat"
TEXT_BYTES = 4 * 1024  # Of one message, as UTF-8.
FRAME_BYTES = 32 * 1024  # A message whose every letter is escaped takes six bytes for each two.
FILES = 5  # With one message.

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNUSABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_BULLETS = re.compile("•*")
_POSITION = 16 + 4 + 16


# What comes.


class Hello(msgspec.Struct, tag="hello"):
    """The first frame. ``token`` as it was given, "" at the first visit; ``after`` the id of the last message
    that the client has, "" when it has none; ``language`` that of the page."""

    token: str = ""
    after: str = ""
    language: str = ""


class Say(msgspec.Struct, tag="say"):
    """A message. ``id`` is the client's own, the same when it is sent again. ``to`` is the id of the turn
    whose button was pressed, "" for what was typed."""

    id: str
    text: str = ""
    to: str = ""
    files: list[str] = []


class Typing(msgspec.Struct, tag="typing"):
    """The person is typing."""


class Here(msgspec.Struct, tag="here"):
    """Whether the person has the chat before their eyes."""

    here: bool


class Seen(msgspec.Struct, tag="seen"):
    """The person has read everything up to this message."""

    id: str


class Ping(msgspec.Struct, tag="ping"):
    """A sign of life, answered by ``pong``."""


class Forget(msgspec.Struct, tag="forget"):
    """The token is given up: nobody gets in with it any more."""


Frame = Hello | Say | Typing | Here | Seen | Ping | Forget
_frames = msgspec.json.Decoder(Frame)
_says = msgspec.json.Decoder(Say)


class BadFrame(Exception):
    """What came is no frame of this protocol."""


class BadMessage(Exception):
    """A message that is not taken; ``reason`` is for the client: empty, too_long, id, files."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read(data: str | bytes) -> Frame:
    """The frame; ``BadFrame`` when it is none."""
    try:
        frame: Frame = _frames.decode(data)
    except (msgspec.MsgspecError, UnicodeError):
        raise BadFrame from None
    return frame


def parse(said: Say, raw: bytes, *, visitor: str, route: str, peer: str, language: str = "fa") -> Incoming:
    """The message as it is meant; ``BadMessage`` when it is not taken. Control characters are left out."""
    if not _ID.fullmatch(said.id):
        raise BadMessage("id")
    if len(said.files) > FILES or not all(_ID.fullmatch(file) for file in said.files):
        raise BadMessage("files")
    if len(said.text.encode()) > TEXT_BYTES:
        raise BadMessage("too_long")
    text = _UNUSABLE.sub("", said.text.replace("\t", " ")).strip()
    if not text and not said.files:
        raise BadMessage("empty")
    pressed = position_of(said.to) if said.to else None
    return Incoming(
        Caller(CHANNEL, route, visitor, visitor, CHANNELS[CHANNEL], peer),
        text,
        raw,
        key=said.id,
        chat=True,
        files=tuple(said.files),
        answers=None if pressed is None else (pressed.session, pressed.sequence),
        language=language,
    )


# What goes.


class Button(msgspec.Struct):
    """Something to press; ``key`` is what a press says."""

    key: str
    label: str


class Welcome(msgspec.Struct, tag="welcome", omit_defaults=True):
    """``token`` is to be kept from now on, "" where the one that was sent is still good. ``known``: the token
    was taken; else this is a new visitor. ``visitor`` is the same for each token of one and tells nothing."""

    visitor: str = ""
    token: str = ""
    known: bool = False
    text_bytes: int = 0
    file_bytes: int = 0
    file_types: Sequence[str] = ()


class Ready(msgspec.Struct, tag="ready"):
    """Everything that was missing has been sent."""


class Shown(msgspec.Struct, tag="turn", omit_defaults=True):
    """A turn: what the person said (``said``, ``files``; ``ref`` is their own id of it), and what the service
    shows. ``open``: it expects an answer. ``at`` in milliseconds since 1970."""

    id: str
    at: int
    ref: str = ""
    said: str = ""
    files: Sequence[str] = ()
    text: str = ""
    options: Sequence[Button] = ()
    ways: Sequence[Button] = ()
    open: bool = False


class Posted(msgspec.Struct, tag="post", omit_defaults=True):
    """Words of an operator, or of the system about the thread (``by``)."""

    id: str
    at: int
    by: str
    text: str = ""
    file: str = ""


class Taken(msgspec.Struct, tag="taken"):
    """The message had been taken before; what it led to has been sent."""

    ref: str


class Sorry(msgspec.Struct, tag="sorry"):
    """The message was not taken, and ``text`` says so. To be sent again after ``retry`` seconds; where that
    is 0, by the person alone: what is at fault will not be over soon."""

    ref: str
    text: str
    retry: float


class Slow(msgspec.Struct, tag="slow"):
    """Too many messages: this one was not taken, and is to be sent again after ``retry`` seconds."""

    ref: str
    retry: float


class Refused(msgspec.Struct, tag="refused"):
    """The message is not taken, now or later: empty, too_long, id, files; late, where a button was pressed
    that belongs to a turn before the last."""

    ref: str
    reason: str


class TheyType(msgspec.Struct, tag="typing"):
    """The operator is typing."""

    by: str = "operator"


class Presence(msgspec.Struct, tag="presence"):
    """Whether the operator is there."""

    operator: bool


class Pong(msgspec.Struct, tag="pong"):
    """We are here."""


class Gone(msgspec.Struct, tag="gone"):
    """The token is given up."""


encode = msgspec.json.Encoder().encode
PONG = encode(Pong())
READY = encode(Ready())
GONE = encode(Gone())


def render(entry: Entry) -> bytes | None:
    """An entry of the records as its frame; None where there is nothing to show."""
    if entry.turn is not None:
        return render_turn(entry.position, entry.turn)
    if entry.word is None:
        return None
    word = entry.word
    return encode(
        Posted(
            id=position_id(entry.position),
            at=entry.at // 1_000,
            by=word.author,
            text=word.text,
            file="" if word.file is None else word.file.hex(),
        )
    )


def render_turn(position: Position, record: TurnRecord, said: Say | None = None) -> bytes:
    """A turn as its frame; ``said`` where the caller has read ``record.raw`` already."""
    screen = record.screen
    said = said_in(record) if said is None else said
    shown = Shown(
        id=position_id(position), at=record.answered // 1_000, text=screen.body, open=record.replies
    )
    if said is not None:
        shown.ref = said.id
        shown.said = _as_said(said.text, record.text)
        shown.files = said.files or ()
    if screen.options:
        shown.options = _buttons(screen.options)
    if screen.ways:
        shown.ways = _buttons(screen.ways)
    return encode(shown)


def said_in(record: TurnRecord) -> Say | None:
    """The message that a turn took, None where there was none, as with a time-out."""
    if not record.raw:
        return None
    try:
        return _says.decode(record.raw)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def position_id(position: Position) -> str:
    """A position as the id of the message that leads there. Ids of one visitor grow."""
    session, sequence, post = position
    return base64.urlsafe_b64encode(session + sequence.to_bytes(4) + post).decode()


def position_of(id: str) -> Position | None:
    """The position that an id names; None when it names none."""
    if len(id) != _POSITION * 4 // 3:
        return None
    try:
        data = base64.b64decode(id, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    sequence = int.from_bytes(data[16:20])
    return Position(data[:16], sequence, data[20:]) if sequence < 1 << 31 else None


START = Position(NOBODY, 0, NOBODY)


def _buttons(options: Sequence[Option]) -> list[Button]:
    return [Button(option.key, option.label) for option in options]


def _as_said(typed: str, kept: str) -> str:
    """What the person typed, unless it is nobody's to read later: then as it is kept."""
    return kept if kept and _BULLETS.fullmatch(kept) else typed
