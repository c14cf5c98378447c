"""The languages that people are spoken to in: gettext catalogues for the words, a small table for the rest.

Persian is the source of every text, so it needs no catalogue. Another language needs a row in ``WRITING`` and
``locales/<code>/LC_MESSAGES/chapar.po``; the catalogues are read as they are, nothing is compiled on disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.messages.pofile import PoFileError, read_po
from persiantools.jdatetime import JalaliDate

from engine import template
from engine.session import Value

DOMAIN = "chapar"
SOURCE = "fa"
TEHRAN = ZoneInfo("Asia/Tehran")

NO_BREAK = "\u00a0"


def _(text: str) -> str:
    """Marks a text for the catalogues; it is translated where the person's language is known."""
    return text


YES = _("بله")
NO = _("خیر")
TOMAN = _("{amount} تومان")


def _jalali(day: date) -> str:
    return JalaliDate(day).strftime("%Y/%m/%d")  # type: ignore[no-untyped-call]


_ENGLISH_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _english(day: date) -> str:
    return f"{day.day} {_ENGLISH_MONTHS[day.month - 1]} {day.year}"


@dataclass(frozen=True, slots=True)
class Writing:
    """How a language is written. ``name`` is its own name for itself. ``digits`` are its 0 to 9,
    ``thousands`` and ``point`` part a number (CLDR). ``date`` writes a day."""

    name: str
    direction: str
    digits: str
    thousands: str
    point: str
    date: Callable[[date], str]


# Kurdish (Sorani) and Azerbaijani as they are written in Iran: Persian digits, the Jalali calendar.
WRITING: Mapping[str, Writing] = {
    "fa": Writing("فارسی", "rtl", "۰۱۲۳۴۵۶۷۸۹", "٬", "٫", _jalali),
    "en": Writing("English", "ltr", "0123456789", ",", ".", _english),
    "ckb": Writing("کوردی", "rtl", "۰۱۲۳۴۵۶۷۸۹", "٬", "٫", _jalali),
    "azb": Writing("تۆرکجه", "rtl", "۰۱۲۳۴۵۶۷۸۹", "٬", "٫", _jalali),
}

_YEARS = range(1600, 3000)  # Calendars and time zones have ends; what is beyond these is no date of ours.
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


class Language:
    """One language, as the engine needs it (``engine.turn.Language``) and as pages do."""

    def __init__(self, code: str, catalogue: Mapping[str, str]) -> None:
        """``ValueError`` when ``code`` has no row in ``WRITING``."""
        if code not in WRITING:
            raise ValueError(f"no row for language {code} in languages.WRITING; it has {', '.join(WRITING)}")
        writing = WRITING[code]
        self.code = code
        self.name = writing.name
        self.direction = writing.direction
        self._writing = writing
        self._catalogue = catalogue
        self._digits = str.maketrans("0123456789", writing.digits)
        self._number = str.maketrans("0123456789,.", writing.digits + writing.thousands + writing.point)
        # Days come again and again: most answers of a day name the same deadline.
        self._day = lru_cache(maxsize=4096)(lambda day: writing.date(day).translate(self._digits))
        self._formats: Mapping[str, Callable[[Value], str | None]] = {
            "": self._plain,
            "date": self._date,
            "time": self._time,
            "number": self._grouped,
            "digits": lambda value: None,
            "toman": self._toman,
            "phone": self._phone,
        }

    def has(self, text: str) -> bool:
        """Whether the text is translated; the source language has every text."""
        return self.code == SOURCE or not text or text in self._catalogue

    def translate(self, text: str) -> str:
        """A Persian text in this language, or as it is where no translation is."""
        return self._catalogue.get(text, text)

    def format(self, value: Value, kind: str) -> str:
        """A value as people read it here; ``kind`` is one of ``engine.template.FORMATS``, or "" for plain.

        date: the day in Tehran of an instant, or an ISO date. time: hours and minutes in Tehran. number: in
        thousands. digits: as it is, with this language's digits. toman: of an amount in rial. phone: an
        Iranian number of E.164 as it is dialled at home. What cannot be read as its kind is shown as digits.
        """
        if value is None:
            return ""
        text = self._formats[kind](value)
        return self._plain(value).translate(self._digits) if text is None else text

    def _plain(self, value: Value) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return self.translate(YES if value else NO)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        if isinstance(value, datetime) and (day := self._date(value)) is not None:
            return f"{day} {self._time(value)}"
        return str(value)

    def _date(self, value: Value) -> str | None:
        moment = _moment(value)
        if isinstance(moment, datetime):
            moment = moment.astimezone(TEHRAN).date()
        return None if moment is None else self._day(moment)

    def _time(self, value: Value) -> str | None:
        moment = _moment(value)
        if not isinstance(moment, datetime):
            return None
        here = moment.astimezone(TEHRAN)
        return f"{here.hour:02}:{here.minute:02}".translate(self._digits)

    def _grouped(self, value: Value) -> str | None:
        number = _number(value)
        if isinstance(number, float):
            return f"{number:,.2f}".rstrip("0").rstrip(".").translate(self._number)
        return None if number is None else f"{number:,}".translate(self._number)

    def _toman(self, value: Value) -> str | None:
        rial = _number(value)
        if rial is None:
            return None
        tenths = round(rial)
        amount = self._grouped(tenths // 10 if tenths % 10 == 0 else tenths / 10)
        return self.translate(TOMAN).replace("{amount}", amount or "")

    def _phone(self, value: Value) -> str | None:
        if not isinstance(value, str) or not value.startswith("+"):
            return None
        right_to_left = self.direction == "rtl"
        if not value.startswith("+98"):
            # A plus sign wanders to the other end of a number in a right-to-left line.
            return (("00" + value[1:]) if right_to_left else value).translate(self._digits)
        home = "0" + value[3:]
        if len(home) == 11 and home[1] == "9":
            # Spaces would let the groups change places in a right-to-left line, no-break spaces do not
            # (UAX #9, rule W4).
            gap = NO_BREAK if right_to_left else " "
            home = gap.join((home[:4], home[4:7], home[7:]))
        return home.translate(self._digits)


class Languages(dict[str, Language]):
    """The languages by code."""

    @classmethod
    def load(cls, directory: Path | str) -> Languages:
        """Persian, and every language that has a catalogue in ``directory``. ``ValueError`` names a catalogue
        that cannot be read, or a language without a row in ``WRITING``."""
        languages = cls({SOURCE: Language(SOURCE, {})})
        for path in sorted(Path(directory).glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
            code = path.parent.parent.name
            if code != SOURCE:
                languages[code] = Language(code, read_catalogue(path))
        return languages


def read_catalogue(path: Path) -> dict[str, str]:
    """The translations that can be shown: neither empty, nor fuzzy, nor with other placeholders than their
    text has. ``scripts/i18n.py check`` tells of those; people get the source text instead."""
    try:
        with path.open("rb") as file:
            catalogue = read_po(file, ignore_obsolete=True, abort_invalid=True)
    except (PoFileError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
    return {
        message.id: message.string
        for message in catalogue
        if isinstance(message.id, str)
        and isinstance(message.string, str)
        and message.id
        and message.string
        and not message.fuzzy
        and same_placeholders(message.id, message.string)
    }


def same_placeholders(text: str, translation: str) -> bool:
    """Whether a translation can be filled with what its text is filled with. Their order may differ, and how
    often each is used."""
    try:
        wanted = template.parse(text).takes
    except ValueError:
        return True  # Not a text with placeholders of ours; its braces mean something else.
    try:
        return wanted == template.parse(translation).takes
    except ValueError:
        return False


def _moment(value: Value) -> datetime | date | None:
    """The instant or the day that a value is or names in ISO 8601. An instant without a zone is in UTC."""
    if isinstance(value, str):
        try:
            day = date.fromisoformat(value)
            return day if day.year in _YEARS else None
        except ValueError:
            pass  # Not a day; it may be an instant.
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime) or value.year not in _YEARS:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _number(value: Value) -> int | float | None:
    """The number that a value is or, in digits 0-9, names."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if _WHOLE.fullmatch(value) else None
    if isinstance(value, float):
        if value != value or abs(value) >= 1e18:
            return None  # Not a number, or beyond what digits can show.
        return int(value) if value.is_integer() else value
    return value if isinstance(value, int) else None
