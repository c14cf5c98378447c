"""Lint: each finding has the smallest flow that has it and its nearest neighbour that does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import indent

import pytest

from engine.compile import compile_flow
from engine.findings import KINDS, Finding
from engine.layout import USSD, Layout
from engine.limits import RUN_DEPTH
from engine.lint import Catalogue, errors, lint
from engine.needs import NeedSpec
from engine.reader import Source, read_flow
from tests.engine.test_reader import COMPLAINT, FILES, OPEN, SHAPES
from tests.engine.walking import Plain

FIND = NeedSpec(
    "find.it", "", "", {"number": True, "hint": False}, {"ok": ("status", "answer"), "unknown": ()}
)
HANDOVER = NeedSpec("handover.request", "", "", {"topic": True}, {"accepted": ()})
NEEDS = {spec.name: spec for spec in (OPEN, FIND, HANDOVER)}


def flow(states: str, name: str = "x", head: str = "") -> Source:
    """A flow of these states that starts in ``a``."""
    text = f"flow: {name}\ntitle: t\nstart: a\n{head}states:\n{indent(states.strip(), '  ')}\n"
    source, findings = read_flow(text.encode(), f"{name}.yaml")
    assert source is not None
    assert source.sound, findings
    return source


def found(*sources: Source, **surroundings: object) -> list[tuple[str, str, str]]:
    """(file, code, place) of each finding."""
    return [(each.file, each.code, each.place) for each in findings_of(*sources, **surroundings)]


def findings_of(*sources: Source, **surroundings: object) -> list[Finding]:
    return lint(sources, NEEDS, **surroundings)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """``bad`` has the finding at ``place`` and no other; ``good`` is much the same and has none."""

    code: str
    place: str
    bad: str
    good: str
    head: str = ""
    good_head: str | None = None


CASES = [
    # The way through the states.
    Case("unknown-state", "states.a.go", "a: {say: x, go: bb}\nb: {end: y}",
         "a: {say: x, go: b}\nb: {end: y}"),
    Case(
        "unknown-state",
        "states.a.options.2.go",
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: c}]}\nb: {end: y}",
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: b}]}\nb: {end: y}",
    ),
    Case(
        "unknown-state",
        "states.a.attempts.go",
        "a: {menu: x, options: [{label: p, go: b}], attempts: {most: 3, go: c}}\nb: {end: y}",
        "a: {menu: x, options: [{label: p, go: b}], attempts: {most: 3, go: b}}\nb: {end: y}",
    ),
    Case(
        "unreachable-state",
        "states.c",
        "a: {say: x, go: b}\nb: {end: y}\nc: {say: z, go: b}",
        "a: {say: x, go: c}\nb: {end: y}\nc: {say: z, go: b}",
    ),
    Case(
        "no-way-to-end",
        "states.b",
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: c}]}\n"
        "b: {menu: x, options: [{label: p, go: d}]}\nc: {end: y}\nd: {menu: x, options: [{label: p, go: b}]}",
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: c}]}\n"
        "b: {menu: x, options: [{label: p, go: d}]}\nc: {end: y}\n"
        "d: {menu: x, options: [{label: p, go: b}], timeout: {after: 9s, go: c}}",
    ),
    Case(
        "loop-without-wait",
        "states.b",
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: d}]}\n"
        "b: {say: x, go: c}\nc: {branch: [{if: {verified: true}, go: b}, {go: d}]}\nd: {end: y}",
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: d}]}\n"
        "b: {say: x, go: c}\nc: {branch: [{if: {verified: true}, go: a}, {go: d}]}\nd: {end: y}",
    ),
    Case(
        "loop-without-wait",
        "states.a",
        "a: {call: find.it, with: {number: 1}, go: {ok: b, else: a}}\nb: {end: y}",
        "a: {call: find.it, with: {number: 1}, go: {ok: b, else: c}}\n"
        "b: {end: y}\nc: {menu: x, options: [{label: p, go: a}]}",
    ),
    Case(
        "option-without-go",
        "states.a.options.2",
        "a: {menu: x, options: [{label: p, go: b}, {label: q}]}\nb: {end: y}",
        "a: {menu: x, go: b, options: [{label: p, go: b}, {label: q}]}\nb: {end: y}",
    ),
    Case(
        "files-without-key",
        "states.a.files",
        "a: {menu: x, options: [{label: p, go: c}], files: [image], save: v}\nb: {end: '{v}'}\nc: {end: y}",
        "a: {menu: x, options: [{label: p, go: c}], files: [image], save: v, go: b}\nb: {end: '{v}'}\n"
        "c: {end: y}",
    ),
    Case(
        "unset-variable",
        "states.b.end",
        "a: {menu: x, options: [{label: p, go: b}], files: [image], save: v, go: b}\nb: {end: '{v}'}",
        "a: {menu: x, options: [{label: p, go: c}], files: [image], save: v, go: b}\nb: {end: '{v}'}\n"
        "c: {end: y}",
    ),
    # Variables.
    Case(
        "unknown-variable",
        "states.b.end",
        "a: {ask: x, save: city, go: b}\nb: {end: 'y {city} {caller} {cit}'}",
        "a: {ask: x, save: city, go: b}\nb: {end: 'y {city} {caller} {city}'}",
    ),
    Case(
        "unknown-variable",
        "states.b.branch.1.if.any.2.cty",
        "a: {ask: x, save: city, go: b}\n"
        "b: {branch: [{if: {any: [{city: y}, {cty: {set: true}}]}, go: c}, {go: c}]}\n"
        "c: {end: y}",
        "a: {ask: x, save: city, go: b}\n"
        "b: {branch: [{if: {any: [{city: y}, {city: {set: true}}]}, go: c}, {go: c}]}\n"
        "c: {end: y}",
    ),
    Case(
        "unset-variable",
        "states.c.end",
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: c}]}\n"
        "b: {ask: x, save: city, go: c}\nc: {end: 'y {city}'}",
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: d}]}\n"
        "b: {ask: x, save: city, go: c}\nc: {end: 'y {city}'}\nd: {end: y}",
    ),
    Case(  # Giving up, or being too slow, is a way without the answer.
        "unset-variable",
        "states.b.end",
        "a: {ask: x, save: city, go: b, attempts: {most: 3, go: b}}\nb: {end: 'y {city}'}",
        "a: {ask: x, save: city, go: b, attempts: {most: 3, go: c}}\nb: {end: 'y {city}'}\nc: {end: y}",
    ),
    Case(  # What an outcome brings is there after that outcome alone.
        "unset-variable",
        "states.b.end",
        "a: {call: find.it, with: {number: 1}, go: {ok: b, unknown: b, else: c}}\n"
        "b: {end: 'y {status}'}\nc: {end: y}",
        "a: {call: find.it, with: {number: 1}, go: {ok: b, unknown: c, else: c}}\n"
        "b: {end: 'y {status}'}\nc: {end: y}",
    ),
    Case(
        "unset-variable",
        "states.b.with.number",
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: d}]}\n"
        "b: {call: find.it, with: {number: $n}, go: {else: c}}\n"
        "c: {end: y}\nd: {ask: x, save: n, go: b}",
        # An optional argument may go without.
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: d}]}\n"
        "b: {call: find.it, with: {number: 1, hint: $n}, go: {else: c}}\n"
        "c: {end: y}\nd: {ask: x, save: n, go: b}",
    ),
    Case(
        "unset-variable",
        "states.c.branch.1.if.city",
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: c}]}\n"
        "b: {ask: x, save: city, go: c}\nc: {branch: [{if: {city: y}, go: d}, {go: d}]}\nd: {end: y}",
        # A condition may ask whether it is set, and what follows knows the answer.
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: c}]}\n"
        "b: {ask: x, save: city, go: c}\n"
        "c: {branch: [{if: {city: {set: false}}, go: e}, {if: {city: y}, go: d}, {go: d}]}\n"
        "d: {end: 'y {city}'}\ne: {end: y}",
    ),
    Case(
        "unset-variable",
        "states.c.options.1.label",
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: c}]}\n"
        "b: {ask: x, save: city, check: {length: [1, 9]}, go: c}\n"
        "c: {menu: x, options: [{label: 'in {city}', go: d}]}\nd: {end: y}",
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: c}]}\n"
        "b: {ask: x, save: city, check: {length: [1, 9]}, go: c}\n"
        "c: {menu: x, options: [{label: 'in {city}', if: {city: {set: true}}, go: d}, {label: q, go: e}]}\n"
        "d: {end: 'y {city}'}\ne: {end: y}",
    ),
    Case("unused-save", "states.a.save", "a: {ask: x, save: city, go: b}\nb: {end: y}",
         "a: {ask: x, save: city, go: b}\nb: {end: 'y {city}'}"),
    Case("bad-placeholder", "states.a.end", "a: {end: 'y {Caller}'}", "a: {end: 'y {{Caller}} {caller}'}"),
    Case("bad-placeholder", "states.a.end", "a: {end: 'y } {caller}'}", "a: {end: 'y }} {caller}'}"),
    Case("unknown-format", "states.a.end", "a: {end: 'y {caller:fone}'}", "a: {end: 'y {caller:phone}'}"),
    # Needs.
    Case(
        "unknown-need",
        "states.a.call",
        "a: {call: find.them, with: {number: 1}, go: {ok: b, else: b}}\nb: {end: 'y {status}'}",
        "a: {call: find.it, with: {number: 1}, go: {ok: b, else: c}}\n"
        "b: {end: 'y {status}'}\nc: {end: y}",
    ),
    Case(
        "unknown-argument",
        "states.a.with.nummer",
        "a: {call: find.it, with: {number: 1, nummer: 1}, go: {else: b}}\nb: {end: y}",
        "a: {call: find.it, with: {number: 1, hint: 1}, go: {else: b}}\nb: {end: y}",
    ),
    Case(
        "missing-argument",
        "states.a.with",
        "a: {call: find.it, with: {hint: 1}, go: {else: b}}\nb: {end: y}",
        "a: {call: find.it, with: {number: 1}, go: {else: b}}\nb: {end: y}",
    ),
    Case(
        "missing-outcome",
        "states.a.go",
        "a: {call: find.it, with: {number: 1}, go: {ok: b, unknown: b, failed: b}}\nb: {end: y}",
        "a: {call: find.it, with: {number: 1}, go: {ok: b, unknown: b, failed: b, slow: b}}\nb: {end: y}",
    ),
    Case(
        "missing-outcome",
        "states.a.go",
        "a: {handover: x, topic: t, go: {failed: b}}\nb: {end: y}",
        "a: {handover: x, topic: t, go: {failed: b, else: b}}\nb: {end: y}",
    ),
    Case(
        "unknown-outcome",
        "states.a.go.unknwon",
        "a: {call: find.it, with: {number: 1}, go: {unknwon: b, else: b}}\nb: {end: y}",
        "a: {call: find.it, with: {number: 1}, go: {unknown: b, else: b}}\nb: {end: y}",
    ),
    # Other flows.
    Case("unknown-flow", "states.a.run", "a: {run: z, go: b}\nb: {end: y}",
         "a: {say: z, go: b}\nb: {end: y}"),
    Case("run-recursion", "states.a.run", "a: {run: x, go: b}\nb: {end: y}",
         "a: {say: x, go: b}\nb: {end: y}"),
    Case("opens-and-takes", "takes", "a: {end: 'y {n}'}", "a: {end: 'y {n}'}",
         "takes: [n]\nopens: {keywords: [w]}\n", "takes: [n]\n"),
    # Menus and answers.
    Case(
        "duplicate-option",
        "states.a.options.2.label",
        "a: {menu: x, go: b, options: [{label: کیفیت}, {label: كيفيت}]}\nb: {end: y}",
        "a: {menu: x, go: b, options: [{label: کیفیت}, {label: کمیت}]}\nb: {end: y}",
    ),
    Case(
        "duplicate-option",
        "states.a.options.2.keywords.1",
        "a: {menu: x, go: b, options: [{label: p, keywords: [P, r]}, {label: q, keywords: [R]}]}\n"
        "b: {end: y}",
        "a: {menu: x, go: b, options: [{label: p, keywords: [P, r]}, {label: q, keywords: [s]}]}\n"
        "b: {end: y}",
    ),
    Case(  # The second option's number chooses it already.
        "duplicate-option",
        "states.a.options.1.keywords.1",
        "a: {menu: x, go: b, options: [{label: p, keywords: ['۲']}, {label: q}]}\nb: {end: y}",
        "a: {menu: x, go: b, options: [{label: p, keywords: ['۳']}, {label: q}]}\nb: {end: y}",
    ),
    Case(
        "duplicate-value",
        "states.a.options.2.value",
        "a: {menu: x, save: v, go: b, options: [{label: p, value: 1}, {label: q, value: 1}]}\n"
        "b: {end: 'y {v}'}",
        "a: {menu: x, save: v, go: b, options: [{label: p, value: 1}, {label: q, value: '1'}]}\n"
        "b: {end: 'y {v}'}",
    ),
    Case(
        "navigation-word",
        "states.a.options.1.keywords.1",
        "a: {menu: x, go: b, options: [{label: p, keywords: ['98']}]}\nb: {end: y}",
        "a: {menu: x, go: b, options: [{label: p, keywords: ['97']}]}\nb: {end: y}",
    ),
    Case("navigation-word", "opens.keywords.1", "a: {end: y}", "a: {end: y}",
         "opens: {keywords: ['۰۰']}\n", "opens: {keywords: ['۰۰۰']}\n"),
    Case(
        "navigation-answer",
        "states.a.check.choice",
        "a: {ask: x, save: v, check: {choice: ['0', '1']}, go: b}\nb: {end: 'y {v}'}",
        "a: {ask: x, save: v, check: {choice: ['2', '1']}, go: b}\nb: {end: 'y {v}'}",
    ),
    Case(
        "navigation-answer",
        "states.a.check.number",
        "a: {ask: x, save: v, check: {number: [0, 10]}, go: b}\nb: {end: 'y {v}'}",
        "a: {ask: x, save: v, check: {number: [1, 10]}, go: b}\nb: {end: 'y {v}'}",
    ),
    Case(
        "label-begins-with-digit",
        "states.a.options.1.label",
        "a: {menu: x, go: b, options: [{label: ۱۰ روز}]}\nb: {end: y}",
        "a: {menu: x, go: b, options: [{label: روز ۱۰}]}\nb: {end: y}",
    ),
    Case("code-in-line", "states.a.end", "a: {end: 'برای شروع *733# را بگیرید'}",
         'a: {end: "برای شروع بگیرید:\\n*733#"}'),
    Case(
        "bad-check",
        "states.a.check.length",
        "a: {ask: x, save: v, check: {length: [5, 2]}, go: b}\nb: {end: 'y {v}'}",
        "a: {ask: x, save: v, check: {length: [2, 5]}, go: b}\nb: {end: 'y {v}'}",
    ),
    Case(
        "bad-check",
        "states.a.check.date",
        "a: {ask: x, save: v, check: {date: [1400/12/30, 1405/01/01]}, go: b}\nb: {end: 'y {v}'}",
        "a: {ask: x, save: v, check: {date: [1399/12/30, 1405/01/01]}, go: b}\nb: {end: 'y {v}'}",
    ),
    Case(
        "bad-check",
        "states.a.check.choice",
        "a: {ask: x, save: v, check: {choice: [کیفیت, كيفيت]}, go: b}\nb: {end: 'y {v}'}",
        "a: {ask: x, save: v, check: {choice: [کیفیت, کمیت]}, go: b}\nb: {end: 'y {v}'}",
    ),
    Case(
        "bad-check",
        "states.a.check.file",
        "a: {ask: x, save: v, check: {file: [image, image]}, go: b}\nb: {end: 'y {v}'}",
        "a: {ask: x, save: v, check: {file: [image, audio]}, go: b}\nb: {end: 'y {v}'}",
        "channels: [telegram]\n",
    ),
    Case(
        "bad-pattern",
        "states.a.check.pattern",
        "a: {ask: x, save: v, check: {pattern: '(a)\\1'}, go: b}\nb: {end: 'y {v}'}",
        "a: {ask: x, save: v, check: {pattern: '(a)1'}, go: b}\nb: {end: 'y {v}'}",
    ),
    # Screens.
    Case(
        "screen-does-not-fit",
        "states.a.menu",
        f"a: {{menu: {'ن' * 70}, go: b, options: [{{label: p}}]}}\nb: {{end: {'ن' * 70}}}",
        f"a: {{menu: {'ن' * 45} {'ن' * 45}, go: b, options: [{{label: p}}]}}\nb: {{end: {'ن' * 70}}}",
    ),
    Case(
        "screen-does-not-fit",
        "states.a.options.2.label",
        f"a: {{menu: x, go: b, options: [{{label: p}}, {{label: {'گزینه ' * 12}}}]}}\nb: {{end: y}}",
        f"a: {{menu: x, go: b, options: [{{label: p}}, {{label: {'گزینه ' * 6}}}]}}\nb: {{end: y}}",
    ),
    Case(  # Two answers of a thousand letters each do not fit in forty pages.
        "screen-does-not-fit",
        "states.b.ask",
        "a: {ask: x, save: v, go: b}\nb: {ask: 'y {v} {v} {v}', save: w, go: c}\nc: {end: 'z {w:digits}'}",
        "a: {ask: x, save: v, check: {length: [1, 500]}, go: b}\n"
        "b: {ask: 'y {v} {v} {v}', save: w, go: c}\nc: {end: 'z {w:digits}'}",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.place}")
def test_each_finding_and_its_neighbour(case: Case) -> None:
    assert found(flow(case.bad, head=case.head)) == [("x.yaml", case.code, case.place)]
    good = flow(case.good, head=case.head if case.good_head is None else case.good_head)
    assert found(good) == []
    compile_flow(good)


def test_a_finding_says_where_and_what_to_do() -> None:
    [finding] = findings_of(flow("a: {say: x, go: bb}\nb: {end: y}"))
    assert str(finding) == (
        'x.yaml:5 error unknown-state (states.a.go): There is no state "bb" in this flow. Perhaps "b"?'
    )
    assert finding.fa == "حالت «bb» در این جریان نیست. شاید «b»؟"
    assert errors([finding]) == [finding]


def test_an_unset_variable_is_shown_with_a_way_that_leaves_it_out() -> None:
    states = "a: {menu: x, options: [{label: p, go: b}, {label: q, go: d}]}\n"
    [finding] = findings_of(
        flow(states + "b: {ask: x, save: city, go: c}\nc: {end: 'y {city}'}\nd: {say: x, go: c}")
    )
    assert "a → d → c" in finding.en
    assert "{city: {set: true}}" in finding.en


def test_the_first_state_must_be_there() -> None:
    source, _findings = read_flow(b"flow: x\ntitle: t\nstart: b\nstates: {a: {end: y}}", "x.yaml")
    assert source is not None
    assert found(source) == [("x.yaml", "unknown-state", "start")]


def test_a_handover_is_a_need_too() -> None:
    source = flow("a: {handover: x, topic: t, go: {else: b}}\nb: {end: y}")
    assert found(source) == []
    assert [finding.code for finding in lint([source], {})] == ["unknown-need"]


def test_several_loops_are_told_once_each() -> None:
    states = (
        "a: {branch: [{if: {verified: true}, go: b}, {if: {channel: ussd}, go: d}, {go: f}]}\n"
        "b: {say: x, go: c}\nc: {branch: [{if: {verified: true}, go: b}, {go: f}]}\n"
        "d: {say: x, go: e}\ne: {branch: [{if: {verified: true}, go: d}, {go: f}]}\nf: {end: y}"
    )
    assert found(flow(states)) == [
        ("x.yaml", "loop-without-wait", "states.b"),
        ("x.yaml", "loop-without-wait", "states.d"),
    ]


# Several flows.


def test_what_a_flow_sets_before_it_ends_reaches_the_one_that_ran_it() -> None:
    run = "a: {run: sub, save: {mine: theirs}, go: {done: b, stopped: c}}\nb: {end: 'y {mine}'}\nc: {end: y}"
    sub = (
        "a: {menu: x, options: [{label: p, go: b}, {label: q, go: d}]}\n"
        "b: {ask: x, save: theirs, go: c}\nc: {end: ''}\nd: {end: '', outcome: stopped}"
    )
    assert found(flow(run), flow(sub, "sub")) == []
    # With the outcome that it is not set for it cannot be read.
    other = run.replace("{done: b, stopped: c}", "{done: c, stopped: b}")
    assert found(flow(other), flow(sub, "sub")) == [("x.yaml", "unset-variable", "states.b.end")]
    # Nor when it is not set on every way to that end.
    shorter = sub.replace("{label: q, go: d}", "{label: q, go: c}, {label: r, go: d}")
    assert found(flow(run), flow(shorter, "sub")) == [("x.yaml", "unset-variable", "states.b.end")]
    named = run.replace("mine: theirs", "mine: thiers")
    assert found(flow(named), flow(sub, "sub")) == [
        ("x.yaml", "unknown-run-variable", "states.a.save.mine"),
        ("x.yaml", "unset-variable", "states.b.end"),
        ("sub.yaml", "unused-save", "states.b.save"),
    ]


def test_a_run_gives_what_the_flow_takes_and_has_a_way_for_each_of_its_ends() -> None:
    sub = flow(
        "a: {branch: [{if: {n: 1}, go: b}, {go: c}]}\nb: {end: x}\nc: {end: x, outcome: many}",
        "sub",
        "takes: [n]\n",
    )
    ends = "b: {end: y}"
    assert found(flow(f"a: {{run: sub, with: {{n: 1}}, go: b}}\n{ends}"), sub) == []
    assert found(flow(f"a: {{run: sub, with: {{n: 1}}, go: {{many: b, else: b}}}}\n{ends}"), sub) == []
    assert found(flow(f"a: {{run: sub, go: b}}\n{ends}"), sub) == [
        ("x.yaml", "missing-argument", "states.a.with")
    ]
    assert found(flow(f"a: {{run: sub, with: {{n: 1, m: 1}}, go: b}}\n{ends}"), sub) == [
        ("x.yaml", "unknown-argument", "states.a.with.m")
    ]
    assert found(flow(f"a: {{run: sub, with: {{n: 1}}, go: {{done: b}}}}\n{ends}"), sub) == [
        ("x.yaml", "missing-outcome", "states.a.go")
    ]
    assert found(flow(f"a: {{run: sub, with: {{n: 1}}, go: {{done: b, many: b, few: b}}}}\n{ends}"), sub) == [
        ("x.yaml", "unknown-outcome", "states.a.go.few")
    ]


def test_a_circle_through_a_flow_that_asks_is_no_loop() -> None:
    again = "a: {run: sub, go: {done: b, again: a}}\nb: {end: y}"
    ends = "b: {end: ''}\nc: {end: '', outcome: again}"
    asks = f"a: {{menu: x, options: [{{label: p, go: b}}, {{label: q, go: c}}]}}\n{ends}"
    assert found(flow(again), flow(asks, "sub")) == []
    silent = f"a: {{branch: [{{if: {{verified: true}}, go: b}}, {{go: c}}]}}\n{ends}"
    assert found(flow(again), flow(silent, "sub")) == [("x.yaml", "loop-without-wait", "states.a")]


def test_flows_that_run_one_another_in_a_circle() -> None:
    one = flow("a: {run: two, go: b}\nb: {end: y}", "one")
    two = flow("a: {run: three, go: b}\nb: {end: y}", "two")
    three = flow("a: {run: one, go: b}\nb: {end: y}", "three")
    [finding] = findings_of(three, two, one)
    assert (finding.file, finding.code) == ("one.yaml", "run-recursion")
    assert "one → two → three → one" in finding.en


def test_a_chain_of_runs_is_as_long_as_the_engine_allows() -> None:
    def chain(length: int) -> list[Source]:
        last = flow("a: {end: y}", f"flow{length}")
        links = [flow(f"a: {{run: flow{n + 1}, go: b}}\nb: {{end: y}}", f"flow{n}") for n in range(1, length)]
        return [*links, last]

    assert found(*chain(RUN_DEPTH)) == []
    assert found(*chain(RUN_DEPTH + 1)) == [("flow1.yaml", "run-too-deep", "states.a.run")]
    # Of a longer chain only the part that is too long is told.
    assert found(*chain(RUN_DEPTH + 3)) == [("flow3.yaml", "run-too-deep", "states.a.run")]


def test_words_and_codes_open_one_flow_each() -> None:
    one = flow("a: {end: y}", "one", 'opens: {keywords: [پیگیری], codes: ["*733#", "*733*2#"]}\n')
    two = flow("a: {end: y}", "two", 'opens: {keywords: [پی‌گیری], codes: ["*733*2#"]}\n')
    assert found(one, two) == [
        ("two.yaml", "ambiguous-keyword", "opens.keywords.1"),
        ("two.yaml", "ambiguous-code", "opens.codes.1"),
    ]
    apart = flow("a: {end: y}", "two", 'opens: {keywords: [پیگیر], codes: ["*733*3#"]}\n')
    assert found(one, apart) == []


def test_a_name_belongs_to_one_flow() -> None:
    one, same = flow("a: {end: x}", "one"), flow("a: {end: y}", "one")
    assert found(one, same) == [("one.yaml", "duplicate-flow", "flow")]
    assert found(one, flow("a: {end: y}", "two")) == []


def test_an_unsound_flow_is_not_looked_into_but_is_there() -> None:
    unsound, _findings = read_flow(b"flow: sub\ntitle: t\nstart: a\nstates: {a: {stop: x}}", "sub.yaml")
    assert unsound is not None
    assert found(flow("a: {run: sub, save: {n: m}, go: {fine: b}}\nb: {end: 'y {n}'}"), unsound) == []


# Languages and layouts.


class Book(Plain):
    """A language with a catalogue."""

    def has(self, text: str) -> bool:
        return self.code == "fa" or text in self.words


def book(words: Mapping[str, str]) -> dict[str, Catalogue]:
    return {"fa": Book(), "en": Book("en", words)}


def test_a_missing_translation() -> None:
    source = flow("a: {menu: سلام, go: b, options: [{label: بله}]}\nb: {end: بدرود}")
    words = {"سلام": "Hello", "بله": "Yes", "بدرود": "Goodbye"}
    assert found(source, languages=book(words)) == []
    del words["بله"]
    [finding] = findings_of(source, languages=book(words))
    assert (finding.code, finding.place) == ("missing-translation", "states.a.options.1.label")
    assert "«بله»" in finding.fa


def test_a_translation_has_the_placeholders_of_its_text() -> None:
    source = flow("a: {end: 'شماره {caller:phone}'}")
    assert found(source, languages=book({"شماره {caller:phone}": "Your number {caller:phone}"})) == []
    for wrong in (
        "Your number",
        "Your number {caller}",
        "Your number {called:phone}",
        "Your number {caller:phone",
    ):
        assert found(source, languages=book({"شماره {caller:phone}": wrong})) == [
            ("x.yaml", "translation-placeholders", "states.a.end")
        ]


def test_options_are_told_apart_in_every_language() -> None:
    source = flow("a: {menu: سلام, go: b, options: [{label: بله}, {label: آری}]}\nb: {end: بدرود}")
    words = {"سلام": "Hello", "بله": "Yes", "آری": "Yea", "بدرود": "Goodbye"}
    assert found(source, languages=book(words)) == []
    assert found(source, languages=book(words | {"آری": "YES"})) == [
        ("x.yaml", "duplicate-option", "states.a.options.2.label")
    ]


def test_a_screen_is_measured_in_every_language_on_every_layout() -> None:
    source = flow("a: {end: سلام}")
    navigation = {"بازگشت": "Back", "منو": "Menu", "ادامه": "More"}
    long = navigation | {"سلام": "N" * 150}
    assert found(source, languages=book(long)) == []  # A page of plain Latin letters holds 182.
    long = navigation | {"سلام": "N" * 149 + "…"}
    [finding] = findings_of(source, languages=book(long))
    assert (finding.code, finding.place) == ("screen-does-not-fit", "states.a.end")
    assert "in en" in finding.en
    roomy = {"chat": Layout("telegram", septets=None, units=None)}
    assert found(source, languages=book(long), layouts=roomy) == []
    narrow = {"ussd": USSD, "narrow": Layout("ussd", septets=40, units=30)}
    [finding] = findings_of(flow(f"a: {{end: {'ن' * 35}}}"), layouts=narrow)
    assert "On narrow" in finding.en


def test_a_flow_of_other_channels_need_not_fit_ussd() -> None:
    states = f"a: {{end: {'ن' * 90}}}"
    assert found(flow(states, head="channels: [telegram, bale]\n")) == []
    assert found(flow(states, head="channels: [telegram, ussd]\n")) != []


def test_the_complaint_of_the_design_is_clean() -> None:
    source, findings = read_flow(COMPLAINT, "complaint.yaml")
    assert source is not None
    assert findings + lint([source], NEEDS) == []


def test_every_kind_of_finding_has_a_test() -> None:
    here = {case.code for case in CASES} | {code for code, _line, _text in FILES}
    here |= {code for code, _place, _states in SHAPES}
    several = {
        "unknown-run-variable",
        "run-too-deep",
        "ambiguous-keyword",
        "ambiguous-code",
        "duplicate-flow",
    }
    languages = {"missing-translation", "translation-placeholders"}
    flow_tests = {"step-kind", "no-tests"}  # In test_transcripts.py.
    # In test_lint_channels.py.
    channels = {
        "run-elsewhere",
        "no-way-back",
        "written-code",
        "handover-without-callback",
        "useless-key",
        "no-files-there",
    }
    assert here | several | languages | flow_tests | channels == set(KINDS)
