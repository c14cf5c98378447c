"""E-mail against aiosmtpd, a mail server that we did not write."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Nobody, Rejected, Unreachable
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.providers.email.smtp import CONNECTIONS, Smtp
from tests.dispatch.certificates import self_signed

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
OK = "250 OK"


@dataclass
class Mailbox:
    """What a server does. ``data`` is its answer to the content; "" hangs up instead of answering."""

    mail: str = OK
    rcpt: Callable[[str], str] = lambda address: OK
    data: str = OK
    greetings: int = 0
    letters: list[Envelope] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    users: dict[bytes, bytes] = field(default_factory=dict)
    secure: list[bool] = field(default_factory=list)

    async def handle_EHLO(
        self, server: Server, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.greetings += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.mail

    async def handle_RCPT(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.rcpt(address)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        self.letters.append(envelope)
        assert isinstance(server.transport, asyncio.Transport)
        self.secure.append(server.transport.get_extra_info("sslcontext") is not None)
        if not self.data:
            server.transport.abort()
        return self.data or OK

    def authenticate(
        self, server: Server, session: Session, envelope: Envelope, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=self.users.get(given.login) == given.password, handled=False)


@asynccontextmanager
async def serving(
    mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, implicit: bool = False, port: int = 0
) -> AsyncIterator[int]:
    """The server's port. ``tls`` offers STARTTLS, or with ``implicit`` speaks TLS from the first byte."""

    def protocol() -> Server:
        return Server(
            mailbox,
            hostname="mail.example.ir",
            loop=asyncio.get_running_loop(),
            tls_context=None if implicit else tls,
            authenticator=mailbox.authenticate if mailbox.users else None,
            auth_require_tls=bool(tls) and not implicit,
        )

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", port, ssl=tls if implicit else None
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def outgoing(to: str = "a@example.ir", expires_at: datetime = NOW + timedelta(hours=1)) -> Outgoing:
    return Outgoing(
        b"\x01" * 16, "1234567890", "service", to, "پاسخ", "شکایت شما پاسخ داده شد.", 1, expires_at
    )


@asynccontextmanager
async def client(url: str, trust: ssl.SSLContext | None = None, seconds: float = 10) -> AsyncIterator[Smtp]:
    smtp = Smtp(url, "چاپار <noreply@example.ir>", clock=lambda: NOW, trust=trust, seconds=seconds)
    yield smtp
    await smtp.close()


async def sent(smtp: Smtp, *batch: Outgoing) -> list[Outcome]:
    return list(await smtp.send(batch))


async def test_what_does_not_arrive_comes_back_elsewhere() -> None:
    mailbox = Mailbox()
    async with serving(mailbox) as port:
        url = f"smtp://127.0.0.1:{port}"
        smtp = Smtp(url, "noreply@example.ir", clock=lambda: NOW, returns="bounces@example.ir")
        await smtp.send([outgoing()])
        await smtp.close()
    (letter,) = mailbox.letters
    assert letter.mail_from == "bounces@example.ir"
    assert isinstance(letter.content, bytes)
    assert message_from_bytes(letter.content, policy=policy.default)["From"] == "noreply@example.ir"


async def test_a_letter_arrives() -> None:
    mailbox = Mailbox()
    async with serving(mailbox) as port, client(f"smtp://127.0.0.1:{port}") as smtp:
        (outcome,) = await sent(smtp, outgoing())
    assert isinstance(outcome, Accepted)
    assert outcome.receipt == "none"
    (letter,) = mailbox.letters
    assert (letter.mail_from, letter.rcpt_tos) == ("noreply@example.ir", ["a@example.ir"])
    assert isinstance(letter.content, bytes)
    mail = message_from_bytes(letter.content, policy=policy.default)
    assert mail["Subject"] == "پاسخ"
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "شکایت شما پاسخ داده شد." in plain.get_content()


async def test_connections_are_kept_and_few() -> None:
    mailbox = Mailbox()
    async with serving(mailbox) as port, client(f"smtp://127.0.0.1:{port}") as smtp:
        for _ in range(3):
            outcomes = await sent(smtp, *(outgoing() for _ in range(20)))
            assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len(mailbox.letters) == 60
    assert mailbox.greetings <= CONNECTIONS


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("421 try later", Unreachable),
        ("450 mailbox busy", Unreachable),
        ("452 disk full", Unreachable),
        ("550 no such user", Rejected),
        ("553 name not allowed", Rejected),
    ],
)
async def test_an_answer_to_the_recipient(answer: str, error: type[DispatchError]) -> None:
    mailbox = Mailbox(rcpt=lambda address: answer if address.startswith("bad") else OK)
    async with serving(mailbox) as port, client(f"smtp://127.0.0.1:{port}") as smtp:
        good, bad, after = await sent(smtp, outgoing(), outgoing("bad@example.ir"), outgoing())
    assert type(bad).__mro__[:-1].count(error) == 1
    assert isinstance(bad, DispatchError)
    assert answer[:3] in bad.detail
    assert isinstance(good, Accepted)
    assert isinstance(after, Accepted)


@pytest.mark.parametrize(
    ("answer", "error"), [("451 try later", Unreachable), ("552 too large", Rejected), ("", Ambiguous)]
)
async def test_an_answer_to_the_content(answer: str, error: type[DispatchError]) -> None:
    async with serving(Mailbox(data=answer)) as port, client(f"smtp://127.0.0.1:{port}") as smtp:
        (outcome,) = await sent(smtp, outgoing())
    assert isinstance(outcome, error)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("550 5.1.1 <a@example.ir>: Recipient address rejected: User unknown", Nobody),
        ("550-5.1.1 The email account that you tried to reach does not exist", Nobody),
        ("550 No such user here", Nobody),
        ("550 5.7.1 Relaying denied", Rejected),
        ("550 5.7.26 Unauthenticated email is not accepted: unknown user agent", Rejected),
        ("554 blocked using a list", Rejected),
        ("550 Relay not permitted", Rejected),
    ],
)
async def test_only_a_mailbox_that_is_not_there_is_nobody(answer: str, error: type[DispatchError]) -> None:
    """What else is refused says nothing of the person, who would be written to no more."""
    mailbox = Mailbox(rcpt=lambda address: answer.replace("550-", "550 "))
    async with serving(mailbox) as port, client(f"smtp://127.0.0.1:{port}") as smtp:
        (outcome,) = await sent(smtp, outgoing())
    assert type(outcome) is error


async def test_a_refused_sender_is_ours_to_repair() -> None:
    mailbox = Mailbox(mail="550 sender not allowed")
    async with serving(mailbox) as port, client(f"smtp://127.0.0.1:{port}") as smtp:
        (outcome,) = await sent(smtp, outgoing())
    assert isinstance(outcome, Misconfigured)


async def test_the_recipient_is_not_in_the_words_that_are_kept() -> None:
    mailbox = Mailbox(rcpt=lambda address: f"550 <{address}>: unknown user")
    async with serving(mailbox) as port, client(f"smtp://127.0.0.1:{port}") as smtp:
        (outcome,) = await sent(smtp, outgoing("secret.person@example.ir"))
    assert isinstance(outcome, Rejected)
    assert "secret.person" not in outcome.detail + str(outcome)


async def test_a_server_that_restarted_is_found_again() -> None:
    mailbox = Mailbox()
    async with serving(mailbox) as port, client(f"smtp://127.0.0.1:{port}") as smtp:
        await sent(smtp, outgoing())
        (kept, _since) = smtp._idle[0]
        assert kept.transport is not None
        kept.transport.abort()  # type: ignore[attr-defined]  # What a server's restart looks like from here.
        (outcome,) = await sent(smtp, outgoing())
    assert isinstance(outcome, Accepted)
    assert mailbox.greetings == 2


async def test_no_server() -> None:
    async with serving(Mailbox()) as port:
        pass
    async with client(f"smtp://127.0.0.1:{port}") as smtp:
        with pytest.raises(Unreachable):
            await smtp.send([outgoing(), outgoing()])


async def test_a_server_that_says_nothing() -> None:
    hung: list[asyncio.StreamWriter] = []
    listener = await asyncio.start_server(lambda reader, writer: hung.append(writer), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with client(f"smtp://127.0.0.1:{port}", seconds=0.2) as smtp:
        with pytest.raises(Unreachable):
            await smtp.send([outgoing()])
    for writer in hung:
        writer.close()
    listener.close()


async def test_no_address_and_no_time_left() -> None:
    async with serving(Mailbox()) as port, client(f"smtp://127.0.0.1:{port}") as smtp:
        outcomes = await sent(smtp, outgoing("nobody"), outgoing(expires_at=NOW))
    assert [type(outcome) for outcome in outcomes] == [Rejected, Unreachable]


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_login_goes_over_tls(tmp_path: Path, implicit: bool) -> None:
    server_side, trust = self_signed(tmp_path)
    mailbox = Mailbox(users={b"chapar": b"p@ss"})
    scheme = "smtps" if implicit else "smtp"
    async with serving(mailbox, tls=server_side, implicit=implicit) as port:
        async with client(f"{scheme}://chapar:p%40ss@127.0.0.1:{port}", trust) as smtp:
            (outcome,) = await sent(smtp, outgoing())
            assert isinstance(outcome, Accepted)
        async with client(f"{scheme}://chapar:wrong@127.0.0.1:{port}", trust) as smtp:
            with pytest.raises(Misconfigured):
                await smtp.send([outgoing()])
    assert mailbox.secure == [True]


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    server_side, _trust = self_signed(tmp_path)
    async with (
        serving(Mailbox(), tls=server_side, implicit=True) as port,
        client(f"smtps://127.0.0.1:{port}") as smtp,
    ):
        with pytest.raises(Misconfigured, match="certificate"):
            await smtp.send([outgoing()])


async def test_a_password_is_not_sent_in_the_clear() -> None:
    mailbox = Mailbox(users={b"chapar": b"secret"})
    trust = ssl.create_default_context()
    async with serving(mailbox) as port, client(f"smtp://chapar:secret@127.0.0.1:{port}", trust) as smtp:
        with pytest.raises(Misconfigured):
            await smtp.send([outgoing()])
