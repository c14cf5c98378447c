"""Texts with placeholders: ``{name}`` and ``{name:format}``; ``{{`` and ``}}`` are braces.

A value that is put into a text is never read again as a placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from engine.session import Value
from engine.turn import Language

# Placeholders that the engine fills by itself, their formats the names of flows (``engine.returning``).
RETURNING = ("again", "way")

FORMATS = ("date", "time", "number", "digits", "toman", "phone")

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_PLACEHOLDER = re.compile(r"([a-z][a-z0-9_]*)(?::([a-z][a-z0-9_]*))?")

# In a value, white space that breaks lines would let it draw lines of its own, and the bidirectional controls
# (UAX #9, "explicit directional formatting characters") would turn the words around it about.
_BREAKS = re.compile(r"(?:\r\n|[\t\n\x0b\x0c\r\x85\u2028\u2029])")
_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


class Template:
    """A parsed text. ``names`` are its placeholders in order, each as (name, format), "" for no format, and
    those of ``RETURNING`` as (name:flow, their own name); ``plain`` is the whole text where it has none, else
    None."""

    __slots__ = ("_parts", "names", "plain")

    def __init__(self, parts: tuple[str | tuple[str, str], ...]) -> None:
        self._parts = parts
        self.names: tuple[tuple[str, str], ...] = tuple(part for part in parts if not isinstance(part, str))
        self.plain = None if self.names else "".join(part for part in parts if isinstance(part, str))

    @property
    def takes(self) -> frozenset[tuple[str, str]]:
        """What a translation must take too. Whether it says how to come back in a sentence or on a line of
        its own is its own affair."""
        return frozenset(
            (name.partition(":")[2], RETURNING[0]) if kind in RETURNING else (name, kind)
            for name, kind in self.names
        )

    def render(self, variables: Mapping[str, Value], language: Language) -> str:
        """The text with its placeholders filled. A variable that is unknown or None gives nothing."""
        if self.plain is not None:
            return self.plain
        return "".join(
            [part if isinstance(part, str) else _filled(variables.get(part[0]), part[1], language)
             for part in self._parts]
        )  # fmt: skip


def _filled(value: Value, kind: str, language: Language) -> str:
    if value is None:
        return ""
    if kind in RETURNING:
        return str(value)  # Our own words, with lines of their own.
    text = language.format(value, kind)
    if _UNWANTED.search(text):
        text = _UNWANTED.sub("", _BREAKS.sub(" ", text))
    return text


@lru_cache(maxsize=4096)
def parse(text: str) -> Template:
    """The template of a text. ``ValueError`` says which brace or placeholder is wrong."""
    parts: list[str | tuple[str, str]] = []
    literal = ""
    position = 0
    for token in _TOKEN.finditer(text):
        literal += text[position : token.start()]
        position = token.end()
        found = token.group()
        if found in ("{{", "}}"):
            literal += found[0]
        elif token.group(1) is None:
            raise ValueError(
                f"a lone `{found}` at character {token.start() + 1}; write `{found * 2}` for a brace"
            )
        else:
            if literal:
                parts.append(literal)
                literal = ""
            parts.append(_placeholder(found))
    literal += text[position:]
    if literal:
        parts.append(literal)
    return Template(tuple(parts))


def _placeholder(found: str) -> tuple[str, str]:
    match = _PLACEHOLDER.fullmatch(found[1:-1])
    if match is None:
        raise ValueError(f"`{found}` is not a placeholder: write `{{name}}` or `{{name:format}}`")
    name, kind = match.group(1), match.group(2) or ""
    if name in RETURNING:
        return found[1:-1], name
    if kind and kind not in FORMATS:
        raise ValueError(f"`{kind}` in `{found}` is not a format; there are {', '.join(FORMATS)}")
    return name, kind
