"""What services of push know us by: a JSON Web Token (RFC 7519), signed with RSA (RS256) or P-256 (ES256)."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def read_key(pem: bytes) -> Key:
    """A private key of RSA or on P-256. Raises ``ValueError`` for anything else."""
    try:
        key = load_pem_private_key(pem, None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("a private key without a password") from error
    if isinstance(key, rsa.RSAPrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError("a private key of RSA or on P-256")


def read_p256_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Raises ``ValueError`` for what is no private key on P-256."""
    key = read_key(pem)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("a private key on P-256")
    return key


def signed(key: Key, claims: Mapping[str, Any], **header: str) -> str:
    algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    head = msgspec.json.encode({"alg": algorithm, "typ": "JWT", **header})
    said = f"{base64url(head)}.{base64url(msgspec.json.encode(claims))}"
    return f"{said}.{base64url(_signature(key, said.encode()))}"


def base64url(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode().rstrip("=")


def _signature(key: Key, octets: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
    r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)
