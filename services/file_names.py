"""Names of files, as people send them and as they may be kept, shown and given to somebody's computer."""

from __future__ import annotations

import re
import unicodedata

from services.file_types import ENDINGS, kind_of

MOST = 100  # Characters, the ending included.

# Controls, line and paragraph ends, what turns the direction of the letters around it about (UAX #9), what
# cannot be seen, and what some system takes for more than a letter. The half-space (ZWNJ) of Persian stays.
_UNWANTED = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200d-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    "\ud800-\udfff\U000e0000-\U000e0fff" + r'<>:"|?*\\/]'
)
# Names of devices on Windows, whatever they end with.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def ending(name: str) -> str:
    """What a name says that the file is: its last ending in lower case, "" where it has none."""
    stem, dot, last = _last(name).rpartition(".")
    return last.strip().lower() if dot and stem else ""


def clean(name: str, type: str) -> str:
    """A name without a path, without what is not a letter to see, of a bearable length, and with an ending
    of its type. Never empty."""
    kept = _last(name)
    stem, dot, last = kept.rpartition(".")
    if dot and last.strip().lower() in ENDINGS.get(type, ()):
        kept, last = stem, last.strip().lower()
    else:
        last = ENDINGS.get(type, ("bin",))[0]
    kept = kept.strip(". ")[: MOST - len(last) - 1].rstrip(". ")
    if not kept or _DEVICES.fullmatch(kept):
        kept = kind_of(type)
    return f"{kept}.{last}"


def _last(name: str) -> str:
    """The part behind the last separator of either kind, composed, with single spaces."""
    last = re.split(r"[/\\]", name)[-1]
    last = unicodedata.normalize("NFC", _UNWANTED.sub("", last))
    return " ".join(last.split())
