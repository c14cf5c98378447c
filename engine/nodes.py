"""YAML as the nodes it is made of, each with its line: the part of YAML that flow files may use.

The reader walks libyaml's events itself instead of letting PyYAML build data. So nothing is guessed from how a
value looks (``no`` stays a word, ``0912`` a text), aliases and tags are refused, a key given twice is seen, and
nesting is cut off before libyaml's scanner, whose time grows with its square, has read on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from engine import limits
from engine.findings import Report

# What YAML 1.2 (5.1) allows in a file, less the C1 control NEL and the byte order mark inside it.
_FOREIGN = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")

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
    """A word or text (``plain`` where it stands without quotes), a list, or a mapping.

    ``keys`` are the nodes of a mapping's keys. ``line`` counts from 1, ``column`` from 0; ``end`` is the line
    on which the node ends.
    """

    value: str | list[Node] | dict[str, Node]
    line: int
    column: int = 0
    end: int = 0
    plain: bool = False
    keys: dict[str, Node] | None = None


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
    text = text.removeprefix("\ufeff")
    foreign = _FOREIGN.search(text)
    if foreign is not None:
        line = text.count("\n", 0, foreign.start()) + 1
        report.add_at(line, "bad-character", (), character=f"U+{ord(foreign[0]):04X}")
        return None
    return text


def compose(text: str, report: Report) -> Node | None:
    """The one document of the text as nodes, or None and a finding."""
    try:
        return _compose(text, report)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = f"{error.context or ''} {error.problem or ''}".strip()
        advice = next(((fa, en) for part, fa, en in _ADVICE if part in said), ("", ""))
        report.add_at(mark.line + 1 if mark else 1, "not-yaml", (), problem=said, advice=advice)
    except yaml.YAMLError as error:
        report.add_at(1, "not-yaml", (), problem=str(error)[:200], advice="")
    return None


def _compose(text: str, report: Report) -> Node | None:
    root: Node | None = None
    open_nodes: list[Node] = []  # From the root to where we are.
    key: Node | None = None  # Of the innermost mapping, when its value comes next.
    waiting: list[Node | None] = []  # The keys of the mappings around it.
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.ScalarEvent):
            node = Node(event.value, *_marks(event), plain=event.style is None)
        elif isinstance(event, yaml.MappingStartEvent):
            node = Node({}, *_marks(event), keys={})
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Node([], *_marks(event))
        elif isinstance(event, yaml.AliasEvent):
            report.add_at(event.start_mark.line + 1, "alias", ())
            return None
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            open_nodes.pop().end = event.end_mark.line + 1
            key = waiting.pop()
            continue
        elif isinstance(event, yaml.DocumentStartEvent) and root is not None:
            report.add_at(event.start_mark.line + 1, "several-documents", ())
            return None
        else:
            continue
        if event.anchor is not None or event.tag is not None:
            report.add_at(node.line, "alias", () if event.anchor is not None else "tag")
            return None
        parent = open_nodes[-1] if open_nodes else None
        if parent is None:
            root = node
        elif isinstance(parent.value, list):
            parent.value.append(node)
        elif isinstance(parent.value, dict) and parent.keys is not None:
            if key is None:
                if not isinstance(node.value, str):
                    report.add_at(node.line, "not-yaml", (), problem="a key that is not a word", advice=_ADVICE[3][1:])
                    return None
                key = node
                continue
            name = key.value
            assert isinstance(name, str)
            if name in parent.keys:
                report.add_at(key.line, "duplicate-key", (), key=name[:40], first=parent.keys[name].line)
            else:
                parent.value[name], parent.keys[name] = node, key
            key = None
        if not isinstance(node.value, str):
            if len(open_nodes) >= limits.YAML_DEPTH:
                report.add_at(node.line, "too-deep", (), most=limits.YAML_DEPTH)
                return None
            open_nodes.append(node)
            waiting.append(key)
            key = None
    return root


def _marks(event: yaml.NodeEvent) -> tuple[int, int, int]:
    return event.start_mark.line + 1, event.start_mark.column, event.end_mark.line + 1
