"""YAML as the nodes it is made of, each with its line: the part of YAML that flow files may use.

The reader walks libyaml's events itself instead of letting PyYAML build data. So nothing is guessed from how
a value looks (``no`` stays a word, ``0912`` a text), aliases and tags are refused, a key given twice is seen,
and nesting is cut off at once: the time that libyaml's scanner takes grows with the square of its depth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Protocol

import yaml

from engine import limits
from engine.findings import Report

# What YAML 1.2 (5.1) does not allow in a file, and line ends that not all programs count as such: a lone
# carriage return, NEL, and Unicode's separators of lines and paragraphs.
_FOREIGN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|\r(?!\n)"
)

_ADVICE = (
    (
        "alias",
        ' کد را در گیومه بنویسید: "*733#".',
        ' Write a code in quotes: "*733#".',
    ),
    (
        "cannot start any token",
        " به جای Tab فاصله بگذارید؛ متنی را که با % یا @ یا ` آغاز می‌شود در گیومه بنویسید.",
        " Use spaces instead of tabs; put a text that begins with %, @ or ` in quotes.",
    ),
    (
        "mapping values are not allowed",
        " متنی را که : و فاصله دارد در گیومه بنویسید، و فاصله‌های آغاز سطرها را یکسان کنید.",
        " Put a text that has a colon and a space in quotes, and align the beginnings of lines.",
    ),
    (
        "did not find expected",
        " فاصله‌های آغاز سطرها را یکسان کنید؛ متنی را که با { یا [ یا گیومه آغاز می‌شود در گیومه بنویسید.",
        " Align the beginnings of lines; put a text that begins with {, [ or a quote in quotes.",
    ),
)


@dataclass(slots=True)
class Node:
    """A piece of the file. Lines count from 1, columns from 0."""

    line: int
    column: int


@dataclass(slots=True)
class Word(Node):
    """A word or a text; ``plain`` where it stands without quotes. ``end_line`` and ``end_column`` are where
    the first character after it is."""

    end_line: int
    end_column: int
    text: str
    plain: bool


@dataclass(slots=True)
class Elements(Node):
    """A list."""

    nodes: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Keyed(Node):
    """A mapping: the node of each key, and of its value. ``inline`` where it is written in braces."""

    inline: bool
    keys: dict[str, Word] = field(default_factory=dict)
    values: dict[str, Node] = field(default_factory=dict)


def decode(data: bytes, report: Report) -> str | None:
    """The text of a file, or None and a finding when it is too big or not clean UTF-8."""
    if len(data) > limits.FLOW_BYTES:
        report.add("too-big", (), most=limits.FLOW_BYTES)
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        report.add_at(data.count(b"\n", 0, error.start) + 1, "not-utf-8", ())
        return None
    foreign = _FOREIGN.search(text, 1 if text.startswith("\ufeff") else 0)
    if foreign is not None:
        line = text.count("\n", 0, foreign.start()) + 1
        report.add_at(line, "bad-character", (), character=f"U+{ord(foreign[0]):04X}")
        return None
    return text


def compose(text: str, report: Report) -> Node | None:
    """The one document of the text as nodes, or None: then there is a finding, unless the file is empty."""
    tree = _Tree(report)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            tree.take(event)
    except _Refused as refused:
        report.add_at(refused.line, refused.code, (), **refused.values)
    except yaml.MarkedYAMLError as error:
        line, _column = _position(error.problem_mark or error.context_mark)
        said = f"{error.context or ''} {error.problem or ''}".strip()
        advice = next(((fa, en) for part, fa, en in _ADVICE if part in said), ("", ""))
        report.add_at(line, "not-yaml", (), problem=said, advice=advice)
    except yaml.YAMLError as error:
        report.add_at(1, "not-yaml", (), problem=str(error)[:200], advice="")
    else:
        return tree.root
    return None


class _Refused(Exception):
    """Something that YAML allows and flow files do not."""

    def __init__(self, line: int, code: str, **values: int) -> None:
        self.line = line
        self.code = code
        self.values = values


class _Tree:
    """Puts nodes together from events. ``opened`` are the lists and mappings from the root to where we are;
    ``key`` waits for its value in the innermost of them."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.root: Node | None = None
        self.opened: list[Node] = []
        self.key: Word | None = None

    def take(self, event: yaml.Event) -> None:
        line, _column = _position(event.start_mark)
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self.opened.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise _Refused(line, "alias")
        elif isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            raise _Refused(line, "several-documents")
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            if event.anchor is not None:
                raise _Refused(line, "alias")
            if event.tag is not None:
                raise _Refused(line, "tag")
            self.put(_node(event))

    def put(self, node: Node) -> None:
        """Gives a node its place, and goes into it when it is a list or mapping."""
        parent = self.opened[-1] if self.opened else None
        if isinstance(parent, Elements):
            parent.nodes.append(node)
        elif not isinstance(parent, Keyed):
            self.root = node
        elif self.key is not None:
            self.put_value(parent, self.key, node)
            self.key = None
        elif isinstance(node, Word):
            self.key = node
        else:
            raise _Refused(node.line, "odd-key")
        if not isinstance(node, Word):
            if len(self.opened) >= limits.YAML_DEPTH:
                raise _Refused(node.line, "too-deep", most=limits.YAML_DEPTH)
            self.opened.append(node)

    def put_value(self, parent: Keyed, key: Word, node: Node) -> None:
        if key.text in parent.keys:
            first = parent.keys[key.text].line
            self.report.add_at(key.line, "duplicate-key", (), key=key.text[:40], first=first)
        else:
            parent.keys[key.text] = key
            parent.values[key.text] = node


def _node(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> Node:
    line, column = _position(event.start_mark)
    if isinstance(event, yaml.ScalarEvent):
        return Word(line, column, *_position(event.end_mark), event.value, plain=not event.style)
    if isinstance(event, yaml.MappingStartEvent):
        return Keyed(line, column, inline=bool(event.flow_style))
    return Elements(line, column)


class _Mark(Protocol):
    """A place in the file as libyaml tells it, both counted from 0."""

    line: int
    column: int


def _position(mark: _Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column) if mark is not None else (1, 0)
