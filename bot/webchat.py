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

from bot.webchat_frames import Button, Frame, Posted, Say, Shown, encode
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
_FILE = re.compile(r"[0-9a-f]{32}")
_UNUSABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_BULLETS = re.compile("•*")
_POSITION = 16 + 4 + 16


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
    if len(said.files) > FILES or not all(_FILE.fullmatch(file.id) for file in said.files):
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
        files=tuple(file.id for file in said.files),
        answers=None if pressed is None else (pressed.session, pressed.sequence),
        language=language,
    )


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
