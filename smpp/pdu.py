"""SMPP's PDUs: bytes to structs and back.

A PDU is a header of four words (length, command, status, sequence), fixed parameters in the command's own
order, and TLVs. Reading is bounded by the specification's sizes and raises ``BadPdu`` and nothing else; what
the specification leaves out of a refusal (the body of a response whose status is not 0) may be absent.

Texts of the protocol itself are ASCII by the specification; they are read as Latin-1, in which any octet is a
character, so that odd ones survive. Structs of msgspec, because one of each is made for every message.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from smpp.errors import BAD_COMMAND, BAD_TLVS, BadPdu, BadStream, TooMuch

GENERIC_NACK = 0x80000000
BIND_RECEIVER = 0x00000001
BIND_TRANSMITTER = 0x00000002
SUBMIT_SM = 0x00000004
DELIVER_SM = 0x00000005
UNBIND = 0x00000006
BIND_TRANSCEIVER = 0x00000009
OUTBIND = 0x0000000B
ENQUIRE_LINK = 0x00000015
ALERT_NOTIFICATION = 0x00000102
RESPONSE = 0x80000000  # This bit makes a command its response.
SUBMIT_SM_RESP = SUBMIT_SM | RESPONSE
DELIVER_SM_RESP = DELIVER_SM | RESPONSE

BINDS = frozenset((BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER))

HEADER = struct.Struct(">IIII")
# The largest message_payload is 64 KiB less one octet; nothing that is longer than this is a PDU.
LONGEST = 0x10000 + 1024
SHORT_MESSAGE = 254  # The most octets of short_message; more goes into message_payload.

Tlvs = tuple[tuple[int, bytes], ...]


class Bind(msgspec.Struct, frozen=True):
    """§4.1: the body of the three bind requests."""

    system_id: str
    password: str
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""

    def __repr__(self) -> str:
        # Passwords are in no log.
        return f"Bind(system_id={self.system_id!r})"


class BindResult(msgspec.Struct, frozen=True):
    """§4.1: the body of the answer to a bind."""

    system_id: str = ""
    tlvs: Tlvs = ()


class Message(msgspec.Struct, frozen=True):
    """§4.4.1, §4.6.1: the body of submit_sm and of deliver_sm, which are alike."""

    source_addr: str = ""
    destination_addr: str = ""
    short_message: bytes = b""
    data_coding: int = 0
    esm_class: int = 0
    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    sm_default_msg_id: int = 0
    tlvs: Tlvs = ()

    def __repr__(self) -> str:
        # What people write, and their numbers, are in no log.
        return f"Message({len(self.short_message)} octets)"

    def tlv(self, tag: int) -> bytes | None:
        """The first value of a TLV, None where it is absent."""
        for each, value in self.tlvs:
            if each == tag:
                return value
        return None


class MessageResult(msgspec.Struct, frozen=True):
    """§4.4.2, §4.6.2: the body of the answer to submit_sm (and of that to deliver_sm, where it is empty)."""

    message_id: str = ""
    tlvs: Tlvs = ()


Body = Bind | BindResult | Message | MessageResult | None


class Pdu(msgspec.Struct, frozen=True):
    """``command`` and ``status`` as in the header. ``body`` is None for the commands that have none, and for
    a refusal that came without."""

    command: int
    sequence: int
    status: int = 0
    body: Body = None


class Frames:
    """Cuts a stream into PDUs."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._buffer = bytearray()

    @property
    def unfinished(self) -> int:
        """Octets of a PDU that has not arrived whole."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The PDUs that are whole now. ``BadStream`` at the first length that no PDU has: nobody can tell
        where the next one begins."""
        buffer = self._buffer
        buffer += data
        at, size = 0, len(buffer)
        try:
            while size - at >= 4:
                length = int.from_bytes(buffer[at : at + 4], "big")
                if not HEADER.size <= length <= self._longest:
                    raise BadStream(f"a PDU of {length} octets")
                if size - at < length:
                    break
                at += length
                yield bytes(buffer[at - length : at])
        finally:
            del buffer[:at]


def encode(pdu: Pdu) -> bytes:
    """The PDU as it goes over the wire; ``TooMuch`` when a value does not fit its field."""
    body = encode_body(pdu.body)
    return HEADER.pack(HEADER.size + len(body), pdu.command, pdu.status, pdu.sequence) + body


def decode(data: bytes) -> Pdu:
    """One whole PDU; ``BadPdu`` when it is none."""
    if len(data) < HEADER.size:
        raise BadPdu("shorter than a header", 0, 0)
    length, command, status, sequence = HEADER.unpack_from(data)
    if length != len(data):
        raise BadPdu(f"says {length} octets and has {len(data)}", command, sequence)
    reader = _Reader(data, command, sequence)
    body: Body
    if command in (SUBMIT_SM_RESP, DELIVER_SM_RESP):
        # Nothing behind the header of a refusal is worth a quarrel.
        body = None if status or reader.done else MessageResult(reader.text(65), reader.tlvs())
    elif command in (DELIVER_SM, SUBMIT_SM):
        body = _read_message(reader)
    elif command in BINDS:
        body = Bind(
            reader.text(16),
            reader.text(64),  # 9 by the text; longer in practice.
            reader.text(13),
            reader.octet(),
            reader.octet(),
            reader.octet(),
            reader.text(41),
        )
    elif command ^ RESPONSE in BINDS:
        body = None if status or reader.done else BindResult(reader.text(16), reader.tlvs())
    elif command in _EMPTY:
        body = None
    else:
        raise BadPdu("no such command here", command, sequence, BAD_COMMAND)
    return Pdu(command, sequence, status, body)


_EMPTY = frozenset(
    (GENERIC_NACK, UNBIND, UNBIND | RESPONSE, ENQUIRE_LINK, ENQUIRE_LINK | RESPONSE)  # §4.2, §4.3, §4.11
)


def _read_message(reader: _Reader) -> Message:
    service_type = reader.text(6)
    source_ton, source_npi = reader.octet(), reader.octet()
    source = reader.text(21)
    dest_ton, dest_npi = reader.octet(), reader.octet()
    destination = reader.text(21)
    esm_class, protocol_id, priority = reader.octet(), reader.octet(), reader.octet()
    schedule, validity = reader.text(17), reader.text(17)
    registered, replace, coding, default = reader.octet(), reader.octet(), reader.octet(), reader.octet()
    return Message(
        source,
        destination,
        reader.octets(reader.octet()),
        coding,
        esm_class,
        service_type,
        source_ton,
        source_npi,
        dest_ton,
        dest_npi,
        protocol_id,
        priority,
        schedule,
        validity,
        registered,
        replace,
        default,
        reader.tlvs(),
    )


class _Reader:
    """Reads the parameters of one PDU, one after another."""

    __slots__ = ("_at", "_command", "_data", "_sequence")

    def __init__(self, data: bytes, command: int, sequence: int) -> None:
        self._data = data
        self._at = HEADER.size
        self._command = command
        self._sequence = sequence

    @property
    def done(self) -> bool:
        return self._at == len(self._data)

    def text(self, most: int) -> str:
        """A C-octet string of at most so many octets, its NUL among them."""
        at = self._at
        end = self._data.find(0, at, at + most)
        if end < 0:
            raise self._wrong("a text without an end")
        self._at = end + 1
        return self._data[at:end].decode("latin-1") if end > at else ""

    def octet(self) -> int:
        at = self._at
        if at >= len(self._data):
            raise self._wrong("it breaks off")
        self._at = at + 1
        return self._data[at]

    def octets(self, count: int) -> bytes:
        at = self._at
        if at + count > len(self._data):
            raise self._wrong("it breaks off")
        self._at = at + count
        return self._data[at : at + count]

    def tlvs(self) -> Tlvs:
        """The rest of the PDU, which must be TLVs to its last octet."""
        data, at, end = self._data, self._at, len(self._data)
        if at == end:
            return ()
        found = []
        while at < end:
            if at + 4 > end:
                raise self._wrong("a TLV breaks off", BAD_TLVS)
            length = int.from_bytes(data[at + 2 : at + 4], "big")
            if at + 4 + length > end:
                raise self._wrong("a TLV is longer than its PDU", BAD_TLVS)
            found.append((int.from_bytes(data[at : at + 2], "big"), data[at + 4 : at + 4 + length]))
            at += 4 + length
        self._at = end
        return tuple(found)

    def _wrong(self, detail: str, status: int = 0x02) -> BadPdu:
        return BadPdu(detail, self._command, self._sequence, status)


def encode_body(body: Body) -> bytes:
    """What follows the header."""
    if body is None:
        return b""
    if isinstance(body, Message):
        return _encode_message(body)
    if isinstance(body, MessageResult):
        return _text(body.message_id, 65) + _tlvs(body.tlvs)
    if isinstance(body, BindResult):
        return _text(body.system_id, 16) + _tlvs(body.tlvs)
    return b"".join(
        (
            _text(body.system_id, 16),
            _text(body.password, 64),
            _text(body.system_type, 13),
            _octets(body.interface_version, body.addr_ton, body.addr_npi),
            _text(body.address_range, 41),
        )
    )


def _encode_message(body: Message) -> bytes:
    short = body.short_message
    if len(short) > 255:
        raise TooMuch(f"short_message of {len(short)} octets")
    return b"".join(
        (
            _text(body.service_type, 6),
            _octets(body.source_addr_ton, body.source_addr_npi),
            _text(body.source_addr, 21),
            _octets(body.dest_addr_ton, body.dest_addr_npi),
            _text(body.destination_addr, 21),
            _octets(body.esm_class, body.protocol_id, body.priority_flag),
            _text(body.schedule_delivery_time, 17),
            _text(body.validity_period, 17),
            _octets(
                body.registered_delivery,
                body.replace_if_present_flag,
                body.data_coding,
                body.sm_default_msg_id,
                len(short),
            ),
            short,
            _tlvs(body.tlvs),
        )
    )


def _text(text: str, most: int) -> bytes:
    if not text:
        return b"\0"
    try:
        written = text.encode("latin-1")
    except UnicodeEncodeError:
        raise TooMuch("a text of the protocol that is not Latin") from None
    if len(written) >= most or 0 in written:
        raise TooMuch(f"a text of {len(written)} octets where {most - 1} have place, or one with a NUL")
    return written + b"\0"


def _octets(*values: int) -> bytes:
    try:
        return bytes(values)
    except ValueError:
        raise TooMuch("a value that is no octet") from None


def _tlvs(tlvs: Tlvs) -> bytes:
    if not tlvs:
        return b""
    try:
        return b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in tlvs)
    except struct.error:
        raise TooMuch("a TLV of 64 KiB, or a tag that is none") from None
