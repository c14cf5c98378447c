"""Signed mails, verified by dkimpy, which nobody here wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dispatch.provider import Outgoing
from dispatch.providers.email.dkim import Signer
from dispatch.providers.email.letter import letter

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SENDER = Address("چاپار", "noreply", "example.ir")
RSA = rsa.generate_private_key(65_537, 2_048)
URL = "https://chapar.example.ir/unsubscribe/abc"


def pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signed(signer: Signer, subject: str = "رسیدگی به شکایت شما که دیروز ثبت کرده‌اید " * 3) -> bytes:
    outgoing = Outgoing(
        b"\x01" * 16, "1234567890", "bulk", "a@example.ir", subject, "متن\n. نقطه  \n\n", 1, NOW
    )
    return letter(outgoing, SENDER, NOW, unsubscribe=URL, signer=signer)


def verifies(mail: bytes, record: str) -> bool:
    def dns(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"chapar._domainkey.example.ir."
        return record.encode()

    return bool(dkim.verify(mail, dnsfunc=dns))


def test_a_mail_that_is_signed_verifies_and_a_changed_one_does_not() -> None:
    signer = Signer("example.ir", "chapar", pem(RSA))
    for subject in ("Hello", "", "رسیدگی", "x" * 300, "رسیدگی به شکایت شما که دیروز ثبت کرده‌اید " * 5):
        mail = signed(signer, subject)
        assert verifies(mail, signer.record)
        assert max(map(len, mail.split(b"\r\n"))) <= 998
    mail = signed(signer)
    for was, becomes in (
        (b"a@example.ir", b"b@example.ir"),
        (b"One-Click", b"Two-Click"),
        (b"/unsubscribe/abc", b"/unsubscribe/abd"),
        (b"charset=utf-8", b"charset=utf-7"),
        (b"MIME-Version", b"Subject: another\r\nMIME-Version"),
    ):
        assert was in mail
        assert not verifies(mail.replace(was, becomes, 1), signer.record), was


def test_a_key_of_ed25519() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    signer = Signer("example.ir", "chapar", pem(key))
    mail = signed(signer)
    assert b"a=ed25519-sha256" in mail
    assert signer.record.startswith("v=DKIM1; k=ed25519; p=")
    assert verifies(mail, signer.record)


@pytest.mark.parametrize(
    "key", [b"", b"-----BEGIN nothing", pem(ec.generate_private_key(ec.SECP256R1()))], ids=["", "junk", "ec"]
)
def test_what_is_no_key(key: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Signer("example.ir", "chapar", key)
