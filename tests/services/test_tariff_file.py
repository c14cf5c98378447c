"""Tariffs as operators write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.tariffs import Tariff
from services.tariff_file import day, line_of, numbers_of, read_tariffs
from services.tariff_table import BadTariffs, following

# 1 Farvardin 1405 began on 20 March 2026 at 20:30 UTC.
NOWRUZ = datetime(2026, 3, 20, 20, 30, tzinfo=UTC)


def read(folder: Path, text: str | bytes) -> list[Tariff]:
    path = folder / "tariffs.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_tariffs(path)


def test_a_file(tmp_path: Path) -> None:
    tariffs = read(
        tmp_path,
        """\
# From the provider's letter.
prices:
  - {channel: sms, rial: 1330, from: 1405-01-01}
  - channel: sms
    provider: kavenegar
    line: "+98 1000 4346"
    class: bulk
    alphabet: gsm7
    numbers: [0930, 00989333, +98935]
    rial: ۳٬۳۲۵
    from: 1405/01/01
    until: 2027-03-21
ceilings:
  - {channel: voice, rial: 2_000, from: ۱۴۰۵-۰۱-۰۱, numbers: 0912}
""",
    )
    until = datetime(2027, 3, 20, 20, 30, tzinfo=UTC)
    named = ("kavenegar", "10004346", "bulk", "gsm7")
    assert tariffs == [
        Tariff("price", "sms", 1330, NOWRUZ),
        Tariff("price", "sms", 3325, NOWRUZ, until, *named, "+98930"),
        Tariff("price", "sms", 3325, NOWRUZ, until, *named, "+989333"),
        Tariff("price", "sms", 3325, NOWRUZ, until, *named, "+98935"),
        Tariff("ceiling", "voice", 2000, NOWRUZ, numbers="+98912"),
    ]


ROW = "{channel: sms, rial: 1, from: 1405-01-01}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ":1: fields are expected: prices, ceilings"),
        ("prices", ":1: fields are expected"),
        ("price:\n  - " + ROW, ":1: there is no field price; there are prices, ceilings"),
        ("prices: " + ROW, ":1: prices is a list of rows"),
        ("prices:\n  - 1330", ":2: fields are expected: channel, provider"),
        ("prices:\n  - {channel: sms, rial: 1}", ":2: from is missing"),
        ("prices:\n  - {rial: 1, from: 1405-01-01}", ":2: channel is missing"),
        (f"prices:\n  - {ROW}\n  - {{cost: 1}}", ":3: there is no field cost"),
        ("prices:\n  - {channel: sms, channel: sms}", ":2: channel is there twice"),
        ("prices:\n  - {channel: [sms], rial: 1, from: 1405-01-01}", ":2: a single value is expected"),
        ("prices:\n  - {channel: SMS, rial: 1, from: 1405-01-01}", "'SMS' is not a channel such as sms"),
        ("prices:\n  - {channel: sms, rial: 1.5, from: 1405-01-01}", "'1.5' is not a whole number of rial"),
        ("prices:\n  - {channel: sms, rial: -1, from: 1405-01-01}", "'-1' is not a whole number of rial"),
        ("prices:\n  - {channel: sms, rial: 1e3, from: 1405-01-01}", "is not a whole number of rial"),
        ("prices:\n  - {channel: sms, rial: 9999999999999, from: 1405-01-01}", "is not a whole number"),
        ("prices:\n  - {channel: sms, rial: 1, from: 1405-12-30}", "'1405-12-30' is not a day that there is"),
        ("prices:\n  - {channel: sms, rial: 1, from: 2026-02-29}", "'2026-02-29' is not a day that there is"),
        ("prices:\n  - {channel: sms, rial: 1, from: tomorrow}", "'tomorrow' is not a day such as 1405-01"),
        (
            "prices:\n  - {channel: sms, rial: 1, from: 1405-01-01, until: 1405-01-01}",
            ":2: until is not after from",
        ),
        ("prices:\n  - {channel: sms, class: ads, rial: 1, from: 1405-01-01}", "one of otp, service, bulk"),
        ("prices:\n  - {channel: sms, alphabet: fa, rial: 1, from: 1405-01-01}", "one of gsm7, ucs2"),
        ("prices:\n  - {channel: sms, line: x, rial: 1, from: 1405-01-01}", "a line such as 10004346"),
        ("prices:\n  - {channel: sms, numbers: 912, rial: 1, from: 1405-01-01}", "the beginning of numbers"),
        ("prices:\n  - {channel: sms, numbers: [0912, [1]], rial: 1, from: 1405-01-01}", "a single value"),
        ("prices: [", ":1: not YAML"),
        ("prices: &a [*a]", ":1: fields are expected"),
        (b"\xff\xfe\xff", "not in UTF-8"),
        (b"#" * (2 << 20), "more than 1,048,576 bytes"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(BadTariffs) as refused:
        read(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path}/tariffs.yaml:")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.one_of(st.text(), st.binary()))
def test_no_file_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str | bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    try:
        read(folder, text.encode("utf-8", "replace") if isinstance(text, str) else text)
    except BadTariffs:
        pass


@given(st.text())
def test_no_word_breaks_its_parser(text: str) -> None:
    for parse in (day, line_of, numbers_of):
        try:
            parse(text)
        except ValueError:
            pass


def test_words() -> None:
    assert day("1405-01-01") == day("2026-03-21") == day("۱۴۰۵/۱/۱") == NOWRUZ
    assert line_of("+98 3000 505") == line_of("983000505") == line_of("3000505") == "3000505"
    assert numbers_of("0912") == numbers_of("+98912") == numbers_of("0098912") == "+98912"
    assert numbers_of("+44") == numbers_of("0044") == "+44"


def test_the_example_of_the_page_is_a_file_of_tariffs(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "administration.md").read_text("utf-8")
    [example] = re.findall(r"```yaml\n(prices:.*?)```", page, re.DOTALL)
    tariffs = read(tmp_path, example)
    assert len(tariffs) == 8
    assert following([], tariffs, NOWRUZ).added
