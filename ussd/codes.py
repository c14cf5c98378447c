"""Service codes, and telling them apart from what was dialled behind them."""

from __future__ import annotations

import re
from functools import lru_cache

_LONGEST = 64
_CODE = re.compile(r"\*?([0-9]{1,16}(?:\*[0-9]{1,16})*)(?:#.*)?", re.DOTALL)
_FIRST = re.compile(r"\*([0-9]{1,16})(?=[*#]|\Z)")


@lru_cache(maxsize=1024)  # Gateways name few codes, and name them in each request.
def service_code(text: str) -> str:
    """``*733*2#`` for ``*733*2#``, ``733*2`` and the like; "" when the text is no service code."""
    match = _CODE.fullmatch(text)
    code = f"*{match[1]}#" if match else ""
    return code if len(code) <= _LONGEST else ""


def split_code(dialled: str, known: str) -> tuple[str, str] | None:
    """The service code of a dialled string and the rest as it stands (``*2*1#``, "", ``#``). ``known`` is the
    route's code where it has one; a string that does not begin with it has its first part as its code.
    None when nothing of the kind was dialled."""
    stem = known.rstrip("#")
    if stem and dialled.startswith(stem) and dialled[len(stem) : len(stem) + 1] in ("", "*", "#"):
        return known, dialled[len(stem) :]
    if match := _FIRST.match(dialled):
        return f"*{match[1]}#", dialled[match.end() :]
    return None


def opening(typed: str, named: str, configured: str) -> tuple[str, str]:
    """The service code of a dialog that begins, and the answers that were dialled with it, joined by ``*``.

    ``typed`` is the text of the first request: the dialled string, or empty, or answers alone. ``named`` is
    the code as the gateway names it beside, "" where it does not. ``configured`` is the route's.
    """
    known = service_code(named) or configured
    found = split_code(typed, known)
    if found is None:
        return known, typed
    code, rest = found
    return code, rest[1:].removesuffix("#")
