"""The frames of the web chat's socket, both ways; docs/web-chat.md describes them to others."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

# What comes.


class Hello(msgspec.Struct, tag="hello"):
    """The first frame. ``token`` as it was given, "" at the first visit; ``after`` the id of the last message
    that the client has, "" when it has none; ``language`` that of the page."""

    token: str = ""
    after: str = ""
    language: str = ""


class Attached(msgspec.Struct, omit_defaults=True):
    """A file that was sent before (``webchat_files``). All but ``id`` is the client's word, shown to the same
    person again and to nobody else."""

    id: str
    name: str = ""
    type: str = ""
    size: int = 0


class Say(msgspec.Struct, tag="say"):
    """A message. ``id`` is the client's own, the same when it is sent again. ``to`` is the id of the turn
    whose button was pressed, "" for what was typed."""

    id: str
    text: str = ""
    to: str = ""
    files: list[Attached] = []


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


# What goes.


class Button(msgspec.Struct):
    """Something to press; ``key`` is what a press says."""

    key: str
    label: str


class Welcome(msgspec.Struct, tag="welcome", omit_defaults=True):
    """``token`` is to be kept from now on, "" where the one that was sent is still good. ``known``: the token
    was taken; else this is a new visitor. ``visitor`` is the same for each token of one and tells nothing.
    ``push``: what browsers subscribe to pushes with, "" where there are none."""

    visitor: str = ""
    token: str = ""
    known: bool = False
    text_bytes: int = 0
    file_bytes: int = 0
    file_types: Sequence[str] = ()
    push: str = ""


class Ready(msgspec.Struct, tag="ready"):
    """Everything that was missing has been sent."""


class Shown(msgspec.Struct, tag="turn", omit_defaults=True):
    """A turn: what the person said (``said``, ``files``; ``ref`` is their own id of it), and what the service
    shows. ``open``: it expects an answer. ``at`` in milliseconds since 1970."""

    id: str
    at: int
    ref: str = ""
    said: str = ""
    files: Sequence[Attached] = ()
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
