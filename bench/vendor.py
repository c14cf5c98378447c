"""A vendor of SMS on this machine: ``python -m bench.vendor PORT SECONDS`` takes batches as Kavenegar does
and answers after so many seconds; what it took has arrived when it is asked."""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import count

from aiohttp import web

_ids = count(1)


def told(entries: list[dict[str, object]]) -> web.Response:
    return web.json_response({"return": {"status": 200, "message": ""}, "entries": entries})


def app(wait: float) -> web.Application:
    async def ready(request: web.Request) -> web.Response:
        return web.Response()

    async def take(request: web.Request) -> web.Response:
        form = await request.post()
        await asyncio.sleep(wait)
        numbers = json.loads(str(form["receptor"]))
        return told([{"messageid": next(_ids), "status": 1, "receptor": number} for number in numbers])

    async def status(request: web.Request) -> web.Response:
        form = await request.post()
        return told([{"messageid": int(id), "status": 10} for id in str(form["messageid"]).split(",")])

    made = web.Application(client_max_size=1 << 24)
    made.router.add_get("/readyz", ready)
    made.router.add_post("/v1/k/sms/sendarray.json", take)
    made.router.add_post("/v1/k/sms/status.json", status)
    return made


if __name__ == "__main__":
    web.run_app(app(float(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), print=lambda *_words: None)
