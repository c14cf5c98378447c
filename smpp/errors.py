"""What can be wrong with SMPP. The class says what is known of the message that was to be sent.

SmppError
├── BadPdu        one PDU cannot be read; the stream goes on behind it
├── BadStream     the stream cannot be read any further
├── TooMuch       what was to be sent does not fit its field
├── Unreadable    a text in a coding that is not known here
├── NotBound      there is no bind
│   ├── Unreachable  nobody answers there, or TLS failed
│   └── BindRefused  the SMSC answered the bind with a status
├── NotSent       nothing was sent: it may be handed over again
├── Refused       the SMSC answered with a status: it did not take the message
└── NoAnswer      it was sent and not answered: the SMSC may have taken it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

# What follows from a status: nothing (it is well), again later, again later and slower, never this message,
# nothing at all before somebody repairs the account or a setting.
Advice = Literal["ok", "later", "slower", "never", "repair"]

OK = 0x00
BAD_LENGTH = 0x02
BAD_COMMAND = 0x03
BAD_STATE = 0x04
ALREADY_BOUND = 0x05
SYSTEM_ERROR = 0x08
BAD_DESTINATION = 0x0B
BIND_FAILED = 0x0D
BAD_PASSWORD = 0x0E
BAD_SYSTEM_ID = 0x0F
QUEUE_FULL = 0x14
THROTTLED = 0x58
TEMPORARY = 0x64
PERMANENT = 0x65
BAD_TLVS = 0xC0
UNKNOWN = 0xFF

# §5.1.3. A status that is not here is a vendor's own or reserved; see ``advice``.
STATUSES: Mapping[int, tuple[str, Advice]] = {
    OK: ("ESME_ROK", "ok"),
    0x01: ("ESME_RINVMSGLEN", "never"),
    BAD_LENGTH: ("ESME_RINVCMDLEN", "never"),
    BAD_COMMAND: ("ESME_RINVCMDID", "repair"),
    BAD_STATE: ("ESME_RINVBNDSTS", "later"),
    ALREADY_BOUND: ("ESME_RALYBND", "later"),
    0x06: ("ESME_RINVPRTFLG", "never"),
    0x07: ("ESME_RINVREGDLVFLG", "never"),
    SYSTEM_ERROR: ("ESME_RSYSERR", "later"),
    0x0A: ("ESME_RINVSRCADR", "repair"),
    BAD_DESTINATION: ("ESME_RINVDSTADR", "never"),
    0x0C: ("ESME_RINVMSGID", "never"),
    BIND_FAILED: ("ESME_RBINDFAIL", "repair"),
    BAD_PASSWORD: ("ESME_RINVPASWD", "repair"),
    BAD_SYSTEM_ID: ("ESME_RINVSYSID", "repair"),
    0x11: ("ESME_RCANCELFAIL", "never"),
    0x13: ("ESME_RREPLACEFAIL", "never"),
    QUEUE_FULL: ("ESME_RMSGQFUL", "slower"),
    0x15: ("ESME_RINVSERTYP", "repair"),
    0x33: ("ESME_RINVNUMDESTS", "never"),
    0x34: ("ESME_RINVDLNAME", "never"),
    0x40: ("ESME_RINVDESTFLAG", "never"),
    0x42: ("ESME_RINVSUBREP", "never"),
    0x43: ("ESME_RINVESMCLASS", "never"),
    0x44: ("ESME_RCNTSUBDL", "never"),
    0x45: ("ESME_RSUBMITFAIL", "never"),
    0x48: ("ESME_RINVSRCTON", "repair"),
    0x49: ("ESME_RINVSRCNPI", "repair"),
    0x50: ("ESME_RINVDSTTON", "repair"),
    0x51: ("ESME_RINVDSTNPI", "repair"),
    0x53: ("ESME_RINVSYSTYP", "repair"),
    0x54: ("ESME_RINVREPFLAG", "never"),
    0x55: ("ESME_RINVNUMMSGS", "never"),
    THROTTLED: ("ESME_RTHROTTLED", "slower"),
    0x61: ("ESME_RINVSCHED", "never"),
    0x62: ("ESME_RINVEXPIRY", "never"),
    0x63: ("ESME_RINVDFTMSGID", "never"),
    TEMPORARY: ("ESME_RX_T_APPN", "later"),
    PERMANENT: ("ESME_RX_P_APPN", "never"),
    0x66: ("ESME_RX_R_APPN", "never"),
    0x67: ("ESME_RQUERYFAIL", "never"),
    BAD_TLVS: ("ESME_RINVOPTPARSTREAM", "never"),
    0xC1: ("ESME_ROPTPARNOTALLWD", "never"),
    0xC2: ("ESME_RINVPARLEN", "never"),
    0xC3: ("ESME_RMISSINGOPTPARAM", "never"),
    0xC4: ("ESME_RINVOPTPARAMVAL", "never"),
    0xFE: ("ESME_RDELIVERYFAILURE", "never"),
    UNKNOWN: ("ESME_RUNKNOWNERR", "later"),
}


def status_name(status: int) -> str:
    """``ESME_RTHROTTLED (0x58)``; for a status that the specification does not have, its number."""
    name, _advice = STATUSES.get(status, ("", "never"))
    return f"{name} (0x{status:02X})" if name else f"0x{status:08X}"


def advice(status: int) -> Advice:
    """What to do after a status. One that is not known refuses the message: whoever sends it again without
    knowing why it was refused may do so for ever."""
    _name, told = STATUSES.get(status, ("", "never"))
    return told


class SmppError(Exception):
    """Something of SMPP went wrong."""


class BadPdu(SmppError):
    """A PDU cannot be read. ``status`` is what its sender is told; ``command`` and ``sequence`` are as in
    its header."""

    def __init__(self, detail: str, command: int, sequence: int, status: int = BAD_LENGTH) -> None:
        super().__init__(f"command 0x{command:08X}: {detail}")
        self.command = command
        self.sequence = sequence
        self.status = status


class BadStream(SmppError):
    """What arrives is no SMPP."""


class TooMuch(SmppError):
    """A value does not fit its field."""


class Unreadable(SmppError):
    """A text is in a coding that is not known here."""


class NotBound(SmppError):
    """There is no bind."""


class Unreachable(NotBound):
    """Nobody answers there."""


class BindRefused(NotBound):
    """The SMSC refused the bind."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the SMSC refused the bind: {status_name(status)}")
        self.status = status
        self.advice = advice(status)


class NotSent(SmppError):
    """Nothing was sent."""


class Refused(SmppError):
    """The SMSC did not take the message."""

    def __init__(self, status: int) -> None:
        super().__init__(status_name(status))
        self.status = status
        self.advice = advice(status)


class NoAnswer(SmppError):
    """The message was sent and not answered."""
