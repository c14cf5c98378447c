"""E-mail over SMTP (RFC 5321), on connections that are kept.

A message is decided by where it stood when it failed:

- before its content was handed over, a 4xx answer (421, 450, …) or a lost connection is ``Unreachable``;
- a 5xx answer to the recipient or to the content is ``Rejected``, and ``Nobody`` where it says that there is
  no such mailbox; one to the greeting, to TLS, to the login or to the sender is ``Misconfigured``, for it
  would meet every message;
- a connection lost once DATA was asked for is ``Ambiguous``. SMTP cannot tell a repetition
  (``repeatable = False``), so ``dispatch.retry`` decides by class: a code or a notice goes again, under the
  same Message-ID, and advertising does not.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from email.headerregistry import Address
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Literal
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPNotSupported, SMTPResponseException

from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Nobody, Rejected, Unreachable
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.providers.email.dkim import Signer
from dispatch.providers.email.letter import address, letter

Stage = Literal["connection", "sender", "recipient", "content"]

CONNECTIONS = 8  # More keep a fast server busier; slow ones refuse too many of one sender.
SECONDS = 30.0  # For one answer of the server.
IDLE_SECONDS = 60.0  # A connection unused for longer is closed: servers drop them after some minutes.

# How a 5xx answer to the recipient says that nobody has the mailbox: by its enhanced code (RFC 3463), else in
# words. A bare 550 is also what servers say to whom they do not relay for, and to what they take for spam.
GONE = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")
_ENHANCED = re.compile(r"5\.\d{1,3}\.\d{1,3}\b")
_GONE = re.compile(
    r"(no such|unknown|nonexistent|invalid) (user|mailbox|recipient|account|address)"
    r"|(user|mailbox|recipient|account|address) (is )?"
    r"(unknown|not found|disabled|does not exist|doesn't exist)",
    re.IGNORECASE,
)


class Smtp:
    """``url`` is ``smtp://user:password@host:587`` (STARTTLS where the server offers it, demanded where there
    is a password; not on this machine, unless ``trust`` is given) or ``smtps://user:password@host:465``.
    ``sender`` is what stands in From, ``Chapar <noreply@example.ir>``. ``signer`` signs each mail;
    ``unsubscribe`` gives the URL that ends such mails, "" for those that have none. ``trust`` replaces the
    system's certificate authorities; ``returns`` is where mails come back to that did not arrive, that of
    ``sender`` without it."""

    name = "smtp"
    channel = "email"
    batch = 100
    repeatable = False

    def __init__(
        self,
        url: str,
        sender: str,
        *,
        clock: Callable[[], datetime],
        signer: Signer | None = None,
        unsubscribe: Callable[[Outgoing], str] = lambda outgoing: "",
        trust: ssl.SSLContext | None = None,
        returns: str = "",
        connections: int = CONNECTIONS,
        seconds: float = SECONDS,
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "localhost"
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 587 if self._user else 25)
        self._starttls = self._demands_starttls(trust)
        name, spec = parseaddr(sender)
        plain = address(spec)
        self._sender = Address(name, plain.username, plain.domain)
        self._returns = returns or self._sender.addr_spec
        self._clock = clock
        self._signer = signer
        self._unsubscribe = unsubscribe
        self._trust = trust
        self._seconds = seconds
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[tuple[SMTP, float]] = []

    def _demands_starttls(self, trust: ssl.SSLContext | None) -> bool | None:
        """None takes STARTTLS where it is offered."""
        if self._tls or (_here(self._host) and trust is None):
            return False
        return True if self._user else None

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        if not self._idle:
            # One connection first: a server that is away or refuses us is asked once, not a hundred times.
            self._keep(await self._connect())
        return await asyncio.gather(*(self._outcome(outgoing) for outgoing in batch))

    async def close(self) -> None:
        """Says goodbye on the kept connections."""
        while self._idle:
            client, _ = self._idle.pop()
            try:
                await client.quit()
            except (SMTPException, OSError):
                pass  # It is gone already, which is all that was wanted.
            finally:
                client.close()

    async def _outcome(self, outgoing: Outgoing) -> Outcome:
        async with self._slots:
            now = self._clock()
            if now >= outgoing.expires_at:
                return Unreachable("expired while it waited for a connection")
            try:
                content = letter(
                    outgoing,
                    self._sender,
                    now,
                    unsubscribe=self._unsubscribe(outgoing),
                    signer=self._signer,
                )
                recipient = address(outgoing.to).addr_spec
            except ValueError as error:
                return Rejected(str(error))
            try:
                return await self._hand_over(recipient, content)
            except DispatchError as error:
                return error

    async def _hand_over(self, recipient: str, content: bytes) -> Accepted:
        kept = self._take()
        if kept is not None:
            try:
                return await self._transaction(kept, recipient, content)
            except _Lost:
                pass  # Servers drop what is idle; a new connection tells whether this one is there.
        return await self._transaction(await self._connect(), recipient, content)

    async def _transaction(self, client: SMTP, recipient: str, content: bytes) -> Accepted:
        """One message over ``client``, which is kept afterwards if it is still good."""
        stage: Stage = "sender"
        try:
            await client.mail(self._returns)
            stage = "recipient"
            await client.rcpt(recipient)
            stage = "content"
            answer = await client.data(content)
        except SMTPResponseException as error:
            await self._tidy(client, error.code)
            raise _refusal(error, stage, recipient) from error
        except (SMTPException, OSError) as error:
            client.close()
            if stage == "content":
                raise Ambiguous(f"connection lost after DATA: {error}") from error
            raise _Lost(f"connection lost: {error}") from error
        except BaseException:
            client.close()
            raise
        self._keep(client)
        return Accepted(detail=f"{answer.code} {answer.message}"[:200])

    async def _tidy(self, client: SMTP, code: int) -> None:
        """After a refusal: the envelope is taken back, and the connection kept unless the server left."""
        try:
            if code == 421:
                raise ConnectionError
            await client.rset()
        except (SMTPException, OSError):
            client.close()
        else:
            self._keep(client)

    def _keep(self, client: SMTP) -> None:
        self._idle.append((client, time.monotonic()))

    def _take(self) -> SMTP | None:
        while self._idle:
            client, since = self._idle.pop()
            if client.is_connected and time.monotonic() - since < IDLE_SECONDS:
                return client
            client.close()
        return None

    async def _connect(self) -> SMTP:
        client = SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            local_hostname=socket.gethostname() or "localhost",
            use_tls=self._tls,
            start_tls=self._starttls,
            tls_context=self._trust,
            timeout=self._seconds,
        )
        try:
            await client.connect()
        except (SMTPException, OSError) as error:
            client.close()
            if isinstance(error, SMTPResponseException):
                raise _refusal(error, "connection", "") from error
            # The bare class is what it raises for a server without STARTTLS, or without a login.
            if type(error) is SMTPException or isinstance(error, SMTPNotSupported) or _untrusted(error):
                raise Misconfigured(str(error)) from error
            raise Unreachable(f"no connection: {error}") from error
        except BaseException:
            client.close()
            raise
        return client


class _Lost(Unreachable):
    """The connection was lost before the message was handed over."""

    @property
    def name(self) -> str:
        return "unreachable"


def _refusal(error: SMTPResponseException, stage: Stage, recipient: str) -> DispatchError:
    words = error.message.replace(recipient, "…") if recipient else error.message
    detail = f"{stage}: {error.code} {' '.join(words.split())}"[:300]
    if error.code < 500:
        return Unreachable(detail)
    if stage in ("connection", "sender"):
        return Misconfigured(detail)
    return Nobody(detail) if stage == "recipient" and _gone(error.message) else Rejected(detail)


def _gone(words: str) -> bool:
    enhanced = _ENHANCED.match(words.strip())
    return enhanced[0] in GONE if enhanced else bool(_GONE.search(words))


def _untrusted(error: BaseException | None) -> bool:
    """Whether a certificate that cannot be trusted is what broke the connection."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
