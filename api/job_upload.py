"""An upload as it comes: a body of text/csv or application/x-ndjson with its options in the query, or a form
(multipart/form-data) whose fields are options too and whose last one, ``file``, is the upload. It is passed
on piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from api import body
from api.job_models import CSV, FORM, NDJSON, JobOptions, JobQuery
from api.problems import Problem, Wrong
from services.job_rows import Form as Kind

KINDS: Mapping[str, Kind] = {CSV: "csv", NDJSON: "ndjson"}
ENDINGS: Mapping[str, Kind] = {"csv": "csv", "ndjson": "ndjson", "jsonl": "ndjson"}
CHARSETS = (None, "utf-8", "utf8", "us-ascii")
FILE = "file"
FIELD_BYTES = 16_384
PIECE = 2**16  # Bytes that are passed on at once.
OVERHEAD = 65_536  # Bytes of a form beside the file.


@dataclass(frozen=True, slots=True)
class Given:
    """What was asked for, and what comes."""

    kind: Kind
    options: JobOptions
    pieces: AsyncIterator[bytes]


async def read_upload(request: web.Request, most: int) -> Given:
    """What comes with the request; of the upload nothing is read yet. ``most``: its bytes."""
    if (request.content_length or 0) > most + (OVERHEAD if request.content_type == FORM else 0):
        raise Problem("too-large")
    if request.content_type == FORM:
        return await _form(request)
    kind = KINDS.get(request.content_type)
    if kind is None or (request.charset or "utf-8").lower() not in CHARSETS:
        raise Problem("upload-type")
    return Given(kind, body.query(request, JobQuery), _body(request))


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    with whole():
        async for piece in request.content.iter_chunked(PIECE):
            yield piece


async def _form(request: web.Request) -> Given:
    fields = body.asked(request)
    with whole():
        reader = await request.multipart()
        async for part in reader:
            if not isinstance(part, BodyPartReader) or part.name is None or part.name in fields:
                raise Problem("invalid", [Wrong(getattr(part, "name", None) or "", "wrong")])
            if part.name == FILE:
                break
            fields[part.name] = await _field(part)
        else:
            raise Problem("invalid", [Wrong(FILE, "missing")])
    kind = KINDS.get(part.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower())
    kind = kind or ENDINGS.get((part.filename or "").rpartition(".")[2].lower())
    if kind is None:
        raise Problem("upload-type")

    async def pieces() -> AsyncIterator[bytes]:
        with whole():
            while piece := await part.read_chunk(PIECE):
                yield piece
            # What stands behind the file would not be heeded.
            if (more := await reader.next()) is not None:
                raise Problem("invalid", [Wrong(getattr(more, "name", None) or "", "wrong")])

    return Given(kind, body.parameters(fields, JobOptions), pieces())


async def _field(part: BodyPartReader) -> str:
    value = bytearray()
    while piece := await part.read_chunk():
        value += piece
        if len(value) > FIELD_BYTES:
            raise Problem("invalid", [Wrong(part.name or "", "long")])
    return value.decode()


@contextmanager
def whole() -> Iterator[None]:
    """What does not come whole, or is no form, ends in a problem."""
    try:
        yield
    except (web.RequestPayloadError, HttpProcessingError, OSError, EOFError, ValueError, AssertionError):
        raise Problem("broken-body") from None
