"""Cuts a text that is longer than one message."""

from __future__ import annotations

from engine.clusters import clusters

_BLANK = " \n\t\r\u3000"


def split(text: str, most: int) -> list[str]:
    """The text in parts of at most ``most`` UTF-16 units, cut between lines or words where it can be, never
    inside a character as people see it unless that alone is longer. Blanks at a cut are left out."""
    parts: list[str] = []
    rest = text
    while len(rest) > most or (len(rest) * 2 > most and units(rest) > most):
        end = _cut(rest, most)
        if part := rest[:end].rstrip(_BLANK):
            parts.append(part)
        rest = rest[end:].lstrip(_BLANK)
    if rest or not parts:
        parts.append(rest)
    return parts


def units(text: str) -> int:
    """How many UTF-16 code units the text has."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str, most: int) -> int:
    """Where the first part of a text that is too long ends."""
    end = _fitting(text, most)
    if text[end] in _BLANK:
        return end
    for blank in ("\n", " "):
        place = text.rfind(blank, end // 2, end)
        if place > 0:
            return place
    whole = 0
    # A cluster that began long before is longer than any character: it is cut.
    for cluster in clusters(text[max(0, end - 64) : end + 64]):
        if max(0, end - 64) + whole + len(cluster) > end:
            break
        whole += len(cluster)
    return max(0, end - 64) + whole if whole else end


def _fitting(text: str, most: int) -> int:
    """How many of the first characters have no more units than ``most``; at least one."""
    end = min(len(text), most)
    while (over := units(text[:end]) - most) > 0:
        # Each character taken away takes one unit or two with it.
        end -= max(1, over // 2)
    return max(1, end)
