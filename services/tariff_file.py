"""Tariffs as an operator writes them: a YAML file of prices and ceilings.

    prices:
      - {channel: sms, rial: 1330, from: 1405-01-01}
      - {channel: sms, provider: kavenegar, numbers: [0930, 0933], rial: 1463, from: 1405-01-01}
    ceilings:
      - {channel: sms, rial: 2000, from: 1405-01-01, until: 1406-01-01}

What a row does not name it is for any of. Days are of the Jalali or the Gregorian calendar and begin at
midnight in Tehran; ``until`` is the first day that is not in it. Nothing is guessed from how a value looks:
``0930`` stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import yaml
from persiantools.jdatetime import JalaliDate

from engine.fold import fold
from records.tariffs import Kind, Tariff
from services.calendar import TEHRAN
from services.tariff_table import BadTariffs

SECTIONS: Mapping[str, Kind] = {"prices": "price", "ceilings": "ceiling"}
FIELDS = ("channel", "provider", "line", "class", "alphabet", "numbers", "rial", "from", "until")
NEEDED = ("channel", "rial", "from")

CLASSES = ("otp", "service", "bulk")
ALPHABETS = ("gsm7", "ucs2")

MOST_BYTES = 1 << 20
MOST_RIAL = 10**12
JALALI_YEARS = range(1300, 1700)

_NAME = re.compile("[a-z][a-z0-9_-]{0,15}")
_PROVIDER = re.compile("[a-z][a-z0-9_-]{0,31}")
_DAY = re.compile("([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})")
_NUMBERS = re.compile(r"\+[1-9][0-9]{0,14}")


def read_tariffs(path: Path) -> list[Tariff]:
    """The tariffs of a file. Raises ``BadTariffs``, with the file and the line, and ``OSError``."""
    data = path.read_bytes()
    if len(data) > MOST_BYTES:
        raise BadTariffs(f"{path}: more than {MOST_BYTES:,} bytes")
    try:
        root = yaml.compose(data.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError:
        raise BadTariffs(f"{path}: not in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadTariffs(f"{path}:{line}: not YAML: {error.problem}") from None
    except yaml.YAMLError:
        raise BadTariffs(f"{path}: not YAML") from None
    return list(_sections(path, root))


def _sections(path: Path, root: Any) -> Iterator[Tariff]:
    for name, node in _pairs(path, root, SECTIONS):
        if not isinstance(node, yaml.SequenceNode):
            raise _bad(path, node, f"{name} is a list of rows")
        for row in node.value:
            yield from _row(path, row, SECTIONS[name])


def _row(path: Path, node: Any, kind: Kind) -> Iterator[Tariff]:
    """The tariffs of one row: one for each beginning of a number."""
    fields = dict(_pairs(path, node, FIELDS))
    for name in NEEDED:
        if name not in fields:
            raise _bad(path, node, f"{name} is missing")

    def read(name: str, parse: Any, default: Any = "") -> Any:
        if name not in fields:
            return default
        try:
            return parse(_word(path, fields[name]))
        except ValueError as error:
            raise _bad(path, fields[name], f"{name}: {_word(path, fields[name])!r} is not {error}") from None

    starts_at, ends_at = read("from", day), read("until", day, None)
    if ends_at is not None and ends_at <= starts_at:
        raise _bad(path, fields["until"], "until is not after from")
    numbers = fields.get("numbers")
    several = numbers.value if isinstance(numbers, yaml.SequenceNode) else [numbers] if numbers else [None]
    for each in several:
        fields["numbers"] = each
        yield Tariff(
            kind,
            read("channel", _named(_NAME, "a channel such as sms")),
            read("rial", _rial),
            starts_at,
            ends_at,
            read("provider", _named(_PROVIDER, "a provider such as kavenegar")),
            read("line", line_of),
            read("class", _one_of(CLASSES)),
            read("alphabet", _one_of(ALPHABETS)),
            "" if each is None else read("numbers", numbers_of),
        )


def day(text: str) -> datetime:
    """The instant at which a day begins in Tehran; a year below 1700 is of the Jalali calendar.
    ``ValueError`` says what it should be."""
    found = _DAY.fullmatch(fold(text).strip())
    if found is None:
        raise ValueError("a day such as 1405-01-01 or 2026-03-21")
    year, month, of_month = (int(part) for part in found.groups())
    try:
        if year in JALALI_YEARS:
            begins: date = JalaliDate(year, month, of_month).to_gregorian()  # type: ignore[no-untyped-call]
        else:
            begins = date(year, month, of_month)
    except ValueError:
        raise ValueError("a day that there is") from None
    return datetime.combine(begins, time(), TEHRAN)


def line_of(text: str) -> str:
    """A line by its digits, without the prefix of the country."""
    digits = "".join(character for character in fold(text) if character.isascii() and character.isdecimal())
    bare = digits.removeprefix("00").removeprefix("98").removeprefix("0")
    if not bare or len(bare) > 20:
        raise ValueError("a line such as 10004346")
    return bare


def numbers_of(text: str) -> str:
    """What numbers begin with, in E.164: ``0912`` and ``+98912`` are the same."""
    written = fold(text).strip()
    if written.startswith("00"):
        written = f"+{written[2:]}"
    elif written.startswith("0"):
        written = f"+98{written[1:]}"
    if not _NUMBERS.fullmatch(written):
        raise ValueError("the beginning of numbers such as 0912 or +98912")
    return written


def _rial(text: str) -> int:
    digits = fold(text).replace(",", "").replace("_", "").replace("٬", "").strip()
    if not (digits.isascii() and digits.isdecimal()) or int(digits[:20]) > MOST_RIAL:
        raise ValueError("a whole number of rial")
    return int(digits)


def _named(pattern: re.Pattern[str], what: str) -> Any:
    def parse(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(what)
        return text

    return parse


def _one_of(choices: tuple[str, ...]) -> Any:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return text

    return parse


def _pairs(path: Path, node: Any, known: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(node, yaml.MappingNode):
        raise _bad(path, node, f"fields are expected: {', '.join(known)}")
    seen: set[str] = set()
    for key, value in node.value:
        name = _word(path, key)
        if name not in known:
            raise _bad(path, key, f"there is no field {name}; there are {', '.join(known)}")
        if name in seen:
            raise _bad(path, key, f"{name} is there twice")
        seen.add(name)
        yield name, value


def _word(path: Path, node: Any) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _bad(path, node, "a single value is expected")
    return str(node.value)


def _bad(path: Path, node: Any, what: str) -> BadTariffs:
    line = 1 if node is None else node.start_mark.line + 1
    return BadTariffs(f"{path}:{line}: {what}")
