"""What every gateway's file takes and gives, and how it says that a request is wrong.

Errors, each for the gateway's developers and never shown to a person::

    BadRequest
    ├── Malformed    not readable at all: encoding, form, JSON or XML
    ├── Missing      a field is not there
    ├── Doubled      a field is there twice
    ├── TooLong      a field is longer than its bound
    ├── TooLarge     the whole body is
    ├── WrongType    a field is of another type
    ├── NotANumber   the subscriber's number is none
    └── Unknown      a value, a path or a message that this gateway does not have

None of them repeats what was sent: a number must not end in a log or a reply by way of an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import msgspec

from conversation.incoming import Caller
from engine.layout import USSD, Layout

# How a dialog can be over, as ``Departure`` has it.
Reason = Literal["ended", "aborted", "timeout", "failed"]

# For a gateway without options.
NOTHING: Mapping[str, str] = MappingProxyType({})


class GatewayRequest(msgspec.Struct):
    """``tail`` is the path below ``/ussd/<gateway>``, decoded, "" or beginning with a slash. ``query`` is the
    raw query without the route's secret. ``peer`` is the address of whoever made the request."""

    method: str = "POST"
    tail: str = ""
    query: str = ""
    body: bytes = b""
    peer: str = ""


class GatewayReply(msgspec.Struct):
    """``content_type`` is the whole header, with its charset."""

    body: bytes
    content_type: str
    status: int = 200
    headers: Mapping[str, str] = NOTHING


@dataclass(frozen=True, slots=True)
class Route:
    """One configured way in. ``code`` is the service code where the gateway names none (``*733#``).
    ``options`` are what its gateway's file lists under ``OPTIONS``, by name; what is absent is as there."""

    name: str
    layout: Layout = USSD
    code: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """The gateway asks whether this dialog is still open."""

    caller: Caller


class BadRequest(Exception):
    """The request cannot be understood; nothing was done."""

    status = 400


class Malformed(BadRequest):
    """The request cannot be read."""


class Missing(BadRequest):
    """A field is missing."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the field {name} is missing")


class Doubled(BadRequest):
    """A field is there more than once."""

    def __init__(self, name: str = "") -> None:
        super().__init__(f"the field {name} is there twice" if name else "a field is there twice")


class TooLong(BadRequest):
    """A field is longer than its bound."""

    def __init__(self, name: str, most: int) -> None:
        super().__init__(f"the field {name} is longer than {most} characters")


class TooLarge(BadRequest):
    """The whole body is larger than is read."""

    status = 413

    def __init__(self, most: int) -> None:
        super().__init__(f"the body is larger than {most} bytes")


class WrongType(BadRequest):
    """A field is of another type than it should be."""

    def __init__(self, name: str, wanted: str) -> None:
        super().__init__(f"the field {name} is not {wanted}")


class NotANumber(BadRequest):
    """The subscriber's number is none."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the field {name} is not a telephone number")


class Unknown(BadRequest):
    """A value that this gateway does not have."""


def caller(
    request: GatewayRequest, route: Route, session: str, address: str, verified: bool = True
) -> Caller:
    """Who speaks on this route. The network vouches for the number of a USSD dialog, hence ``verified``.

    ``address`` is "" in the few requests of which the gateway names only the dialog.
    """
    vouched = verified and address != ""
    return Caller("ussd", route.name, session, address, route.layout, request.peer, vouched)


def option(route: Route, options: Mapping[str, str], name: str) -> str:
    """An option of the route, else the default that its gateway's file gives."""
    return route.options.get(name, options[name])
