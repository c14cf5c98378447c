"""What a channel hands to the conversation, and what it gets back.

Structs of msgspec, because one of each is made for every turn: a frozen dataclass takes five times as long.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.layout import Layout
from engine.turn import Screen


class Caller(msgspec.Struct, frozen=True):
    """Who speaks, over which door. ``session`` is the gateway's own id of the dialog; ``address`` an msisdn
    in E.164 (``+989121234567``) or the channel's own id of the person. ``peer`` is the address of whoever
    made the request. ``verified``: the channel itself vouches for the address (the network does on USSD)."""

    channel: str
    route: str
    session: str
    address: str
    layout: Layout
    peer: str = ""
    verified: bool = False


class Incoming(msgspec.Struct, frozen=True):
    """One request of a channel, parsed.

    ``text`` is what was typed. With ``cumulative`` it is all that was typed in this session, joined by
    ``*`` (Africa's Talking, iNoti): the conversation takes the suffix that is new. ``code`` is the dialled
    service code (``*733#``) where the gateway names it. ``begins``: True when the gateway says that a new
    dialog begins, False when it says that it goes on, None when it does not say. ``key`` is the same for a
    repetition of the same request and for nothing else in the session, where the gateway has such a thing.
    ``raw`` is the request as it came. ``note`` (if not None) is kept with the session for the channel and
    given back in each ``Reply`` from then on.

    ``chat``: the dialog has no beginning and no end of its own (Telegram, SMS, …). What comes while no
    session is open opens one, by its keyword or else at the main menu; while one is open it is an answer.
    There ``begins`` True is a command that leaves whatever is open (``/start``). ``order`` is a number that
    grows with each update of one chat, where there is one: an update that is not above the chat's last is a
    repetition. ``files`` are the ids of stored files that came with the text. ``answers`` names the turn
    whose screen was answered, where the channel knows it (a pressed button): the last bytes of its session's
    id, and its sequence. Where that is not the session's last turn, the press changes nothing.

    ``refused`` says why a file that came was not kept (``services.files.Refused.told``), for the person to be
    told. ``contact``: the number (E.164) that the person shared as their own, where the messenger vouches for
    it; ``text`` is the same. A contact that is somebody else's is none.

    ``doubtful``: the channel cannot tell whether this is the session's last request again (SMPP, after a lost
    connection). Where ``raw`` is the same, it is taken for that. ``language`` (one that there is a catalogue
    for) is what somebody new is spoken to in, where the channel knows better than Persian.
    """

    caller: Caller
    text: str
    raw: bytes
    code: str = ""
    cumulative: bool = False
    begins: bool | None = None
    key: str | None = None
    note: str | None = None
    chat: bool = False
    order: int | None = None
    files: tuple[str, ...] = ()
    answers: tuple[bytes, int] | None = None
    doubtful: bool = False
    contact: str = ""
    refused: str = ""
    language: str = "fa"


class Departure(msgspec.Struct, frozen=True):
    """The gateway says that the dialog is over. ``reason``: ended, aborted, timeout, failed. The session is
    parked: who dials again soon may go on."""

    caller: Caller
    reason: Literal["ended", "aborted", "timeout", "failed"]
    raw: bytes


class Reply(msgspec.Struct, frozen=True):
    """``screen`` to show; ``replies``: whether an answer is expected, else the channel closes the dialog.
    ``language`` is the person's, for what a channel adds in its own words.

    ``repeated``: on a chat, that the request was taken before; its reply is in the outbox or in the records
    already, so that nothing is to be sent again. ``taken`` False: the turn was not taken (too busy, too slow,
    the records away), and whoever can be asked to deliver the request again should be (a webhook answers
    503); elsewhere the screen says so. An empty ``screen.text`` is nothing to send. ``session`` (its id) and
    ``sequence`` name the turn, for buttons that ``Incoming.answers`` gives back; 0: there was no turn."""

    screen: Screen
    replies: bool
    language: str = "fa"
    note: str = ""
    repeated: bool = False
    taken: bool = True
    session: bytes = b""
    sequence: int = 0

    @property
    def text(self) -> str:
        return self.screen.text
