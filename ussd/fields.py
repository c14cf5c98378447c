"""Strict readers: a form, a JSON object or an XML document, and the fields in it.

Everything that is not exactly as it should be is a ``BadRequest``. Control characters are left out of what is
read; they survive in the raw request alone.
"""

from __future__ import annotations

import json
import re
from binascii import a2b_qp
from collections.abc import Mapping
from typing import NoReturn
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from conversation.numbers import e164
from engine import limits
from ussd.exchange import Doubled, Malformed, Missing, NotANumber, TooLong, WrongType

SESSION_LENGTH = 128
NUMBER_LENGTH = 20
# All answers of one dialog, joined, where a gateway repeats them in each request.
CUMULATIVE_LENGTH = limits.ANSWER_LENGTH * limits.DIALLED_ANSWERS
FIELDS = 64

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_UNUSABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_QUOTED_PRINTABLE = bytes.maketrans(b"%+", b"= ")
_BROKEN = re.compile("%(?![0-9A-Fa-f]{2})")


def form(data: bytes | str) -> dict[str, str]:
    """The fields of ``application/x-www-form-urlencoded``, of a body or of a query.

    Written by hand because ``urllib`` keeps bad escapes and doubled fields, and takes twice the time.
    """
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        raise Malformed("the form is not UTF-8") from None
    fields: dict[str, str] = {}
    for pair in text.split("&", FIELDS):
        name, equals, value = pair.partition("=")
        if not equals:
            if not pair:
                continue
            raise Malformed("the form has a field without a value")
        if "%" in value or "+" in value:
            value = _unescape(value)
        if "%" in name or "+" in name:
            name = _unescape(name)
        if name in fields:
            raise Doubled()
        fields[name] = value
    if len(fields) >= FIELDS:
        raise Malformed("the form has too many fields")
    return fields


def _unescape(text: str) -> str:
    """One name or value of a form as it was meant."""
    if "%" not in text:
        return text.replace("+", " ")
    if _BROKEN.search(text):
        raise Malformed("the form has a broken percent escape")
    try:
        # Escapes that are whole differ from those of quoted-printable in nothing but their sign, and for
        # these there is a decoder in C.
        return a2b_qp(text.replace("=", "%3D").encode().translate(_QUOTED_PRINTABLE)).decode()
    except UnicodeDecodeError:
        raise Malformed("the form is not UTF-8") from None


def json_object(body: bytes) -> dict[str, object]:
    """The members of a JSON object; RFC 8259, and no member twice."""
    try:
        # A byte order mark is not JSON, but libraries of some vendors write one.
        value = json.loads(body.decode("utf-8-sig"), object_pairs_hook=_members, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8") from None
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None
    if not isinstance(value, dict):
        raise Malformed("the body is not a JSON object")
    return value


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Doubled()
    return members


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def xml(body: bytes) -> Element:
    """The root of an XML document; one with a DTD, and so every entity of its own, is refused."""
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, ValueError, LookupError):
        # ValueError: what defusedxml forbids, and encodings that expat cannot; LookupError: unknown ones.
        raise Malformed("the body is not XML, or has a DTD") from None
    return root


def child(parent: Element, name: str) -> Element | None:
    """The only child of this name."""
    found = parent.findall(name)
    if len(found) > 1:
        raise Doubled(name)
    return found[0] if found else None


def text(
    fields: Mapping[str, object], name: str, most: int = limits.ANSWER_LENGTH, default: str | None = None
) -> str:
    """A field of text, at most so many characters, its control characters left out. Without ``default`` the
    field must be there, though it may be empty."""
    value = fields.get(name)
    if value is None:
        if default is None:
            raise Missing(name)
        return default
    if not isinstance(value, str):
        raise WrongType(name, "text")
    if len(value) > most:
        raise TooLong(name, most)
    if value.isprintable():
        return value
    if _SURROGATE.search(value):
        raise Malformed(f"the field {name} is not Unicode")
    return _CONTROL.sub("", value)


def flag(fields: Mapping[str, object], name: str) -> bool:
    """A field that is true or false."""
    value = fields.get(name)
    if value is None:
        raise Missing(name)
    if not isinstance(value, bool):
        raise WrongType(name, "true or false")
    return value


def session(fields: Mapping[str, object], name: str) -> str:
    """The gateway's id of a dialog: from 1 to 128 characters, none of them a control character."""
    value = fields.get(name)
    if value is None or value == "":
        raise Missing(name)
    if not isinstance(value, str):
        raise WrongType(name, "text")
    if len(value) > SESSION_LENGTH:
        raise TooLong(name, SESSION_LENGTH)
    if not value.isascii() or not value.isprintable():
        raise WrongType(name, "an id of printable ASCII characters")
    return value


def number(fields: Mapping[str, object], name: str) -> str:
    """The subscriber's number in E.164."""
    value = fields.get(name)
    if value is None or value == "":
        raise Missing(name)
    if not isinstance(value, str):
        raise WrongType(name, "text")
    if len(value) > NUMBER_LENGTH:
        raise TooLong(name, NUMBER_LENGTH)
    found = e164(value)
    if found is None:
        raise NotANumber(name)
    return found


def sendable(text: str) -> str:
    """A screen without what no gateway can carry: control characters but the line feed, lone surrogates, and
    the two characters that XML does not have."""
    return _UNUSABLE.sub("", text) if _UNUSABLE.search(text) else text


def json_body(members: Mapping[str, object]) -> bytes:
    """A JSON object in UTF-8."""
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
