"""Push by Apple (APNs) over HTTP/2:
https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns.

Each message is a stream of one connection, with our own id as ``apns-id``. A token signed by our key (ES256)
says who we are; Apple wants it changed after 20 to 60 minutes. There are no receipts.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Nobody, Rejected, Throttled, Unreachable
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.providers.exchange import one_by_one
from dispatch.providers.push import names
from dispatch.providers.push.jwt import signed

URL = "https://api.push.apple.com"

# Why a push was refused, by ``reason``.
ERRORS: Mapping[str, type[DispatchError]] = {
    "BadDeviceToken": Nobody,
    "Unregistered": Nobody,
    "ExpiredToken": Nobody,
    "DeviceTokenNotForTopic": Rejected,  # a device of another app
    "PayloadTooLarge": Rejected,
    "PayloadEmpty": Rejected,
    "BadCollapseId": Rejected,
    "BadExpirationDate": Rejected,
    "BadMessageId": Rejected,
    "BadPriority": Rejected,
    "BadPath": Rejected,
    "BadTopic": Misconfigured,
    "MissingTopic": Misconfigured,
    "TopicDisallowed": Misconfigured,
    "BadCertificateEnvironment": Misconfigured,
    "ExpiredProviderToken": Throttled,  # the next message has a new one
    "InvalidProviderToken": Misconfigured,
    "MissingProviderToken": Misconfigured,
    "Forbidden": Misconfigured,
    "TooManyProviderTokenUpdates": Throttled,
    "TooManyRequests": Unreachable,  # to this device
    "IdleTimeout": Unreachable,
    "InternalServerError": Unreachable,
    "ServiceUnavailable": Unreachable,
    "Shutdown": Unreachable,
}
LONGEST = 4_096  # Bytes of what is said, at most.
KEEP = 30 * 86_400  # Seconds that it is kept for a device that is away, at most.
RENEW = timedelta(minutes=40)
AT_ONCE = 64
TIMEOUT = httpx.Timeout(20, connect=5)

_DEVICE = re.compile("[0-9A-Fa-f]{2,200}")

log = structlog.get_logger(__name__)


class _Refusal(msgspec.Struct):
    reason: str = ""


class Apns:
    """``key``: ours on P-256, which Apple calls ``key_id``; ``team``: that of the developer; ``topic``: the
    app's bundle id. ``trust`` replaces the system's certificate authorities, ``proxy`` is an HTTP proxy on
    the way."""

    name = "apns"
    channel = "push"
    batch = 200
    repeatable = False

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey,
        key_id: str,
        team: str,
        topic: str,
        *,
        clock: Callable[[], datetime],
        url: str = URL,
        proxy: str = "",
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._key = key
        self._key_id = key_id
        self._team = team
        self._topic = topic
        self._clock = clock
        self._http = httpx.AsyncClient(
            base_url=url, http1=False, http2=True, proxy=proxy or None, timeout=TIMEOUT,
            verify=trust or ssl.create_default_context(), trust_env=False,
        )  # fmt: skip
        self._token = ""
        self._issued = clock()

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        return await one_by_one(batch, self._send, AT_ONCE)

    async def close(self) -> None:
        await self._http.aclose()

    async def _send(self, outgoing: Outgoing) -> Outcome:
        device = names.device(outgoing, self.name)
        if not _DEVICE.fullmatch(device):
            return Rejected("not a device's token")
        alert = {"title": outgoing.subject, "body": outgoing.body}
        body = msgspec.json.encode(
            {"aps": {"alert": alert, "sound": "default"}, "tracking": outgoing.tracking}
        )
        if len(body) > LONGEST:
            return Rejected(f"more than {LONGEST} bytes")
        token = self._bearer()
        response = await self._post(f"/3/device/{device}", body, self._headers(outgoing, token))
        if response.status_code == 200:
            return Accepted(response.headers.get("apns-id", ""))
        return self._refusal(response, token)

    def _headers(self, outgoing: Outgoing, token: str) -> dict[str, str]:
        now = self._clock()
        return {
            "authorization": f"bearer {token}",
            "apns-id": str(UUID(bytes=outgoing.id)),
            "apns-topic": self._topic,
            "apns-push-type": "alert",
            "apns-priority": "5" if outgoing.klass == "bulk" else "10",
            "apns-expiration": str(int(now.timestamp()) + names.seconds_left(outgoing, now, KEEP)),
            "apns-collapse-id": outgoing.id.hex(),
        }

    async def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Errors name no path: it has the device in it."""
        try:
            return await self._http.post(path, content=body, headers=dict(headers))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise Unreachable(type(error).__name__) from None
        except httpx.HTTPError as error:
            raise Ambiguous(type(error).__name__) from None

    def _refusal(self, response: httpx.Response, token: str) -> DispatchError:
        try:
            reason = msgspec.json.decode(response.content, type=_Refusal).reason
        except (msgspec.DecodeError, UnicodeDecodeError):
            reason = ""
        if reason == "ExpiredProviderToken" and self._token == token:
            self._token = ""
        kind = ERRORS.get(reason)
        if kind is None:
            log.error("apns.unknown_reason", status=response.status_code, reason=reason[:50])
            kind = Ambiguous
        return kind(f"{response.status_code} {reason[:50]}".strip(), retry_after=_wait(response))

    def _bearer(self) -> str:
        now = self._clock()
        if not self._token or now - self._issued >= RENEW:
            claims: dict[str, Any] = {"iss": self._team, "iat": int(now.timestamp())}
            self._token, self._issued = signed(self._key, claims, kid=self._key_id), now
        return self._token


def _wait(response: httpx.Response) -> timedelta | None:
    written = response.headers.get("retry-after", "")
    return timedelta(seconds=int(written)) if written.isascii() and written.isdecimal() else None
