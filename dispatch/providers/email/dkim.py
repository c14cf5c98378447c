"""Signs mails so that mailboxes know whose they are (DKIM, RFC 6376; keys of Ed25519 by RFC 8463).

``dkimpy`` does the same with arithmetic in Python, 20 ms a mail; here ``cryptography`` signs. The tests have
dkimpy verify what is signed here.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

_SPACE = re.compile(r"[ \t]+")
_LINE = 72
BITS = 1024  # The least that verifiers must take; keys of less are refused (RFC 8301, section 3.2).


class Signer:
    """``domain`` is the one whose name server has the key at ``<selector>._domainkey``; ``key`` is the
    private one as PEM, RSA or Ed25519. Raises ``ValueError`` for a key that is none of these."""

    def __init__(self, domain: str, selector: str, key: bytes) -> None:
        try:
            loaded = load_pem_private_key(key, None)
        except (TypeError, UnsupportedAlgorithm) as error:
            raise ValueError("not a private key without a password") from error
        if not isinstance(loaded, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
            raise ValueError("a key of RSA or Ed25519")
        if isinstance(loaded, rsa.RSAPrivateKey) and loaded.key_size < BITS:
            raise ValueError(f"a key of at least {BITS} bits")
        self._key = loaded
        algorithm = "rsa" if isinstance(loaded, rsa.RSAPrivateKey) else "ed25519"
        self._begin = f"v=1; a={algorithm}-sha256; c=relaxed/simple; d={domain}; s={selector}"

    @property
    def record(self) -> str:
        """The TXT record that the name server must have for mails to verify."""
        public = self._key.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            return f"v=DKIM1; k=ed25519; p={b64encode(public.public_bytes_raw()).decode()}"
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={b64encode(der).decode()}"

    def signature(self, headers: Sequence[tuple[str, str]], body: bytes, now: datetime) -> str:
        """The value of DKIM-Signature over all of ``headers`` and ``body``, which ends with one CRLF."""
        names = ":".join(name.lower() for name, _value in headers)
        digest = b64encode(sha256(body).digest()).decode()
        # A name signed once more than it is there: nobody can add another From or Subject (section 5.4.2).
        value = (
            f"{self._begin}; t={int(now.timestamp())};\r\n h={names}:from:subject:to;\r\n bh={digest};\r\n b="
        )
        said = "".join(f"{name.lower()}:{_relaxed(each)}\r\n" for name, each in headers)
        made = b64encode(self._signed(f"{said}dkim-signature:{_relaxed(value)}".encode())).decode()
        return value + "\r\n ".join(made[start : start + _LINE] for start in range(0, len(made), _LINE))

    def _signed(self, octets: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        return self._key.sign(sha256(octets).digest())


def _relaxed(value: str) -> str:
    """A header's value as ``relaxed`` signs it (section 3.4.2)."""
    return _SPACE.sub(" ", value.replace("\r\n", "")).strip()
