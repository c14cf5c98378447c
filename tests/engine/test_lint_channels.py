"""What lint finds on the channels that a flow is open on: each with its neighbour that is as it should be."""

from __future__ import annotations

import pytest

from engine.channels import CHANNELS
from engine.compile import compile_flow
from engine.findings import Finding
from engine.lint import lint
from engine.lint.reach import holds, reached
from engine.needs import NeedSpec
from engine.reader import Source
from tests.engine.test_lint import NEEDS, Case, flow

HANDOVER = NeedSpec("handover.request", "", "", {"topic": True}, {"accepted": ("place",), "away": ()})

MAIN = flow("a: {end: x}", "main", 'opens: {keywords: [منو], codes: ["*733#"]}\n')
CHAT_ONLY = flow("a: {end: x}", "chat", "channels: [telegram, bale]\nopens: {keywords: [گپ]}\n")

OPENS = 'opens: {keywords: [شکایت], codes: ["*733*2#"]}\n'
TALK = "topic: t, go: {else: b}}\nb: {end: y}"

CASES = [
    Case("run-elsewhere", "states.a.run", "a: {run: chat, go: b}\nb: {end: y}",
         "a: {run: chat, go: b}\nb: {end: y}", "", "channels: [telegram]\n"),
    Case(  # It is run only where it is open.
        "run-elsewhere",
        "states.c.run",
        "a: {branch: [{if: {channel: sms}, go: c}, {go: b}]}\nb: {end: y}\nc: {run: chat, go: b}",
        "a: {branch: [{if: {channel: {in: [bale, telegram]}}, go: c}, {go: b}]}\nb: {end: y}\n"
        "c: {run: chat, go: b}",
    ),
    Case("no-way-back", "states.a.end", "a: {end: 'نشد. {again}'}", "a: {end: 'نشد. {again}'}",
         "opens: {keywords: [شکایت]}\n", OPENS),
    Case("no-way-back", "states.a.end", "a: {end: 'نشد. {again}'}", "a: {end: 'نشد. {again}'}",
         'opens: {codes: ["*733*2#"]}\n', 'channels: [ussd]\nopens: {codes: ["*733*2#"]}\n'),
    Case("no-way-back", "states.a.end", "a: {end: 'نشد. {again}'}", "a: {end: 'نشد. {again:main}'}"),
    Case("no-way-back", "states.a.end", "a: {end: '{way:chat}'}", "a: {end: '{way:chat}'}", "",
         "channels: [bale]\n"),
    Case("unknown-flow", "states.a.end", "a: {end: 'نشد. {again:mian}'}", "a: {end: 'نشد. {again:main}'}"),
    Case("written-code", "states.a.end", 'a: {end: "شروع:\\n*733#"}', 'a: {end: "شروع:\\n{way:main}"}'),
    Case("written-code", "states.a.end", 'a: {end: "شروع:\\n*733#"}', 'a: {end: "شروع:\\n*733#"}', "",
         "channels: [ussd]\n"),
    Case(  # A code of somebody else's is none of ours.
        "written-code",
        "states.a.end",
        'a: {end: "شروع:\\n*733#"}',
        'a: {end: "شارژ:\\n*555*1#"}',
    ),
    Case("handover-without-callback", "states.a", f"a: {{handover: x, {TALK}",
         f"a: {{handover: x, callback: z, {TALK}"),
    Case("handover-without-callback", "states.a", f"a: {{handover: x, {TALK}",
         f"a: {{handover: x, {TALK}", "", "channels: [telegram, webchat]\n"),
    Case("handover-without-callback", "states.a", f"a: {{handover: x, {TALK}",
         f"a: {{handover: x, {TALK}", "", "channels: [ussd, sms]\n"),
    Case(  # Where nobody can wait, people do not come to it.
        "handover-without-callback",
        "states.c",
        f"a: {{branch: [{{if: {{verified: true}}, go: c}}, {{go: b}}]}}\nc: {{handover: x, {TALK}",
        f"a: {{branch: [{{if: {{channel: {{in: [ussd, sms]}}}}, go: b}}, {{go: c}}]}}\n"
        f"c: {{handover: x, {TALK}",
    ),
    Case("useless-key", "states.a.callback", f"a: {{handover: x, callback: z, {TALK}",
         f"a: {{handover: x, callback: z, {TALK}", "channels: [telegram]\n", "channels: [telegram, sms]\n"),
    Case("useless-key", "states.a.leave", f"a: {{handover: x, leave: [پایان], {TALK}",
         f"a: {{handover: x, leave: [پایان], {TALK}", "channels: [ussd, sms]\n", "channels: [bale]\n"),
    # Where nobody can send a file.
    Case(
        "no-files-there",
        "states.a.check",
        "a: {ask: x, check: {file: true}, save: v, go: b}\nb: {end: '{v}'}",
        "a: {ask: x, check: {file: true}, save: v, go: b}\nb: {end: '{v}'}",
        "",
        "channels: [bale, webchat]\n",
    ),
    Case(
        "no-files-there",
        "states.c.check",
        "a: {branch: [{if: {channel: ussd}, go: b}, {go: c}]}\nb: {end: y}\n"
        "c: {ask: x, check: {file: [image]}, save: v, go: d}\nd: {end: '{v}'}",
        "a: {branch: [{if: {channel: {in: [ussd, sms]}}, go: b}, {go: c}]}\nb: {end: y}\n"
        "c: {ask: x, check: {file: [image]}, save: v, go: d}\nd: {end: '{v}'}",
    ),
    Case(  # Who has options can go on without.
        "no-files-there",
        "states.a.check",
        "a: {ask: x, check: {file: [audio]}, save: v, go: b}\nb: {end: '{v}'}",
        "a: {menu: x, files: [audio], options: [{label: p, go: c}], save: v, go: b}\nb: {end: '{v}'}\n"
        "c: {end: y}",
    ),
    # Words that are typed for navigation where people write, and only there.
    Case("navigation-word", "opens.keywords.1", "a: {end: y}", "a: {end: y}",
         "opens: {keywords: [برگشت]}\n", "opens: {keywords: [برگشت چک]}\n"),
    Case("navigation-word", "opens.keywords.1", "a: {end: y}", "a: {end: y}",
         "opens: {keywords: [More]}\n", "channels: [ussd]\nopens: {keywords: [More]}\n"),
    Case(
        "navigation-word",
        "states.a.options.1.label",
        "a: {menu: x, go: b, options: [{label: بازگشت}]}\nb: {end: y}",
        "a: {menu: x, go: b, options: [{label: بازگشت پول}]}\nb: {end: y}",
    ),
    Case(
        "navigation-answer",
        "states.a.check.choice",
        "a: {ask: x, save: v, check: {choice: [منو, فهرست]}, go: b}\nb: {end: 'y {v}'}",
        "a: {ask: x, save: v, check: {choice: [نقشه, فهرست]}, go: b}\nb: {end: 'y {v}'}",
    ),
    # Screens: of each channel that comes to them.
    Case("screen-does-not-fit", "states.a.end", f"a: {{end: {'ن' * 100}}}", f"a: {{end: {'ن' * 100}}}",
         "channels: [ussd, sms]\n", "channels: [sms, telegram]\n"),
    Case("screen-does-not-fit", "states.a.end", f"a: {{end: {'ن' * 140}}}", f"a: {{end: {'ن' * 140}}}",
         "channels: [sms]\n", "channels: [telegram]\n"),
    Case(
        "screen-does-not-fit",
        "states.c.end",
        f"a: {{branch: [{{if: {{channel: ussd}}, go: c}}, {{go: b}}]}}\nb: {{end: y}}\n"
        f"c: {{end: {'ن' * 100}}}",
        f"a: {{branch: [{{if: {{channel: sms}}, go: c}}, {{go: b}}]}}\nb: {{end: y}}\n"
        f"c: {{end: {'ن' * 100}}}",
    ),
]  # fmt: skip


def findings(*sources: Source) -> list[Finding]:
    needs = {**NEEDS, HANDOVER.name: HANDOVER}
    return lint([*sources, MAIN, CHAT_ONLY], needs, layouts=CHANNELS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.place}")
def test_each_finding_and_its_neighbour(case: Case) -> None:
    bad = flow(case.bad, head=case.head)
    assert [(each.file, each.code, each.place) for each in findings(bad)] == [
        ("x.yaml", case.code, case.place)
    ]
    good = flow(case.good, head=case.head if case.good_head is None else case.good_head)
    assert findings(good) == []
    compile_flow(good)


def test_a_finding_names_the_channels_and_what_to_write() -> None:
    [finding] = findings(flow("a: {end: 'نشد. {again}'}", head="opens: {keywords: [شکایت]}\n"))
    assert finding.en == (
        '{again} has nothing to say: there is no way into "x" on ussd. '
        "Write codes in its opens, or name another flow: {again:main}."
    )
    assert "ussd" in finding.fa
    assert "{again:main}" in finding.fa
    [finding] = findings(flow('a: {end: "شروع:\\n*733#"}'))
    assert "{way:main}" in finding.fa
    assert "{again:main}" in finding.en


def test_what_accepting_brings_is_known_to_the_words_of_a_handover() -> None:
    states = "a: {handover: 'شما {place} هستید', callback: z, topic: t, go: {else: b, closed: c}}\n"
    assert findings(flow(states + "b: {end: y}\nc: {end: 'نوبت {place}'}")) == []
    unset = findings(flow(states + "b: {end: 'نوبت {place}'}\nc: {end: y}"))
    assert [(each.code, each.place) for each in unset] == [("unset-variable", "states.b.end")]


def test_a_handover_needs_no_way_for_what_happens_later_but_for_what_is_refused() -> None:
    states = "a: {{handover: x, callback: z, topic: t, go: {{{go}}}}}\nb: {{end: y}}"
    assert findings(flow(states.format(go="failed: b, slow: b, away: b"))) == []
    [missing] = findings(flow(states.format(go="failed: b, slow: b, closed: b")))
    assert (missing.code, missing.place) == ("missing-outcome", "states.a.go")
    [unknown] = findings(flow(states.format(go="else: b, close: b")))
    assert (unknown.code, unknown.place) == ("unknown-outcome", "states.a.go.close")
    assert "closed" in unknown.en


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        ({}, True),
        ({"channel": "ussd"}, True),
        ({"channel": "sms"}, False),
        ({"channel": {"in": ["sms", "ussd"]}}, True),
        ({"channel": {"not": "ussd"}}, False),
        ({"verified": True}, None),
        ({"verified": True, "channel": "sms"}, False),
        ({"verified": True, "channel": "ussd"}, None),
        ({"any": [{"verified": True}, {"channel": "ussd"}]}, True),
        ({"any": [{"verified": True}, {"channel": "sms"}]}, None),
        ({"all": [{"verified": True}, {"channel": "sms"}]}, False),
        ({"none": [{"channel": "ussd"}, {"verified": True}]}, False),
        ({"none": [{"channel": "sms"}]}, True),
        ({"none": [{"verified": True}]}, None),
    ],
)
def test_what_a_channel_decides_of_a_condition(condition: dict[str, object], held: bool | None) -> None:
    assert holds(condition, "ussd") is held


def test_states_are_reached_by_the_ways_of_their_channel() -> None:
    source = flow(
        "a: {branch: [{if: {channel: telegram}, go: b}, {if: {verified: true}, go: c}, {go: d}]}\n"
        "b: {handover: x, topic: t, go: {else: e, closed: c}}\n"
        "c: {menu: x, options: [{label: p, if: {channel: sms}, go: f}, {label: q, go: d}]}\n"
        "d: {end: y}\ne: {end: y}\nf: {end: y}"
    )
    assert reached(source, CHANNELS["telegram"]) == {*"abcde"}
    assert reached(source, CHANNELS["sms"]) == {*"acdf"}
    assert reached(source, CHANNELS["ussd"]) == {*"acd"}
