"""The reader: what flow files say, what is wrong with them, and that no bytes bring it down."""

from __future__ import annotations

import string
from hashlib import sha256
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import checks, conditions, limits, schema, show, template
from engine.compile import compile_flow
from engine.findings import KINDS, MOST, Finding
from engine.lint import errors, lint
from engine.needs import NeedSpec
from engine.reader import Source, read_flow, texts
from engine.shapes import SCALARS

COMPLAINT = (Path(__file__).parent / "data" / "complaint.yaml").read_bytes()
OPEN = NeedSpec(
    "complaints.open",
    "",
    "",
    {"subject": True, "tracking": False, "text": True},
    {"ok": ("number", "deadline"), "too_many": ()},
    writes=True,
)


def read(text: str | bytes) -> tuple[Source | None, list[Finding]]:
    return read_flow(dedent(text).encode() if isinstance(text, str) else text, "x.yaml")


def sound(text: str | bytes) -> Source:
    source, findings = read(text)
    assert source is not None
    assert source.sound
    assert findings == []
    return source


def test_a_flow_is_read_as_plain_data() -> None:
    source = sound(COMPLAINT)
    assert (source.name, source.path) == ("complaint", "x.yaml")
    assert source.version == sha256(COMPLAINT).hexdigest()[:16]
    assert source.text.encode() == COMPLAINT
    assert source.data["opens"] == {"keywords": ["شکایت", "complaint"], "codes": ["*733*2#"]}
    states = source.data["states"]
    assert list(states)[:3] == ["subject", "tracking", "text"]
    assert states["tracking"]["check"] == {"digits": [6, 10]}
    assert states["tracking"]["attempts"] == {"most": 3, "go": "give_up"}
    assert states["text"]["timeout"] == {"after": "90s", "go": "give_up"}
    assert states["file"]["with"] == {"subject": "$subject", "tracking": "$tracking", "text": "$text"}
    assert states["done"]["end"].endswith("پاسخ می‌دهیم.")
    assert compile_flow(source).start == "subject"


def test_places_have_lines() -> None:
    source = sound(COMPLAINT)
    lines = COMPLAINT.decode().split("\n")
    assert "ok: done" in lines[source.line("states", "file", "go", "ok") - 1]
    assert "قطعی" in lines[source.line("states", "subject", "options", 1, "label") - 1]
    assert lines[source.line("states", "text") - 1] == "  text:"
    # The nearest place around it, where there is no such place.
    assert source.line("states", "text", "attempts", "go") == source.line("states", "text")
    assert source.line("nowhere") == source.line() == 1


def test_texts_are_told_with_their_places() -> None:
    found = {place: text for text, place in texts(sound(COMPLAINT))}
    assert found["states", "subject", "options", 0, "label"] == "پیامک ناخواسته"
    assert found["states", "tracking", "invalid"].startswith("شماره پیگیری")
    assert len(found) == 10


def test_only_true_and_false_are_booleans_and_only_numbers_are_numbers() -> None:
    source = sound("""\
        flow: x
        title: yes
        start: on
        states:
          on:
            menu: 12:30
            save: picked
            options:
              - {label: no, value: no}
              - {label: 0912, value: 0912}
              - {label: 1_000, value: 1_000}
              - {label: off, value: 1e3}
              - {label: 0x10, value: 0x10}
              - {label: 2026-11-23, value: 2026-11-23}
              - {label: true, value: true}
              - {label: number, value: -12}
              - {label: fraction, value: 2.5}
              - {label: quoted, value: "12"}
              - {label: long, value: 99999999999999999999}
            go: yes
          yes: {end: }
        """)
    options = source.data["states"]["on"]["options"]
    assert [option["value"] for option in options] == [
        "no", "0912", "1_000", "1e3", "0x10", "2026-11-23", True, -12, 2.5, "12", "99999999999999999999",
    ]  # fmt: skip
    assert [option["label"] for option in options[:2]] == ["no", "0912"]
    assert source.data["title"] == "yes"
    assert source.data["states"]["on"]["menu"] == "12:30"
    assert source.data["states"]["yes"]["end"] == ""


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    marked = b"\xef\xbb\xbf" + COMPLAINT.replace(b"\n", b"\r\n")
    source = sound(marked)
    assert source.text.encode() == marked
    assert source.data == sound(COMPLAINT).data
    assert source.line("states", "file") == sound(COMPLAINT).line("states", "file")


FILES: list[tuple[str, int, str | bytes]] = [
    ("not-utf-8", 2, b"flow: x\ntitle: \xff\xfe"),
    ("not-utf-8", 1, "flow: x".encode("utf-16")),
    ("bad-character", 2, b"flow: x\ntitle: a\x00b"),
    ("bad-character", 1, "flow: x\u2028title: y"),
    ("bad-character", 1, b"flow: x\rtitle: y"),
    ("too-big", 1, b"a" * (limits.FLOW_BYTES + 1)),
    ("too-deep", 1, "{a: " * (limits.YAML_DEPTH + 1)),
    ("not-yaml", 2, "flow: x\ntitle: a: b"),
    ("not-yaml", 2, "flow:\n\tx"),
    ("not-yaml", 1, "opens: {codes: [*733#]}"),
    ("not-yaml", 1, "title: {name} is here"),
    ("not-yaml", 1, "%YAML 9.9\n---\na: b"),
    ("no-flow", 1, ""),
    ("no-flow", 1, "# nothing"),
    ("no-flow", 1, "- flow"),
    ("no-flow", 1, "flow"),
    ("several-documents", 2, "flow: x\n---\nflow: y"),
    ("alias", 1, "flow: &x y"),
    ("alias", 2, "flow: x\ntitle: *flow"),
    ("tag", 1, "flow: !!python/object/apply:os.system [ls]"),
    ("odd-key", 2, "flow: x\n[a, b]: y"),
    ("odd-key", 1, "{{name}: x}"),
]


@pytest.mark.parametrize(("code", "line", "text"), FILES, ids=lambda value: str(value)[:20])
def test_what_is_no_flow_file_is_one_finding(code: str, line: int, text: str | bytes) -> None:
    source, findings = read_flow(text.encode() if isinstance(text, str) else text, "x.yaml")
    assert source is None
    assert [(finding.code, finding.line) for finding in findings] == [(code, line)]


def test_a_code_without_quotes_is_told_what_to_do() -> None:
    _source, [finding] = read("opens: {codes: [*733#]}")
    assert '"*733#"' in finding.en
    assert '"*733#"' in finding.fa


# Code, place, and a state or two with it; `a` is where the flow starts.
SHAPES: list[tuple[str, str, str]] = [
    ("duplicate-key", "", "a: {end: x}\na: {end: y}"),
    ("unknown-key", "states.a.ends", "a: {end: x, ends: y}"),
    ("missing-key", "states.a", "a: {ask: x, save: y}\nb: {end: x}"),
    ("missing-key", "states.a.attempts", "a: {ask: x, save: y, go: a, attempts: {most: 3}}"),
    ("missing-key", "states.a.timeout", "a: {ask: x, save: y, go: a, timeout: {go: a}}"),
    ("wrong-value", "states.a.end", "a: {end: {name}}"),
    ("wrong-value", "states.a.end", "a: {end: [x]}"),
    ("wrong-value", "states.a.go", "a: {say: x, go: A b}"),
    ("wrong-value", "states.a.secret", "a: {ask: x, save: y, secret: yes, go: a}"),
    ("wrong-value", "states.a.timeout.after", "a: {ask: x, save: y, go: a, timeout: {after: 90, go: a}}"),
    ("wrong-value", "states.a.attempts.most", "a: {ask: x, save: y, go: a, attempts: {most: ۳, go: a}}"),
    ("wrong-value", "states.a.attempts.most", "a: {ask: x, save: y, go: a, attempts: {most: 0, go: a}}"),
    ("wrong-value", "states.a.with.b", "a: {call: x.y, with: {b: $B}, go: {ok: a}}"),
    ("wrong-value", "states.a.call", "a: {call: x, go: {ok: a}}"),
    ("wrong-value", "states.a.go", "a: {call: x.y, go: a}"),
    ("wrong-value", "states.a.go.No", "a: {call: x.y, go: {No: a}}"),
    ("wrong-value", "states.a.branch.1.if.B", "a: {branch: [{if: {B: 1}, go: a}, {go: a}]}"),
    ("wrong-value", "states.a.branch.1.if.b.over", "a: {branch: [{if: {b: {over: x}}, go: a}, {go: a}]}"),
    ("wrong-value", "states.a.check.digits", "a: {ask: x, save: y, go: a, check: {digits: [1, 2, 3]}}"),
    ("wrong-value", "states.a.check.mobile", "a: {ask: x, save: y, go: a, check: {mobile: false}}"),
    ("wrong-value", "states.a.check.date", "a: {ask: x, save: y, go: a, check: {date: soon}}"),
    ("wrong-value", "states.1a", "1a: {end: x}"),
    ("empty-value", "states.a.menu", "a: {menu: , options: [{label: x, go: a}]}"),
    ("empty-value", "states.a.options", "a: {menu: x, options: []}"),
    ("empty-value", "states.a.options.1.if", "a: {menu: x, options: [{label: x, if: {}, go: a}]}"),
    ("empty-value", "states.a.options.1.if.x", "a: {menu: x, options: [{label: x, if: {x: {}}, go: a}]}"),
    ("empty-value", "states.a.with.b", "a: {call: x.y, with: {b: null}, go: {ok: a}}"),
    ("empty-value", "states.a", "a: {}"),
    ("empty-value", "states.a", "a:"),
    ("state-kind", "states.a", "a: {go: b}\nb: {end: x}"),
    ("state-kind", "states.a", "a: {menu: x, ask: y}"),
    ("check-kind", "states.a.check", "a: {ask: x, save: y, go: a, check: {digits: 3, length: [1, 2]}}"),
    ("too-many", "states.a.options", f"a: {{menu: x, options: [{'{label: x, go: a}, ' * 61}]}}"),
    ("text-too-long", "states.a.end", f"a: {{end: {'x' * 2001}}}"),
    ("text-too-long", "states.a.options.1.keywords.1",
     f"a: {{menu: x, options: [{{label: x, keywords: [{'x' * 41}], go: a}}]}}"),
    ("reserved-name", "states.a.save", "a: {ask: x, save: caller, go: a}"),
    ("reserved-name", "states.a.save", "a: {ask: x, save: any, go: a}"),
    ("branch-order", "states.a.branch", "a: {branch: [{if: {b: 1}, go: a}]}"),
    ("branch-order", "states.a.branch", "a: {branch: [{go: a}, {go: a}]}"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "place", "states"), SHAPES)
def test_what_does_not_fit_the_format_is_one_finding(code: str, place: str, states: str) -> None:
    head = "flow: x\ntitle: t\nstart: a\nstates:\n  "
    source, findings = read_flow((head + states.replace("\n", "\n  ")).encode(), "x.yaml")
    assert source is not None
    assert not source.sound
    assert [(finding.code, finding.place) for finding in findings] == [(code, place)]
    assert findings[0].line >= 4


def test_a_wrong_top_level_is_told_key_by_key() -> None:
    source, findings = read("""\
        flow: x
        titel: t
        expires: soon
        channels: [ussd, smoke]
        opens: {codes: ["733"], keyword: [a]}
        start: a
        states: {a: {end: x}}
        """)
    assert source is not None
    assert [(finding.line, finding.code, finding.place) for finding in findings] == [
        (1, "missing-key", ""),
        (2, "unknown-key", "titel"),
        (3, "wrong-value", "expires"),
        (4, "wrong-value", "channels.2"),
        (5, "wrong-value", "opens.codes.1"),
        (5, "unknown-key", "opens.keyword"),
    ]
    assert '"title"' in findings[1].en  # The nearest key is suggested.
    assert str(findings[1]) == f"x.yaml:2 error unknown-key (titel): {findings[1].en}"


def test_a_file_without_a_usable_name_is_no_source() -> None:
    for name in ("", "X", "1", "[x]"):
        source, findings = read(f"flow: {name}\ntitle: t\nstart: a\nstates: {{a: {{end: x}}}}")
        assert source is None
        assert findings


def test_findings_of_one_file_are_limited() -> None:
    _source, findings = read("flow: x\n" + "".join(f"key{number}: y\n" for number in range(10_000)))
    assert len(findings) == MOST


def test_every_finding_has_its_words_in_both_languages() -> None:
    def slots(text: str) -> set[str]:
        return {name for _literal, name, _format, _conversion in string.Formatter().parse(text) if name}

    for code, kind in KINDS.items():
        assert slots(kind.fa) == slots(kind.en), code
        assert any("\u0600" <= letter <= "\u06ff" for letter in kind.fa), code
        assert kind.en.isascii() or "…" in kind.en, code


def test_the_schema_says_what_the_engine_does() -> None:
    assert tuple(schema.FORMATS) == template.FORMATS
    assert tuple(schema.BUILT_IN) == show.BUILT_IN
    assert tuple(schema.COMBINING) == conditions.COMBINING
    assert tuple(key.name for key in schema.PLACES["comparison"].keys) == conditions.COMPARISONS
    assert tuple(key.name for key in schema.CHECKS.keys) == checks.KINDS

    def scalars(type: schema.Type) -> set[str]:
        match type:
            case schema.Scalar(name):
                return {name}
            case schema.Listed(of) | schema.Pair(of):
                return scalars(of)
            case schema.Named(keys, values):
                return scalars(keys) | scalars(values)
            case schema.Either(types):
                return set().union(*map(scalars, types))
        return set()

    places = [*schema.PLACES.values(), *schema.TESTS.values()]
    used = set().union(*(scalars(key.type) for place in places for key in place.keys))
    used |= {place.others.name for place in places if place.others is not None}
    assert used == set(SCALARS)


# Fuzz.

WORDS = [
    *(
        "flow",
        "title",
        "start",
        "states",
        "opens",
        "codes",
        "keywords",
        "takes",
        "menu",
        "ask",
        "say",
        "call",
    ),
    *(
        "branch",
        "run",
        "handover",
        "end",
        "options",
        "label",
        "go",
        "if",
        "all",
        "any",
        "none",
        "is",
        "in",
        "set",
    ),
    *(
        "with",
        "save",
        "check",
        "digits",
        "attempts",
        "most",
        "timeout",
        "after",
        "true",
        "null",
        "~",
        "0",
        "1",
    ),
    *(
        "90s",
        "a",
        "b",
        "$a",
        "x.y",
        "شکایت",
        "{name}",
        "{{",
        "{",
        "}",
        "[",
        "]",
        ",",
        "-",
        "'",
        '"',
        "|",
        ">",
    ),
    *("&a", "*a", "!!x", "#", "?", "%", "😀"),
]
PIECES = st.sampled_from([*WORDS, ": ", ":", "\n", "\n  ", "\n    ", "- ", ", ", "\t", "\u200f"])


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_bytes_bring_the_reader_down(data: bytes) -> None:
    source, findings = read_flow(data, "x.yaml")
    assert findings if source is None else True


@given(st.lists(PIECES, max_size=80).map("".join))
@settings(max_examples=400, deadline=None)
def test_no_yaml_brings_the_reader_down(text: str) -> None:
    read_flow(text.encode(), "x.yaml")
    read_flow(b"flow: x\ntitle: t\nstart: a\nstates:\n  a: " + text.encode(), "x.yaml")


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_what_reader_and_lint_let_pass_compiles(data: st.DataObject) -> None:
    text = COMPLAINT.decode()
    for _change in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.sampled_from([0, 0, 1, 5, 30])))
        text = (
            text[:start]
            + data.draw(st.one_of(PIECES, st.just(""), st.sampled_from(text.split())))
            + text[end:]
        )
    source, findings = read_flow(text.encode(), "x.yaml")
    if source is None or not source.sound:
        assert findings
    elif not errors(lint([source], {OPEN.name: OPEN})):
        compile_flow(source)


@pytest.mark.parametrize(
    "piece", ["[", "{", "[a: ", "- ", "? ", "{a,", "a: |\n a\n", "&a ", "'", "\n", "- - a\n", "--- "]
)
def test_hostile_files_end_at_once(piece: str) -> None:
    """Some of these take libyaml two minutes when they are read to their end."""
    _source, findings = read_flow((piece * limits.FLOW_BYTES).encode()[: limits.FLOW_BYTES], "x.yaml")
    assert findings
