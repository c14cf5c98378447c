"""Where an SMSC is, as whom we bind there, and how long we wait for what."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote, urlsplit

BindKind = Literal["transmitter", "receiver", "transceiver"]

PORT = 2775
TLS_PORT = 3550
SYSTEM_ID = 15  # §4.1: the most characters of a system_id.


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``tls`` is the context to connect with, None for a bare connection. ``name`` is what logs call it."""

    host: str
    port: int = PORT
    system_id: str = ""
    password: str = field(default="", repr=False)
    system_type: str = ""
    address_range: str = ""
    addr_ton: int = 0
    addr_npi: int = 0
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    name: str = "smpp"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. ``connect``: for the connection, its TLS and the bind. ``response``: for the answer to
    anything that we ask. ``enquire``: between two signs of life that we ask for. ``goodbye``: for what is
    under way when a session is closed, and again for the answer to unbind."""

    connect: float = 15.0
    response: float = 120.0
    enquire: float = 30.0
    goodbye: float = 10.0


def read_url(
    url: str,
    *,
    system_type: str = "",
    address_range: str = "",
    ca_file: str = "",
    name: str = "smpp",
    longest_password: int = 63,
) -> Endpoint:
    """``smpp://system_id:password@host:2775``, or ``smpps://`` for TLS (3550 by default). ``ca_file`` holds
    the certificates to trust in place of the machine's own. Raises ``ValueError`` that does not show the
    password."""
    parts = urlsplit(url)
    if parts.scheme not in ("smpp", "smpps") or not parts.hostname:
        raise ValueError("it is not like smpp://system_id:password@host:2775")
    system_id, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not system_id:
        raise ValueError("it names no system_id")
    if len(system_id) > SYSTEM_ID:
        raise ValueError(f"its system_id is longer than {SYSTEM_ID} characters")
    if len(password) > longest_password:
        raise ValueError(f"its password is longer than {longest_password} characters")
    if not (system_id + password).isascii() or "\0" in system_id + password:
        raise ValueError("its system_id or password is not ASCII")
    tls = None
    if parts.scheme == "smpps":
        try:
            tls = ssl.create_default_context(cafile=ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"the certificates to trust cannot be read: {error}") from None
    return Endpoint(
        host=parts.hostname,
        port=parts.port or (TLS_PORT if tls else PORT),
        system_id=system_id,
        password=password,
        system_type=system_type,
        address_range=address_range,
        tls=tls,
        name=name,
    )
