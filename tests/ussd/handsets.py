"""Phones behind a gateway that speaks USSD over SMPP, on an SMSC that nobody here wrote."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from smpp.coding import decode_text
from tests.smpp.smsc import Smsc, octets

_names = itertools.count(1)


@dataclass(frozen=True)
class Shown:
    """A screen: its text, whether it waits for an answer, and its submit_sm."""

    text: str
    waits: bool
    pdu: dict[str, Any]


@dataclass
class Handset:
    """One phone. ``dialog`` are the 15 bits that its gateway gives the dialog, even. ``vendor``: "mica" has
    its dialog elsewhere."""

    smsc: Smsc
    number: str = "989121234567"
    dialog: int = 0x1234
    vendor: str = "standard"
    seen: int = field(default=0)

    async def send(self, operation: int, text: str, *, sequence: int = 0, via: int | None = None) -> str:
        """One deliver_sm; its name, by which its acknowledgement is found."""
        name = f"{self.number}/{next(_names)}"
        octets = text.encode("utf-16-be") if not text.isascii() else text.encode()
        tlv = "user_message_reference" if self.vendor == "mica" else "its_session_info"
        value: Any = self.dialog if self.vendor == "mica" else self.dialog.to_bytes(2, "big")
        await self.smsc.deliver(
            name,
            via,
            sequence,
            service_type="USSD",
            source_addr=self.number,
            destination_addr="733",
            short_message=octets,
            data_coding=0 if text.isascii() else 8,
            ussd_service_op=operation,
            **{tlv: value},
        )
        return name

    def screens(self) -> list[Shown]:
        """Every screen that was submitted to this phone in this dialog."""
        found = []
        for event in self.smsc.of("submit"):
            pdu = event["pdu"]
            if pdu["destination_addr"] != self.number:
                continue
            info = pdu.get("its_session_info")
            told = int.from_bytes(octets(info), "big") if info else pdu["user_message_reference"]
            ends = bool(told & 1) if info else pdu["ussd_service_op"] == 17
            if (told & 0xFFFE if info else told) == self.dialog:
                found.append(
                    Shown(decode_text(octets(pdu["short_message"]), pdu["data_coding"]), not ends, pdu)
                )
        return found

    async def screen(self) -> Shown:
        """The next screen."""
        await self.smsc.until(lambda: len(self.screens()) > self.seen, f"a screen for {self.number}")
        self.seen += 1
        return self.screens()[self.seen - 1]

    async def dial(self, code: str = "*733#") -> Shown:
        await self.send(1, code)
        return await self.screen()

    async def type(self, answer: str) -> Shown:
        await self.send(18, answer)
        return await self.screen()

    async def walk(self, *answers: str) -> Shown:
        """Dials and types; the last screen."""
        shown = await self.dial()
        for answer in answers:
            shown = await self.type(answer)
        return shown

    async def leave(self) -> str:
        return await self.send(0x81, "")
