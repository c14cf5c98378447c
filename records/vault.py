"""Encryption at rest: AES-256-GCM for what must be read again, keyed hashes for what must only be found.

A sealed value is ``version (1) · key number (2) · nonce (12) · ciphertext · tag (16)``: 31 bytes more than
the plain one. Each scope (a session, or one message, one address) has its own key, derived from the ring's,
so the bound on random 96-bit nonces (2^32 messages a key, NIST SP 800-38D, section 8.3) holds for each scope
alone. The context is authenticated too: a value moved to another row does not open.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from records.keyring import Keyring
from records.randomness import randomness

VERSION = 1
CIPHERS = 4_096  # Of sessions under way: deriving one anew takes twice as long as sealing with it.
INDEXES = 4_096  # Of sessions and people under way, two for each turn.
_HEADER = 3
_NONCE = 12
_LEAST = _HEADER + _NONCE + 16


class Unreadable(Exception):
    """A sealed value does not open: it was changed, belongs elsewhere, or its key is gone."""


class Vault:
    """Seals and opens with a key ring; about 5 µs each. ``repr`` shows no key."""

    __slots__ = ("_cipher", "_current", "_digest_key", "_header", "_index_key", "_indexed", "_ring")

    def __init__(self, keyring: Keyring) -> None:
        self._ring = keyring
        self._cipher = lru_cache(maxsize=CIPHERS)(self._derived)
        self._indexed = lru_cache(maxsize=INDEXES)(self._keyed)
        self._current = 0
        self._header = b""
        self._index_key = blake2b(key=keyring.index, digest_size=32, person=b"chapar.index").digest()
        self._digest_key = blake2b(key=keyring.index, digest_size=32, person=b"chapar.digest").digest()

    def __repr__(self) -> str:
        return f"Vault({self._ring!r})"

    def seal(self, plain: bytes, context: bytes, scope: bytes | None = None) -> bytes:
        """``plain`` encrypted for ``context``, which names the row that it belongs to. Rows of one ``scope``
        share a key, which is kept at hand; the context is authenticated all the same."""
        current = self._ring.current
        if current != self._current:
            self._current, self._header = current, bytes([VERSION]) + current.to_bytes(2)
        header, nonce = self._header, randomness.randbytes(_NONCE)
        cipher = self._derived(current, context) if scope is None else self._cipher(current, scope)
        return header + nonce + cipher.encrypt(nonce, plain, header + context)

    def open(self, sealed: bytes, context: bytes, scope: bytes | None = None) -> bytes:
        """What was sealed for this context in this scope; ``Unreadable`` when it does not open."""
        if len(sealed) < _LEAST or sealed[0] != VERSION:
            raise Unreadable("not a sealed value of a known version")
        header, nonce = sealed[:_HEADER], sealed[_HEADER : _HEADER + _NONCE]
        number = int.from_bytes(header[1:])
        try:
            cipher = self._derived(number, context) if scope is None else self._cipher(number, scope)
        except KeyError as missing:
            raise Unreadable(f"the key ring has no key {missing.args[0]}") from None
        try:
            return cipher.decrypt(nonce, sealed[_HEADER + _NONCE :], header + context)
        except InvalidTag:
            raise Unreadable("a sealed value was changed or belongs elsewhere") from None

    def _derived(self, number: int, scope: bytes) -> AESGCM:
        """The cipher of a scope under one of the ring's keys; ``KeyError`` when the ring lacks that key."""
        key = blake2b(scope, digest_size=32, key=self._ring.key(number), person=b"chapar.seal").digest()
        return AESGCM(key)

    def index(self, kind: str, address: str) -> bytes:
        """The blind index of an address: 16 bytes, the same each time, nothing without the key."""
        return self._indexed(kind, address)

    def _keyed(self, kind: str, address: str) -> bytes:
        named = f"{kind}\0{address}".encode("utf-8", "surrogatepass")
        return blake2b(named, digest_size=16, key=self._index_key).digest()

    def digest(self, purpose: str, *parts: str) -> bytes:
        """HMAC-SHA256 (32 bytes) of all the parts in their order, for one-time codes and the like."""
        message = bytearray()
        for part in (purpose, *parts):
            encoded = part.encode("utf-8", "surrogatepass")
            message += len(encoded).to_bytes(4) + encoded  # ("a", "bc") is not ("ab", "c").
        return hmac.digest(self._digest_key, message, "sha256")
