"""Files and people's own numbers in the engine: answers where they are asked for, and a word about them where
they are not."""

from __future__ import annotations

import pytest

from engine.channels import CHANNELS
from engine.files import REFUSALS, explain, together
from engine.needs import TAKE
from engine.turn import Input, Met, Need, Option
from tests.engine.walking import Plain, Walker, library

CHAT = CHANNELS["telegram"]

MAIN = """
    flow: main
    title: آغاز
    opens: {keywords: [شروع]}
    start: home
    states:
      home:
        menu: چاپار
        options: [{label: عکس, go: photo}, {label: متن, go: text}]
        invalid: این گزینه نیست.
      photo:
        menu: عکسی دارید؟
        save: files
        options: [{label: ندارم}]
        files: [image, document]
        go: more
      more:
        menu: باز هم؟
        save: files
        options: [{label: همین, go: done}]
        files: [image, document]
        go: more
      text: {ask: بنویسید., save: words, check: {length: [3, 500]}, go: voice}
      voice:
        ask: صدایتان را بفرستید.
        save: voice
        check: {file: [audio]}
        attempts: {most: 3, go: done}
        go: done
      done: {end: "{files} {words} {voice}"}
"""

NUMBER = """
    flow: number
    title: شماره
    opens: {keywords: [شماره]}
    start: number
    states:
      number: {ask: شماره؟, save: number, check: {mobile: true}, go: done}
      done: {end: "{number}"}
"""


def meet(need: Need) -> Met:
    """Files whose names begin with a kind are the person's, and of that kind."""
    assert need.name == TAKE
    words = [file.partition("-") for file in str(need.arguments["files"]).split()]
    own = ["".join(word) for word in words if word[1]]
    return Met("ok", {"files": " ".join(own), "kinds": " ".join(word[0] for word in words if word[1])})


def walker(*flows: str, outside: object = meet) -> Walker:
    return Walker(library(MAIN, *flows), outside, CHAT)  # type: ignore[arg-type]


def sends(person: Walker, *files: str, text: str = "", refused: str = "") -> str:
    return person.give(Input("text", text, files=files, refused=refused))


def test_a_file_is_an_answer() -> None:
    person = walker()
    person.dial("شروع")
    assert person.say("1").startswith("عکسی دارید؟")
    assert person.turn is not None
    assert person.turn.screen.asks == Option("file", "فرستادن فایل")
    assert [option.label for option in person.turn.screen.options] == ["ندارم"]
    assert sends(person, "image-1").startswith("باز هم؟")
    assert person.session.frames[-1].variables["files"] == "image-1"


def test_further_files_are_added_and_the_same_one_is_not_twice() -> None:
    person = walker()
    person.dial("شروع")
    person.say("1")
    sends(person, "image-1", "document-2")
    sends(person, "image-3", "image-1")
    assert person.session.frames[-1].variables["files"] == "image-1 document-2 image-3"
    sends(person, *(f"image-{number}" for number in range(4, 11)))
    assert sends(person, "image-99").startswith("بیش از این نمی‌شود فایل فرستاد.")
    assert person.session.frames[-1].variables["files"].count("-") == 10
    assert sends(person, "image-4").startswith("باز هم؟"), "one that is there is no more than before"


def test_an_option_is_an_answer_as_ever() -> None:
    person = walker()
    person.dial("شروع")
    person.say("1")
    assert person.say("ندارم").startswith("باز هم؟")
    assert "files" not in person.session.frames[-1].variables
    sends(person, "image-1")
    assert person.say("همین") == "image-1", "it keeps what was sent"


def test_a_question_that_takes_a_file_only() -> None:
    person = walker()
    person.dial("شروع")
    person.say("متن")
    assert person.say("سلام سلام").startswith("صدایتان را بفرستید.")
    assert person.turn is not None
    assert person.turn.screen.asks == Option("file", "فرستادن فایل")
    wanted = "یک پیام صوتی بفرستید.\nصدایتان را بفرستید."
    assert person.say("audio-1").startswith(wanted), "what is typed is no file"
    assert person.session.attempts == 1
    assert sends(person, "image-1").startswith(wanted)
    assert person.session.attempts == 1, "a file of another kind is kept, and no failed answer"
    assert sends(person, "audio-1", text="گوش کنید") == "سلام سلام audio-1"


def test_elsewhere_a_file_is_kept_with_the_conversation() -> None:
    person = walker()
    person.dial("شروع")
    said = "فایل شما رسید و با این گفتگو نگه داشته شد."
    assert sends(person, "image-1").startswith(f"{said}\nچاپار")
    assert sends(person, "image-2").startswith(f"{said}\nچاپار"), "once, not twice"
    assert person.session.attempts == 0
    assert sends(person, "image-3", text="متن").startswith(f"{said}\nبنویسید.")
    assert sends(person, "image-3", text="ا").startswith(f"{said}\nاین پاسخ باید")
    assert person.session.attempts == 1


def test_a_file_begins_a_conversation() -> None:
    person = walker()
    shown = person.give(Input("start", "", files=("image-1",)))
    assert shown.startswith("فایل شما رسید و با این گفتگو نگه داشته شد.\nچاپار")
    assert person.give(Input("start", "", refused="lies:0")).startswith("این فایل آن نوعی نیست")


def test_a_refused_file_is_told_and_changes_nothing() -> None:
    person = walker()
    person.dial("شروع")
    person.say("1")
    for reason in REFUSALS:
        shown = sends(person, refused=f"{reason}:5", text="زیرنویس")
        assert shown.startswith(explain(f"{reason}:5", Plain()))
        assert "عکسی دارید؟" in shown
        assert "{" not in shown
    assert person.session.attempts == 0
    assert "5 مگابایت" in sends(person, refused="too_big:5").replace("number:", "")


@pytest.mark.parametrize("met", [Met("failed"), Met("slow"), Met("ok", {"files": "", "kinds": ""})])
def test_a_file_that_is_not_there_is_sent_again(met: Met) -> None:
    person = walker(outside=lambda need: met)
    person.dial("شروع")
    person.say("1")
    assert sends(person, "image-1").startswith("فایل نرسید؛ مشکل از ماست.")
    assert "files" not in person.session.frames[-1].variables


def test_files_of_others_are_no_answer() -> None:
    person = walker()
    person.dial("شروع")
    person.say("1")
    sends(person, "somebodys", "image-1")
    assert person.session.frames[-1].variables["files"] == "image-1"


def test_together() -> None:
    assert together(None, ("a",)) == "a"
    assert together("", ("a", "b")) == "a b"
    assert together("a", ("a",)) == "a"
    assert together(7, ("a",)) == "a"
    assert together(" ".join("abcdefghij"), ("k",)) is None


def test_an_unknown_reason_is_told_as_well() -> None:
    assert explain("?", Plain()).startswith("فایل نرسید")
    assert explain("too_big:x", Plain())


# People's own numbers.


def test_a_number_of_ones_own_answers_where_it_is_asked_for() -> None:
    person = walker(NUMBER)
    person.dial("شماره")
    assert person.turn is not None
    assert person.turn.screen.asks == Option("contact", "فرستادن شماره من")
    assert person.give(Input("text", "+989121234567", contact="+989121234567")) == "+989121234567"


def test_a_number_of_ones_own_leads_to_linking_it() -> None:
    person = walker(NUMBER)
    person.dial("شروع")
    assert person.give(Input("text", "+989121234567", contact="+989121234567")) == "+989121234567"
    person = walker(NUMBER)
    assert person.give(Input("start", "+989121234567", contact="+989121234567")) == "+989121234567"


def test_without_such_a_flow_it_is_what_it_says() -> None:
    person = walker()
    person.dial("شروع")
    assert person.give(Input("text", "+989121234567", contact="+989121234567")).startswith("این گزینه نیست.")
