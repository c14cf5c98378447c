"""Texts with placeholders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.session import Value
from engine.template import FORMATS, parse


class Plain:
    """A language that shows a value and the format it was asked for."""

    code = "xx"

    def translate(self, text: str) -> str:
        return text

    def format(self, value: Value, kind: str) -> str:
        return f"{value}" if not kind else f"{kind}({value})"


PLAIN = Plain()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("سلام", "سلام"),
        ("", ""),
        ("شماره {number} تا {deadline:date}.", "شماره 4821 تا date(2026-11-23)."),
        ("{number}{number}", "48214821"),
        ("{{number}}", "{number}"),
        ("{{{number}}}", "{4821}"),
        ("{missing}", ""),
        ("{nothing:date}", ""),
        ("{zero:number} {no}", "number(0) False"),
    ],
)
def test_rendering(text: str, shown: str) -> None:
    values: dict[str, Value] = {
        "number": "4821",
        "deadline": "2026-11-23",
        "nothing": None,
        "zero": 0,
        "no": False,
    }
    assert parse(text).render(values, PLAIN) == shown


def test_names() -> None:
    assert parse("{a} {{b}} {c_1:toman} {a:date}").names == (("a", ""), ("c_1", "toman"), ("a", "date"))
    assert parse("سلام").names == ()


@pytest.mark.parametrize("kind", FORMATS)
def test_formats(kind: str) -> None:
    assert parse(f"{{x:{kind}}}").names == (("x", kind),)


@pytest.mark.parametrize(
    "text",
    ["{", "}", "a { b", "a } b", "{}", "{ a }", "{A}", "{1a}", "{a:}", "{a:wide}", "{a!r}", "{a.b}", "{a[0]}",
     "{نام}", "{a{b}}", "{{a}", "{a}}"],
)  # fmt: skip
def test_bad_syntax_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"[{}`]"):
        parse(text)


@given(st.text())
def test_any_text_is_a_template_or_is_refused(text: str) -> None:
    try:
        template = parse(text)
    except ValueError:
        assert "{" in text or "}" in text
        return
    assert template.names or template.render({}, PLAIN) == text.replace("{{", "{").replace("}}", "}")


@given(st.text())
def test_a_value_is_never_a_placeholder_and_has_no_controls(value: str) -> None:
    shown = parse("{a}|{b}").render({"a": value + "{b}", "b": "B"}, PLAIN)
    assert shown.endswith("{b}|B")
    assert not any(character < " " or "\x7f" <= character < "\xa0" for character in shown)


def test_what_a_value_loses() -> None:
    shown = parse("{a}").render({"a": "one\r\ntwo\tthree\x00\u202e\u2067\ud800 می‌خواهم 👨‍👩‍👧"}, PLAIN)
    assert shown == "one two three می‌خواهم 👨‍👩‍👧"
