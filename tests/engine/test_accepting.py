"""Which answers a state would take; nothing is moved by asking."""

from __future__ import annotations

import pytest

from engine.accepting import accepts
from engine.session import Frame, Session, serialise
from tests.engine.walking import NOW, Plain, library

FLOW = """
flow: main
title: آزمون
start: menu
states:
  menu:
    menu: کدام؟
    options:
      - {label: یک, go: free}
      - {label: دو, keywords: [لغو], go: long}
    invalid: نه.
    attempts: {most: 3, go: over}
  free:
    ask: نام؟
    save: name
    invalid: نه.
    attempts: {most: 3, go: over}
    go: long
  long:
    ask: شرح؟
    save: text
    check: {length: [5, 500]}
    invalid: نه.
    attempts: {most: 3, go: over}
    go: over
  over:
    end: تمام.
"""


@pytest.mark.parametrize(
    ("state", "text", "taken"),
    [
        ("menu", "1", True),
        ("menu", "۲", True),
        ("menu", "دو", True),
        ("menu", "لغو", True),
        ("menu", "11", False),
        ("menu", "0", False),
        ("menu", "منو", False),
        ("menu", "", False),
        ("free", "11", True),
        ("free", " ", False),
        ("free", "ا" * 1_001, False),
        ("long", "11", False),
        ("long", "لغو۱۱", True),
        ("over", "11", False),
    ],
)
def test_what_a_state_takes(state: str, text: str, taken: bool) -> None:
    flow = library(FLOW).live("main")
    session = Session(id=b"s" * 16, language="fa", frames=[Frame("main", flow.version, state)])
    before = serialise(session)
    assert accepts(session, flow.states[state], text, Plain(), NOW) is taken
    assert serialise(session) == before
