"""Flow tests: they pass, they fail with the reason, and they are written anew without harm to the rest."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.channels import CHANNELS
from engine.layout import USSD
from engine.library import Library
from engine.needs import NeedSpec
from engine.reader import read_flow
from engine.transcripts import TestResult, record, run_tests
from tests.engine.test_lint import flow
from tests.engine.test_reader import COMPLAINT, OPEN, PIECES
from tests.engine.walking import Plain

TESTS = (Path(__file__).parent / "data" / "complaint_tests.yaml").read_text("utf-8")
LANGUAGES = {"fa": Plain(), "en": Plain("en", {"شکایتی ثبت نشد.": "No complaint was filed."})}
LAYOUTS = {"ussd": USSD}


def complaint() -> Library:
    source, _findings = read_flow(COMPLAINT, "complaint.yaml")
    assert source is not None
    return Library.of([source], {OPEN.name: OPEN})


LIBRARY = complaint()


def run(text: str, library: Library = LIBRARY) -> list[TestResult]:
    return run_tests(library, text, "flows/tests/complaint.yaml", LANGUAGES, LAYOUTS)


def recorded(text: str, library: Library = LIBRARY) -> str:
    return record(library, text, "flows/tests/complaint.yaml", LANGUAGES, LAYOUTS)


def failed(text: str, library: Library = LIBRARY) -> TestResult:
    """The only result of these tests, which fails and says why in both languages."""
    [result] = run(dedent(text), library)
    assert not result.passed
    assert result.fa
    assert result.en
    assert result.difference.startswith(f"{result.fa}\n{result.en}")
    return result


def test_a_conversation_that_goes_as_written_passes() -> None:
    results = run(TESTS)
    assert [(each.flow, each.name, each.line, each.difference) for each in results if each.passed] == [
        ("complaint", "یک شکایت ثبت می‌شود", 3, ""),
        ("complaint", "کسی که پاسخ ندهد", 42, ""),
    ]


def test_another_screen_is_shown_beside_the_one_that_is_written() -> None:
    result, _other = run(TESTS.replace("2 قطعی سرویس", "2 قطعی"))
    assert not result.passed
    assert result.line == 12
    assert result.en == "Step 1 (dial: *733*2#): The screen is not the one that is written."
    assert result.screens.split("\n") == [
        "  موضوع شکایت را انتخاب کنید",
        "  1 پیامک ناخواسته",
        "- 2 قطعی",
        "+ 2 قطعی سرویس",
    ]


TALK = """\
tests:
  - test: x
    {head}
    talk:
      - dial: "*733*2#"
      {steps}
"""

REASONS = [
    ("The conversation is not over", "", "- {phone: '1', ends: true}"),
    ("The conversation is over", "", "- {phone: '2'}\n      - {wait: 90s, ends: false}"),
    ("The outcome is gave_up, not done", "", "- {phone: '2'}\n      - {wait: 90s, outcome: done}"),
    ("The outcome is –, not done", "", "- {phone: '2', outcome: done}"),
    ("before this step", "", "- {phone: '2'}\n      - {wait: 90s}\n      - {phone: '1'}"),
    ("this screen waits for 90 seconds", "", "- {phone: '2'}\n      - {wait: 30s}"),
    (
        "complaints.open {subject: outage, tracking: null, text: abcdef} and needs has nothing left",
        "",
        "- {phone: '2'}\n      - {phone: abcdef}",
    ),
    (
        "and the test says {subject: unwanted} (line 3)",
        "needs: [{complaints.open: {with: {subject: unwanted}, outcome: too_many}}]",
        "- {phone: '2'}\n      - {phone: abcdef}",
    ),
    (
        "and complaints.find was next (line 3)",
        "needs: [{complaints.find: {outcome: ok}}]",
        "- {phone: '2'}\n      - {phone: abcdef}",
    ),
    (
        "has no outcome fine (line 3), but: ok, too_many, failed, slow",
        "needs: [{complaints.open: {outcome: fine}}]",
        "- {phone: '2'}\n      - {phone: abcdef}",
    ),
    (
        "The outcome ok of complaints.open brings exactly these values: number, deadline (line 3)",
        "needs: [{complaints.open: {outcome: ok, number: 1}}]",
        "- {phone: '2'}\n      - {phone: abcdef}",
    ),
    (
        "The need complaints.open was not asked for",
        "needs: [{complaints.open: {outcome: too_many}}]",
        "- {phone: '2'}",
    ),
    ('There is no language "tr", but: fa, en', "language: tr", "- {phone: '1'}"),
]


@pytest.mark.parametrize(
    ("reason", "head", "steps"), REASONS, ids=[reason[:30] for reason, *_rest in REASONS]
)
def test_what_goes_wrong_is_told(reason: str, head: str, steps: str) -> None:
    assert reason in failed(TALK.format(head=head or "language: fa", steps=steps)).en


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("no-tests", ""),
        ("no-tests", "- test: x"),
        ("not-yaml", "tests: [a"),
        ("missing-key", "tests: [{test: x}]"),
        ("wrong-value", "tests: [{test: x, now: yesterday, talk: [{dial: '*1#'}]}]"),
        ("wrong-value", "tests: [{test: x, now: 2026-11-31T00:00:00Z, talk: [{dial: '*1#'}]}]"),
        ("step-kind", "tests: [{test: x, talk: [{phone: '1'}]}]"),
        ("step-kind", "tests: [{test: x, talk: [{dial: '*1#', say: x}]}]"),
        ("step-kind", "tests: [{test: x, talk: [{dial: '*1#'}, {screen: x}]}]"),
        ("unknown-key", "tests: [{test: x, talk: [{dial: '*1#', shows: x}]}]"),
    ],
)
def test_a_file_that_cannot_be_read_fails(code: str, text: str) -> None:
    assert failed(text).name == code
    assert recorded(text) == text


def test_a_flow_that_is_stuck_fails() -> None:
    """Lint forbids it; what it would do is told all the same."""
    looping = Library.of([flow("a: {say: x, go: a}", head='opens: {codes: ["*733*2#"]}\n')], {})
    result = failed("tests: [{test: x, talk: [{dial: '*733*2#'}]}]", looping)
    assert "100 steps in one turn" in result.en


def test_dialling_again_goes_on_where_the_session_was_cut_off() -> None:
    resume = flow(
        "a: {menu: Go on?, options: [{label: p, go: b}, {label: q, go: c}]}\n"
        "b: {end: '', outcome: continue}\nc: {end: '', outcome: again}",
        "resume",
    )
    source, _findings = read_flow(COMPLAINT, "complaint.yaml")
    assert source is not None
    library = Library.of([source, resume], {OPEN.name: OPEN})
    text = recorded(
        dedent("""\
            tests:
              - test: cut off
                talk:
                  - dial: "*733*2#"
                  - phone: "2"
                  - dial: "*733*2#"
                    screen: "?"
                  - phone: p
                    screen: "?"
            """),
        library,
    )
    assert "Go on?\n" in text
    assert text.rstrip().endswith("0 بازگشت") or text.rstrip().endswith("شرح شکایت را بنویسید")
    [result] = run(text, library)
    assert result.passed, result.difference


def test_recording_what_is_as_written_changes_nothing() -> None:
    assert recorded(TESTS) == TESTS
    assert recorded(TESTS.replace("\n", "\r\n")) == TESTS.replace("\n", "\r\n")


UNRECORDED = """\
# A comment.
tests:   # Odd   spacing stays.

  - test: كتابت
    talk:
      - dial: '*733*2#'
        screen: "?"  # Why.
      # Another comment.

      - phone: "2"
        ends:   false
        screen:
      - phone: '0'
        screen: |
      - phone: "2"
        screen: >-   # Folded.
            gone
            as well

          # This is a line of the screen.

      # This is not.
      - {phone: "0", screen: wrong, ends: false}
      - phone: "2"
        screen:   # Below.
          "several
          lines" # Or not.
      - wait: 5m
        screen: 'gone'
"""

RECORDED = """\
# A comment.
tests:   # Odd   spacing stays.

  - test: كتابت
    talk:
      - dial: '*733*2#'
        screen: |  # Why.
          موضوع شکایت را انتخاب کنید
          1 پیامک ناخواسته
          2 قطعی سرویس
      # Another comment.

      - phone: "2"
        ends:   false
        screen: |
          شرح شکایت را بنویسید
          0 بازگشت
      - phone: '0'
        screen: |
          موضوع شکایت را انتخاب کنید
          1 پیامک ناخواسته
          2 قطعی سرویس
      - phone: "2"
        screen: |   # Folded.
          شرح شکایت را بنویسید
          0 بازگشت

      # This is not.
      - {phone: "0", screen: "موضوع شکایت را انتخاب کنید\\n1 پیامک ناخواسته\\n2 قطعی سرویس", ends: false}
      - phone: "2"
        screen: |   # Below. # Or not.
          شرح شکایت را بنویسید
          0 بازگشت
      - wait: 5m
        screen: |
          شکایتی ثبت نشد.
"""


def test_recording_writes_the_screens_and_nothing_else() -> None:
    assert recorded(UNRECORDED) == RECORDED
    assert recorded(RECORDED) == RECORDED
    assert [result.passed for result in run(RECORDED)] == [True]
    windows = UNRECORDED.replace("\n", "\r\n")
    assert recorded(windows) == RECORDED.replace("\n", "\r\n")


def test_an_empty_screen_is_recorded_as_one() -> None:
    silent = Library.of([flow("a: {end: ''}", head='opens: {codes: ["*733*2#"]}\n')], {})
    text = "tests:\n- test: x\n  talk:\n  - dial: '*733*2#'\n    screen: x\n"
    assert recorded(text, silent) == text.replace("screen: x", 'screen: ""')
    assert [result.passed for result in run(recorded(text, silent), silent)] == [True]


def test_screens_after_a_step_that_cannot_be_taken_stay() -> None:
    text = TESTS.replace("subject: unwanted", "subject: outage").replace("1 پیامک ناخواسته", "?", 1)
    again = recorded(text)
    assert again == TESTS.replace("subject: unwanted", "subject: outage")
    assert [result.passed for result in run(again)] == [False, True]


def test_the_language_of_a_test() -> None:
    text = TALK.format(
        head="language: en", steps="- phone: '2'\n      - {wait: 90s, screen: No complaint was filed.}"
    )
    assert [result.passed for result in run(text)] == [True]


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_file_of_tests_brings_it_down(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([TESTS, UNRECORDED]))
    for _change in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.sampled_from([0, 1, 5, 30])))
        text = (
            text[:start]
            + data.draw(st.one_of(PIECES, st.just(""), st.sampled_from(text.split())))
            + text[end:]
        )
    results = run(text)
    again = recorded(text)
    assert results
    # Recording again changes nothing more, and no test that passed fails by it.
    assert recorded(again) == again
    passed = [(each.name, each.passed) for each in results]
    assert all(after.passed or not before for (_name, before), after in zip(passed, run(again), strict=True))


# Channels.

HANDOVER = NeedSpec("handover.request", "", "", {"topic": True}, {"accepted": ()})
SAY = NeedSpec("handover.say", "", "", {"text": True}, {"ok": (), "closed": ()})

CHAT_LIBRARY = Library.of(
    [
        flow(
            "a: {menu: خانه, go: b, save: x, options: [{label: یک}, {label: دو, go: c}]}\n"
            "b: {end: 'برگزیدید {x}. {again}'}\n"
            "c: {handover: بنویسید, callback: زنگ می‌زنیم, topic: t, go: {closed: d, else: d}}\n"
            "d: {ask: چطور بود؟, save: y, go: e}\ne: {end: ممنون}",
            "main",
            'opens: {keywords: [شروع], codes: ["*1#"]}\n',
        )
    ],
    {need.name: need for need in (HANDOVER, SAY)},
)


def chat(text: str) -> list[TestResult]:
    return run_tests(CHAT_LIBRARY, dedent(text), "flows/tests/main.yaml", LANGUAGES, CHANNELS)


def passed(text: str) -> list[str]:
    results = chat(text)
    assert [each.difference for each in results if not each.passed] == []
    return [each.name for each in results]


def test_one_conversation_on_several_channels_shows_its_buttons() -> None:
    text = """\
        tests:
          - test: x
            channels: [telegram, bale, webchat]
            talk:
              - say: سلام
                screen: |
                  خانه
                  [یک]
                  [دو]
              - press: یک
                screen: برگزیدید یک. «شروع» را بفرستید.
                ends: true
              - say: یک
                screen: |
                  خانه
                  [یک]
                  [دو]
              - phone: "1"
                ends: true
        """
    assert passed(text) == ["x (telegram)", "x (bale)", "x (webchat)"]
    assert [each.passed for each in chat(text.replace("webchat", "sms"))] == [True, True, False]


def test_recording_several_channels_writes_the_screens_of_the_first() -> None:
    text = dedent("""\
        tests:
          - test: x
            channels: [bale, sms]
            talk:
              - say: سلام
                screen: "?"
              - phone: "2"
                screen: "?"
        """)
    needs = "channels: [bale, sms]\n    needs: [{handover.request: {outcome: accepted}}]"
    text = text.replace("channels: [bale, sms]", needs)
    again = record(CHAT_LIBRARY, text, "flows/tests/main.yaml", LANGUAGES, CHANNELS)
    assert "        [دو]" in again
    assert again.rstrip().endswith("بنویسید")


def test_a_talk_with_an_operator() -> None:
    text = """\
        tests:
          - test: x
            channel: {channel}
            needs: {needs}
            talk:
              - say: شروع
              - say: "2"
                {last}
        """
    asks = "[{handover.request: {outcome: accepted}}]"
    passed(text.format(channel="sms", needs=asks, last="screen: زنگ می‌زنیم\n                ends: true"))
    rest = """screen: بنویسید
                ends: false
              - say: کمک
                screen: ""
                ends: false
              - event: closed
                screen: |
                  چطور بود؟
                  [منو]
              - say: خوب
                screen: ممنون
                ends: true"""
    rest = rest.replace("                  [منو]\n", "")
    says = "[{handover.request: {outcome: accepted}}, {handover.say: {with: {text: کمک}, outcome: ok}}]"
    passed(text.format(channel="telegram", needs=says, last=rest))


@pytest.mark.parametrize(
    ("reason", "steps"),
    [
        ('There is no button "سه" on the screen, but: یک، دو', "[{say: سلام}, {press: سه}]"),
        ("The flow is stuck: closed", "[{say: سلام}, {event: closed}]"),
        ("The conversation is over before this step", "[{say: سلام}, {phone: '1'}, {phone: '1'}]"),
    ],
)
def test_what_cannot_be_done_on_a_chat(reason: str, steps: str) -> None:
    [result] = chat(f"tests: [{{test: x, channel: bale, talk: {steps}}}]")
    assert reason in result.en


def test_where_there_are_no_buttons_none_is_pressed() -> None:
    [result] = chat("tests: [{test: x, channel: sms, talk: [{say: سلام}, {press: یک}]}]")
    assert "but: –" in result.en


def test_a_command_leaves_what_is_open_and_an_opened_chat_is_answered() -> None:
    passed(
        """\
        tests:
          - test: x
            channel: telegram
            talk:
              - start: ""
                screen: |
                  خانه
                  [یک]
                  [دو]
              - start: شروع
                screen: |
                  خانه
                  [یک]
                  [دو]
              - wait: 24h
                screen: ""
                ends: true
                outcome: expired
        """
    )
