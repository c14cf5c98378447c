"""The placeholders of texts, as lint looks at them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine import template
from engine.findings import Both

_FORMAT = re.compile(r"(?<!\{)\{([a-z][a-z0-9_]*):([^{}]*)\}")
_PIECE = re.compile(r"\{\{|\}\}|\{[a-z][a-z0-9_]*(?::[a-z][a-z0-9_]*)?\}")
_BRACE = re.compile(r"\{[^{}]*\}?|\}")


def placeholders(text: str) -> tuple[tuple[str, str], ...]:
    """(variable, format) of each placeholder that a variable fills; none where the text is not correct."""
    return tuple(pair for pair in _names(text) if pair[1] not in template.RETURNING)


def returning(text: str) -> tuple[str, ...]:
    """The placeholders that say how a person comes back: ``again``, ``way:follow``, …"""
    return tuple(name for name, kind in _names(text) if kind in template.RETURNING)


def takes(text: str) -> frozenset[tuple[str, str]]:
    """What a text and its translations have in common."""
    try:
        return template.parse(text).takes
    except ValueError:
        return frozenset()


def _names(text: str) -> tuple[tuple[str, str], ...]:
    try:
        return template.parse(text).names
    except ValueError:
        return ()


def unknown_formats(text: str) -> Iterator[tuple[str, str]]:
    """(variable, format) of each placeholder with a format that there is not."""
    for match in _FORMAT.finditer(text):
        if match[1] not in template.RETURNING and match[2] not in template.FORMATS:
            yield match[1], match[2]


def mistake(text: str) -> Both | None:
    """Which brace or placeholder is not correct, if one is not."""
    try:
        template.parse(text)
    except ValueError:
        brace = _BRACE.search(_PIECE.sub("", text))
        found = brace[0] if brace is not None else "{"
        return f"«{found[:40]}»", f'"{found[:40]}"'
    return None
