"""Rows of uploads: whatever the bytes, and however they are cut."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.job_rows import BOM, MOST_ROW, BadUpload, Fault, Form, Reader, Row

Told = tuple[int, dict[str, str] | Fault]


def read(
    content: bytes, form: Form = "csv", cuts: Sequence[int] = (), needs: Sequence[str] = ()
) -> list[Row]:
    """All rows, of the content cut at these places."""
    reader = Reader(form, needs)
    rows: list[Row] = []
    edges = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    for start, end in pairwise(edges):
        for row in reader.feed(content[start:end]):
            rows.append(row)
        assert reader.buffered <= MOST_ROW
    return [*rows, *reader.finish()]


def told(rows: Sequence[Row]) -> list[Told]:
    return [(row.line, row.fault or dict(row.values)) for row in rows]


def refused(content: bytes, form: Form = "csv", needs: Sequence[str] = ()) -> Fault:
    with pytest.raises(BadUpload) as caught:
        read(content, form, needs=needs)
    return caught.value.fault


def test_rows_of_a_csv() -> None:
    content = BOM + 'To;نام;name\r\n0912;سارا;Sara\r\n\r\n0913; "a;""b""\nc" ;\n0914;;z'.encode()
    assert told(read(content)) == [
        (2, {"to": "0912", "نام": "سارا", "name": "Sara"}),
        (4, Fault("", "quote")),
        (5, Fault("", "quote")),
        (6, {"to": "0914", "نام": "", "name": "z"}),
    ]
    content = b'to,name\n0912,"a,""b""\nc"\n0913, "x"\n'
    assert told(read(content)) == [
        (2, {"to": "0912", "name": 'a,"b"\nc'}),
        (4, {"to": "0913", "name": "x"}),
    ]


def test_what_is_wrong_with_rows_of_a_csv() -> None:
    content = b'to,name\n1,a\n2,\xff\n3,\0\n4\n5,b,c\n6,"x\n7,c\n8,y"z"\n9,d'
    assert told(read(content)) == [
        (2, {"to": "1", "name": "a"}),
        (3, Fault("", "encoding")),
        (4, Fault("", "control")),
        (5, Fault("", "columns", {"want": 2, "have": 1})),
        (6, Fault("", "columns", {"want": 2, "have": 3})),
        (7, Fault("", "quote")),
        (8, {"to": "7", "name": "c"}),
        (9, {"to": "8", "name": 'y"z"'}),
        (10, {"to": "9", "name": "d"}),
    ]


def test_a_line_whose_quotes_are_wrong_costs_no_other() -> None:
    content = b'to,name\n1,"a"b\n2,c\n"3"d,"e\n4,f\n'
    assert [row.fault is None for row in read(content)] == [False, True, False, True]


def test_a_quote_that_is_never_closed_costs_its_line_alone() -> None:
    rest = [f"{number},b" for number in range(40_000)]
    rows = read("\n".join(["to,name", '1,"a', *rest]).encode(), cuts=range(0, 400_000, 10_000))
    assert rows[0].fault == Fault("", "quote")
    assert [row.values["to"] for row in rows[1:]] == [str(number) for number in range(40_000)]
    assert rows[-1].line == 40_002


def test_a_line_of_ten_megabytes_is_refused_and_not_kept() -> None:
    reader = Reader("csv")
    rows: list[Row] = [*reader.feed(b"to,name\n1,a\n2,")]
    for _piece in range(160):
        rows += reader.feed(b"x" * 65_536)
        assert reader.buffered <= MOST_ROW
    rows += reader.feed(b"\n3,c\n")
    assert told(rows) == [
        (2, {"to": "1", "name": "a"}),
        (3, Fault("", "long")),
        (4, {"to": "3", "name": "c"}),
    ]
    assert rows[1].end == 14 + 160 * 65_536 + 1
    assert told(read(b"to\n" + b"9" * 70_000)) == [(2, Fault("", "long"))]


def test_uploads_of_which_nothing_can_be_read() -> None:
    assert refused(b"") == Fault("to", "missing")
    assert refused(b"\n\n") == Fault("to", "missing")
    assert refused(b"number,name\n1,a\n") == Fault("to", "missing")
    assert refused(b"to,name\n1,a\n", needs=["order"]) == Fault("order", "missing")
    assert refused(b"to,a,A\n") == Fault("a", "doubled")
    assert refused(b"to,\xff\n") == Fault("", "encoding")
    assert refused("to,a\n".encode("utf-16")) == Fault("", "encoding")
    assert refused(b'to,"a\n') == Fault("", "quote")
    assert refused(b"to," + b"a" * 70_000) == Fault("", "long")


def test_rows_of_ndjson() -> None:
    lines = [
        b'{"to": "0912", "order": 1204, "sum": 1.50, "name": null}',
        b"",
        b'{"to": "\xff"}',
        b'{"to": "1", "to": "2"}',
        b'{"to": true}',
        b'{"to": ["1"]}',
        b"[1]",
        b"{",
        b'{"to": NaN}',
        b"[" * 60_000,
        b'{"to": "\\ud800"}',
        b'{"to": "\\u0000"}',
        '{"to": "۰۹۱۲", "text": "\\u200cمی\\"روم"}'.encode(),
    ]
    assert told(read(BOM + b"\n".join(lines), "ndjson")) == [
        (1, {"to": "0912", "order": "1204", "sum": "1.50"}),
        (3, Fault("", "encoding")),
        (4, Fault("to", "doubled")),
        (5, Fault("to", "type")),
        (6, Fault("to", "type")),
        (7, Fault("", "object")),
        (8, Fault("", "json")),
        (9, Fault("", "json")),
        (10, Fault("", "json")),
        (11, Fault("to", "control")),
        (12, Fault("to", "control")),
        (13, {"to": "۰۹۱۲", "text": '\u200cمی"روم'}),
    ]


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
cutting = st.lists(st.integers(0, 10_000), max_size=12)
# Bytes of which what is special is likely.
noise = st.lists(
    st.sampled_from(
        [b'"', b",", b";", b"\n", b"\r\n", b"\r", b"a", b"\0", b"\xd8", b"\xb3", b" ", b"\\", b'""']
    )
).map(b"".join)


@given(st.lists(st.tuples(cells, cells, cells), max_size=20), st.sampled_from(",;"), cutting)
@settings(deadline=None)
def test_what_is_written_is_read(
    given_rows: list[tuple[str, str, str]], delimiter: str, cuts: list[int]
) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(["to", "a", "b"])
    writer.writerows(given_rows)
    rows = read(file.getvalue().encode(), cuts=cuts)
    assert [tuple(row.values.values()) for row in rows] == given_rows
    lines = [json.dumps(dict(zip(("to", "a", "b"), each, strict=True))) for each in given_rows]
    rows = read("\n".join(lines).encode(), "ndjson", cuts)
    assert [tuple(row.values.values()) for row in rows] == given_rows


@given(noise, st.sampled_from(["csv", "ndjson"]), cutting)
@settings(deadline=None, max_examples=500)
def test_whatever_comes_is_read_the_same_however_it_is_cut(body: bytes, form: Form, cuts: list[int]) -> None:
    content = (b"to,a\n" if form == "csv" else b"") + body
    try:
        whole = read(content, form)
    except BadUpload:  # UTF-16, by its first bytes.
        return
    assert read(content, form, cuts) == whole
    ends = [row.end for row in whole]
    assert ends == sorted(set(ends))
    assert all(end <= len(content) for end in ends)
    # The line that is told is where the row begins.
    starts = [place for place, byte in enumerate(b"\n" + content) if byte == 10]
    for before, row in zip([0, *ends], whole, strict=False):
        assert before <= starts[row.line - 1] < row.end
        assert content[row.end - 1 : row.end] == b"\n" or row.end == len(content)


@given(noise, st.sampled_from(["csv", "ndjson"]), st.integers(0, 50))
@settings(deadline=None, max_examples=500)
def test_reading_goes_on_from_the_end_of_any_row(body: bytes, form: Form, place: int) -> None:
    content = (b"to;a\n" if form == "csv" else b"") + body
    reader = Reader(form)
    try:
        whole = [*reader.feed(content), *reader.finish()]
    except BadUpload:
        return
    if whole:
        last = whole[place % len(whole)]
        again = Reader(form, offset=last.end, line=last.next_line, header=reader.header)
        rest = [*again.feed(content[last.end :]), *again.finish()]
        assert rest == whole[place % len(whole) + 1 :]
