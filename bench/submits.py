"""Submits to an SMSC by one bind, as fast as that goes: ``python -m bench.submits '{"port": …, "window": …,
"seconds": …}'`` prints one JSON line: messages a second, and µs of processor time for one. With ``url`` and
``keys`` they are messages of that outbox, claimed, submitted and settled; else one message, again and
again."""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter, process_time

import uvloop

import logs
from bench.dispatch import now
from composition.sending import AT_ONCE
from dispatch.dispatcher import Dispatcher
from dispatch.providers.sms.smpp import Smpp
from records.database import Database
from records.keyring import Keyring
from records.vault import Vault
from smpp.connection import Connection
from smpp.delivery import Delivery
from smpp.endpoint import Endpoint, Timing
from smpp.pdu import Message
from smpp.session import Session

TEXT = "شکایت شما ثبت شد. شماره: ۱۲۳۴-۵۶۷۸"
MESSAGE = Message("733", "989121234567", TEXT.encode("utf-16-be"), 8, registered_delivery=1)


async def submit(port: int, window: int, seconds: float) -> dict[str, float]:
    async def refuse(delivery: Delivery) -> None:
        delivery.acknowledge()

    session = await Session.open(
        Endpoint("127.0.0.1", port, "bench", "bench"), "transmitter", refuse, window=window, timing=Timing()
    )

    async def work(until: float) -> int:
        done = 0
        while perf_counter() < until:
            await session.submit(MESSAGE)
            done += 1
        return done

    # As many who submit as have a place; whoever is beyond them would only wait.
    await asyncio.gather(*(work(perf_counter() + seconds / 4) for _ in range(window)))
    began, used = perf_counter(), process_time()
    sent = sum(await asyncio.gather(*(work(began + seconds) for _ in range(window))))
    took, used = perf_counter() - began, process_time() - used
    await session.close()
    return {"rate": sent / took, "cpu": used / sent * 1e6}


async def dispatch(port: int, window: int, seconds: float, url: str, keys: str) -> dict[str, float]:
    database, vault = await Database.open(url), Vault(Keyring.parse(keys, "keys"))
    endpoint = Endpoint("127.0.0.1", port, "bench", "bench")
    async with Connection(endpoint, window=window) as connection:
        await connection.ready()
        provider = Smpp("smpp", connection, ("10004346",), clock=now)
        dispatcher = Dispatcher(database, vault, [provider], clock=now, wake=asyncio.Event(), at_once=AT_ONCE)
        running = asyncio.create_task(dispatcher.run())
        await asyncio.sleep(seconds / 4)
        began, used, before = perf_counter(), process_time(), connection.counts.accepted
        await asyncio.sleep(seconds)
        sent = connection.counts.accepted - before
        took, used = perf_counter() - began, process_time() - used
        dispatcher.stop()
        await running
    await database.close()
    return {"rate": sent / took, "cpu": used / max(sent, 1) * 1e6}


if __name__ == "__main__":
    logs.start("error", "text")
    order = json.loads(sys.argv[1])
    print(json.dumps(uvloop.run(dispatch(**order) if "url" in order else submit(**order))))
