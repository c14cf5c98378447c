"""The placeholders of texts, as lint looks at them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine import template
from engine.findings import Both

_FORMAT = re.compile(r"(?<!\{)\{([a-z][a-z0-9_]*):([^{}]*)\}")
_PIECE = re.compile(r"\{\{|\}\}|\{[a-z][a-z0-9_]*(?::[a-z]+)?\}")
_BRACE = re.compile(r"\{[^{}]*\}?|\}")


def placeholders(text: str) -> tuple[tuple[str, str], ...]:
    """(variable, format) of each placeholder; none where the text is not correct."""
    try:
        return template.parse(text).names
    except ValueError:
        return ()


def unknown_formats(text: str) -> Iterator[tuple[str, str]]:
    """(variable, format) of each placeholder with a format that there is not."""
    for match in _FORMAT.finditer(text):
        if match[2] not in template.FORMATS:
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
