"""Calls by an Asterisk of ours, over its REST interface (ARI):
https://docs.asterisk.org/Latest_API/API_Documentation/Asterisk_REST_Interface/.

A code is said by recorded prompts: ``POST channels`` dials into a Stasis application of this process; once
the person answers (``StasisStart``) the prompts are played, and a key or the end of them is the receipt: to
have answered is not to have heard. Events come over a WebSocket, and receipts are kept as they come
(``told``). What was under way when that connection broke is not told of; it ends with its time.
"""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
import structlog

from dispatch.errors import DispatchError, Misconfigured, Unreachable, Unroutable
from dispatch.provider import Accepted, Outcome, Outgoing, Receipt
from dispatch.providers.exchange import Exchange, one_by_one
from dispatch.providers.sms import names
from records.outbox import template_of

# Why a call was not begun, by the HTTP status of ``POST channels``.
ERRORS: Mapping[int, type[DispatchError]] = {
    400: Unroutable,  # the endpoint: nothing that this trunk takes
    401: Misconfigured,
    403: Misconfigured,
    404: Misconfigured,
    500: Unreachable,  # no channel to be had
    503: Unreachable,
}
THERE = 409  # A channel of that name is there: the call was begun before.

# How a call ended that nobody heard, by ``cause`` of ChannelDestroyed (ITU-T Q.850).
CAUSES: Mapping[int, str] = {
    1: "no such number",
    16: "hung up",
    17: "busy",
    18: "no answer",
    19: "no answer",
    21: "refused",
    27: "out of order",
    34: "no line",
}
RING = 40  # Seconds that a phone rings.
LONGEST = 180.0  # Seconds that a call may take, after which nothing is waited for.
AT_ONCE = 30

Told = Callable[[str, Receipt], Awaitable[None]]

log = structlog.get_logger(__name__)


class _Channel(msgspec.Struct):
    id: str


class _Playback(msgspec.Struct):
    target_uri: str = ""
    state: str = ""


class _Event(msgspec.Struct):
    type: str
    channel: _Channel | None = None
    playback: _Playback | None = None
    digit: str = ""
    cause: int = 0


@dataclass(frozen=True, slots=True)
class Prompts:
    """Recordings in the sounds of Asterisk: ``<folder>/code``, what is said before a code, and ``digits/0``
    to ``digits/9`` in ``language``."""

    folder: str = "chapar"
    language: str = "fa"

    def media(self, code: str) -> str:
        """The code twice, digit by digit."""
        once = [f"sound:{self.folder}/code", *(f"sound:digits/{digit}" for digit in code)]
        return ",".join(once * 2)


class Asterisk:
    """``url``: where ARI is, ``http://127.0.0.1:8088/ari``; ``endpoint``: what is dialled, with ``{number}``
    in it, ``PJSIP/{number}@trunk``; ``caller``: the number that is shown; ``told`` keeps a receipt."""

    name = "asterisk"
    channel = "voice"
    batch = 30
    repeatable = False

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        user: str,
        password: str,
        endpoint: str,
        *,
        told: Told,
        caller: str = "",
        prompts: Prompts | None = None,
        longest: float = LONGEST,
    ) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
        self._exchange = Exchange(http, self._url, secrets=(password,), headers=self._headers)
        self._endpoint = endpoint
        self._told = told
        self._caller = caller
        self._prompts = prompts or Prompts()
        self._longest = longest
        self._app = f"chapar-{secrets.token_hex(4)}"  # Each process hears of its own calls.
        self._calls: dict[str, str] = {}  # What is played, by channel.
        self._events: aiohttp.ClientWebSocketResponse | None = None
        self._listening: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        await self._listen()  # Without it nobody would answer for the calls: none is begun.
        return await one_by_one(batch, self._call, AT_ONCE)

    async def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        if self._events is not None:
            await self._events.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _call(self, outgoing: Outgoing) -> Outcome:
        said = template_of(outgoing.payload) if outgoing.payload else None
        code = said.parameters.get("code", "") if said is not None and said.template == "code" else ""
        if not (code.isascii() and code.isdecimal()):
            return Unroutable("recorded prompts say codes alone")
        call = f"{outgoing.id.hex()}-{outgoing.attempt}"
        query = {
            "endpoint": self._endpoint.replace("{number}", names.home(outgoing.to)),
            "app": self._app,
            "channelId": call,
            "timeout": str(RING),
        }
        if self._caller:
            query["callerId"] = self._caller
        self._calls[call] = self._prompts.media(code)
        self._timers[call] = asyncio.get_running_loop().call_later(self._longest, self._forget, call)
        answer = await self._exchange.post(f"channels?{urlencode(query, quote_via=quote)}", form={})
        if answer.status in (200, THERE):
            return Accepted(call, "pending")
        self._forget(call)
        kind = ERRORS.get(answer.status)
        if kind is None:
            log.error("asterisk.unknown_status", status=answer.status)
            kind = Unreachable
        return kind(f"HTTP {answer.status}")  # Its words repeat the number.

    async def _listen(self) -> None:
        """Hears events. Raises ``DispatchError`` where that cannot be."""
        async with self._connecting:
            if self._events is not None and not self._events.closed:
                return
            url = f"{self._url}/events?{urlencode({'app': self._app})}"
            try:
                self._events = await self._http.ws_connect(url, headers=self._headers, heartbeat=20)
            except aiohttp.WSServerHandshakeError as error:
                kind = Misconfigured if error.status in (401, 403, 404) else Unreachable
                raise kind(f"events: HTTP {error.status}") from None
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise Unreachable(f"events: {type(error).__name__}") from None
            self._listening = asyncio.create_task(self._hear(self._events))

    async def _hear(self, events: aiohttp.ClientWebSocketResponse) -> None:
        async for message in events:
            if message.type != aiohttp.WSMsgType.TEXT:
                continue
            try:
                await self._heed(msgspec.json.decode(message.data, type=_Event))
            except msgspec.DecodeError:
                log.warning("asterisk.unreadable_event")
            except DispatchError as error:
                log.warning("asterisk.refused", why=error.detail)
            except Exception:
                log.exception("asterisk.event_failed")
        log.warning("asterisk.events_lost", calls=len(self._calls))

    async def _heed(self, event: _Event) -> None:
        call = _call_of(event)
        if call not in self._calls:
            return
        match event.type:
            case "StasisStart":
                query = {"media": self._calls[call], "lang": self._prompts.language}
                answer = await self._exchange.post(f"channels/{call}/play?{urlencode(query)}", form={})
                if answer.status not in (200, 201):
                    await self._end(call, Receipt("failed", f"play: HTTP {answer.status}"))
            case "ChannelDtmfReceived":
                await self._end(call, Receipt("delivered", f"key {event.digit}"))
            case "PlaybackFinished":
                state = event.playback.state if event.playback is not None else ""
                heard = state == "done"
                await self._end(call, Receipt("delivered" if heard else "failed", f"playback {state}"))
            case "ChannelDestroyed":
                why = f"{event.cause} {CAUSES.get(event.cause, '')}".strip()
                if event.cause not in CAUSES:
                    log.error("asterisk.unknown_cause", cause=event.cause)
                self._forget(call)
                await self._told(call, Receipt("failed", why, event.cause not in CAUSES))

    async def _end(self, call: str, receipt: Receipt) -> None:
        self._forget(call)
        await self._told(call, receipt)
        await self._exchange.delete(f"channels/{call}")

    def _forget(self, call: str) -> None:
        self._calls.pop(call, None)
        if (timer := self._timers.pop(call, None)) is not None:
            timer.cancel()


def _call_of(event: _Event) -> str:
    if event.playback is not None:
        return event.playback.target_uri.removeprefix("channel:")
    return event.channel.id if event.channel is not None else ""
