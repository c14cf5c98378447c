"""A session: one conversation with one person, as plain data that is serialised after every turn."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

Value = str | int | float | bool | datetime | None


class Frame(msgspec.Struct, array_like=True):
    """One flow in progress: which version of it, where it stands, what it knows.

    ``transitions`` moves ``state``: a frame is the model that the flow's machine is triggered with.
    ``variables`` are ``Value``s; an aware datetime travels as MessagePack's own timestamp.
    """

    flow: str
    version: str
    state: str
    # msgspec reads no union of text and time, so the type is open here and closed everywhere else.
    variables: dict[str, Any] = {}


class Step(msgspec.Struct, array_like=True):
    """What "back" returns to: the lowest ``depth`` frames as they are now, then ``frames`` as they were."""

    depth: int
    frames: list[Frame]


class Seen(msgspec.Struct, array_like=True):
    """What tells a repeated update of a chat: the highest ``order`` so far and when it came (seconds since
    1970), and the beginnings of the newest input keys, one after another."""

    order: int | None = None
    at: int = 0
    keys: bytes = b""


class Session(msgspec.Struct, array_like=True):
    """``caller`` is the person's address, ``code`` the service code. ``opened`` is the flow that was asked
    for; ``frames[0]`` is the one that goes first, ``frames[-1]`` the one that speaks now.

    ``sequence`` counts turns, the first is 1. ``due`` is when the time-out of the present state or of the
    session fires (seconds since 1970); ``lead`` is what was said on the way to the present screen, kept so
    that its further pages and its repetition show it too. ``cursor`` is the last cumulative text and ``note``
    what else the gateway wants kept, neither is the engine's. ``parked`` holds the frames of an earlier
    session that this one may go on with.

    ``handed``: an operator talks with the person, in the handover that ``frames[-1]`` stands in. ``seen`` is
    the conversation's, as ``cursor`` and ``note`` are: a chat's next session takes it over. ``contact`` is
    the number (E.164) that the person shared in it as their own, and that the messenger vouches for.
    """

    id: bytes
    language: str
    sequence: int = 0
    subscriber: bytes | None = None
    verified: bool = False
    caller: str = ""
    channel: str = ""
    code: str = ""
    opened: str = ""
    frames: list[Frame] = []
    history: list[Step] = []
    parked: list[Frame] = []
    lead: str = ""
    attempts: int = 0
    page: int = 0
    due: float | None = None
    cursor: str = ""
    note: str = ""
    finished: bool = False
    handed: bool = False
    seen: Seen | None = None
    contact: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Session)


def serialise(session: Session) -> bytes:
    """The session as MessagePack, about 1 µs."""
    return _encoder.encode(session)


def read(data: bytes) -> Session:
    """The session that ``serialise`` wrote; ``msgspec.DecodeError`` when it is not one."""
    return _decoder.decode(data)
