"""Screens split into pages: what must hold for any text on any layout, and how some pages look."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import limits
from engine.alphabet import is_gsm7, septets, units
from engine.clusters import clusters
from engine.layout import USSD, Layout
from engine.pages import RLM, DoesNotFit, Navigation, Page, paginate
from engine.turn import Option

PERSIAN = Navigation("بازگشت", "منو", "ادامه")
ENGLISH = Navigation("Back", "Menu", "More")

words = st.one_of(
    st.text("ابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی\u200c۰۱۲", min_size=1, max_size=12),
    st.text("abcdefgh0123456789€{}[]~|", min_size=1, max_size=12),
    st.sampled_from(
        [
            "👨‍👩‍👧‍👦",
            "🇮🇷🇮🇷",
            "👍🏽",
            "é\u0301\u0327",
            "👍" * 50,
            "شکایت" * 40,
            "x" * 200,
            "ا" + "ً" * 100,
            "سَلامٌ",
        ]
    ),
)
bodies = st.lists(st.tuples(words, st.sampled_from([" ", " ", " ", "\n", "\n\n"])), max_size=25).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)
labels = st.lists(words, min_size=1, max_size=6).map(" ".join)
options = st.lists(labels, max_size=12).map(
    lambda texts: tuple(Option(str(number), text) for number, text in enumerate(texts, 1))
)
navigations = st.builds(
    Navigation,
    back=st.sampled_from([None, "بازگشت", "Back"]),
    home=st.sampled_from([None, "منو", "Menu"]),
    more=st.sampled_from(["ادامه", "More"]),
)
layouts = st.builds(
    Layout,
    channel=st.just("ussd"),
    septets=st.none() | st.integers(100, 182),
    units=st.none() | st.integers(40, 80),
    strip_zwnj=st.booleans(),
    rlm=st.booleans(),
)
# So small that some screens cannot be shown; what is shown must fit all the same.
small_layouts = st.builds(
    Layout, channel=st.just("ussd"), septets=st.integers(1, 60), units=st.integers(1, 60), rlm=st.booleans()
)


def cost(text: str, layout: Layout) -> tuple[int, int | None]:
    return (septets(text), layout.septets) if is_gsm7(text) else (units(text), layout.units)


def fits(page: Page, layout: Layout) -> bool:
    taken, most = cost(page.text, layout)
    return most is None or taken <= most


def lines(page: Page) -> list[str]:
    return [line.removeprefix(RLM) for line in page.text.split("\n")]


def foot(layout: Layout, navigation: Navigation, goes_on: bool) -> list[str]:
    keys = (layout.more, layout.back)
    shown = (navigation.more if goes_on else None, navigation.back)
    return [f"{key} {word}" for key, word in zip(keys, shown, strict=True) if word is not None]


def content(page: Page, layout: Layout, navigation: Navigation, goes_on: bool) -> str:
    """The page without its navigation, which must be there, "home" excepted."""
    rest = lines(page)
    if layout.strip_zwnj:
        navigation = Navigation(*(word and word.replace("\u200c", "") for word in navigation))  # type: ignore[arg-type]
    if navigation.home is not None and rest[-1] == f"{layout.home} {navigation.home}":
        rest.pop()
    for line in reversed(foot(layout, navigation, goes_on)):
        assert rest.pop() == line
    return "\n".join(rest)


def solid(text: str) -> str:
    return re.sub(r"\s", "", text)


def check(
    pages: tuple[Page, ...], body: str, choices: tuple[Option, ...], layout: Layout, navigation: Navigation
) -> None:
    if layout.strip_zwnj:
        body = body.replace("\u200c", "")
        choices = tuple(Option(choice.key, choice.label.replace("\u200c", "")) for choice in choices)
    assert all(fits(page, layout) for page in pages)
    assert sum((page.options for page in pages), ()) == choices
    assert solid("".join(page.body for page in pages)) == solid(body)
    contents = [content(page, layout, navigation, place < len(pages)) for place, page in enumerate(pages, 1)]
    point = "." if any(choice.label[:1].isdigit() for choice in choices) else ""
    listed = "".join(f"{choice.key}{point}{choice.label}" for choice in choices)
    assert solid("".join(contents)) == solid(body) + solid(listed)
    if body.strip() or choices:
        assert all(text.strip() for text in contents)  # No page of navigation alone.
    assert 1 <= len(pages) <= limits.PAGES
    for page in pages:
        page.text.encode()  # No half of a surrogate pair.


@given(bodies, options, layouts, navigations)
def test_any_screen_is_split_whole_and_within_its_limits(
    body: str, choices: tuple[Option, ...], layout: Layout, navigation: Navigation
) -> None:
    try:
        pages = paginate(body, choices, layout, navigation)
    except DoesNotFit as reason:
        assert "pages" in str(reason)  # noqa: PT017  (only a very long screen may be refused)
        assert units(body) + sum(units(choice.label) + 4 for choice in choices) > limits.PAGES * 10
        return
    check(pages, body, choices, layout, navigation)


@given(bodies, options, small_layouts, navigations)
def test_a_layout_too_small_is_refused_and_never_overfull(
    body: str, choices: tuple[Option, ...], layout: Layout, navigation: Navigation
) -> None:
    try:
        pages = paginate(body, choices, layout, navigation)
    except DoesNotFit:
        return
    check(pages, body, choices, layout, navigation)


@given(bodies, options, layouts, navigations)
def test_only_what_exceeds_a_page_is_torn_and_only_between_clusters(
    body: str, choices: tuple[Option, ...], layout: Layout, navigation: Navigation
) -> None:
    try:
        pages = paginate(body, choices, layout, navigation)
    except DoesNotFit:
        return
    stripped = body.replace("\u200c", "") if layout.strip_zwnj else body
    shown = [word for page in pages for word in page.body.split()]
    whole = stripped.split()
    least = (
        12  # Any word of so many characters has room on a page of these layouts, marks and "more" included.
    )
    for word in whole:
        if len(word) <= least and units(word) <= least:
            assert word in shown
    if all(units(cluster) <= least for word in whole for cluster in clusters(word)):
        beginnings = {cluster[0] for word in whole for cluster in clusters(word)}
        assert all(page.body[0] in beginnings for page in pages if page.body)


@given(bodies, options, navigations)
def test_without_limits_there_is_one_page(
    body: str, choices: tuple[Option, ...], navigation: Navigation
) -> None:
    layout = Layout("webchat", septets=None, units=None)
    (page,) = paginate(body, choices, layout, navigation)
    assert page.body == body.strip()
    assert page.options == choices


WAYS = (Option("0", "بازگشت"), Option("00", "منو"))


def test_a_short_menu_is_one_page_with_its_navigation() -> None:
    choices = (Option("1", "پیامک ناخواسته"), Option("2", "قطعی سرویس"))
    assert paginate("موضوع شکایت؟", choices, USSD, PERSIAN) == (
        Page("موضوع شکایت؟\n1 پیامک ناخواسته\n2 قطعی سرویس\n0 بازگشت\n00 منو", "موضوع شکایت؟", choices, WAYS),
    )


def test_home_yields_before_a_second_page_is_made() -> None:
    body = "ا" * 70
    (page,) = paginate(body, (), USSD, PERSIAN)
    assert page.text == body + "\n0 بازگشت"
    assert units(page.text) == 79


def test_the_question_stays_with_as_many_options_as_fit() -> None:
    choices = tuple(
        Option(str(n), text) for n, text in enumerate(["ثبت شکایت", "پیگیری شکایت", "تماس با من", "زبان"], 1)
    )
    first, second = paginate("به چاپار خوش آمدید. چه می‌خواهید؟", choices, USSD, PERSIAN)
    assert first.text == "به چاپار خوش آمدید. چه می‌خواهید؟\n1 ثبت شکایت\n2 پیگیری شکایت\n98 ادامه\n0 بازگشت"
    assert second.text == "3 تماس با من\n4 زبان\n0 بازگشت\n00 منو"


def test_a_last_page_is_not_one_lone_word() -> None:
    body = "کلمه " * 14 + "خداحافظی‌کردن"
    pages = paginate(body, (), USSD, Navigation(None, None, "ادامه"))
    assert [page.body.split()[-2:] for page in pages] == [["کلمه", "کلمه"], ["کلمه", "خداحافظی‌کردن"]]


def test_a_latin_page_counts_septets_and_one_persian_letter_makes_it_units() -> None:
    navigation = Navigation(None, None, "More")
    assert len(paginate("a" * 182, (), USSD, navigation)) == 1
    assert len(paginate("€" * 91, (), USSD, navigation)) == 1
    assert len(paginate("a" * 80 + "ی", (), USSD, navigation)) == 2
    assert len(paginate("€" * 92, (), USSD, navigation)) == 2


def test_a_word_longer_than_a_page_is_torn_between_clusters() -> None:
    family = "👨‍👩‍👧‍👦"
    pages = paginate(family * 12, (), USSD, PERSIAN)
    assert len(pages) > 1
    assert all(page.body == family * (len(page.body) // len(family)) for page in pages)


def test_a_label_longer_than_a_page_goes_on_at_a_word() -> None:
    label = "گزینه‌ای بسیار بلند که در یک صفحه جا نمی‌شود و باید در صفحه‌های دیگر پی گرفته شود تا پایان"
    pages = paginate("انتخاب کنید", (Option("1", label), Option("2", "دیگر")), USSD, PERSIAN)
    assert pages[0].text.startswith("انتخاب کنید\n1 گزینه‌ای بسیار")
    assert pages[0].options == (Option("1", label),)
    assert [option for page in pages[1:] for option in page.options] == [Option("2", "دیگر")]
    assert {word for page in pages for word in page.text.split()} >= set(label.split())


def test_the_number_of_an_option_stays_with_its_label() -> None:
    pages = paginate("", (Option("1", "ا" * 200),), USSD, PERSIAN)
    assert pages[0].text.startswith("1 ا")
    assert all(not page.text.startswith("1\n") for page in pages)


def test_a_label_that_begins_with_a_digit_is_told_from_its_number() -> None:
    (page,) = paginate("مدت؟", (Option("1", "10 روز"), Option("2", "یک ماه")), USSD, PERSIAN)
    assert page.text.split("\n")[1:3] == ["1. 10 روز", "2. یک ماه"]


def test_marks_stand_before_every_line_of_a_right_to_left_page_only() -> None:
    layout = Layout("ussd", rlm=True)
    (page,) = paginate("زبان", (Option("1", "English"),), layout, PERSIAN)
    assert all(line.startswith(RLM) for line in page.text.split("\n"))
    (page,) = paginate("Language", (Option("1", "English"),), layout, ENGLISH)
    assert RLM not in page.text
    assert is_gsm7(page.text)


def test_marks_are_counted() -> None:
    body = "ا" * 71
    assert len(paginate(body, (), USSD, Navigation("بازگشت", None, "ادامه"))) == 1
    assert len(paginate(body, (), Layout("ussd", rlm=True), Navigation("بازگشت", None, "ادامه"))) == 2


def test_non_joiners_are_stripped_where_the_route_asks() -> None:
    layout = Layout("ussd", strip_zwnj=True)
    (page,) = paginate("می‌خواهم", (Option("1", "صورت‌حساب"),), layout, Navigation("باز‌گشت", None, "ادامه"))
    assert page.text == "میخواهم\n1 صورتحساب\n0 بازگشت"
    assert page.body == "میخواهم"
    assert page.options == (Option("1", "صورتحساب"),)


def test_non_breaking_spaces_do_not_break() -> None:
    body = "کلمه " * 12 + "0912\u00a0345\u00a06789"
    pages = paginate(body, (), USSD, PERSIAN)
    assert "0912\u00a0345\u00a06789" in pages[-1].body


def test_layouts_of_their_own_keys() -> None:
    layout = Layout("ussd", back="#", home="##", more="9")
    pages = paginate("کلمه " * 30, (), layout, PERSIAN)
    assert pages[0].text.endswith("\n9 ادامه\n# بازگشت")
    assert pages[-1].text.endswith("\n# بازگشت\n## منو")


def test_an_impossible_layout_and_an_endless_text_are_refused() -> None:
    with pytest.raises(DoesNotFit):
        paginate("سلام به همه", (), Layout("ussd", septets=10, units=5), PERSIAN)
    with pytest.raises(DoesNotFit, match="pages"):
        paginate("کلمه " * 2000, (), USSD, PERSIAN)


def test_an_empty_screen_is_its_navigation() -> None:
    assert paginate("", (), USSD, Navigation(None, None, "ادامه")) == (Page("", "", (), ()),)
    assert paginate(" \n", (), USSD, PERSIAN) == (Page("0 بازگشت\n00 منو", "", (), WAYS),)
