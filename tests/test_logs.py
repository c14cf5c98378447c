"""Logs: JSON lines in which nobody's number, words, code or secret is found."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientTimeout
from hypothesis import given
from hypothesis import strategies as st

from logs import masked
from tests.running import ROOT, SECRET, Phone, Server, within

WORDS = "خط من از دیروز قطع است"
MINE, OTHER, THIRD = "+989121234567", "+989351112233", "+989361112244"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+989121234567", "+98912•••67"),
        ("09121234567", "0912•••67"),
        ("989121234567 and 0098 9121234567", "98912•••67 and 0098 912•••67"),
        ("۰۹۱۲۱۲۳۴۵۶۷", "۰۹۱۲•••۶۷"),
        ("phoneNumber=%2B989121234567&x", "phoneNumber=%2B98912•••67&x"),
        ("12345678", "12345678"),
        ("123456789", "12•••89"),
        ("9121234567" * 10, "912123•••67"),
        ("/ussd/nalo?secret=open-sesame&x=1", "/ussd/nalo?secret=•••&x=1"),
        ("b'GET /?a=1&SECRET=open+sesame'", "b'GET /?a=1&SECRET=•••'"),
        (
            "https://api.telegram.org/bot123456789:AAFakeTokenOfOurOwnMaking0123456789/getMe",
            "https://api.telegram.org/bot•••/getMe",
        ),
        ("secret=", "secret="),
        ("", ""),
    ],
)
def test_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@given(st.text(), st.from_regex(r"\+?[0-9]{9,40}", fullmatch=True), st.text())
def test_no_number_is_left_whole(before: str, number: str, after: str) -> None:
    shown = masked(f"{before} {number} {after}")
    assert number not in shown
    assert re.search(r"\d{9}", shown) is None


LOGGING = f"""
import logging, warnings
import logs, structlog
logs.start("info", "json")
log = structlog.get_logger()
log.debug("below the level")
log.info("told", number="{MINE}", inner={{"a": ["{MINE}", 3]}}, count=12, path=object, none=None)
logging.getLogger("elsewhere").warning("from %s", "{MINE}")
for told in (log.exception, logging.getLogger("elsewhere").exception):
    try:
        raise ValueError("no such number: {MINE}")
    except ValueError:
        told("failed")
warnings.warn("the number {MINE} is odd")
"""


def test_whatever_is_logged_is_a_json_line_and_masked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOGGING], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    told, foreign, ours, theirs, warning = map(json.loads, done.stderr.splitlines())
    assert told["number"] == "+98912•••67"
    assert told["inner"] == {"a": ["+98912•••67", 3]}
    assert (told["count"], told["none"], told["event"], told["level"]) == (12, None, "told", "info")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", told["timestamp"])
    assert (foreign["event"], foreign["level"]) == ("from +98912•••67", "warning")
    for failed in (ours, theirs):
        assert failed["event"] == "failed"
        assert failed["exception"].endswith("ValueError: no such number: +98912•••67")
    assert "+98912•••67 is odd" in warning["event"]
    assert MINE.lstrip("+") not in done.stderr


def test_a_person_at_a_terminal_reads_text() -> None:
    program = (
        f"import logs, structlog; logs.start('info', 'text'); structlog.get_logger().info('x', n='{MINE}')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )
    assert "+98912•••67" in done.stderr
    assert not done.stderr.startswith("{")


async def junk(port: int, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    await reader.read(1)
    writer.close()
    await writer.wait_closed()


@within(60)
async def test_no_number_and_no_secret_in_the_log_of_a_run(tmp_path: Path) -> None:
    """Conversations of every kind and requests that are wrong, with everything logged that can be."""
    server = Server(tmp_path, {"LOG_LEVEL": "debug", "USSD_AFRICASTALKING_SECRET": SECRET})
    codes: list[str] = []
    async with ClientSession(timeout=ClientTimeout(total=15)) as http, server:
        phone = Phone(http, server.url, MINE, "dialog-1", SECRET)
        assert "ثبت شد" in await phone.walk("2", "2", WORDS, "1")
        await phone.post("another*text")
        linking = Phone(http, server.url, MINE, "dialog-2", SECRET)
        await linking.walk("6", OTHER.replace("+98", "0"))
        while not codes:
            async with http.get(f"{server.url}/sandbox/messages", params={"to": OTHER}) as response:
                for message in (await response.json())["messages"]:
                    codes += re.findall(r"#([0-9]{6})", message["body"])
        await linking.type("000000" if codes[0] != "000000" else "111111")
        assert "تأیید شد" in await linking.type(codes[0])
        door = f"{server.url}/ussd/africastalking"
        for query in (f"secret={SECRET}", "secret=wrong-secret", ""):
            form = {"sessionId": "S", "phoneNumber": THIRD, "serviceCode": "*733#", "text": WORDS}
            for odd in (
                {},
                {"sessionId": ""},
                {"phoneNumber": f"{THIRD}1234567890123"},
                {"text": "1" * 99_999},
            ):
                async with http.post(f"{door}?{query}", data=form | odd) as response:
                    await response.read()
        for line in (
            f"GET {door}?secret={SECRET}&mobile={THIRD} HTTP/9.9",
            f"GET {door}?secret={SECRET}&mobile={THIRD} HTTP/1.1\r\nno header {THIRD} {SECRET}",
            f"{THIRD} {SECRET}",
            f"POST {door}?secret={SECRET} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{THIRD}",
            f"GET {door}?secret={SECRET}&mobile={THIRD * 1_000} HTTP/1.1",
        ):
            await junk(server.port, f"{line}\r\n\r\n".encode())
        assert await server.stop() == 0
    log = server.log.read_text("utf-8")
    lines = [json.loads(line) for line in log.splitlines()]
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    assert {"request refused", "not HTTP: BadStatusLine"} <= {line["event"] for line in lines}
    assert not any(line["level"] in ("error", "critical") for line in lines), log
    keys = json.loads((server.data / "keys.json").read_text())
    hidden = [SECRET, "wrong-secret", WORDS, WORDS.split()[0], keys["index"], *keys["keys"].values()]
    hidden += [number.removeprefix("+98") for number in (MINE, OTHER, THIRD)]
    for text in hidden:
        assert text not in log
    for code in codes:
        assert re.search(rf"(?<![0-9.]){code}(?![0-9])", log) is None
    assert re.search(r"[0-9]{9}", re.sub(r'"timestamp": "[^"]*"', "", log)) is None


def test_a_key_of_the_api_is_masked_but_for_what_it_is_found_by() -> None:
    said = masked("POST /v1/chapar_live_abcdefgh_" + "a2" * 16 + "/sms/send.json")
    assert said == "POST /v1/chapar_live_abcdefgh_•••/sms/send.json"
