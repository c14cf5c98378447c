"""Submits to an SMSC as fast as one bind can: ``python -m bench.submits '{"port": …, "window": …, "seconds":
…}'`` prints one JSON line: messages a second, and µs of processor time for one."""

from __future__ import annotations

import asyncio
import json
import sys
from time import perf_counter, process_time

import uvloop

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


if __name__ == "__main__":
    print(json.dumps(uvloop.run(submit(**json.loads(sys.argv[1])))))
