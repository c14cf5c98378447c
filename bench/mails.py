"""Mails to a server as fast as the provider hands them over: ``python -m bench.mails '{"port": …, "seconds":
…, "signed": …}'`` prints one JSON line: mails a second, and µs of processor time for one."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from time import perf_counter, process_time

import uvloop
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dispatch.provider import Accepted, Outgoing
from dispatch.providers.email.dkim import Signer
from dispatch.providers.email.smtp import Smtp
from records.ids import IdMaker

BATCH = 100
BODY = "شکایت شما با شماره 140512345 ثبت شد.\nتا ۵ آذر ۱۴۰۵ پاسخ می‌دهیم.\nپیگیری: *733#\n"


def signer() -> Signer:
    key = rsa.generate_private_key(65_537, 2_048)
    return Signer("example.ir", "bench", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


async def hand_over(port: int, seconds: float, signed: bool) -> dict[str, float]:
    smtp = Smtp(
        f"smtp://127.0.0.1:{port}",
        "چاپار <noreply@example.ir>",
        clock=lambda: datetime.now(UTC),
        signer=signer() if signed else None,
    )
    ids = IdMaker()

    async def work(until: float) -> int:
        done = 0
        while perf_counter() < until:
            now = datetime.now(UTC)
            batch = [
                Outgoing(
                    ids(now), "1234567890", "service", f"p{number}@example.ir", "رسیدگی به شکایت", BODY, 1,
                    now + timedelta(hours=1),
                )
                for number in range(BATCH)
            ]  # fmt: skip
            done += sum(isinstance(outcome, Accepted) for outcome in await smtp.send(batch))
        return done

    await work(perf_counter() + seconds / 4)
    began, used = perf_counter(), process_time()
    sent = await work(began + seconds)
    took, used = perf_counter() - began, process_time() - used
    await smtp.close()
    return {"rate": sent / took, "cpu": used / sent * 1e6}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(hand_over(**json.loads(sys.argv[1])))))
