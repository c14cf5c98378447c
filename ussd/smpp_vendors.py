"""How each vendor speaks USSD over SMPP: one row of settings each, and no code.

SMPP 3.4 names the TLV ``ussd_service_op`` and hardly more; which TLV is the dialog, where the dialled code
stands and how a last screen is marked each vendor decided for itself. ``SMPP_USSD_VENDOR`` picks a row,
``SMPP_USSD_OPTIONS`` changes single settings of it by their names here.

Sources: SMPP v3.4 §5.3.2.43 and §5.3.2.44; the rows ``6d``, ``mica`` and ``tata`` are what public code speaks
with these vendors; ``number`` follows reports of gateways that send no dialog at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal, cast

from smpp.coding import ALPHABETS, Alphabet
from ussd.exchange import Reason

# ussd_service_op. From 32 on the values are vendors' own.
PSSD_INDICATION, PSSR_INDICATION, USSR_REQUEST, USSN_REQUEST = 0, 1, 2, 3
PSSD_RESPONSE, PSSR_RESPONSE, USSR_CONFIRM, USSN_CONFIRM = 16, 17, 18, 19
RELEASE = 0x81  # What several vendors chose for "the subscriber has ended it".


@dataclass(frozen=True, slots=True)
class Vendor:
    """One row.

    ``dialog``: what tells a subscriber's dialogs apart. ``its_session_info`` is two octets, of which the
    lowest bit says that the dialog ends; ``user_message_reference`` is two octets; ``none``: the subscriber's
    number alone, since nobody has two dialogs at once.

    ``begins``, ``answers``, ``ends``: the operations of a deliver_sm that open a dialog, that answer a
    screen, and that are the end, with its reason. ``unknown_answers``: take any other operation for an
    answer.

    ``asks``, ``closes``: the operation of a screen that waits for an answer, and of the last one. ``pushes``:
    that of a screen that nobody dialled for: 3 (USSN) only shows it, 2 (USSR) is for gateways without that.
    ``end_bit``: mark the last screen in its_session_info as well.

    ``code``: where the dialled code stands in the deliver_sm that opens a dialog. ``source``: whom a screen
    comes from: the address that the dialog was opened to, or its service code.

    ``gsm7``, ``ucs2``: the data_coding of screens (0 and 8 by SMPP; some gateways hand it on to the network,
    which wants 15 and 72). ``default``: the alphabet of data_coding 0 in what arrives.

    ``order``: ``acknowledge``: the deliver_sm is acknowledged, then the screen is submitted; ``screen``: the
    other way round. It is durable before either.

    ``service_type`` is written into each screen.
    """

    dialog: Literal["its_session_info", "user_message_reference", "none"] = "its_session_info"
    begins: frozenset[int] = frozenset({PSSR_INDICATION})
    answers: frozenset[int] = frozenset({USSR_CONFIRM})
    ends: Mapping[int, Reason] = field(default_factory=lambda: MappingProxyType({RELEASE: "aborted"}))
    unknown_answers: bool = False
    asks: int = USSR_REQUEST
    closes: int = PSSR_RESPONSE
    pushes: int = USSN_REQUEST
    end_bit: bool = True
    code: Literal["short_message", "destination_addr"] = "short_message"
    source: Literal["address", "code"] = "address"
    gsm7: int = 0
    ucs2: int = 8
    default: Alphabet = "gsm7"
    order: Literal["acknowledge", "screen"] = "acknowledge"
    service_type: str = "USSD"


VENDORS: Mapping[str, Vendor] = {
    # What most gateways have in common.
    "standard": Vendor(),
    # 6D Technologies: 15 bits of dialog and the end bit, which also says that the subscriber left.
    "6d": Vendor(unknown_answers=True),
    # Mica: the dialog in user_message_reference, the code in destination_addr, what was dialled in the text.
    "mica": Vendor(
        dialog="user_message_reference",
        ends=MappingProxyType({RELEASE: "aborted", PSSR_RESPONSE: "ended"}),
        end_bit=False,
        code="destination_addr",
    ),
    # Tata: every screen is a USSR request, and the end bit alone makes it the last.
    "tata": Vendor(
        ends=MappingProxyType({RELEASE: "aborted", PSSR_RESPONSE: "ended"}),
        unknown_answers=True,
        closes=USSR_REQUEST,
    ),
    # Gateways that hand data_coding on to the network as its data coding scheme (TS 23.038 §5).
    "cbs": Vendor(gsm7=15, ucs2=72),
    # Gateways that name no dialog.
    "number": Vendor(dialog="none", end_bit=False),
}


def vendor(name: str, options: Mapping[str, str]) -> Vendor:
    """A row of the table with single settings changed; ``ValueError`` for what there is not."""
    if name not in VENDORS:
        raise ValueError(f"there is no vendor {name}; there are {', '.join(VENDORS)}")
    known = {each.name for each in fields(Vendor)}
    changed: dict[str, Any] = {}
    for option, text in options.items():
        if option not in known:
            raise ValueError(f"there is no option {option}; there are {', '.join(sorted(known))}")
        changed[option] = _READERS[option](text)
    made = replace(VENDORS[name], **changed)
    if not ALPHABETS[made.ucs2].startswith("ucs2"):
        raise ValueError("the option ucs2 must name a coding of UCS-2, such as 8 or 72: screens are Persian")
    if made.dialog != "its_session_info" and made.end_bit:
        raise ValueError("the option end_bit=yes needs dialog=its_session_info")
    if made.closes == made.asks and not made.end_bit:
        raise ValueError("a last screen has to differ: closes must not be asks without end_bit=yes")
    if made.begins & made.answers or (made.begins | made.answers) & set(made.ends):
        raise ValueError("an operation has two meanings in begins, answers and ends")
    return made


def written(value: object) -> str:
    """A setting of a row as an option says it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return "+".join(str(each) for each in sorted(value))
    if isinstance(value, Mapping):
        return "+".join(f"{code}:{reason}" for code, reason in value.items())
    return str(value)


def _choice(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text} is none of {', '.join(choices)}")
        return text

    return read


def _octet(text: str) -> int:
    try:
        value = int(text, 0) if text.isascii() else -1
    except ValueError:
        value = -1
    if not 0 <= value <= 255:
        raise ValueError(f"{text} is no octet, such as 17 or 0x11")
    return value


def _octets(text: str) -> frozenset[int]:
    return frozenset(_octet(each) for each in text.split("+"))


def _reasons(text: str) -> Mapping[int, Reason]:
    """``0x81:aborted+0x82:timeout``."""
    found: dict[int, Reason] = {}
    for each in text.split("+"):
        code, _, reason = each.partition(":")
        found[_octet(code)] = cast(
            Reason, _choice("ended", "aborted", "timeout", "failed")(reason or "aborted")
        )
    return MappingProxyType(found)


def _coding(text: str) -> int:
    value = _octet(text)
    if value not in ALPHABETS:
        raise ValueError(f"{text} is no data_coding that is known here")
    return value


def _switch(text: str) -> bool:
    return _choice("yes", "no")(text) == "yes"


def _service_type(text: str) -> str:
    if not text.isascii() or len(text) > 5:
        raise ValueError("service_type has at most five characters")
    return text


_READERS: Mapping[str, Callable[[str], Any]] = {
    "dialog": _choice("its_session_info", "user_message_reference", "none"),
    "begins": _octets,
    "answers": _octets,
    "ends": _reasons,
    "unknown_answers": _switch,
    "asks": _octet,
    "closes": _octet,
    "pushes": _octet,
    "end_bit": _switch,
    "code": _choice("short_message", "destination_addr"),
    "source": _choice("address", "code"),
    "gsm7": _coding,
    "ucs2": _coding,
    "default": _choice("gsm7", "ascii", "latin1", "ucs2"),
    "order": _choice("acknowledge", "screen"),
    "service_type": _service_type,
}
