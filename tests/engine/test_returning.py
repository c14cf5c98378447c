"""How a person comes back is said once: a code where people dial, a word where they write."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.channels import CHANNELS
from engine.layout import USSD
from engine.template import parse
from tests.engine.walking import ROOMY, Plain, Walker, library

ENGLISH = Plain(
    "en",
    {
        "بگیرید:\n{code}": "dial:\n{code}",
        "«{word}» را بفرستید.": 'send "{word}".',
        "نشد. {again}": "It failed. To try again, {again}",
    },
)

MAIN = """
    flow: main
    title: یک
    opens: {codes: ["*733#", "*720#"], keywords: [منو, سلام, hello]}
    start: home
    states:
      home: {ask: خانه, save: x, go: bye}
      bye: {end: "نشد. {again}"}
"""

FOLLOW = """
    flow: follow
    title: دو
    opens: {codes: ["*733*3#", "*720*3#"], keywords: [پیگیری, track]}
    start: home
    states:
      home: {ask: خانه, save: x, go: bye}
      bye: {end: "پیگیری:\\n{way}\\nشروع:\\n{way:main}\\nبعداً {again:main}"}
"""

SILENT = """
    flow: silent
    title: سه
    start: home
    states:
      home: {ask: خانه, save: x, go: bye}
      bye: {end: "نشد. {again}"}
"""

FLOWS = library(MAIN, FOLLOW, SILENT)
CHAT = CHANNELS["telegram"]


def last(word: str, code: str = "*733#", **how: object) -> str:
    """The last words of the flow that a word or code opens."""
    person = Walker(FLOWS, languages={"fa": Plain(), "en": ENGLISH}, **how)  # type: ignore[arg-type]
    person.session.code = code
    person.dial(word)
    return person.say("پاسخ")


def test_where_people_dial() -> None:
    assert last("*733#", layout=ROOMY) == "نشد. بگیرید:\n*733#"
    assert last("*733*3#", layout=ROOMY) == "پیگیری:\n*733*3#\nشروع:\n*733#\nبعداً بگیرید:\n*733#"


def test_a_flow_with_several_codes_tells_the_one_of_this_dialog() -> None:
    assert last("*720#", "*720#", layout=ROOMY) == "نشد. بگیرید:\n*720#"
    assert last("*720*3#", "*720#", layout=ROOMY).startswith("پیگیری:\n*720*3#\nشروع:\n*720#")
    assert last("*733#", "*999#", layout=ROOMY) == "نشد. بگیرید:\n*733#"


@pytest.mark.parametrize("channel", ["telegram", "bale", "webchat", "sms"])
def test_where_people_write(channel: str) -> None:
    layout = CHANNELS[channel]
    assert last("سلام", "", layout=layout) == "نشد. «منو» را بفرستید."
    shown = "پیگیری:\n«پیگیری» را بفرستید.\nشروع:\n«منو» را بفرستید.\nبعداً «منو» را بفرستید."
    assert last("پیگیری", "", layout=layout) == shown


def test_a_word_in_the_letters_of_the_language() -> None:
    person = Walker(FLOWS, layout=CHAT, languages={"fa": Plain(), "en": ENGLISH})
    person.session.language = "en"
    person.dial("hello")
    assert person.say("x") == 'It failed. To try again, send "hello".'
    person = Walker(FLOWS, layout=ROOMY, languages={"fa": Plain(), "en": ENGLISH})
    person.session.language = "en"
    person.dial("*733#")
    assert person.say("x") == "It failed. To try again, dial:\n*733#"


def test_a_flow_that_nothing_opens_tells_the_way_to_everything() -> None:
    run = library(MAIN.replace("home: {ask: خانه, save: x, go: bye}", "home: {run: silent, go: bye}"), SILENT)
    for layout, shown in ((ROOMY, "نشد. بگیرید:\n*733#"), (CHAT, "نشد. «شروع» را بفرستید.")):
        person = Walker(run, layout=layout)
        person.dial("سلام")
        assert person.say("پاسخ").startswith(shown)


def test_the_engines_own_words_say_it_too() -> None:
    menu = library(
        MAIN.replace(
            "home: {ask: خانه, save: x, go: bye}", "home: {menu: خانه, go: bye, options: [{label: p}]}"
        )
    )
    for layout, shown in ((USSD, "بگیرید:\n*733#"), (CHAT, "«منو» را بفرستید.")):
        person = Walker(menu, layout=layout)
        person.dial("سلام")
        for _time in range(5):
            text = person.say("هیچ")
        assert text.endswith(f"برای شروع دوباره {shown}")
    person = Walker(menu, layout=USSD)
    person.dial("سلام")
    assert person.time_out().endswith("بگیرید:\n*733#")
    person = Walker(menu, layout=replace(CHAT, silent=False))
    person.dial("سلام")
    assert person.time_out().endswith("«منو» را بفرستید.")


def test_a_value_cannot_pretend_to_be_a_way_back() -> None:
    flow = """
        flow: main
        title: یک
        opens: {codes: ["*733#"]}
        start: home
        states:
          home: {ask: خانه, save: again_text, go: bye}
          bye: {end: "{again_text}"}
    """
    person = Walker(library(flow))
    person.dial()
    assert person.say("{again:main}") == "{again:main}"


def test_what_a_translation_must_take() -> None:
    assert parse("{again:main} {x:date}").takes == parse("{x:date} {way:main}").takes
    assert parse("{again:main}").takes != parse("{again:follow}").takes
    assert parse("{again}").takes != parse("").takes
    with pytest.raises(ValueError, match="again"):
        parse("{again:}")
