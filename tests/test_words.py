"""The program's own words, in each language as shipped: each is translated and fits one page of a phone.

(What flows say is lint's affair: there a long text is split.)
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from composition.house import LOCALES
from conversation import fallback
from engine import words
from engine.alphabet import Size, size
from engine.checks import KINDS, compile_check
from engine.layout import USSD
from engine.session import Value
from languages import Language, Languages
from records.vault import Vault
from services import notices
from tests.running import ROOT

LANGUAGES = Languages.load(LOCALES)
SPOKEN = sorted(LANGUAGES)

# The checks whose explanations are the longest; ``choice`` names its choices, which the flow's author bounds.
WIDEST: Mapping[str, tuple[Any, ...]] = {
    "digits": (64, [10, 64]),
    "length": ([100, 1000],),
    "pattern": ("[0-9]+",),
    "mobile": (True,),
    "national_id": (True,),
    "number": ([-1_000_000_000, 1_000_000_000],),
    "date": (True, "past", "future", ["1300/01/01", "1500/12/29"]),
    "choice": (["بله", "خیر"],),
    "email": (True,),
    "file": (True, ["image"], ["audio"], ["document"], ["image", "document"]),
}
EXPLAINED = [{kind: parameters} for kind, widest in WIDEST.items() for parameters in widest]

NOTICE: Mapping[str, Value] = {
    "code": "048213",
    "number": "48219036",
    "into": "12345674",
    "deadline": datetime(2026, 11, 25, 12, 30, tzinfo=UTC),
    "answer": "خط شما وصل شد.",
}


def constants(module: Any) -> dict[str, str]:
    """The texts of a module that are marked for the catalogues, by name."""
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    return {
        target.id: getattr(module, target.id)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if isinstance(node.value.func, ast.Name) and node.value.func.id == "_"
        for target in node.targets
        if isinstance(target, ast.Name)
    }


PAGES = [*constants(words).values(), *constants(fallback).values()]


def fits(shown: Size) -> bool:
    most = USSD.septets if shown.alphabet == "gsm7" else USSD.units
    return most is not None and 0 < shown.cost <= most


def test_all_words_are_looked_at() -> None:
    assert len(constants(fallback)) == 4
    assert len(PAGES) >= 13
    assert set(WIDEST) == set(KINDS)
    assert {"fa", "en"} <= set(SPOKEN)
    marked = {
        str(path.relative_to(ROOT))
        for folder in ("engine", "conversation", "services", "ussd", "dispatch", "web")
        for path in (ROOT / folder).rglob("*.py")
        if " = _(" in path.read_text("utf-8")
    }
    # What is said on chats and by pushes alone, where a page is of any length, and names that flows put into
    # their own screens, whose length lint looks at.
    chats = {"services/handover_posts.py", "services/reminding.py", "conversation/needs/addresses.py"}
    assert marked == chats | {
        "engine/words.py",
        "engine/checks.py",
        "engine/files.py",
        "conversation/fallback.py",
        "services/notices.py",
    }


@pytest.mark.parametrize("code", SPOKEN)
@pytest.mark.parametrize("text", PAGES)
def test_a_word_fits_one_page(text: str, code: str) -> None:
    shown = LANGUAGES[code].translate(text)
    assert fits(size(shown)), shown
    assert code == "fa" or shown != text, "it is not translated"


@pytest.mark.parametrize("code", SPOKEN)
@pytest.mark.parametrize("spec", EXPLAINED, ids=str)
def test_what_a_check_explains_fits_one_page(spec: dict[str, Any], code: str) -> None:
    check, language = compile_check(spec), LANGUAGES[code]
    shown = check.explain(language)
    assert fits(size(shown)), shown
    assert "{" not in shown
    assert code == "fa" or language.translate(check.message) != check.message, "it is not translated"


def test_english_is_in_the_alphabet_that_carries_the_most() -> None:
    english = LANGUAGES["en"]
    for text in chain(PAGES, constants(notices).values()):
        assert size(english.translate(text)).alphabet == "gsm7", english.translate(text)


@pytest.mark.parametrize("code", SPOKEN)
@pytest.mark.parametrize("name", constants(notices))
def test_a_notice_is_few_parts(vault: Vault, name: str, code: str) -> None:
    """A code goes in one part, so that no half of it comes late; any other notice in two at the most."""
    language: Language = LANGUAGES[code]
    text = constants(notices)[name]
    writer = notices.Notices(vault=vault, languages={code: language}, dial="*733#")
    if name == "CODE_SMS":
        shown = writer.code_sms(code, "048213", "chapar.example.ir")
        parts = 1
    else:
        shown = writer.words(code, text, NOTICE)
        parts = 2
    whole, part = {"gsm7": (160, 153), "ucs2": (70, 67)}[size(shown).alphabet]
    if name != "CODE_VOICE":
        assert size(shown).cost <= (whole if parts == 1 else part * parts), shown
    assert "{" not in shown
    assert code == "fa" or language.translate(text) != text, "it is not translated"
