"""Logs as JSON lines (or as text for people), every phone number and every secret in them masked."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog
from aiohttp.http_exceptions import HttpProcessingError

# Nine digits or more in a row are a number of somebody, with or without its plus sign.
_NUMBER = re.compile(r"\+?\d{9,}")
# A route's secret, where a URL of a request is quoted.
_SECRET = re.compile(r"(?<=secret=)[^&\s'\"]+", re.IGNORECASE)
# A bot's token, as it stands in the path of each request to the messenger.
_TOKEN = re.compile(r"\d{6,}:[A-Za-z0-9_-]{30,}")
# A key of the API: what it is found by is left, which is no secret.
_KEY = re.compile(r"(?<=chapar_)((?:live|sandbox)_[a-z2-7]{8})_[a-z2-7]+", re.IGNORECASE)
_HIDDEN = "•••"
_HEAD, _TAIL = 6, 2  # What is left of a number: its country and operator, and enough to tell two apart.


def masked(text: str) -> str:
    """The text with the middle of every phone number replaced, ``+98912•••67``, and every secret."""
    if "secret=" in text.lower():
        text = _SECRET.sub(_HIDDEN, text)
    if ":" in text:
        text = _TOKEN.sub(_HIDDEN, text)
    if "chapar_" in text.lower():
        text = _KEY.sub(rf"\1_{_HIDDEN}", text)
    return _NUMBER.sub(_mask_number, text)


def _mask_number(match: re.Match[str]) -> str:
    number = match[0]
    return f"{number[: min(_HEAD, len(number) - 7)]}{_HIDDEN}{number[-_TAIL:]}"


def start(level: str, form: str) -> None:
    """Sends everything that is logged, by structlog or by the standard library, to standard error."""
    render: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.captureWarnings(True)
    # They tell of every step of every turn, and of every request with all that people wrote.
    for talkative in ("transitions", "telegram"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    server = logging.getLogger("aiohttp.server")
    server.removeFilter(_without_request)
    server.addFilter(_without_request)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(getattr(logging, level.upper()))


def _without_request(record: logging.LogRecord) -> bool:
    """What is not HTTP is quoted by aiohttp with its first line, the route's secret in it, and a traceback.
    Anybody can send such things: one short line is left, and it is no error of ours."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError):
        return True
    record.msg, record.args = f"not HTTP: {type(error).__name__}", ()
    record.levelno, record.levelname, record.exc_info = logging.INFO, "INFO", None
    return logging.getLogger().isEnabledFor(logging.INFO)


def _mask(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Masks every value, the exception's text included."""
    for name, value in event.items():
        if name != "timestamp" and not name.startswith("_"):
            event[name] = _masked_value(value)
    return event


def _masked_value(value: Any) -> Any:
    """The value as it may be logged: text masked, lists and mappings of such, anything else as its text."""
    if isinstance(value, str):
        return masked(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked_value(each) for each in value]
    if isinstance(value, dict):
        return {masked(str(key)): _masked_value(each) for key, each in value.items()}
    return masked(str(value))
