"""The engine's walk through every kind of state, back, home, pages, attempts, time-outs, sub-flows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from engine import limits
from engine.faults import BrokenFlow, UnknownVersion
from engine.layout import USSD
from engine.needs import NeedSpec
from engine.session import read, serialise
from engine.turn import Met
from tests.engine.walking import NOW, ROOMY, Plain, Walker, library

MAIN = """
    flow: main
    title: منو
    opens: {keywords: [منو], codes: ["*733#"]}
    start: home
    states:
      home:
        menu: چاپار
        save: picked
        options:
          - {label: شکایت, value: c, keywords: [complain], go: complain}
          - {label: نام, value: n, go: name}
          - {label: هیچ, value: x, go: bye}
      complain: {run: complaint, save: {number: filed}, go: {done: thanks, else: bye}}
      name:
        ask: نام شما؟
        save: name
        check: {length: [2, 20]}
        go: hello
      hello: {say: "سلام {name}", go: age}
      age:
        ask: سن؟
        save: age
        check: {number: [1, 120]}
        invalid: سن یک عدد است.
        attempts: {most: 2, go: bye}
        timeout: {after: 90s, go: late}
        go: sort
      sort:
        branch:
          - {if: {age: {under: 18}}, go: young}
          - {go: thanks}
      young: {end: "هنوز {age} سال دارید.", outcome: young}
      thanks: {end: "ممنون {name} {number}"}
      late: {end: دیر شد., outcome: late}
      bye: {end: خداحافظ., outcome: left}
"""

COMPLAINT = """
    flow: complaint
    title: شکایت
    opens: {keywords: [شکایت], codes: ["*733*2#"]}
    start: subject
    states:
      subject:
        menu: موضوع؟
        save: subject
        options: [{label: پیامک, value: sms}, {label: قطعی, value: outage}]
        go: text
      text:
        ask: شرح؟
        save: text
        go: file
      file:
        call: complaints.open
        with: {subject: $subject, text: $text, urgent: false}
        go: {ok: filed, else: sorry}
      filed: {end: "ثبت شد {filed}."}
      sorry: {end: نشد., outcome: failed}
"""

NEEDS = {"complaints.open": NeedSpec("complaints.open", "", "", writes=True)}


def walker(**more: object) -> Walker:
    return Walker(library(MAIN, COMPLAINT, needs=NEEDS), lambda need: Met("ok", {"filed": "77"}), **more)  # type: ignore[arg-type]


def test_a_menu_takes_number_label_keyword_and_persian_digits() -> None:
    for answer in ("1", "۱", "شكايت", " شکایت ", "Complain"):
        person = walker()
        assert person.dial() == "چاپار\n1 شکایت\n2 نام\n3 هیچ"
        assert person.say(answer).startswith("موضوع؟\n1 پیامک\n2 قطعی"), answer


def test_an_answer_that_is_no_option_is_refused_and_asked_again() -> None:
    person = walker()
    person.dial()
    for answer in ("9", "", "01", "1.5", "😀", "\u202e", "بلاه", "1" * 5_000):
        person.session.attempts = 0
        screen = person.say(answer)
        assert screen.startswith("این گزینه نیست"), answer
        assert "1 شکایت" in screen
        assert not person.over


def test_five_wrong_answers_end_the_session_where_the_flow_says_nothing() -> None:
    person = walker()
    person.dial()
    for _ in range(limits.ATTEMPTS - 1):
        assert "این گزینه نیست" in person.say("9")
    assert person.say("9").startswith("پاسخ درستی نرسید")
    assert person.over
    assert person.outcome == "gave_up"


def test_asks_check_and_give_up_as_the_flow_says() -> None:
    person = walker()
    person.dial()
    assert person.say("2").startswith("نام شما؟")
    assert "2" in person.say("ع")
    assert person.say("سارا").startswith("سلام سارا\nسن؟")
    assert person.say("صد").startswith("سن یک عدد است.\nسن؟")
    assert person.say("۲۰۰") == "خداحافظ."
    assert person.outcome == "left"


def test_branches_read_variables() -> None:
    person = walker()
    person.dial()
    person.say("2")
    person.say("سارا")
    assert person.say("۱۷") == "هنوز 17 سال دارید."
    assert person.outcome == "young"


def test_a_need_is_asked_with_its_arguments_and_its_values_are_read() -> None:
    person = walker()
    person.dial("*733*2#")
    person.say("2")
    assert person.say("سه روز است قطع است") == "ثبت شد 77."
    assert person.over
    [need] = person.asked
    assert need.name == "complaints.open"
    assert need.arguments == {"subject": "outage", "text": "سه روز است قطع است", "urgent": False}


def test_an_outcome_without_a_way_takes_else_and_without_else_is_a_fault() -> None:
    person = walker()
    person.meet = lambda need: Met("slow")
    person.dial("*733*2*2*متن#")
    assert person.turn is not None
    assert person.turn.screen.text == "نشد."
    strict = COMPLAINT.replace("else: sorry", "failed: sorry")
    person = Walker(library(MAIN, strict), lambda need: Met("odd"))
    person.dial("*733*2*2#")
    with pytest.raises(BrokenFlow):
        person.say("متن")


def test_a_sub_flow_returns_its_words_and_values() -> None:
    person = walker()
    person.dial()
    person.say("1")
    person.say("1")
    assert person.say("متن شکایت") == "ثبت شد 77.\nممنون  77"
    assert person.over


def test_dialled_answers_go_to_the_longest_code() -> None:
    person = walker()
    assert person.dial("*733*2*2#").startswith("شرح؟")
    assert person.session.frames[-1].variables == {"subject": "outage"}
    person = walker()
    assert person.dial("*733*1#").startswith("موضوع؟")
    person = walker()
    assert person.dial("*733*2*7*1#").startswith("این گزینه نیست"), (
        "the rest is dropped when one does not fit"
    )
    assert person.session.frames[-1].state == "subject"


def test_an_unknown_code_is_told() -> None:
    person = walker()
    assert person.dial("*999#").startswith("این کد شناخته نشد")
    assert person.over


def test_words_open_flows() -> None:
    person = walker()
    assert person.dial("شكايت").startswith("موضوع؟")
    assert person.dial("چیز دیگر").startswith("چاپار")
    assert person.say("منو").startswith("چاپار"), "a menu lets a keyword through"


def test_back_undoes_answers_one_by_one() -> None:
    person = walker()
    home = person.dial()
    name = person.say("2")
    person.say("سارا")
    assert person.session.frames[0].variables == {"picked": "n", "name": "سارا"}
    assert person.say("0") == name
    assert person.session.frames[0].variables == {"picked": "n"}
    assert person.say("0") == home
    assert person.session.frames[0].variables == {}
    assert person.say("0") == home, "there is nothing before the first screen"


def test_back_out_of_and_into_a_sub_flow() -> None:
    flow = MAIN.replace("go: {done: thanks, else: bye}", "go: {else: name}")
    quiet = {"complaints.open": NeedSpec("complaints.open", "", "")}
    person = Walker(library(flow, COMPLAINT, needs=quiet), lambda need: Met("ok", {"filed": "77"}))
    home = person.dial()
    subject = person.say("1")
    text = person.say("1")
    assert person.say("متن").startswith("ثبت شد 77.\nنام شما؟")
    assert person.say("0") == text
    assert [frame.flow for frame in person.session.frames] == ["main", "complaint"]
    assert person.session.frames[1].variables == {"subject": "sms"}
    assert person.say("0") == subject
    assert person.say("0") == home
    assert person.session.frames[0].variables == {}
    person.say("1")
    person.say("2")
    assert person.say("متن").startswith("ثبت شد 77.\nنام شما؟")
    assert person.asked[-1].arguments["subject"] == "outage"


def test_back_cannot_undo_what_was_written_outside() -> None:
    flow = MAIN.replace("go: {done: thanks, else: bye}", "go: {else: name}")
    person = Walker(library(flow, COMPLAINT, needs=NEEDS), lambda need: Met("ok", {"filed": "77"}))
    person.dial("*733*1*1*متن#")
    screen = person.say("0")
    assert screen.startswith("نام شما؟")
    assert len(person.asked) == 1


def test_home_starts_main_anew() -> None:
    person = walker()
    home = person.dial()
    person.say("2")
    person.say("سارا")
    assert person.say("۰۰") == home
    assert person.session.frames[0].variables == {}
    assert person.session.history == []


def test_navigation_is_offered_where_it_leads_somewhere() -> None:
    person = walker()
    assert "بازگشت" not in person.dial()
    screen = person.say("2")
    assert screen == "نام شما؟\n0 بازگشت\n00 منو"


def test_pages_go_on_by_98_and_the_last_words_too() -> None:
    options = ", ".join(f"{{label: گزینه بلند شماره {'آ' * n}, value: v{n}}}" for n in range(1, 10))
    flow = f"""
        flow: main
        title: منو
        opens: {{codes: ["*733#"]}}
        start: home
        states:
          home: {{menu: انتخاب کنید, save: it, options: [{options}], go: bye}}
          bye: {{end: "{"کلمه " * 40}تمام."}}
    """
    person = Walker(library(flow), layout=USSD)
    seen = person.dial()
    pages = 1
    while "98" in seen.splitlines()[-1]:
        seen = person.say("98")
        pages += 1
        assert len(seen) <= 80
    assert pages > 2
    assert "9 گزینه" in seen
    assert person.say("98").startswith("این گزینه نیست"), "there is no page after the last"
    screen = person.say("9")
    words = screen.count("کلمه")
    assert not person.over
    while not person.over:
        screen = person.say("98")
        words += screen.count("کلمه")
    assert words == 40
    assert "تمام." in screen
    assert person.outcome == "done"


def test_time_outs_of_states_and_of_the_session() -> None:
    person = walker()
    person.dial()
    assert person.session.due == (NOW + timedelta(seconds=limits.EXPIRES)).timestamp()
    person.say("2")
    person.say("سارا")
    assert person.session.due == (NOW + timedelta(seconds=90)).timestamp()
    assert person.time_out() == "دیر شد."
    assert person.outcome == "late"
    person = walker()
    person.dial()
    assert person.time_out().startswith("زمان این گفتگو تمام شد")
    assert person.outcome == "expired"
    assert person.session.due is None


def test_the_parked_session_is_offered_and_gone_on_with() -> None:
    resume = """
        flow: resume
        title: ادامه
        start: offer
        states:
          offer:
            menu: ادامه می‌دهید؟
            options: [{label: ادامه, go: on}, {label: از نو, go: again}]
          on: {end: "", outcome: continue}
          again: {end: "", outcome: again}
    """
    shelf = library(MAIN, COMPLAINT, resume, needs=NEEDS)
    before = Walker(shelf)
    before.dial("*733*2#")
    before.say("2")
    parked = before.session.frames
    person = Walker(shelf, lambda need: Met("ok", {"filed": "5"}))
    person.session.parked = parked
    assert person.dial().startswith("ادامه می‌دهید؟")
    assert person.say("1").startswith("شرح؟")
    assert person.say("متن") == "ثبت شد 5."
    person = Walker(shelf)
    person.session.parked = read(serialise(before.session)).frames
    person.dial()
    assert person.say("2").startswith("چاپار")
    person = Walker(shelf)
    person.session.parked = parked
    assert person.dial("*733*2*1#").startswith("شرح؟"), "who dials a whole way is taken there"


def test_a_session_stays_in_the_version_it_began_in() -> None:
    shelf = library(MAIN, COMPLAINT)
    person = Walker(shelf)
    person.dial()
    newer = library(MAIN.replace("نام شما؟", "اسم شما؟"), COMPLAINT)
    shelf.publish([newer.live("main")])
    assert person.say("2").startswith("نام شما؟")
    assert person.session.frames[0].version != newer.live("main").version
    stranger = Walker(newer)
    stranger.session = person.session
    with pytest.raises(UnknownVersion):
        stranger.say("سارا")


def test_a_need_may_change_the_language() -> None:
    flow = """
        flow: main
        title: زبان
        opens: {codes: ["*733#"]}
        start: which
        states:
          which:
            menu: زبان؟
            save: which
            options: [{label: فارسی, value: fa}, {label: English, value: en}]
            go: set
          set: {call: language.set, with: {language: $which}, go: {else: ask}}
          ask: {ask: "خوب؟ {language}", save: x, go: bye}
          bye: {end: خداحافظ}
    """
    english = Plain("en", {"خوب؟ {language}": "Well? {language}", "بازگشت": "Back", "منو": "Menu"})
    person = Walker(
        library(flow),
        lambda need: Met("ok", {"language": need.arguments["language"]}),
        languages={"fa": Plain(), "en": english},
    )
    person.dial()
    assert person.say("2") == "Well? en\n0 Back\n00 Menu"


def test_options_hidden_by_a_condition_are_not_numbered() -> None:
    flow = """
        flow: main
        title: منو
        opens: {codes: ["*733#"]}
        start: home
        states:
          home:
            menu: چه؟
            save: what
            options:
              - {label: الف, if: {verified: false}, go: bye}
              - {label: ب, if: {any: [{channel: ussd}, {channel: sms}]}, go: bye}
              - {label: پ, if: {none: [{caller: {set: true}}]}, go: bye}
              - {label: ت, go: bye}
          bye: {end: "{what}"}
    """
    person = Walker(library(flow))
    assert person.dial() == "چه؟\n1 ب\n2 ت"
    assert person.say("الف").startswith("این گزینه نیست")
    assert person.say("2") == "ت"


def test_a_loop_without_a_wait_is_stopped() -> None:
    flow = """
        flow: main
        title: حلقه
        opens: {codes: ["*733#"]}
        start: a
        states:
          a: {say: یک, go: b}
          b: {say: دو, go: a}
    """
    with pytest.raises(BrokenFlow, match="100 steps"):
        Walker(library(flow)).dial()


def test_flows_that_run_one_another_are_stopped_at_a_depth() -> None:
    flow = """
        flow: main
        title: خود
        opens: {codes: ["*733#"]}
        start: again
        states:
          again: {run: main, go: bye}
          bye: {end: خداحافظ}
    """
    with pytest.raises(BrokenFlow, match="wait for one another"):
        Walker(library(flow)).dial()


def test_a_handover_ends_with_its_words_or_goes_its_way() -> None:
    flow = """
        flow: main
        title: کارشناس
        opens: {codes: ["*733#"]}
        start: person
        states:
          person: {handover: کارشناس با شما تماس می‌گیرد., topic: general, go: {else: sorry}}
          sorry: {end: نشد.}
    """
    person = Walker(library(flow), lambda need: Met("accepted"))
    assert person.dial() == "کارشناس با شما تماس می‌گیرد."
    assert (person.over, person.outcome) == (True, "handover")
    assert person.asked[0].arguments == {"topic": "general", "live": False}
    person = Walker(library(flow), lambda need: Met("failed"))
    assert person.dial() == "نشد."


def test_values_are_never_read_as_placeholders() -> None:
    person = walker()
    person.dial()
    person.say("2")
    assert person.say("{caller}").startswith("سلام {caller}\n")


def test_a_flow_opens_only_on_its_channels() -> None:
    main = """
        flow: main
        title: یک
        opens: {codes: ["*733#"], keywords: [سلام]}
        start: home
        states:
          home: {menu: خانه, options: [{label: یک}, {label: دو}], save: one, go: bye}
          bye: {end: "{one}"}
    """
    chat = """
        flow: chat
        title: گفتگو
        channels: [telegram, bale]
        opens: {codes: ["*733*1#"], keywords: [گفتگو]}
        start: home
        states: {home: {ask: بنویسید, save: text, go: bye}, bye: {end: "{text}"}}
    """
    flows = library(main, chat)
    telegram = replace(ROOMY, channel="telegram", again="شروع")
    for opened in ("گفتگو", "*733*1#"):
        assert Walker(flows, layout=telegram).dial(opened).startswith("بنویسید")
        assert not Walker(flows).dial(opened).startswith("بنویسید")
    for layout, shown in ((telegram, "بنویسید"), (ROOMY, "این گزینه نیست")):
        person = Walker(flows, layout=layout)
        person.dial("سلام")
        assert person.say("گفتگو").startswith(shown), "a word on a menu opens no other either"


def test_an_unknown_code_is_told_where_people_dial() -> None:
    flow = """
        flow: main
        title: یک
        opens: {codes: ["*733#"]}
        start: home
        states: {home: {ask: خانه, save: one, go: bye}, bye: {end: "{one}"}}
    """
    assert Walker(library(flow)).dial("*999#").startswith("این کد شناخته نشد")
    assert Walker(library(flow), layout=replace(ROOMY, again="شروع")).dial("*سلام*").startswith("خانه")
