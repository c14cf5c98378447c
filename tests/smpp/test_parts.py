"""Long messages: cut where nothing breaks, and put together in the right order whatever the order they come
in."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.alphabet import BASIC, EXTENSION
from smpp import tags
from smpp.coding import decode_text
from smpp.errors import TooMuch, Unreadable
from smpp.parts import UDHI, Cut, Part, Way, read_part, split
from smpp.pdu import Message, Tlvs
from smpp.reassembly import PATIENCE, Reassembly

GSM7 = BASIC.replace("\x1b", "") + "".join(EXTENSION.values())
ways = st.sampled_from(("udh", "sar", "payload"))
persian = st.text(st.sampled_from("سلام دنیا\u200c۱😀👨"), max_size=900)
latin = st.text(st.sampled_from(GSM7), max_size=900)


def message(cut: Cut, source: str = "98912", destination: str = "733", coding: int = 8) -> Message:
    return Message(source, destination, cut.short_message, coding, cut.esm_class, tlvs=cut.tlvs)


@given(st.one_of(st.tuples(persian, st.just(8)), st.tuples(latin, st.just(0))), ways, st.randoms())
def test_parts_in_any_order_are_the_message_again(
    given_text: tuple[str, int], way: Way, chance: object
) -> None:
    text, coding = given_text
    cuts = split(text, coding, 300, way)
    shuffled = list(cuts)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    reassembly: Reassembly[int] = Reassembly()
    done = []
    for n, cut in enumerate(shuffled):
        done += reassembly.add("98912", "733", read_part(message(cut, coding=coding)), n, 0.0)
    [whole] = done
    assert decode_text(whole.octets, coding) == text
    assert whole.missing == 0
    assert sorted(whole.handles) == list(range(len(cuts)))
    assert len(reassembly) == 0


@given(st.one_of(st.tuples(persian, st.just(8)), st.tuples(latin, st.just(0))))
def test_each_part_can_be_read_alone_and_fits_a_short_message(given_text: tuple[str, int]) -> None:
    text, coding = given_text
    cuts = split(text, coding, 1)
    read = [decode_text(read_part(message(cut)).octets, coding) for cut in cuts]
    assert "".join(read) == text
    assert "�" not in "".join(read)
    most = 160 if coding == 0 else 140
    for cut in cuts:
        header = 7 if coding == 0 and cut.esm_class else 6 if cut.esm_class else 0
        assert len(cut.short_message) - (6 if cut.esm_class else 0) <= most - header


def test_what_each_way_looks_like() -> None:
    text = "س" * 80
    [one, two] = split(text, 8, 0x1234)
    assert (one.short_message[:6], one.esm_class, one.tlvs) == (bytes((5, 0, 3, 0x34, 2, 1)), UDHI, ())
    assert (two.short_message[:6], len(one.short_message), len(two.short_message)) == (
        bytes((5, 0, 3, 0x34, 2, 2)),
        6 + 134,
        6 + 26,
    )
    [one, two] = split(text, 8, 0x1234, "sar")
    assert one.tlvs == ((0x020C, b"\x12\x34"), (0x020E, b"\x02"), (0x020F, b"\x01"))
    assert (one.esm_class, len(one.short_message)) == (0, 134)
    [one] = split(text, 8, 0x1234, "payload")
    assert one.short_message == text.encode("utf-16-be")  # 160 octets fit into short_message.
    [one] = split(text * 2, 8, 0x1234, "payload")
    assert (one.short_message, one.tlvs) == (b"", ((0x0424, (text * 2).encode("utf-16-be")),))
    assert split("س" * 70, 8, 1) == [Cut(("س" * 70).encode("utf-16-be"))]
    assert len(split("a" * 160, 0, 1)) == 1
    assert [len(cut.short_message) for cut in split("a" * 161, 0, 1)] == [6 + 153, 6 + 8]


def test_no_pair_is_cut() -> None:
    # The 67th unit would be the first half of an emoji; the 153rd septet an escape.
    [one, two] = split("س" * 66 + "😀" + "س" * 10, 8, 1)
    assert (len(one.short_message) - 6, len(two.short_message) - 6) == (132, 24)
    [one, two] = split("a" * 152 + "€" + "a" * 20, 0, 1)
    assert (len(one.short_message) - 6, len(two.short_message) - 6) == (152, 22)


def test_more_parts_than_there_are_numbers() -> None:
    assert len(split("a" * 153 * 255, 0, 1)) == 255
    with pytest.raises(TooMuch):
        split("a" * (153 * 255 + 1), 0, 1)
    with pytest.raises(TooMuch):
        split("س" * 40_000, 8, 1, "payload")


# What arrives from others.


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("050003070201", Part(b"x", 7, 2, 1)),
        ("06080412340302", Part(b"x", 0x1234, 3, 2)),
        ("0b0504158a00000003070201", Part(b"x", 7, 2, 1)),  # Ports first.
        ("0605041234abcd", Part(b"x")),
        ("050003070203", Part(b"x")),  # Part 3 of 2.
        ("050003070000", Part(b"x")),
        ("0400030702", Part(b"x")),  # It breaks off.
        ("00", Part(b"x")),
    ],
)
def test_headers(header: str, part: Part) -> None:
    assert read_part(Message(short_message=bytes.fromhex(header) + b"x", esm_class=UDHI)) == part


@pytest.mark.parametrize("octets", ["", "05", "0500030702", "ff00"])
def test_a_header_longer_than_its_message(octets: str) -> None:
    with pytest.raises(Unreadable):
        read_part(Message(short_message=bytes.fromhex(octets), esm_class=UDHI))


def test_a_header_may_be_in_the_payload() -> None:
    payload = bytes.fromhex("050003070201") + b"x"
    assert read_part(Message(esm_class=UDHI, tlvs=((tags.MESSAGE_PAYLOAD, payload),))) == Part(b"x", 7, 2, 1)


segments = st.tuples(st.sampled_from((0x020C, 0x020E, 0x020F, 0x0424)), st.binary(max_size=4))


@given(st.binary(max_size=60), st.integers(0, 255), st.lists(segments, max_size=4))
def test_any_message_is_a_part_or_refused(
    octets: bytes, esm_class: int, tlvs: list[tuple[int, bytes]]
) -> None:
    try:
        part = read_part(Message(short_message=octets, esm_class=esm_class, tlvs=tuple(tlvs)))
    except Unreadable:
        return
    assert 1 <= part.number <= part.total


def parts(total: int, reference: int = 7) -> list[Part]:
    return [Part(b"%d," % n, reference, total, n) for n in range(1, total + 1)]


def test_twelve_parts_come_in_the_order_of_their_names() -> None:
    """Part 10 sorts before part 2 where numbers are texts."""
    reassembly: Reassembly[str] = Reassembly()
    for part in sorted(parts(12), key=lambda each: str(each.number)):
        done = reassembly.add("a", "b", part, f"h{part.number}", 0.0)
    assert done[0].octets == b"".join(b"%d," % n for n in range(1, 13))


def test_senders_with_the_same_reference_are_not_mixed() -> None:
    reassembly: Reassembly[str] = Reassembly()
    one, two = parts(2)
    for source, destination in (("a", "x"), ("b", "x"), ("a", "y")):
        assert reassembly.add(source, destination, one, "1", 0.0) == []
    assert len(reassembly) == 3
    [whole] = reassembly.add("b", "x", two, "2", 1.0)
    assert (whole.source, whole.octets, whole.handles) == ("b", b"1,2,", ["1", "2"])
    assert len(reassembly) == 2


def test_a_part_that_comes_twice_is_acknowledged_with_the_others() -> None:
    reassembly: Reassembly[str] = Reassembly()
    one, two, three = parts(3)
    for part, handle in ((one, "a"), (two, "b"), (one, "c")):
        assert reassembly.add("s", "d", part, handle, 0.0) == []
    [whole] = reassembly.add("s", "d", three, "e", 0.0)
    assert (whole.octets, whole.handles) == (b"1,2,3,", ["a", "b", "c", "e"])


def test_a_reference_that_is_in_use_again_is_another_message() -> None:
    reassembly: Reassembly[str] = Reassembly()
    reassembly.add("s", "d", Part(b"old", 7, 2, 1), "a", 0.0)
    [old] = reassembly.add("s", "d", Part(b"new", 7, 2, 1), "b", 1.0)
    assert (old.octets, old.missing, old.handles) == (b"old", 1, ["a"])
    [new] = reassembly.add("s", "d", Part(b"er", 7, 2, 2), "c", 2.0)
    assert (new.octets, new.missing) == (b"newer", 0)


def test_what_does_not_come_is_waited_for_so_long() -> None:
    reassembly: Reassembly[str] = Reassembly()
    reassembly.add("s", "d", parts(3)[2], "a", 0.0)
    reassembly.add("t", "d", parts(3)[0], "b", 10.0)
    assert reassembly.expired(PATIENCE - 1) == []
    [late] = reassembly.expired(PATIENCE)
    assert (late.source, late.octets, late.missing, late.handles) == ("s", b"3,", 2, ["a"])
    assert len(reassembly) == 1


def test_so_many_are_waited_for_and_the_oldest_gives_way() -> None:
    reassembly: Reassembly[int] = Reassembly(most=3)
    for n in range(3):
        assert reassembly.add(str(n), "d", parts(2)[0], n, float(n)) == []
    [oldest] = reassembly.add("3", "d", parts(2)[0], 3, 3.0)
    assert (oldest.source, oldest.missing, len(reassembly)) == ("0", 1, 3)


def test_references_go_round() -> None:
    tlvs: list[Tlvs] = [split("a" * 200, 0, n, "sar")[0].tlvs for n in (0xFFFF, 0x10000)]
    assert [each[0][1] for each in tlvs] == [b"\xff\xff", b"\0\0"]
    headers = [split("a" * 200, 0, n)[0].short_message[3] for n in itertools.islice(itertools.count(255), 2)]
    assert headers == [255, 0]
