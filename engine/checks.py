"""Checks of ``ask`` states: whether an answer fits, and the value that it gives.

Answers come folded (``engine.fold``). Patterns run on RE2, whose time is linear in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import re2
from persiantools.jdatetime import JalaliDate

from engine import limits, template
from engine.files import KINDS as FILES
from engine.files import WANTED
from engine.fold import fold, key
from engine.numbers import mobile, national_id
from engine.session import Value
from engine.turn import Language

MOBILE_NUMBER = "mobile"

KINDS = (
    "digits",
    "length",
    "pattern",
    MOBILE_NUMBER,
    "national_id",
    "number",
    "date",
    "choice",
    "email",
    "file",
)

DIGITS = 64  # The longest number of digits.
PATTERN_LENGTH = 500
CHOICES = 100
NUMBER = 10**15  # The largest bound of a number; beyond it front ends lose digits.
YEARS = (1200, 1599)  # Jalali years: others are Gregorian ones or slips.

_TEHRAN = ZoneInfo("Asia/Tehran")

Apply = Callable[[str, datetime], Value]


def _(text: str) -> str:
    """Marks a text for the catalogues."""
    return text


EXACT_DIGITS = _("این پاسخ باید {count:digits} رقم باشد.")
SOME_DIGITS = _("این پاسخ باید {least:digits} تا {most:digits} رقم باشد.")
LENGTH = _("این پاسخ باید {least:digits} تا {most:digits} حرف باشد.")
PATTERN = _("این پاسخ به شکل خواسته‌شده نیست. دوباره بنویسید.")
MOBILE = _("شماره همراه درست نیست. آن را مانند {example:digits} بنویسید.")
NATIONAL_ID = _("کد ملی درست نیست. هر ده رقم آن را بنویسید.")
NUMBER_BETWEEN = _("عددی از {least:number} تا {most:number} بنویسید.")
DATE = _("تاریخ شمسی را مانند {example:digits} بنویسید.")
PAST = _("تاریخی تا امروز، مانند {example:digits} بنویسید.")
FUTURE = _("تاریخی پس از امروز، مانند {example:digits} بنویسید.")
DATE_BETWEEN = _("تاریخی از {first:digits} تا {last:digits} بنویسید.")
CHOICE = _("یکی از این‌ها را بنویسید: {choices}")
EMAIL = _("نشانی ایمیل درست نیست. آن را مانند {example} بنویسید.")


@dataclass(frozen=True, slots=True)
class Check:
    """``message`` says in Persian what is expected; its placeholders are filled from ``values``."""

    kind: str
    message: str
    values: Mapping[str, Value]
    _apply: Apply = field(repr=False)

    def apply(self, answer: str, now: datetime) -> Value:
        """The value of a folded answer, or None when it does not fit. ``now`` is aware."""
        return self._apply(answer, now)

    def explain(self, language: Language) -> str:
        """What is expected, in the person's language."""
        return template.parse(language.translate(self.message)).render(self.values, language)


def compile_check(spec: Mapping[str, Any]) -> Check:
    """The check of ``{kind: parameters}``. ``ValueError`` says what is wrong with the parameters."""
    if len(spec) != 1:
        raise ValueError(f"a check has exactly one of {', '.join(KINDS)}")
    ((kind, parameters),) = spec.items()
    if kind not in _COMPILERS:
        raise ValueError(f"`{kind}` is not a check; there are {', '.join(KINDS)}")
    return _COMPILERS[kind](parameters)


def _digits(parameters: Any) -> Check:
    if _is_integer(parameters):
        least, most = parameters, parameters
    else:
        least, most = _bounds("digits", parameters)
    if not 1 <= least <= most <= DIGITS:
        raise ValueError(f"`digits` takes a number or [least, most] between 1 and {DIGITS}")

    def apply(answer: str, now: datetime) -> Value:
        given = answer.replace(" ", "").replace("-", "")
        return given if given.isascii() and given.isdecimal() and least <= len(given) <= most else None

    if least == most:
        return Check("digits", EXACT_DIGITS, {"count": least}, apply)
    return Check("digits", SOME_DIGITS, {"least": least, "most": most}, apply)


def _length(parameters: Any) -> Check:
    least, most = _bounds("length", parameters)
    if not 1 <= least <= most <= limits.ANSWER_LENGTH:
        raise ValueError(f"`length` takes [least, most] between 1 and {limits.ANSWER_LENGTH} characters")

    def apply(answer: str, now: datetime) -> Value:
        return answer if least <= len(answer) <= most else None

    return Check("length", LENGTH, {"least": least, "most": most}, apply)


def _pattern(parameters: Any) -> Check:
    if not isinstance(parameters, str) or not 1 <= len(parameters) <= PATTERN_LENGTH:
        raise ValueError(f"`pattern` takes a regular expression of 1 to {PATTERN_LENGTH} characters")
    for character in parameters:
        if not character.isspace() and fold(character) != character:
            raise ValueError(
                f"`pattern` has U+{ord(character):04X}, which no answer has: answers come with digits 0-9, "
                "Persian ی and ک, and nothing invisible"
            )
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        compiled = re2.compile(parameters, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise ValueError(f"`pattern` is not a regular expression of RE2: {reason}") from error

    def apply(answer: str, now: datetime) -> Value:
        fits = len(answer) <= limits.ANSWER_LENGTH and compiled.fullmatch(answer) is not None
        return answer if fits else None

    return Check("pattern", PATTERN, {}, apply)


def _mobile(parameters: Any) -> Check:
    _only_true("mobile", parameters)
    return Check("mobile", MOBILE, {"example": "09123456789"}, lambda answer, now: mobile(answer))


def _national_id(parameters: Any) -> Check:
    _only_true("national_id", parameters)
    return Check("national_id", NATIONAL_ID, {}, lambda answer, now: national_id(answer))


_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,16}|[0-9]{1,3}(?:[,٬،][0-9]{3}){1,5})")


def _number(parameters: Any) -> Check:
    least, most = _bounds("number", parameters)
    if not -NUMBER <= least <= most <= NUMBER:
        raise ValueError(f"`number` takes [least, most] between -{NUMBER} and {NUMBER}")

    def apply(answer: str, now: datetime) -> Value:
        given = answer.replace(" ", "").replace("−", "-")
        if not _NUMBER.fullmatch(given):
            return None
        number = int(re.sub("[,٬،]", "", given))
        return number if least <= number <= most else None

    return Check("number", NUMBER_BETWEEN, {"least": least, "most": most}, apply)


_DATE = re.compile(r"([0-9]{4})(?:([0-9]{2})([0-9]{2})|([/.\- ])([0-9]{1,2})\4([0-9]{1,2}))")


def jalali(text: str) -> date | None:
    """The day that a folded Jalali date names, or None: ``1405/9/2``, ``1405-09-02``, ``14050902``. A year of
    two digits names no century and is refused."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day = int(match[1]), int(match[2] or match[5]), int(match[3] or match[6])
    if not YEARS[0] <= year <= YEARS[1]:
        return None
    try:
        return JalaliDate(year, month, day).to_gregorian()  # type: ignore[no-untyped-call]
    except ValueError:
        return None  # The 31st of a month of thirty days, and the like.


def _date(parameters: Any) -> Check:
    example = {"example": "1405/09/02"}
    if parameters is True:
        return Check("date", DATE, example, _dated(lambda day, today: True))
    if parameters == "past":
        return Check("date", PAST, example, _dated(lambda day, today: day <= today))
    if parameters == "future":
        return Check("date", FUTURE, example, _dated(lambda day, today: day > today))
    if not isinstance(parameters, list) or len(parameters) != 2:
        raise ValueError("`date` takes true, past, future or [first, last]")
    texts = [fold(bound) if isinstance(bound, str) else "" for bound in parameters]
    first, last = jalali(texts[0]), jalali(texts[1])
    if first is None or last is None or first > last:
        raise ValueError("`date` takes two Jalali dates in order, as [1300/01/01, 1405/12/29]")
    bounds: dict[str, Value] = {"first": _written(first), "last": _written(last)}
    return Check("date", DATE_BETWEEN, bounds, _dated(lambda day, today: first <= day <= last))


def _written(day: date) -> str:
    return JalaliDate(day).strftime("%Y/%m/%d")  # type: ignore[no-untyped-call]


def _dated(accepts: Callable[[date, date], bool]) -> Apply:
    def apply(answer: str, now: datetime) -> Value:
        day = jalali(answer)
        if day is None or not accepts(day, now.astimezone(_TEHRAN).date()):
            return None
        return day.isoformat()

    return apply


def _choice(parameters: Any) -> Check:
    if not isinstance(parameters, list) or not 1 <= len(parameters) <= CHOICES:
        raise ValueError(f"`choice` takes a list of 1 to {CHOICES} words")
    values: dict[str, str | int] = {}  # What is given is the word, or the number, as the flow writes it.
    for word in parameters:
        if not (isinstance(word, str) or _is_integer(word)) or not key(str(word)):
            raise ValueError(f"`choice` takes words; {word!r} is none")
        if key(str(word)) in values:
            raise ValueError(f"`choice` has «{word}» twice, or in two spellings")
        values[key(str(word))] = word

    def apply(answer: str, now: datetime) -> Value:
        return values.get(key(answer))

    return Check("choice", CHOICE, {"choices": "، ".join(map(str, values.values()))}, apply)


# The ordinary part of RFC 5321 §4.1.2: no quoted local parts, no address literals, a domain of two labels.
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9]))"
)


def _email(parameters: Any) -> Check:
    _only_true("email", parameters)

    def apply(answer: str, now: datetime) -> Value:
        if len(answer) > 254 or _EMAIL.fullmatch(answer) is None:
            return None
        local, _at, domain = answer.rpartition("@")
        return f"{local}@{domain.lower()}" if len(local) <= 64 else None

    return Check("email", EMAIL, {"example": "name@example.com"}, apply)


def kinds_of_files(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of files that a check takes; none where it takes none."""
    parameters = spec.get("file")
    if parameters is None:
        return ()
    return FILES if parameters is True else tuple(parameters)


def _file(parameters: Any) -> Check:
    """What is typed is no file, so no answer of words fits."""
    kinds = kinds_of_files({"file": parameters}) if parameters is True or isinstance(parameters, list) else ()
    if not kinds or not set(kinds) <= set(FILES) or len(set(kinds)) < len(kinds):
        raise ValueError(f"`file` takes true, or a list of some of {', '.join(FILES)}")
    return Check("file", WANTED[frozenset(kinds)], {}, lambda answer, now: None)


_COMPILERS: dict[str, Callable[[Any], Check]] = {
    "digits": _digits,
    "length": _length,
    "pattern": _pattern,
    "mobile": _mobile,
    "national_id": _national_id,
    "number": _number,
    "date": _date,
    "choice": _choice,
    "email": _email,
    "file": _file,
}


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _bounds(kind: str, parameters: Any) -> tuple[int, int]:
    if (
        isinstance(parameters, list | tuple)
        and len(parameters) == 2
        and all(_is_integer(bound) for bound in parameters)
    ):
        return parameters[0], parameters[1]
    raise ValueError(f"`{kind}` takes [least, most], two whole numbers")


def _only_true(kind: str, parameters: Any) -> None:
    if parameters is not True:
        raise ValueError(f"`{kind}` takes true")
