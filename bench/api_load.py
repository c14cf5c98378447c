"""A load of businesses that send by the API: ``python -m bench.api_load '{"port": …}'`` prints one JSON
line of figures, in which a turn is a call."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from time import perf_counter, process_time

import uvloop
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from bench.load import Figures

TEXT = "سفارش شما ارسال شد و تا پایان امروز می‌رسد. فروشگاه بنفشه"


@dataclass
class ApiPlan:
    """Calls of ``each`` messages by ``connections`` for ``seconds`` after ``warm_up``; each message goes to a
    number of its own, counted up from ``first_number``."""

    port: int
    token: str
    each: int = 100
    connections: int = 8
    seconds: float = 10.0
    warm_up: float = 2.0
    first_number: int = 9_120_000_000


async def run(plan: ApiPlan) -> Figures:
    figures = Figures()
    began = perf_counter()
    until, counted = began + plan.warm_up + plan.seconds, began + plan.warm_up
    next_number = plan.first_number
    headers = {"Authorization": f"Bearer {plan.token}", "Content-Type": "application/json"}
    url = f"http://127.0.0.1:{plan.port}/api/v1/messages"

    def body() -> bytes:
        nonlocal next_number
        numbers = range(next_number, next_number + plan.each)
        next_number += plan.each
        messages = [{"channel": "sms", "to": f"+98{number}", "text": TEXT} for number in numbers]
        return json.dumps({"messages": messages}).encode()

    async def business(http: ClientSession) -> None:
        while (sent := perf_counter()) < until:
            async with http.post(url, data=body(), headers=headers) as response:
                said = await response.read()
            now = perf_counter()
            figures.all_turns += 1
            if now >= counted:
                figures.turns += 1
                figures.latencies.append((now - sent) * 1_000)
            if response.status != 202:
                figures.wrong += 1
                figures.example = f"{response.status} {said[:300].decode(errors='replace')}"

    async with ClientSession(timeout=ClientTimeout(total=60), connector=TCPConnector(limit=0)) as http:
        await asyncio.gather(*(business(http) for _caller in range(plan.connections)))
    figures.seconds = perf_counter() - counted
    figures.conclude(process_time())
    return figures


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(run(ApiPlan(**json.loads(sys.argv[1])))))))
