"""How a person comes back: what to dial where people dial, the word to send where they write.

A flow says it once for all channels. ``{again}`` ends a sentence: "dial:" and the code on a line of its own,
or "send" and the word. ``{way}`` stands alone on a line, after a colon: the code, or "send" and the word.
Both name the flow that speaks; with another's name, ``{again:follow}``, that one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.compile import segments
from engine.layout import Layout
from engine.library import Library
from engine.session import Session
from engine.turn import Language
from engine.words import DIAL, SEND

AGAIN = "again"

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


def told(name: str, session: Session, language: Language, library: Library, layout: Layout) -> str:
    """What the placeholder of this name says; ``name`` is ``again``, ``way``, or one of them, a colon and the
    name of a flow."""
    built_in, _, named = name.partition(":")
    flow = library.find(named or session.frames[-1].flow)
    if layout.again:
        return send(word_of(flow.words if flow is not None else (), language) or layout.again, language)
    code = code_of(flow.codes if flow is not None else (), session.code) or session.code
    return dial(code, language) if built_in == AGAIN else code


def send(word: str, language: Language) -> str:
    """Where people write."""
    return language.translate(SEND).replace("{word}", word)


def dial(code: str, language: Language) -> str:
    """Where they dial, as the end of a sentence."""
    return language.translate(DIAL).replace("{code}", code)


def word_of(words: Sequence[str], language: Language) -> str:
    """The first of a flow's words in the letters of the language, else its first; "" when it has none."""
    rtl = _RIGHT_TO_LEFT.search(language.translate(SEND)) is not None
    fitting = (word for word in words if (_RIGHT_TO_LEFT.search(word) is not None) is rtl)
    return next(fitting, words[0] if words else "")


def code_of(codes: Sequence[tuple[str, ...]], dialled: str) -> str:
    """A flow's code that begins as the one that was dialled, else its first; "" when it has none."""
    base = segments(dialled)[:1]
    code = next((code for code in codes if code[:1] == base), codes[0] if codes else ())
    return f"*{'*'.join(code)}#" if code else ""
