"""Receipts that Kavenegar calls with."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession

from dispatch.provider import Callback, Calling, Receipt
from dispatch.providers.sms.kavenegar import Kavenegar
from dispatch.providers.sms.kavenegar_api import Api


@pytest.fixture
def kavenegar(http: ClientSession) -> Kavenegar:
    return Kavenegar(Api(http, "key", "http://127.0.0.1:1"), ())


@pytest.mark.parametrize("by", ["query", "form"])
async def test_a_call_is_read(kavenegar: Kavenegar, by: str) -> None:
    assert isinstance(kavenegar, Calling)
    given = {"messageid": "8792343", "status": "10", "secret": "s"}
    callback = Callback(given if by == "query" else {}, given if by == "form" else {}, b"")
    assert kavenegar.parse_receipt(callback) == {"8792343": Receipt("delivered", "10")}


async def test_an_unknown_status_is_kept(kavenegar: Kavenegar) -> None:
    callback = Callback({"messageid": "1", "status": "77"}, {}, b"")
    assert kavenegar.parse_receipt(callback) == {"1": Receipt("sent", "77", unknown=True)}


@pytest.mark.parametrize("given", [{}, {"messageid": "1"}, {"messageid": "x", "status": "10"}])
async def test_what_is_none_is_refused(kavenegar: Kavenegar, given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="messageid"):
        kavenegar.parse_receipt(Callback(given, {}, b""))
