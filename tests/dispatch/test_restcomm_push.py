"""USSD push by RestComm: recorded exchanges, played over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from defusedxml.ElementTree import fromstring
from structlog.testing import capture_logs

from dispatch.errors import Ambiguous, Misconfigured, Nobody, Unreachable, Unroutable
from dispatch.provider import Accepted
from dispatch.providers.ussd.restcomm import ENDINGS, ERRORS, RestcommPush
from tests.dispatch.vendors import outgoing

# As the gateway writes them.
SHOWN = """<?xml version="1.0" encoding="UTF-8" ?>
<dialog type="Continue" appCntx="networkUnstructuredSsContext_version2" networkId="0" localId="12"
 remoteId="13" mapMessagesSize="1" returnMessageOnError="false">
 <localAddress pc="1" ssn="8"><ai value="67"/></localAddress>
 <remoteAddress pc="2" ssn="8"><ai value="67"/></remoteAddress>
 <destinationReference number="432350000000001" nai="international_number" npi="land_mobile"/>
 <originationReference number="989350001500" nai="international_number" npi="ISDN"/>
 <errComponents/>
 <unstructuredSSNotify_Response invokeId="1"/>
</dialog>"""
ERROR = """<dialog type="End" networkId="0" localId="0" remoteId="0" mapMessagesSize="0" sriPart="true"
 emptyDialogHandshake="true" returnMessageOnError="false">
 <errComponents><invokeId value="1"/>
 <errorComponent type="MAPErrorMessageAbsentSubscriberSM" errorCode="{code}">
 <absentSubscriberDiagnosticSM value="IMSIDetached"/></errorComponent></errComponents>
</dialog>"""
OVER = """<?xml version="1.0" encoding="UTF-8" ?>
<dialog type="Unknown" localId="12" remoteId="13" mapMessagesSize="0" {said} returnMessageOnError="false">
 <errComponents/>
</dialog>"""


@dataclass
class Gateway:
    """``answers`` are for what opens a dialog; what ends one is answered with nothing."""

    url: str = ""
    answers: list[web.Response] = field(default_factory=list)
    opened: list[Element] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        # The gateway compares the whole header, and reads nothing of any other type.
        assert request.headers["Content-Type"] == "text/xml"
        dialog = fromstring(await request.read())
        if dialog.get("mapMessagesSize") == "0":
            assert dialog.get("prearrangedEnd") == "false"
            self.ended.append(request.cookies.get("JSESSIONID", ""))
            return web.Response()
        assert "JSESSIONID" not in request.cookies
        self.opened.append(dialog)
        answer = self.answers.pop(0)
        answer.set_cookie("JSESSIONID", f"S{len(self.opened)}", path="/restcomm")
        return answer


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    app = web.Application()
    app.router.add_post("/restcomm", gateway.handle)
    async with TestServer(app) as server:
        gateway.url = str(server.make_url("/restcomm"))
        yield gateway


def xml(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/xml", status=status)


async def test_a_screen_is_shown_and_its_dialog_ended(gateway: Gateway, http: ClientSession) -> None:
    gateway.answers = [xml(SHOWN), xml(SHOWN)]
    persian, latin = outgoing(body='شارژ شما "تمام" شد <۰>\n*733#'), outgoing(body="Your balance & more")
    outcomes = await RestcommPush(http, gateway.url, 3).send([persian, latin])
    assert outcomes == [Accepted("12", "delivered", "shown")] * 2
    by_text = {each[0].get("string"): each for each in gateway.opened}
    assert set(by_text) == {persian.body, latin.body}
    dialog = by_text[persian.body]
    assert (dialog.get("mapMessagesSize"), dialog.get("networkId")) == ("1", "3")
    assert dialog[0].tag == "unstructuredSSNotify_Request"
    assert dialog[0].get("dataCodingScheme") == "72"
    assert dialog[0][0].attrib == {"nai": "international_number", "npi": "ISDN", "number": "989121234567"}
    assert by_text[latin.body][0].get("dataCodingScheme") == "15"
    assert sorted(gateway.ended) == ["S1", "S2"], "each dialog is ended in its own session"


@pytest.mark.parametrize(("code", "error"), ERRORS.items())
async def test_map_errors(gateway: Gateway, http: ClientSession, code: str, error: type[Exception]) -> None:
    gateway.answers = [xml(ERROR.format(code=code))]
    (outcome,) = await RestcommPush(http, gateway.url).send([outgoing()])
    assert type(outcome) is error
    assert gateway.ended == [], "it is over"


@pytest.mark.parametrize(("name", "error"), ENDINGS.items())
async def test_dialogs_that_fail(
    gateway: Gateway, http: ClientSession, name: str, error: type[Exception]
) -> None:
    gateway.answers = [xml(OVER.format(said=f'{name}="true"'))]
    (outcome,) = await RestcommPush(http, gateway.url).send([outgoing()])
    assert type(outcome) is error


async def test_what_cannot_be_read(gateway: Gateway, http: ClientSession) -> None:
    gateway.answers = [
        xml(""),
        xml("<html>"),
        xml('<!DOCTYPE x [<!ENTITY a "b">]><dialog/>'),
        xml("<dialog/>"),
        xml("<html/>", 404),
        xml("", 503),
        xml(ERROR.format(code="999")),
    ]
    kinds = []
    with capture_logs() as logs:
        for _answer in list(gateway.answers):
            (outcome,) = await RestcommPush(http, gateway.url).send([outgoing()])
            kinds.append(type(outcome))
    assert kinds == [Ambiguous] * 4 + [Misconfigured, Unreachable, Unreachable]
    assert [each["event"] for each in logs] == ["restcomm.unknown_answer", "restcomm.unknown_error"]


async def test_what_no_screen_holds_is_not_sent(gateway: Gateway, http: ClientSession) -> None:
    (outcome,) = await RestcommPush(http, gateway.url).send([outgoing(body="س" * 81)])
    assert type(outcome) is Unroutable
    assert gateway.opened == []


async def test_nobody_there(http: ClientSession) -> None:
    (outcome,) = await RestcommPush(http, "http://127.0.0.1:9/restcomm").send([outgoing()])
    assert type(outcome) is Unreachable


async def test_unknown_subscribers_are_suppressed() -> None:
    assert ERRORS["1"] is Nobody
