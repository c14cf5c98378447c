"""Vendors with a ledger, and what can go wrong with one: a real server that does it to the first submit of
each message and behaves from then on."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web

# Ten digits that stand in each address, and so in each request about a message.
MARK = re.compile(r"912111000[1-9]")

Parts = Mapping[str, Any]  # Of a request: ``path``, ``query``, ``body`` (a form's fields, or JSON).


@dataclass
class Ledger:
    """By mark: how often a message was ``handed`` over, and how many a person ``got`` of it. ``known``: our
    own names of messages, where the vendor keeps them, and its ids."""

    handed: Counter[str] = field(default_factory=Counter)
    got: Counter[str] = field(default_factory=Counter)
    known: dict[str, int] = field(default_factory=dict)
    last: int = 10**15

    def take(self, mark: str, ours: str = "") -> int:
        """The vendor's id of a message; one that it knows by our name already goes no second time."""
        if ours in self.known:
            return self.known[ours]
        self.last += 1
        self.got[mark] += 1
        if ours:
            self.known[ours] = self.last
        return self.last


@dataclass(frozen=True)
class Vendor:
    """``submit``: the path of a submit, as a pattern. ``taken`` answers one; ``refusal`` is its 200 with an
    error inside, and ``unknown`` one with a code that nobody knows (None: it has no such answer); ``other``
    answers what is no submit."""

    submit: str
    taken: Callable[[Ledger, str, Parts], Any]
    refusal: Any = None
    unknown: Any = None
    other: Callable[[Ledger, Parts], Any] = lambda ledger, parts: {}
    status: int = 200


def kavenegar(status: int, *entries: Any) -> Any:
    return {"return": {"status": status, "message": ""}, "entries": list(entries)}


def _kavenegar_taken(ledger: Ledger, mark: str, parts: Parts) -> Any:
    id = ledger.take(mark, parts["body"]["localid"])
    return kavenegar(200, {"messageid": id, "status": 1, "receptor": f"0{mark}"})


def _kavenegar_other(ledger: Ledger, parts: Parts) -> Any:
    asked = parts["body"]["localid"].split(",")
    told = [(int(ours), ledger.known.get(ours)) for ours in asked]
    entries = [{"localid": ours, "messageid": id or 0, "status": 4 if id else 100} for ours, id in told]
    return kavenegar(200, *entries)


def _magfa_taken(ledger: Ledger, mark: str, parts: Parts) -> Any:
    [uid] = parts["body"]["uids"]
    return {"status": 0, "messages": [{"status": 0, "id": ledger.take(mark, str(uid)), "userId": uid}]}


def _ippanel_taken(ledger: Ledger, mark: str, parts: Parts) -> Any:
    return {"data": {"message_outbox_ids": [ledger.take(mark)]}, "meta": {"status": True}}


def _bot_taken(ledger: Ledger, mark: str, parts: Parts) -> Any:
    return {"ok": True, "result": {"message_id": ledger.take(mark)}}


KAVENEGAR = Vendor(
    r"/(sms/send|call/maketts)\.json",
    _kavenegar_taken,
    kavenegar(409),
    kavenegar(987),
    _kavenegar_other,
)
IPPANEL = Vendor(
    "/api/send",
    _ippanel_taken,
    {"data": None, "meta": {"status": False, "message_code": "400-1"}},
    {"data": None, "meta": {"status": False, "message_code": "987-1"}},
)


def restcomm(ledger: Ledger, mark: str, parts: Parts) -> Any:
    return f'<dialog localId="{ledger.take(mark)}"><unstructuredSSNotify_Response/></dialog>'


def restcomm_error(code: int) -> str:
    component = f'<errorComponent invokeId="0" errorCode="{code}"/>'
    return f'<dialog localId="5"><errComponents>{component}</errComponents></dialog>'


BOT = Vendor(
    "/sendMessage",
    _bot_taken,
    {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 1}},
    None,  # Whatever Telegram does not explain may have gone.
)

VENDORS: Mapping[str, Vendor] = {
    "kavenegar": KAVENEGAR,
    "smsir": Vendor(
        "/send/bulk",
        lambda ledger, mark, parts: {
            "status": 1, "data": {"packId": "p", "messageIds": [ledger.take(mark)], "cost": 1},
        },
        {"status": 20, "message": "تعداد درخواست"},
        {"status": 987},
    ),
    "melipayamak": Vendor(
        "/SendSMS/SendSMS",
        lambda ledger, mark, parts: {
            "Value": str(ledger.take(mark)), "RetStatus": 1, "StrRetStatus": "Ok",
        },
        {"Value": "4", "RetStatus": 35, "StrRetStatus": "InvalidData"},
        {"Value": "987", "RetStatus": 35, "StrRetStatus": "؟"},
    ),
    "ippanel": IPPANEL,
    "magfa": Vendor(
        "/send",
        _magfa_taken,
        {"status": 23},
        {"status": 987},
        lambda ledger, parts: {"status": 0, "mid": ledger.known.get(parts["path"].rpartition("/")[2], -1)},
    ),
    "safir": Vendor(
        "/send_message",
        lambda ledger, mark, parts: {
            "message_id": str(ledger.take(mark, parts["body"]["request_id"])), "error_data": None,
        },
        {"message_id": "", "error_data": [{"code": 3, "description": "RateLimitExceeded"}]},
        {"message_id": "", "error_data": [{"code": 987, "description": "?"}]},
    ),
    "restcomm-push": Vendor("/restcomm", restcomm, restcomm_error(72), restcomm_error(987)),
    "kavenegar-call": KAVENEGAR,
    "ippanel-call": IPPANEL,
    "asterisk": Vendor("/ari/channels", lambda ledger, mark, parts: {"id": str(ledger.take(mark))}),
    "fcm": Vendor(
        "messages:send",
        lambda ledger, mark, parts: {"name": f"projects/p/messages/{ledger.take(mark)}"},
        None,  # It says what is wrong by the HTTP status.
        None,
        lambda ledger, parts: {"access_token": "t", "expires_in": 3_600},
    ),
    "webpush": Vendor("/push/", lambda ledger, mark, parts: ledger.take(mark), status=201),
    "telegram": BOT,
    "bale": BOT,
}  # fmt: skip


@dataclass
class Faulty:
    """One vendor's server. ``fault`` befalls the first submit of each of three messages; ``begun`` is called
    once it has befallen all of them."""

    vendor: Vendor
    fault: Fault
    begun: Callable[[], None] = lambda: None
    ledger: Ledger = field(default_factory=Ledger)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/ari/events", self.events)
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app

    async def events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _message in socket:
            pass
        return socket

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = (await request.read()).decode("utf-8", "replace")
        parts = {
            "path": request.path.removesuffix(".json"),
            "query": request.query,
            "body": _body(request, text),
        }
        found = MARK.search(unquote_plus(f"{request.path_qs} {text}"))
        if found is None or not re.search(self.vendor.submit, request.path):
            return web.json_response(self.vendor.other(self.ledger, parts))
        mark = found[0]
        self.ledger.handed[mark] += 1
        if len(self.ledger.handed) == 3:
            self.begun()

        def take() -> web.Response:
            return written(self.vendor.taken(self.ledger, mark, parts), self.vendor.status)

        return await self.fault(self, request, take) if self.ledger.handed[mark] == 1 else take()


Fault = Callable[[Faulty, web.Request, Callable[[], web.Response]], Awaitable[web.StreamResponse]]


def written(said: Any, status: int = 200) -> web.Response:
    """An answer in JSON, or in XML where it is that."""
    if isinstance(said, str):
        return web.Response(text=said, status=status, content_type="text/xml")
    return web.json_response(said, status=status)


def _body(request: web.Request, text: str) -> Any:
    if request.content_type == "application/json":
        return json.loads(text) if text else None
    pairs = (pair.partition("=") for pair in text.split("&") if "=" in pair)
    return {name: unquote_plus(value) for name, _sign, value in pairs}


async def silent(
    faulty: Faulty, request: web.Request, take: Callable[[], web.Response]
) -> web.StreamResponse:
    """Nothing is taken and nothing answered."""
    await faulty.over.wait()
    return web.Response()


async def taken_and_silent(
    faulty: Faulty, request: web.Request, take: Callable[[], web.Response]
) -> web.StreamResponse:
    take()
    return await silent(faulty, request, take)


async def reset(faulty: Faulty, request: web.Request, take: Callable[[], web.Response]) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def taken_and_reset(
    faulty: Faulty, request: web.Request, take: Callable[[], web.Response]
) -> web.StreamResponse:
    take()
    return await reset(faulty, request, take)


async def page(faulty: Faulty, request: web.Request, take: Callable[[], web.Response]) -> web.StreamResponse:
    """A page with 200, of whatever stands before the vendor."""
    return web.Response(text="<html><title>ورود</title>", content_type="text/html")


async def taken_and_page(
    faulty: Faulty, request: web.Request, take: Callable[[], web.Response]
) -> web.StreamResponse:
    take()
    return web.Response(status=502, text="<html>Bad Gateway", content_type="text/html")


async def taken_and_half(
    faulty: Faulty, request: web.Request, take: Callable[[], web.Response]
) -> web.StreamResponse:
    """Half of its answer, and then nothing more."""
    answer = take()
    assert isinstance(answer.body, bytes)
    half = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    half.content_length = max(len(answer.body), 2)
    await half.prepare(request)
    await half.write(answer.body[: half.content_length // 2])
    return await reset(faulty, request, take)


async def taken_and_trickling(
    faulty: Faulty, request: web.Request, take: Callable[[], web.Response]
) -> web.StreamResponse:
    answer = take()
    slow = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    slow.content_length = 1 << 20
    await slow.prepare(request)
    try:
        while not faulty.over.is_set():
            await slow.write(b" ")
            await asyncio.sleep(0.02)
    except ConnectionError:
        pass  # The caller left, as it should.
    return slow


async def taken_and_other_json(
    faulty: Faulty, request: web.Request, take: Callable[[], web.Response]
) -> web.StreamResponse:
    take()
    return web.json_response({"unexpected": ["x"], "messages": {}, "data": 7})


async def refusal(
    faulty: Faulty, request: web.Request, take: Callable[[], web.Response]
) -> web.StreamResponse:
    """200, and that it is too much just now inside."""
    return written(faulty.vendor.refusal)


async def unknown(
    faulty: Faulty, request: web.Request, take: Callable[[], web.Response]
) -> web.StreamResponse:
    """200, and a code inside that nobody knows."""
    return written(faulty.vendor.unknown)
