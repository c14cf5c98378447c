"""One bind on one TCP connection.

``Session.open`` connects, binds and returns; ``submit`` sends a message and waits for its answer; what the
SMSC delivers goes to a handler (see ``delivery``). Signs of life are answered, and asked for. ``lost`` tells
when and why the session ended; for another one see ``connection``.

No text and no number of a message is logged or put into an error here.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import structlog

from smpp.delivery import Deliveries, Delivery, Handler
from smpp.endpoint import BindKind, Endpoint, Timing
from smpp.errors import (
    BAD_COMMAND,
    BAD_LENGTH,
    BAD_STATE,
    OK,
    UNKNOWN,
    BadPdu,
    BadStream,
    BindRefused,
    NoAnswer,
    NotBound,
    NotSent,
    Refused,
    SmppError,
    Unreachable,
)
from smpp.pdu import (
    ALERT_NOTIFICATION,
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    DELIVER_SM,
    ENQUIRE_LINK,
    GENERIC_NACK,
    HEADER,
    OUTBIND,
    RESPONSE,
    SUBMIT_SM,
    UNBIND,
    Bind,
    Frames,
    Message,
    MessageResult,
    Pdu,
    decode,
    encode,
    encode_body,
)
from smpp.window import Window

log = structlog.get_logger()

COMMANDS: dict[BindKind, int] = {
    "transmitter": BIND_TRANSMITTER,
    "receiver": BIND_RECEIVER,
    "transceiver": BIND_TRANSCEIVER,
}
_QUICKACK = getattr(socket, "TCP_QUICKACK", 0)  # Linux has it.
_LINGER = 5.0  # Seconds for the last bytes of a session that has ended.
_HEAP = 32 * 1024  # Bytes that are held back to go together.
_GOODBYE = NotSent("the session is being closed")


class Session(asyncio.Protocol):
    """See the module. ``kind`` is how it is bound."""

    def __init__(
        self, endpoint: Endpoint, kind: BindKind, handler: Handler, window: int, timing: Timing
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.kind = kind
        self.lost: asyncio.Future[SmppError] = self._loop.create_future()
        self._endpoint = endpoint
        self._timing = timing
        self._log = log.bind(smsc=endpoint.name, bind=kind)
        self._frames = Frames()
        self._window = Window(window, timing.response)
        self._deliveries = Deliveries(handler)
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._out: list[bytes] = []
        self._heaped = 0
        self._writable = asyncio.Event()
        self._writable.set()
        self._keeper: asyncio.Task[None] | None = None
        self._bound = False

    @classmethod
    async def open(
        cls, endpoint: Endpoint, kind: BindKind, handler: Handler, *, window: int, timing: Timing
    ) -> Session:
        """A session that is bound. Raises ``Unreachable`` and ``BindRefused``, both ``NotBound``."""
        session: Session | None = None
        try:
            async with asyncio.timeout(timing.connect):
                _transport, session = await asyncio.get_running_loop().create_connection(
                    lambda: cls(endpoint, kind, handler, window, timing),
                    endpoint.host,
                    endpoint.port,
                    ssl=endpoint.tls,
                )
                await session._bind()
        except TimeoutError:
            what = "no connection" if session is None else "the bind was not answered"
            raise Unreachable(f"{what} within {timing.connect:g} seconds") from None
        except OSError as error:  # Those of TLS are such as well.
            raise Unreachable(f"no connection: {error}") from None
        finally:
            if session is not None and not session.alive:
                session._end(NotBound("the bind failed"))
        return session

    # What the owner does.

    @property
    def alive(self) -> bool:
        """Whether it is bound."""
        return self._bound

    @property
    def can_submit(self) -> bool:
        return self._bound and self.kind != "receiver"

    @property
    def load(self) -> float:
        """How full the window is: 1 and more when whoever comes has to wait."""
        return self._window.load / self._window.size

    async def submit(self, message: Message) -> str:
        """Sends a message; the SMSC's id of it. Waits for a place in the window and for a connection that
        takes bytes. Raises ``NotSent``, ``Refused``, ``NoAnswer`` and ``TooMuch``, each with what is known of
        the message. Cancelled while it waits for the answer, the message may have gone."""
        if self.kind == "receiver":
            raise NotSent("it is bound as a receiver")
        body = encode_body(message)
        await self._window.place()
        try:
            while not self._writable.is_set():
                await self._writable.wait()
            if self.lost.done():
                raise NotSent(str(self.lost.result()))
            sequence, answer = self._window.ask(SUBMIT_SM)
        except BaseException:
            self._window.leave()
            raise
        self._write(HEADER.pack(HEADER.size + len(body), SUBMIT_SM, 0, sequence) + body)
        return message_id(await answer)

    def post(self, message: Message) -> asyncio.Future[Pdu] | None:
        """Sends a message where nothing has to be waited for: the answer to come, for ``message_id``. None,
        and nothing is sent, where ``submit`` would wait. Raises ``TooMuch``."""
        if not self.can_submit or not self._writable.is_set():
            return None
        body = encode_body(message)
        if not self._window.take():
            return None
        sequence, answer = self._window.ask(SUBMIT_SM)
        self._write(HEADER.pack(HEADER.size + len(body), SUBMIT_SM, 0, sequence) + body)
        return answer

    async def close(self) -> None:
        """Unbinds: no delivery is taken any more, those in hand are finished, then what was submitted is
        waited for, then the SMSC is told. What takes longer than the goodbye's time is left."""
        if self.lost.done():
            return
        self._deliveries.leaving = True
        try:
            async with asyncio.timeout(self._timing.goodbye):
                await self._deliveries.idle()
                self._window.shut(_GOODBYE)
                await self._window.idle()
        except TimeoutError:
            self._log.warning("smpp session closed with work under way", deliveries=len(self._deliveries))
        self._window.shut(_GOODBYE)
        if self._bound:
            try:
                async with asyncio.timeout(self._timing.goodbye):
                    await self._request(UNBIND)
            except (TimeoutError, NoAnswer):
                pass  # The SMSC has its own ways to find out.
        self._end(NotBound("closed by us"))

    def answer(self, sequence: int, status: int) -> None:
        """Answers a delivery."""
        self._write(encode(Pdu(DELIVER_SM | RESPONSE, sequence, status, MessageResult())))

    # What the connection does.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._socket = transport.get_extra_info("socket")
        # Small packets: with Nagle's algorithm an answer waits for up to 40 ms.
        self._set(socket.TCP_NODELAY)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(NotBound(f"the connection broke: {error}" if error else "the SMSC closed the connection"))

    def data_received(self, data: bytes) -> None:
        # And an SMSC that has not turned it off waits as long for each of our acknowledgements. The kernel
        # forgets this after a while.
        self._set(_QUICKACK)
        try:
            for frame in self._frames.feed(data):
                if self.lost.done():
                    return
                self._take(frame)
        except BadStream as error:
            self._log.error("smpp stream unreadable", problem=str(error))
            self._write(encode(Pdu(GENERIC_NACK, 0, BAD_LENGTH)))
            self._end(error)

    def _set(self, option: int) -> None:
        try:
            if self._socket is not None and option:
                self._socket.setsockopt(socket.IPPROTO_TCP, option, 1)
        except OSError:
            pass  # The connection has just gone.

    def pause_writing(self) -> None:
        # A peer that reads nothing is read from no more: answers must not heap up in memory.
        self._writable.clear()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._writable.set()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # How PDUs are met.

    def _take(self, frame: bytes) -> None:
        try:
            pdu = decode(frame)
        except BadPdu as error:
            self._refuse(error)
            return
        command = pdu.command
        if command & RESPONSE:
            if not self._window.answered(pdu):
                self._log.info("smpp answer that nobody waits for", command=f"0x{command:08X}")
            elif command == COMMANDS[self.kind] | RESPONSE:
                # Here and not where the bind waits: deliveries may come in the same packet.
                self._bound = pdu.status == OK
        elif command == DELIVER_SM:
            if self._bound:
                self._deliveries.take(Delivery(self, pdu.sequence, cast(Message, pdu.body), frame[16:]))
            else:
                self.answer(pdu.sequence, BAD_STATE)
        elif command == ENQUIRE_LINK:
            self._write(encode(Pdu(ENQUIRE_LINK | RESPONSE, pdu.sequence)))
        elif command == UNBIND:
            self._write(encode(Pdu(UNBIND | RESPONSE, pdu.sequence)))
            self._end(NotBound("the SMSC unbound"))
        else:
            self._write(encode(Pdu(GENERIC_NACK, pdu.sequence, BAD_COMMAND)))

    def _refuse(self, error: BadPdu) -> None:
        if error.command in (OUTBIND, ALERT_NOTIFICATION):
            return  # They expect no answer, and nothing here follows from them.
        self._log.error("smpp pdu refused", problem=str(error))
        if error.command & RESPONSE:
            self._window.unreadable(error.sequence, error)
        elif error.command == DELIVER_SM:
            self.answer(error.sequence, error.status)
        else:
            self._write(encode(Pdu(GENERIC_NACK, error.sequence, error.status)))

    # How we ask.

    async def _bind(self) -> None:
        endpoint, command = self._endpoint, COMMANDS[self.kind]
        body = Bind(
            endpoint.system_id,
            endpoint.password,
            endpoint.system_type,
            addr_ton=endpoint.addr_ton,
            addr_npi=endpoint.addr_npi,
            address_range=endpoint.address_range,
        )
        sequence, answer = self._window.ask(command, inside=False)
        self._write(encode(Pdu(command, sequence, 0, body)))
        try:
            pdu = await answer
        except NoAnswer as error:
            raise Unreachable(f"the bind was not answered: {error}") from None
        if pdu.status != OK or pdu.command == GENERIC_NACK:
            raise BindRefused(pdu.status or UNKNOWN)
        if not self.lost.done():
            self._keeper = self._loop.create_task(self._keep())

    async def _keep(self) -> None:
        """Asks for a sign of life as often as it is due, whatever else goes over the wire: many an SMSC
        counts only what it is asked."""
        while True:
            await asyncio.sleep(self._timing.enquire)
            try:
                async with asyncio.timeout(self._timing.enquire):
                    await self._request(ENQUIRE_LINK)
            except (TimeoutError, NoAnswer):
                self._end(NotBound("the SMSC gives no sign of life"))
                return

    async def _request(self, command: int) -> None:
        sequence, answer = self._window.ask(command, inside=False)
        self._write(encode(Pdu(command, sequence)))
        await answer

    def _write(self, data: bytes) -> None:
        """Sends with everything else that is sent before the loop comes round: one packet for many PDUs."""
        if self.lost.done():
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)
        self._heaped += len(data)
        if self._heaped > _HEAP:
            self._flush()  # Which tells at once whether the connection takes more.

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()
        self._heaped = 0

    def _end(self, why: SmppError) -> None:
        """The end, whoever made it. Handlers at work go on: what they wrote is durable or will be."""
        if self.lost.done():
            return
        self._bound = False
        self._flush()
        self.lost.set_result(why)
        self._window.lose(why)
        self._writable.set()
        if self._keeper is not None and self._keeper is not asyncio.current_task():
            self._keeper.cancel()
        if self._transport is not None:
            self._transport.close()
            # A peer that takes no bytes would keep the socket open for ever.
            self._loop.call_later(_LINGER, self._transport.abort)


def message_id(answer: Pdu) -> str:
    """What the answer to a submit_sm says; ``Refused`` where it is a refusal."""
    if answer.status != OK or answer.command == GENERIC_NACK:
        raise Refused(answer.status or UNKNOWN)  # A nack without a status is no success.
    return answer.body.message_id if isinstance(answer.body, MessageResult) else ""
