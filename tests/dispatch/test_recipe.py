"""The worked example of docs/adding-a-provider.md works: its file is loaded, its test is run, and it stands
up to what is done to every vendor."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from dispatch.errors import Ambiguous, Unreachable
from dispatch.provider import Account, Lookup, Provider, ReceiptSource
from dispatch.providers import sms
from tests.dispatch.test_sms_faults import flood, half_a_body, hang_up, outcome_of, raw
from tests.dispatch.vendors import Vendor

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-provider.md"
FILE, TEST = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def peyk(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("dispatch.providers.sms.peyk")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(sms, "peyk", module, raising=False)
    exec(compile(FILE, str(PAGE), "exec"), module.__dict__)  # noqa: S102 - the page is ours.
    return module


async def test_the_example_passes_its_own_test(peyk: ModuleType, http: ClientSession) -> None:
    tests: dict[str, Any] = {}
    exec(compile(TEST, str(PAGE), "exec"), tests)  # noqa: S102 - the page is ours.
    ran = 0
    for name, test in tests.items():
        if not name.startswith("test_") or not inspect.iscoroutinefunction(test):
            continue
        marks = [mark.args for mark in getattr(test, "pytestmark", [])]
        cases: list[dict[str, Any]] = [{}]
        if marks:
            cases = [dict(zip(marks[0][0], case, strict=True)) for case in marks[0][1]]
        for case in cases:
            vendor = Vendor()
            async with TestServer(vendor.app()) as server:
                vendor.url = str(server.make_url("")).rstrip("/")
                await test(vendor, http, **case)
            ran += 1
    assert ran == 10


async def test_the_example_stands_up_to_what_is_done_to_every_vendor(
    peyk: ModuleType, http: ClientSession, vendor: Vendor
) -> None:
    def made(url: str) -> Any:
        return peyk.Peyk(http, "hidden-secret", ("3000",), url=url)

    provider: Provider = made(vendor.url)
    assert isinstance(provider, ReceiptSource)
    assert isinstance(provider, Lookup)
    assert isinstance(provider, Account)
    assert type(await outcome_of(made("http://127.0.0.1:9"))) is Unreachable
    for body in (b"", b"{", b"null", b"{}", b'{"code": "x"}'):
        vendor.answers = [web.Response(body=body, content_type="application/json")]
        assert type(await outcome_of(provider)) is Ambiguous
    for serve in (hang_up, half_a_body, flood):
        async with raw(serve) as port:
            assert type(await outcome_of(made(f"http://127.0.0.1:{port}"))) is Ambiguous
    await http.close()
