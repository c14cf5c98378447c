"""Reads what a request says, and tells what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import BaseModel, ValidationError

from api.problems import Problem, Wrong

ModelT = TypeVar("ModelT", bound=BaseModel)

BODY_BYTES = 8 * 2**20  # A thousand messages of the greatest length, as most programs write them.
MOST_WRONG = 20  # Fields that are told of.

_TAGS = ("sms", "voice", "email", "telegram", "bale", "push", "ussd", "order")

# What pydantic calls it → what we call it (``problems.FIELDS``). What ends in ``_type`` is of another type.
_KINDS: Mapping[str, str] = {
    "missing": "missing",
    "union_tag_not_found": "missing",
    "extra_forbidden": "unknown",
    "literal_error": "choice",
    "union_tag_invalid": "choice",
    "string_pattern_mismatch": "form",
    "timezone_aware": "form",
    "string_too_short": "short",
    "too_short": "short",
    "string_too_long": "long",
    "too_long": "long",
    "greater_than_equal": "range",
    "less_than_equal": "range",
}


async def body(request: web.Request, most: int = BODY_BYTES) -> bytes:
    """The whole body, not more than ``most`` bytes of it."""
    if (request.content_length or 0) > most:
        raise Problem("too-large")
    read = bytearray()
    try:
        async for chunk in request.content.iter_any():
            read += chunk
            if len(read) > most:
                raise Problem("too-large")
    except (web.RequestPayloadError, OSError):
        raise Problem("broken-body") from None
    return bytes(read)


async def json_body(request: web.Request, model: type[ModelT]) -> tuple[ModelT, bytes]:
    """What the body says, and the body."""
    if request.content_type != "application/json":
        raise Problem("media-type")
    raw = await body(request)
    try:
        return model.model_validate_json(raw), raw
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise Problem("not-json") from None
        raise Problem("invalid", faults(error)) from None


def faults(error: ValidationError) -> list[Wrong]:
    """What is wrong, by where it stands. The input is not quoted: it says who is written to what."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [_wrong(each) for each in found[:MOST_WRONG]]


def query(request: web.Request, model: type[ModelT]) -> ModelT:
    """What the query says; each parameter once."""
    return parameters(asked(request), model)


def asked(request: web.Request) -> dict[str, str]:
    """The parameters of the query by their names."""
    pairs = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True, max_num_fields=None)
    given = dict(pairs)
    if len(given) != len(pairs):
        raise Problem("invalid", [Wrong("", "wrong")])
    return given


def parameters(given: Mapping[str, str], model: type[ModelT]) -> ModelT:
    """What parameters say, each by its name."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise Problem("invalid", named(error)) from None


def named(error: ValidationError) -> list[Wrong]:
    """What is wrong, by the names of parameters."""
    return [Wrong(each.pointer.removeprefix("/"), each.kind) for each in faults(error)]


def idempotency_key(request: web.Request) -> str | None:
    """The ``Idempotency-Key``: up to 255 visible characters of ASCII."""
    given = request.headers.getall("Idempotency-Key", ())
    if not given:
        return None
    key = given[0].strip()
    if len(given) > 1 or not 1 <= len(key) <= 255 or not all("!" <= each <= "~" for each in key):
        raise Problem("bad-header", [Wrong("Idempotency-Key", "form")])
    return key


def pointer(*parts: str | int) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _wrong(error: Any) -> Wrong:
    place: Sequence[str | int] = error["loc"]
    # The kind of a message stands behind its number, or before all, where there is no such thing in the body.
    parts = [
        part
        for number, part in enumerate(place)
        if not (part in _TAGS and (not number or isinstance(place[number - 1], int)))
    ]
    kind: str = error["type"]
    if kind.startswith("union_tag"):
        parts.append("channel")
    if kind not in _KINDS and kind.endswith("_type"):
        return Wrong(pointer(*parts), "type")
    return Wrong(pointer(*parts), _KINDS.get(kind, "wrong"))
