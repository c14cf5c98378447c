"""Logs as JSON lines (or as text for people), every phone number in them masked."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

# Nine digits or more in a row are a number of somebody, with or without its plus sign.
_NUMBER = re.compile(r"\+?\d{9,15}")


def masked(text: str) -> str:
    """The text with the middle of every phone number replaced: ``+98912•••67``."""
    return _NUMBER.sub(lambda match: f"{match[0][:-7]}•••{match[0][-2:]}", text)


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
    # It tells of every step of every turn.
    logging.getLogger("transitions").setLevel(logging.WARNING)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(getattr(logging, level.upper()))


def _mask(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Masks numbers in every value that is text, the exception's included."""
    for name, value in event.items():
        if isinstance(value, str):
            if name != "timestamp":
                event[name] = masked(value)
        elif not isinstance(value, int | float | bool | type(None)) and not name.startswith("_"):
            event[name] = masked(str(value))
    return event
