"""Push by Firebase Cloud Messaging, HTTP v1:
https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send.

A service account signs a token of ours, which Google's ``token_uri`` changes for one of an hour (RFC 7523).
Each message is a request. A 200 has the message's ``name``; there are no receipts. A token of a device that
is gone is ``UNREGISTERED`` (404); a bad argument (400) may be of the message and never says that of a token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import msgspec
import structlog

from dispatch.errors import DispatchError, Misconfigured, Nobody, Rejected, Throttled, Unreachable
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.providers.exchange import Answer, Exchange, one_by_one
from dispatch.providers.push import names
from dispatch.providers.push.jwt import read_key, signed

URL = "https://fcm.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

# Why a message was refused, by ``errorCode`` of its FcmError, else by ``status``.
ERRORS: Mapping[str, type[DispatchError]] = {
    "UNREGISTERED": Nobody,
    "INVALID_ARGUMENT": Rejected,  # of the token or of the message: no reason to drop the token
    "SENDER_ID_MISMATCH": Rejected,  # a device of another project
    "QUOTA_EXCEEDED": Throttled,
    "RESOURCE_EXHAUSTED": Throttled,
    "UNAVAILABLE": Unreachable,
    "INTERNAL": Unreachable,
    "THIRD_PARTY_AUTH_ERROR": Misconfigured,  # the project's key of APNs or Web Push
    "UNAUTHENTICATED": Misconfigured,
    "PERMISSION_DENIED": Misconfigured,
    "NOT_FOUND": Misconfigured,  # the project
}
QUOTA = timedelta(minutes=1)  # What FCM counts in; it wants this wait where it names none.
LONGEST = 4_096  # Bytes of what is said, at most.
KEEP = 28 * 86_400  # Seconds that FCM keeps a message for a device that is away, at most.
EARLY = timedelta(minutes=5)  # Before its end a token is changed.
AT_ONCE = 64

log = structlog.get_logger(__name__)


class ServiceAccount(msgspec.Struct):
    """What of the file that Firebase gives out is used."""

    project_id: str
    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105  # An address.


def read_account(text: bytes) -> ServiceAccount:
    """Raises ``ValueError``, which repeats nothing of the file."""
    try:
        account = msgspec.json.decode(text, type=ServiceAccount)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ValueError("a service account's file as JSON") from None
    read_key(account.private_key.encode())
    return account


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int


class _Detail(msgspec.Struct):
    error_code: str = msgspec.field(name="errorCode", default="")


class _Error(msgspec.Struct):
    status: str = ""
    message: str = ""
    details: list[_Detail] = []


class _Refusal(msgspec.Struct):
    error: _Error


class _Sent(msgspec.Struct):
    name: str


class Fcm:
    """``proxy``: an HTTP proxy on the way to Google."""

    name = "fcm"
    channel = "push"
    batch = 200
    repeatable = False

    def __init__(
        self,
        http: aiohttp.ClientSession,
        account: ServiceAccount,
        *,
        clock: Callable[[], datetime],
        url: str = URL,
        proxy: str = "",
    ) -> None:
        self._account = account
        self._key = read_key(account.private_key.encode())
        self._clock = clock
        self._exchange = Exchange(http, f"{url}/v1/projects/{account.project_id}", proxy=proxy)
        host, _, path = account.token_uri.rpartition("/")
        self._tokens = Exchange(http, host, proxy=proxy)
        self._token_path = path
        self._token = ""
        self._until = clock()
        self._changing = asyncio.Lock()

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        await self._bearer()  # One refusal of the account for all of them.
        return await one_by_one(batch, self._send, AT_ONCE)

    async def _send(self, outgoing: Outgoing) -> Outcome:
        message = self._message(outgoing)
        if len(msgspec.json.encode(message)) > LONGEST:
            return Rejected(f"more than {LONGEST} bytes")
        token = await self._bearer()
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self._exchange.post("messages:send", json={"message": message}, headers=headers)
        if answer.status == 401 and self._token == token:
            self._token = ""  # It was taken back before its time: the next message asks for another one.
        if answer.status == 200:
            return Accepted(answer.read(_Sent).name)
        return self._refusal(answer)

    def _message(self, outgoing: Outgoing) -> dict[str, Any]:
        ttl = names.seconds_left(outgoing, self._clock(), KEEP)
        return {
            "token": names.device(outgoing, self.name),
            "notification": {"title": outgoing.subject, "body": outgoing.body},
            "data": {"tracking": outgoing.tracking},
            "android": {"ttl": f"{ttl}s", "priority": "NORMAL" if outgoing.klass == "bulk" else "HIGH"},
        }

    def _refusal(self, answer: Answer) -> DispatchError:
        told = answer.read(_Refusal).error
        code = next((each.error_code for each in told.details if each.error_code), told.status)
        error = ERRORS.get(code)
        if error is None:
            log.error("fcm.unknown_error", status=answer.status, code=code)
            error = Unreachable
        wait = answer.retry_after or (QUOTA if error is Throttled else None)
        return error(f"{answer.status} {code}", retry_after=wait)  # Its words may repeat the token.

    async def _bearer(self) -> str:
        """A token that holds. Raises ``DispatchError``; nothing was sent then."""
        async with self._changing:
            now = self._clock()
            if self._token and now < self._until:
                return self._token
            issued = int(now.timestamp())
            account = self._account
            claims = {
                "iss": account.client_email,
                "scope": SCOPE,
                "aud": account.token_uri,
                "iat": issued,
                "exp": issued + 3_600,
            }
            assertion = signed(self._key, claims, kid=account.private_key_id)
            try:
                answer = await self._tokens.post(
                    self._token_path, form={"grant_type": GRANT, "assertion": assertion}
                )
                if answer.status >= 500 or answer.status == 429:
                    raise Unreachable(f"token: HTTP {answer.status}", retry_after=answer.retry_after)
                if answer.status != 200:
                    raise Misconfigured(f"token: HTTP {answer.status}")
                token = answer.read(_Token)
            except Misconfigured:
                raise
            except DispatchError as error:  # Also an ambiguous one: no message was handed over yet.
                raise Unreachable(f"token: {error.detail}", retry_after=error.retry_after) from None
            self._token = token.access_token
            self._until = now + timedelta(seconds=token.expires_in) - EARLY
            return self._token
