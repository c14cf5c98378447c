"""Finds the texts of a flow file for the catalogues: a Babel extraction method (see ``babel.cfg``).

Texts are what people read: title, about, menu, ask, say, end, handover, callback, invalid and the labels of
options. Not among them are the values, keywords and topics, which the engine compares.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import IO, Any

import yaml

FLOW_KEYS = ("title", "about")
STATE_KEYS = ("menu", "ask", "say", "end", "handover", "callback", "invalid")

# Line, function (none: the text is taken as it is), text, comments for translators.
Extracted = tuple[int, None, str, list[str]]


def extract(
    fileobj: IO[bytes], keywords: Collection[str], comment_tags: Collection[str], options: Mapping[str, Any]
) -> Iterator[Extracted]:
    """The texts of one flow file in the order of the file. ``yaml.YAMLError`` when it is not YAML."""
    flow = yaml.compose(fileobj, Loader=yaml.SafeLoader)
    for key, value in _pairs(flow):
        if key in FLOW_KEYS:
            yield from _text(value)
        elif key == "states":
            for _name, state in _pairs(value):
                yield from _state(state)


def _state(state: yaml.Node) -> Iterator[Extracted]:
    for key, value in _pairs(state):
        if key in STATE_KEYS:
            yield from _text(value)
        elif key == "options" and isinstance(value, yaml.SequenceNode):
            for option in value.value:
                for name, label in _pairs(option):
                    if name == "label":
                        yield from _text(label)


def _text(node: yaml.Node) -> Iterator[Extracted]:
    if isinstance(node, yaml.ScalarNode) and node.value.strip():
        yield node.start_mark.line + 1, None, node.value, []


def _pairs(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    """The keys and values of a mapping; nothing for anything else, which is for lint to tell of."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key.value, value
