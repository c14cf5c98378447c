"""SMS by SMPP against a second SMSC that nobody here wrote: PyPI ``smpp34``."""

from __future__ import annotations

import asyncio
from typing import Any

import smpp34

from dispatch.providers.sms.smpp import Manner
from tests.dispatch.outbox import Outbox, until
from tests.dispatch.smpp_lines import LINE, lines
from tests.running import free_port, within


async def submitted(server: smpp34.Server) -> Any:
    while not isinstance(event := await server.next(), smpp34.SubmitSmEvent):
        pass
    return event


@within(60)
async def test_a_code_is_throttled_then_delivered(outbox: Outbox) -> None:
    port = free_port()
    server = smpp34.Server("127.0.0.1", port, system_id="smsc")
    await server.start()
    async with lines(outbox, port, manner=Manner(ids="hex"), receipt_ids="decimal") as at:
        esme = await server.next()
        assert isinstance(esme, smpp34.Esme)
        tracking = await outbox.add("کد: ۱۲۳۴۵۶", klass="otp", minutes=2)
        event = await submitted(server)
        assert (event.source_addr, event.destination_addr) == (LINE, "989121234567")
        assert bytes(event.short_message).decode("utf-16-be") == "کد: ۱۲۳۴۵۶"
        event.reject(0x58)

        async def waits() -> bool:
            return await outbox.status(tracking) == "queued"

        await until(waits)
        assert (await outbox.row(tracking)).attempts == 0
        await asyncio.sleep(1)
        outbox.clock.forward(1)
        (await submitted(server)).accept("0A1B")
        await at.becomes("sent", tracking)
        text = b"id:0000002587 sub:001 dlvrd:001 submit date:2611230800 stat:DELIVRD err:000"
        answer = await esme.deliver_sm(LINE, text, source_addr="989121234567", esm_class=4, data_coding=0)
        assert answer.is_success
        await at.becomes("delivered", tracking)
    await server.stop()
