"""Every PDU is read as it was written, by us and by codecs of others; whatever else arrives is refused."""

from __future__ import annotations

import pytest
import smpp34
from hypothesis import example, given
from hypothesis import strategies as st

from smpp import pdu
from smpp.errors import BAD_COMMAND, BAD_LENGTH, BAD_TLVS, BadPdu, BadStream, TooMuch
from smpp.pdu import Bind, BindResult, Body, Frames, Message, MessageResult, Pdu, decode, encode

octet = st.integers(0, 255)
sequences = st.integers(0, 0xFFFFFFFF)


def text(most: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=most - 1)


tlvs = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=5).map(tuple)
messages = st.builds(
    Message,
    source_addr=text(21),
    destination_addr=text(21),
    short_message=st.binary(max_size=254),
    data_coding=octet,
    esm_class=octet,
    service_type=text(6),
    source_addr_ton=octet,
    source_addr_npi=octet,
    dest_addr_ton=octet,
    dest_addr_npi=octet,
    protocol_id=octet,
    priority_flag=octet,
    schedule_delivery_time=text(17),
    validity_period=text(17),
    registered_delivery=octet,
    replace_if_present_flag=octet,
    sm_default_msg_id=octet,
    tlvs=tlvs,
)
binds = st.builds(
    Bind,
    system_id=text(16),
    password=text(64),
    system_type=text(13),
    interface_version=octet,
    addr_ton=octet,
    addr_npi=octet,
    address_range=text(41),
)
kinds = st.sampled_from(sorted(pdu.BINDS))


def of(commands: st.SearchStrategy[int], bodies: st.SearchStrategy[Body]) -> st.SearchStrategy[Pdu]:
    return st.builds(Pdu, command=commands, sequence=sequences, body=bodies)


pdus = st.one_of(
    of(kinds, binds),
    of(
        kinds.map(lambda kind: kind | pdu.RESPONSE),
        st.builds(BindResult, system_id=text(16), tlvs=tlvs),
    ),
    of(st.sampled_from((pdu.SUBMIT_SM, pdu.DELIVER_SM)), messages),
    of(
        st.sampled_from((pdu.SUBMIT_SM_RESP, pdu.DELIVER_SM_RESP)),
        st.builds(MessageResult, message_id=text(65), tlvs=tlvs),
    ),
    st.builds(
        Pdu,
        command=st.sampled_from(
            (
                pdu.GENERIC_NACK,
                pdu.UNBIND,
                pdu.UNBIND | pdu.RESPONSE,
                pdu.ENQUIRE_LINK,
                pdu.ENQUIRE_LINK | pdu.RESPONSE,
                pdu.SUBMIT_SM_RESP,
                pdu.BIND_TRANSCEIVER | pdu.RESPONSE,
            )
        ),
        sequence=sequences,
        status=sequences,
    ),
)


@given(pdus)
def test_what_is_written_is_read(written: Pdu) -> None:
    assert decode(encode(written)) == written


@given(st.lists(pdus, max_size=6), st.data())
def test_a_stream_is_cut_into_its_pdus_wherever_it_breaks(written: list[Pdu], data: st.DataObject) -> None:
    stream = b"".join(encode(each) for each in written)
    frames, read, at = Frames(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, max(1, len(stream) - at)))
        read += [decode(frame) for frame in frames.feed(stream[at : at + size])]
        at += size
    assert read == written
    assert frames.unfinished == 0


@given(st.binary(max_size=300))
@example(b"")
@example(bytes(16))
def test_any_octets_are_a_pdu_or_refused(data: bytes) -> None:
    try:
        read = decode(data)
    except BadPdu:
        return
    decode(encode(read))


@given(pdus, st.data())
def test_octets_that_were_changed_are_a_pdu_or_refused(written: Pdu, data: st.DataObject) -> None:
    octets = bytearray(encode(written))
    for _ in range(data.draw(st.integers(1, 5))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(octet)
    del octets[data.draw(st.integers(0, len(octets))) :]
    if data.draw(st.booleans()) and len(octets) >= 4:
        octets[:4] = len(octets).to_bytes(4, "big")
    try:
        decode(bytes(octets))
        status = BAD_LENGTH
    except BadPdu as error:
        status = error.status
    assert status in (BAD_LENGTH, BAD_COMMAND, BAD_TLVS)


@given(st.binary(min_size=1, max_size=400), st.integers(1, 50))
def test_any_stream_is_cut_or_refused(data: bytes, size: int) -> None:
    frames = Frames(longest=200)
    try:
        for at in range(0, len(data), size):
            for frame in frames.feed(data[at : at + size]):
                assert 16 <= len(frame) <= 200
    except BadStream:
        return
    assert frames.unfinished < 200 + size


@pytest.mark.parametrize("length", [0, 15, 0x10000 + 1025, 0xFFFFFFFF])
def test_a_length_that_no_pdu_has_ends_the_stream_after_what_came_before(length: int) -> None:
    frames = Frames().feed(encode(Pdu(pdu.ENQUIRE_LINK, 1)) + length.to_bytes(4, "big") + bytes(12))
    assert decode(next(frames)) == Pdu(pdu.ENQUIRE_LINK, 1)
    with pytest.raises(BadStream):
        next(frames)


def test_the_longest_payload_passes() -> None:
    message = Message(tlvs=((0x0424, bytes(0xFFFF)),))
    [frame] = Frames().feed(encode(Pdu(pdu.DELIVER_SM, 1, 0, message)))
    assert decode(frame).body == message


def test_what_does_not_fit_is_not_written() -> None:
    for message in (
        Message(source_addr="1" * 21),
        Message(source_addr="1\0"),
        Message(source_addr="۱"),
        Message(short_message=bytes(256)),
        Message(data_coding=256),
        Message(esm_class=-1),
        Message(tlvs=((0x0424, bytes(0x10000)),)),
        Message(tlvs=((0x10000, b""),)),
    ):
        with pytest.raises(TooMuch):
            encode(Pdu(pdu.SUBMIT_SM, 1, 0, message))


@pytest.mark.parametrize("status", [0, 0x58])
@pytest.mark.parametrize("command", [pdu.SUBMIT_SM_RESP, pdu.BIND_TRANSCEIVER | pdu.RESPONSE])
def test_an_answer_may_come_without_its_body(command: int, status: int) -> None:
    assert decode(encode(Pdu(command, 5, status))) == Pdu(command, 5, status)


def test_nobody_quarrels_with_what_is_behind_a_refusal() -> None:
    refusal = pdu.HEADER.pack(19, pdu.SUBMIT_SM_RESP, 0x58, 5) + b"???"
    assert decode(refusal) == Pdu(pdu.SUBMIT_SM_RESP, 5, 0x58)


def test_an_unknown_command_is_told_so_with_its_number() -> None:
    with pytest.raises(BadPdu) as caught:
        decode(pdu.HEADER.pack(16, 0x00000103, 0, 9))
    assert (caught.value.command, caught.value.sequence, caught.value.status) == (0x103, 9, BAD_COMMAND)


def test_neither_texts_nor_numbers_nor_passwords_are_shown() -> None:
    shown = repr(Pdu(4, 1, 0, Message("989121234567", "733", "سلام".encode("utf-16-be"))))
    shown += repr(Pdu(9, 1, 0, Bind("id", "hidden-password")))
    assert "98912" not in shown
    assert "hidden" not in shown
    assert "\\x06" not in shown


# The same octets in the hands of a codec of others (smpp34, in Rust).


@given(
    st.builds(
        Message,
        source_addr=st.text("0123456789+*#", max_size=20),
        destination_addr=st.text("0123456789+*#", max_size=20),
        short_message=st.binary(max_size=254),
        data_coding=octet,
        esm_class=octet,
        service_type=st.sampled_from(("", "USSD", "CMT")),
        source_addr_ton=st.integers(0, 6),
        source_addr_npi=st.sampled_from((0, 1, 3, 4, 6, 8, 9, 10, 14, 18)),
        dest_addr_ton=st.integers(0, 6),
        dest_addr_npi=st.sampled_from((0, 1, 3, 4, 6, 8, 9, 10, 14, 18)),
        protocol_id=octet,
        priority_flag=st.integers(0, 3),
        registered_delivery=st.integers(0, 31),
        tlvs=st.lists(
            st.tuples(st.sampled_from((0x0501, 0x1383, 0x0424, 0x1401)), st.binary(min_size=1, max_size=9)),
            max_size=3,
            unique_by=lambda pair: pair[0],
        ).map(tuple),
    )
)
def test_a_codec_of_others_reads_and_writes_the_same(message: Message) -> None:
    octets = encode(Pdu(pdu.SUBMIT_SM, 7, 0, message))
    read = smpp34.decode(octets)
    assert isinstance(read, smpp34.SubmitSm)
    assert (read.source_addr, read.destination_addr) == (message.source_addr, message.destination_addr)
    assert (read.short_message, read.data_coding) == (message.short_message, message.data_coding)
    assert (read.esm_class, read.service_type) == (message.esm_class, message.service_type)
    assert tuple((tlv.tag, bytes(tlv.value)) for tlv in read.tlvs) == message.tlvs
    assert decode(read.encode()) == Pdu(pdu.SUBMIT_SM, 7, 0, message)
