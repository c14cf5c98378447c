"""A load of people on the phone: many connections, each walking one conversation after another.

Speaks HTTP/1.1 over bare asyncio protocols, so that the load costs far less than what it measures. Run as a
process of its own: ``python -m bench.load '{"port": …}'`` prints one JSON line of figures.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass, field
from functools import partial
from time import perf_counter, process_time
from typing import cast
from urllib.parse import quote_plus

import uvloop


@dataclass
class Plan:
    """``answers`` are given one after another after dialling ``code``; each conversation is a new number's,
    counted up from ``first_number``. It goes on for ``seconds`` after ``warm_up``, which is not counted, or
    until each connection has had ``conversations``, if that is not 0. ``secret`` opens the door. ``ends``:
    the last answer ends the conversation, with ``last_word`` on its screen.
    """

    port: int
    answers: list[str]
    code: str = "*733#"
    path: str = "/ussd/africastalking"
    secret: str = ""
    connections: int = 64
    seconds: float = 10.0
    warm_up: float = 2.0
    conversations: int = 0
    first_number: int = 9_120_000_000
    ends: bool = True
    last_word: str = ""


@dataclass
class Figures:
    """``turns`` were answered in the counted ``seconds``, ``all_turns`` with the warm-up. ``p50`` and so on
    are latencies in milliseconds. ``wrong`` counts answers that are not what the plan expects, ``example`` is
    the last of them. ``cpu`` are the seconds of processor time that the load itself took."""

    turns: int = 0
    all_turns: int = 0
    conversations: int = 0
    wrong: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    most: float = 0.0
    example: str = ""
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.turns / self.seconds if self.seconds else 0.0

    def conclude(self, cpu: float) -> None:
        """Works out the latencies; ``cpu`` are the seconds of processor time that the load took."""
        ordered = sorted(self.latencies)
        if ordered:
            self.p50 = ordered[len(ordered) // 2]
            self.p95 = ordered[int(len(ordered) * 0.95)]
            self.p99 = ordered[int(len(ordered) * 0.99)]
            self.most = ordered[-1]
        self.latencies = []
        self.cpu = cpu


class Phone(asyncio.Protocol):
    """One connection: sends a request, waits for its answer, sends the next."""

    def __init__(self, plan: Plan, figures: Figures, place: int, until: float, counted: float) -> None:
        self._plan = plan
        self._figures = figures
        self._number = plan.first_number + place
        self._until = until
        self._counted = counted
        self._round = 0
        self._step = 0
        self._buffer = b""
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._texts = [
            "*".join(quote_plus(each) for each in plan.answers[:n]) for n in range(len(plan.answers) + 1)
        ]
        query = f"?secret={plan.secret}" if plan.secret else ""
        self._head = (
            f"POST {plan.path}{query} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(error or ConnectionError("the server closed a connection"))

    def _send(self) -> None:
        number = self._number + self._round * self._plan.connections
        body = (
            f"sessionId=AT{number}x{self._round}&phoneNumber=%2B98{number}&networkCode=43235"
            f"&serviceCode={quote_plus(self._plan.code)}&text={self._texts[self._step]}"
        )
        assert self._transport is not None
        self._sent = perf_counter()
        self._transport.write(f"{self._head}{len(body)}\r\n\r\n{body}".encode())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._buffer.lower().find(b"content-length:")
        length = int(self._buffer[at + 15 : self._buffer.find(b"\r\n", at)])
        if len(self._buffer) < head + 4 + length:
            return
        body = self._buffer[head + 4 : head + 4 + length]
        self._buffer = b""
        self._answered(body)

    def _answered(self, body: bytes) -> None:
        now = perf_counter()
        figures = self._figures
        figures.all_turns += 1
        if now >= self._counted:
            figures.turns += 1
            figures.latencies.append((now - self._sent) * 1_000)
        last = self._step == len(self._plan.answers)
        if not body.startswith(b"END" if last and self._plan.ends else b"CON") or (
            last and self._plan.last_word and self._plan.last_word.encode() not in body
        ):
            figures.wrong += 1
            figures.example = body.decode(errors="replace")
        if last:
            figures.conversations += 1
            self._step = 0
            self._round += 1
        else:
            self._step += 1
        enough = last and self._round == self._plan.conversations
        if enough or now >= self._until:
            self.over.set_result(None)
            assert self._transport is not None
            self._transport.close()
        else:
            self._send()


async def run(plan: Plan) -> Figures:
    """Walks the plan on all connections at once."""
    figures = Figures()
    began = perf_counter()
    until, counted = began + plan.warm_up + plan.seconds, began + plan.warm_up
    loop = asyncio.get_running_loop()
    phones: list[Phone] = []
    for place in range(plan.connections):
        _transport, phone = await loop.create_connection(
            partial(Phone, plan, figures, place, until, counted), "127.0.0.1", plan.port
        )
        phones.append(phone)
    async with asyncio.timeout(plan.warm_up + plan.seconds + 30):
        await asyncio.gather(*(phone.over for phone in phones))
    figures.seconds = perf_counter() - counted
    figures.conclude(process_time())
    return figures


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(run(Plan(**json.loads(sys.argv[1])))))))
