"""Signatures of webhooks, as the Standard Webhooks specification (1.0.0) has them.

What is signed is ``id.timestamp.body``, by HMAC-SHA256 with each secret that is good at the time, so that who
changes a secret misses nothing.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime

PREFIX = "whsec_"  # Before a secret, which is 24 to 64 bytes in base64.


def headers(id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> Mapping[str, str]:
    """The headers of a request that is made ``at``; the id is the same however often it is tried."""
    seconds = str(int(at.timestamp()))
    signed = f"{id}.{seconds}.".encode() + body
    signatures = [
        "v1," + b64encode(hmac.digest(b64decode(secret.removeprefix(PREFIX)), signed, "sha256")).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(signatures),
    }
