"""Plain data from nodes, as a schema says. What does not fit becomes a finding and is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from engine import limits, schema
from engine.durations import seconds
from engine.files import KINDS as FILES
from engine.findings import Both, Path, Report
from engine.nodes import Elements, Keyed, Node, Word
from engine.schema import Condition, Either, Inside, Listed, Named, Pair, Place, Scalar, State

# Names that no variable may have.
_RESERVED = frozenset((*schema.BUILT_IN, *schema.RETURNING, *schema.COMBINING))

# What ``read`` returns where nothing fits.
NOTHING: Final = object()

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NEED = re.compile(r"[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}")
_CODE = re.compile(r"\*[0-9]{1,10}(?:\*[0-9]{1,10}){0,9}#")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_CALLER = re.compile(r"\S{1,100}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_DATE = re.compile(r"[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}")
# Numbers that every database and front end holds exactly; longer ones are texts, so are those like 0912.
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
_NULL = ("", "~", "null")
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]{0,8})\.[0-9]{1,6}")


class Shaper:
    """Reads nodes of one file. ``lines`` fills with the line of every key and element, by path."""

    def __init__(self, report: Report, places: Mapping[str, Place] = schema.PLACES) -> None:
        self.report = report
        self.places = places
        self.lines: dict[Path, int] = {}

    def found(self, code: str, path: Path, /, **values: str | int | Both) -> None:
        """Adds a finding at a path that was read."""
        self.report.add_at(self.lines[path], code, path, **values)

    def read(self, type: schema.Type, node: Node, path: Path) -> Any:
        """The data of a node, or ``NOTHING``."""
        if self.report.full:
            return NOTHING
        self.lines.setdefault(path, node.line)
        if isinstance(type, Either):
            type = next((one for one in type.types if _alike(one, node)), type)
        match node, type:
            case Word(), Scalar():
                return self.scalar(type, node, path)
            case ((Elements(nodes=things) | Keyed(keys=things)), _) if not things:
                self.found("empty-value", path, wanted=schema.told(type))
                return NOTHING
            case Elements(nodes=[_, _]), Pair():
                bounds = [self.read(type.of, bound, (*path, place)) for place, bound in enumerate(node.nodes)]
                return NOTHING if NOTHING in bounds else bounds
            case Elements(), Listed():
                return self.elements(type, node, path)
            case Keyed(), Named():
                return self.named(type, node, path)
            case Keyed(), Inside():
                return self.place(self.places[type.place], node, path)
            case Keyed(), State():
                return self.state(node, path)
            case Keyed(), Condition():
                return self.condition(node, path)
        return self.wrong(type, node, path)

    def wrong(self, type: schema.Type, node: Node, path: Path) -> Any:
        """Says that the node is not of the type."""
        wanted = schema.told(type)
        if isinstance(node, Word) and node.plain and node.text in _NULL:
            self.found("empty-value", path, wanted=wanted)
            return NOTHING
        value = "{…}" if isinstance(node, Keyed) else "[…]"
        advice = ("", "")
        if isinstance(node, Word):
            value = shortened(node.text)
        elif type in (schema.TEXT, schema.CLOSING, schema.TITLE):
            advice = (
                " متنی را که با { یا [ آغاز می‌شود در گیومه بنویسید.",
                " Put a text that begins with { or [ in quotes.",
            )
        self.found("wrong-value", path, value=value, wanted=wanted, advice=advice)
        return NOTHING

    def scalar(self, type: Scalar, node: Word, path: Path) -> Any:
        value = SCALARS[type.name](node.text, node.plain)
        if value is NOTHING:
            return self.wrong(type, node, path)
        if isinstance(value, str):
            most = limits.KEYWORD_LENGTH if type == schema.KEYWORD else limits.TEXT_LENGTH
            if len(value) > most:
                self.found("text-too-long", path, length=len(value), most=most)
            elif type == schema.VARIABLE and value in _RESERVED:
                self.found("reserved-name", path, name=value)
        return value

    def elements(self, type: Listed, node: Elements, path: Path) -> Any:
        if len(node.nodes) > type.most:
            self.found("too-many", path, count=len(node.nodes), most=type.most)
        read = [self.read(type.of, element, (*path, place)) for place, element in enumerate(node.nodes)]
        return [value for value in read if value is not NOTHING]

    def items(self, node: Keyed, path: Path) -> Iterator[tuple[str, Word, Node, Path]]:
        """The names of a mapping, their keys, values and paths."""
        for name, key in node.keys.items():
            self.lines[*path, name] = key.line
            yield name, key, node.values[name], (*path, name)

    def named(self, type: Named, node: Keyed, path: Path) -> Any:
        if len(node.keys) > type.most:
            self.found("too-many", path, count=len(node.keys), most=type.most)
        data = {}
        for name, key, value, under in self.items(node, path):
            if self.scalar(type.keys, key, under) is not NOTHING:
                read = self.read(type.values, value, under)
                if read is not NOTHING:
                    data[name] = read
        return data

    def place(self, place: Place, node: Keyed, path: Path) -> Any:
        """The keys of one place."""
        data = {}
        for name, _key, value, under in self.items(node, path):
            key = place.key(name)
            type = key.type if key is not None else place.others
            if type is not None and (key is not None or _NAME.fullmatch(name)):
                read = self.read(type, value, under)
                if read is not NOTHING:
                    data[name] = read
            else:
                names = [key.name for key in place.keys]
                nearest = self.report.nearest(name, names)
                self.found("unknown-key", under, key=shortened(name), nearest=nearest, keys=", ".join(names))
        for key in place.keys:
            if key.required and key.name not in node.keys:
                self.found("missing-key", path, key=key.name, meaning=(key.fa, key.en))
        if place.one and len(node.keys) != 1:
            self.found("check-kind", path, kinds=", ".join(key.name for key in place.keys))
        return data

    def state(self, node: Keyed, path: Path) -> Any:
        """A state: the keys of the kind whose own key it has."""
        kinds = [place for place in schema.KINDS if place.name in node.keys]
        if len(kinds) != 1:
            names = ", ".join(place.name for place in kinds)
            every = ", ".join(place.name for place in schema.KINDS)
            self.found(
                "state-kind", path, kinds=every, found=(names or "هیچ‌کدام را", names or "none of them")
            )
            return NOTHING
        data = self.place(kinds[0], node, path)
        cases = data.get("branch")
        if cases and ("if" in cases[-1] or not all("if" in case for case in cases[:-1])):
            self.found("branch-order", (*path, "branch"))
        return data

    def condition(self, node: Keyed, path: Path) -> Any:
        """A condition. Its keys are variables, or all, any and none."""
        data = {}
        for name, key, value, under in self.items(node, path):
            if name in schema.COMBINING:
                read = self.read(Listed(Condition(), most=50), value, under)
            elif not _NAME.fullmatch(name):
                read = self.wrong(schema.VARIABLE, key, under)
            else:
                read = self.read(schema.EXPECTED, value, under)
            if read is not NOTHING:
                data[name] = read
        return data


def _alike(type: schema.Type, node: Node) -> bool:
    """Whether a node has the form of a type: a value, a list or a mapping."""
    if isinstance(type, Scalar):
        return isinstance(node, Word)
    return isinstance(node, Elements if isinstance(type, Listed | Pair) else Keyed)


def shortened(text: str) -> str:
    """A text of the author's as a finding quotes it: one line, not long."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def _text(text: str, plain: bool) -> Any:
    return NOTHING if plain and text in _NULL else text.strip() or NOTHING


def _closing(text: str, plain: bool) -> Any:
    return "" if plain and text in _NULL else text.strip()


def _matching(pattern: re.Pattern[str]) -> Callable[[str, bool], Any]:
    return lambda text, plain: text if pattern.fullmatch(text) else NOTHING


def _flag(text: str, plain: bool) -> Any:
    return {"true": True, "false": False}.get(text, NOTHING) if plain else NOTHING


def _count(text: str, plain: bool) -> Any:
    value = _whole(text, plain)
    return value if value is not NOTHING and value > 0 else NOTHING


def _whole(text: str, plain: bool) -> Any:
    return int(text) if plain and _WHOLE.fullmatch(text) else NOTHING


def _number(text: str, plain: bool) -> Any:
    return float(text) if plain and _FRACTION.fullmatch(text) else _whole(text, plain)


def _duration(text: str, plain: bool) -> Any:
    try:
        seconds(text)
    except ValueError:
        return NOTHING
    return text


def _literal(text: str, plain: bool) -> Any:
    """A value: only true and false are booleans, only what is written as a number is one."""
    for read in (_flag, _number):
        value = read(text, plain)
        if value is not NOTHING:
            return value
    return NOTHING if plain and text in _NULL else text


def _argument(text: str, plain: bool) -> Any:
    if text.startswith("$") and not _NAME.fullmatch(text, 1):
        return NOTHING
    return _literal(text, plain)


def _when(text: str, plain: bool) -> Any:
    return text if text in ("past", "future") else _true(text, plain)


def _true(text: str, plain: bool) -> Any:
    return True if plain and text == "true" else NOTHING


def _moment(text: str, plain: bool) -> Any:
    if not _MOMENT.fullmatch(text):
        return NOTHING
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return NOTHING  # The 31st of a month of thirty days, and the like.


def _value(text: str, plain: bool) -> Any:
    if plain and text in _NULL:
        return None
    moment = _moment(text, plain) if plain else NOTHING
    return _literal(text, plain) if moment is NOTHING else moment


# How each scalar of the schema is read: its text, and whether it stands without quotes, to its value.
SCALARS: dict[str, Callable[[str, bool], Any]] = {
    "text": _text,
    "closing": _closing,
    "title": _text,
    "name": _matching(_NAME),
    "state": _matching(_NAME),
    "variable": _matching(_NAME),
    "flow": _matching(_NAME),
    "outcome": _matching(_NAME),
    "need": _matching(_NEED),
    "channel": lambda text, plain: text if text in schema.CHANNELS else NOTHING,
    "keyword": _text,
    "code": _matching(_CODE),
    "duration": _duration,
    "flag": _flag,
    "true": _true,
    "count": _count,
    "number": _number,
    "whole": _whole,
    "date": _matching(_DATE),
    "when": _when,
    "file_kind": lambda text, plain: text if text in FILES else NOTHING,
    "pattern": lambda text, plain: text or NOTHING,
    "literal": _literal,
    "argument": _argument,
    "answer": lambda text, plain: NOTHING if plain and not text else text,
    "moment": _moment,
    "screen": lambda text, plain: text,
    "value": _value,
    "language": _matching(_LANGUAGE),
    "caller": _matching(_CALLER),
}
