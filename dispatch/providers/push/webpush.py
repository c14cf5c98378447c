"""Push to browsers: RFC 8030 (the request), RFC 8291 (its encryption), RFC 8292 (VAPID, who sends it).

An address is a browser's subscription as JSON: ``endpoint``, ``keys.p256dh``, ``keys.auth``. The endpoint is
a URL that whoever subscribes hands us, so only https is asked, only at hosts of push services that are named
(``hosts``), and, but for a proxy on the way, only at addresses that are not private (``guarded``). What says
yes is 201; 404 and 410 say that the subscription is gone. There are no receipts.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Nobody, Rejected, Throttled, Unreachable
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.providers.exchange import Exchange, one_by_one
from dispatch.providers.push import names
from dispatch.providers.push.jwt import base64url, signed

# Why a push was refused, by its HTTP status.
ERRORS: Mapping[int, type[DispatchError]] = {
    400: Rejected,
    401: Misconfigured,  # our token
    403: Rejected,  # a subscription for another key of ours
    404: Nobody,
    410: Nobody,
    413: Rejected,  # too long
    429: Throttled,
    500: Unreachable,
    502: Unreachable,
    503: Unreachable,
}
TAKEN = (200, 201, 202)
URGENCIES: Mapping[str, str] = {"otp": "high", "service": "normal", "bulk": "low"}

# The push services of the browsers that there are; a name that begins with a full stop has all under it.
HOSTS = (
    "fcm.googleapis.com",
    ".push.services.mozilla.com",
    ".notify.windows.com",
    ".push.apple.com",
)
LONGEST = 3_993  # Octets in the one record of 4096 that services must take (RFC 8291, section 4).
RECORD = 4_096
KEEP = 28 * 86_400  # Seconds that a push is kept for a browser that is away, at most.
HOURS = timedelta(hours=12)  # How long a token of ours holds; 24 are the most (RFC 8292, section 2).
AT_ONCE = 64

log = structlog.get_logger(__name__)


class _Keys(msgspec.Struct):
    p256dh: str
    auth: str


class Subscription(msgspec.Struct):
    endpoint: str
    keys: _Keys


class WebPush:
    """``key``: our private key, whose public half browsers subscribed with; ``contact``: a
    ``mailto:`` or https URL by which a push service finds us. ``schemes`` is for tests."""

    name = "webpush"
    channel = "push"
    batch = 200
    repeatable = False  # One with the same Topic replaces the one that waits, but not the one that was shown.

    def __init__(
        self,
        http: aiohttp.ClientSession,
        key: ec.EllipticCurvePrivateKey,
        contact: str,
        *,
        clock: Callable[[], datetime],
        hosts: Sequence[str] = HOSTS,
        proxy: str = "",
        schemes: Sequence[str] = ("https",),
    ) -> None:
        self._http = http
        self._key = key
        self.public = public_key(key)
        self._contact = contact
        self._clock = clock
        self._hosts = hosts
        self._proxy = proxy
        self._schemes = schemes
        self._tokens: dict[str, tuple[str, datetime]] = {}

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        return await one_by_one(batch, self._send, AT_ONCE)

    async def _send(self, outgoing: Outgoing) -> Outcome:
        try:
            to = msgspec.json.decode(names.device(outgoing, self.name), type=Subscription)
            origin, path = self._place(to.endpoint)
            said = {"title": outgoing.subject, "body": outgoing.body, "tag": outgoing.tracking}
            plain = msgspec.json.encode(said)
            if len(plain) > LONGEST:
                return Rejected(f"more than {LONGEST} bytes")
            body = encrypted(plain, _decoded(to.keys.p256dh), _decoded(to.keys.auth))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Rejected("not a subscription")
        except ValueError as error:
            return Rejected(str(error))
        exchange = Exchange(self._http, origin, secrets=(path, to.endpoint), proxy=self._proxy)
        headers = {
            "Authorization": f"vapid t={self._token(origin)}, k={self.public}",
            "Content-Encoding": "aes128gcm",
            "TTL": str(names.seconds_left(outgoing, self._clock(), KEEP)),
            "Urgency": URGENCIES.get(outgoing.klass, "normal"),
            "Topic": outgoing.id.hex(),  # 32 characters, as many as it may have.
        }
        answer = await exchange.send(path, body, "application/octet-stream", headers)
        if answer.status in TAKEN:
            return Accepted(detail=str(answer.status))
        kind = ERRORS.get(answer.status)
        if kind is None:
            log.error("webpush.unknown_status", status=answer.status, host=urlsplit(origin).hostname)
            kind = Ambiguous
        return kind(f"HTTP {answer.status}", retry_after=answer.retry_after)

    def _place(self, endpoint: str) -> tuple[str, str]:
        """The endpoint as its origin and its path. Raises ``ValueError`` for one that is not asked."""
        parts = urlsplit(endpoint)
        host = (parts.hostname or "").rstrip(".")
        if parts.scheme not in self._schemes or parts.username is not None or parts.password is not None:
            raise ValueError("an endpoint that is not https")
        if not any(host == each or (each[0] == "." and host.endswith(each)) for each in self._hosts):
            raise ValueError("an endpoint at no push service that is named")
        origin = f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
        return origin, parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")

    def _token(self, origin: str) -> str:
        """Says to the push service who we are; the same for half its time."""
        now = self._clock()
        token, until = self._tokens.get(origin, ("", now))
        if not token or now >= until:
            claims = {"aud": origin, "exp": int((now + HOURS).timestamp()), "sub": self._contact}
            token = signed(self._key, claims)
            if len(self._tokens) > 1_000:  # Services have some hosts each, not endless ones.
                self._tokens.clear()
            self._tokens[origin] = token, now + HOURS / 2
        return token


def encrypted(plain: bytes, browser: bytes, secret: bytes) -> bytes:
    """One record for the browser with this public key and this secret of sixteen bytes (RFC 8291, section
    3). Raises ``ValueError`` for keys that are none."""
    if len(secret) != 16:
        raise ValueError("a subscription without a secret of 16 bytes")
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), browser)
    own = ec.generate_private_key(ec.SECP256R1())
    public = _point(own.public_key())
    shared = own.exchange(ec.ECDH(), theirs)
    keying = HKDF(SHA256(), 32, secret, b"WebPush: info\0" + browser + public).derive(shared)
    salt = os.urandom(16)
    key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(keying)
    nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(keying)
    head = salt + RECORD.to_bytes(4) + bytes([len(public)]) + public
    return head + AESGCM(key).encrypt(nonce, plain + b"\x02", None)


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """What browsers subscribe with (``applicationServerKey``)."""
    return base64url(_point(key.public_key()))


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _decoded(text: str) -> bytes:
    """Base64 in either alphabet, padded or not. Raises ``ValueError``."""
    plain = text.replace("+", "-").replace("/", "_").rstrip("=")
    return urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
