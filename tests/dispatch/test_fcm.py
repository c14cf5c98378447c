"""Firebase Cloud Messaging, played by a server that answers as its documentation shows."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dispatch.errors import (
    Ambiguous,
    DispatchError,
    Misconfigured,
    Nobody,
    Rejected,
    Throttled,
    Unreachable,
    Unroutable,
)
from dispatch.provider import Accepted, Outcome
from dispatch.providers.push.fcm import Fcm, ServiceAccount, read_account
from tests.dispatch.vendors import NOW, Asked, Vendor, outgoing

KEY = rsa.generate_private_key(65_537, 2_048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
TOKEN = "fcm:device-token"
NAME = "projects/chapar-1/messages/0:1500415314455276%31bd1c9631bd1c96"


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fcm(vendor: Vendor, http: ClientSession, clock: Clock) -> Fcm:
    account = ServiceAccount("chapar-1", "push@chapar-1.iam", PEM, "kid1", f"{vendor.url}/token")
    return Fcm(http, account, clock=clock, url=vendor.url)


def token(name: str = "t1") -> web.Response:
    return web.json_response({"access_token": name, "expires_in": 3_599, "token_type": "Bearer"})


def sent() -> web.Response:
    return web.json_response({"name": NAME})


def refused(status: int, code: str, detail: str = "", **headers: str) -> web.Response:
    kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
    details = [{"@type": "type.googleapis.com/google.rpc.Other"}, {"@type": kind, "errorCode": detail}]
    error = {"code": status, "message": "about device-token", "status": code}
    body = {"error": error | ({"details": details} if detail else {})}
    return web.json_response(body, status=status, headers=headers)


async def one(fcm: Fcm, **given: Any) -> Outcome:
    (outcome,) = await fcm.send([outgoing(TOKEN, **given)])
    return outcome


def part(text: str) -> bytes:
    return urlsafe_b64decode(text + "==")


async def test_a_message_and_the_token_before_it(vendor: Vendor, fcm: Fcm) -> None:
    vendor.answers = [token(), sent(), sent()]
    assert await one(fcm, body="سلام") == Accepted(NAME, "none")
    assert await one(fcm, klass="bulk") == Accepted(NAME, "none")
    asked, message, bulk = vendor.asked
    assert asked.path == "/token"
    assert asked.body["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    head, claims, signature = asked.body["assertion"].split(".")
    KEY.public_key().verify(part(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    assert json.loads(part(head)) == {"alg": "RS256", "typ": "JWT", "kid": "kid1"}
    said = json.loads(part(claims))
    assert said["aud"] == f"{vendor.url}/token"
    assert said["exp"] - said["iat"] == 3_600
    assert message.path == "/v1/projects/chapar-1/messages:send"
    assert message.headers["authorization"] == "Bearer t1"
    assert message.body == {
        "message": {
            "token": "device-token",
            "notification": {"title": "", "body": "سلام"},
            "data": {"tracking": "1234567890"},
            "android": {"ttl": "3600s", "priority": "HIGH"},
        }
    }
    assert bulk.body["message"]["android"]["priority"] == "NORMAL"


async def test_the_request_is_that_of_googles_own_library(vendor: Vendor, fcm: Fcm) -> None:
    """Recorded from firebase-admin 7.7.0, told to send the same. It writes the priority in small letters; the
    service's reference has capitals."""
    recorded = (
        b'{"message": {"android": {"priority": "high", "ttl": "3600s"}, "data": {"tracking": "1234567890"}, '
        b'"notification": {"body": "\\u0633\\u0644\\u0627\\u0645", '
        b'"title": "\\u0639\\u0646\\u0648\\u0627\\u0646"}, "token": "device-token"}}'
    )
    vendor.answers = [token(), sent()]
    await one(fcm, subject="عنوان", body="سلام")
    _token, asked = vendor.asked
    theirs = json.loads(recorded)
    theirs["message"]["android"]["priority"] = theirs["message"]["android"]["priority"].upper()
    assert asked.body == theirs
    assert asked.path == "/v1/projects/chapar-1/messages:send"
    assert asked.headers["content-type"].partition(";")[0] == "application/json"


async def test_a_token_is_changed_before_its_end_and_when_it_is_taken_back(
    vendor: Vendor, fcm: Fcm, clock: Clock
) -> None:
    vendor.answers = [
        token(),
        sent(),
        token("t2"),
        sent(),
        refused(401, "UNAUTHENTICATED"),
        token("t3"),
        sent(),
    ]
    await one(fcm)
    clock.now += timedelta(minutes=56)
    assert isinstance(await one(fcm), Accepted)
    assert isinstance(await one(fcm), Misconfigured)
    assert isinstance(await one(fcm), Accepted)
    bearers = [asked.headers["authorization"] for asked in vendor.asked if asked.path != "/token"]
    assert bearers == ["Bearer t1", "Bearer t2", "Bearer t2", "Bearer t3"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused(404, "NOT_FOUND", "UNREGISTERED"), Nobody),
        (refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), Rejected),
        (refused(400, "INVALID_ARGUMENT"), Rejected),
        (refused(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), Rejected),
        (refused(404, "NOT_FOUND"), Misconfigured),
        (refused(403, "PERMISSION_DENIED"), Misconfigured),
        (refused(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"), Misconfigured),
        (refused(500, "INTERNAL", "INTERNAL"), Unreachable),
        (refused(409, "NEW_STATUS"), Unreachable),
        (web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html"), Ambiguous),
        (web.Response(text="{}"), Ambiguous),
    ],
)
async def test_errors(vendor: Vendor, fcm: Fcm, answer: web.Response, error: type[DispatchError]) -> None:
    vendor.answers = [token(), answer]
    outcome = await one(fcm)
    assert type(outcome) is error
    assert "device-token" not in str(outcome)


async def test_it_is_left_alone_for_as_long_as_it_asks(vendor: Vendor, fcm: Fcm) -> None:
    vendor.answers = [
        token(),
        refused(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", **{"Retry-After": "17"}),
        refused(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
        refused(503, "UNAVAILABLE", "UNAVAILABLE", **{"Retry-After": "9"}),
    ]
    outcomes = [await one(fcm) for _message in range(3)]
    assert [type(outcome) for outcome in outcomes] == [Throttled, Throttled, Unreachable]
    waits = [outcome.retry_after for outcome in outcomes if isinstance(outcome, DispatchError)]
    assert waits == [timedelta(seconds=17), timedelta(minutes=1), timedelta(seconds=9)]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (web.json_response({"error": "invalid_grant"}, status=400), Misconfigured),
        (web.Response(status=503, text="<html>"), Unreachable),
        (web.Response(text="<html>"), Unreachable),
    ],
)
async def test_without_a_token_nothing_went(
    vendor: Vendor, fcm: Fcm, answer: web.Response, error: type[DispatchError]
) -> None:
    vendor.answers = [answer]
    with pytest.raises(error) as raised:
        await one(fcm)
    assert type(raised.value) is error


async def test_many_take_one_token(vendor: Vendor, fcm: Fcm) -> None:
    async def send(request: web.Request, asked: Asked) -> web.Response:
        return sent()

    vendor.answers = [token(), *[send] * 50]
    outcomes = await fcm.send([outgoing(TOKEN) for _message in range(50)])
    assert outcomes == [Accepted(NAME)] * 50


async def test_what_does_not_go_by_it(vendor: Vendor, fcm: Fcm) -> None:
    vendor.answers = [token()]
    outcomes = await fcm.send([outgoing("apns:ab"), outgoing(TOKEN, "س" * 2_048)])
    assert [type(outcome) for outcome in outcomes] == [Unroutable, Rejected]
    assert len(vendor.asked) == 1


def test_a_service_accounts_file() -> None:
    given = {"type": "service_account", "project_id": "p", "client_email": "e", "private_key": PEM}
    assert read_account(json.dumps(given).encode()).project_id == "p"
    for wrong in ({"project_id": "p"}, given | {"private_key": "hidden"}):
        with pytest.raises(ValueError, match=r"file|key") as refusal:
            read_account(json.dumps(wrong).encode())
        assert "hidden" not in str(refusal.value)
