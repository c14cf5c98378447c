"""Whatever bytes arrive, a gateway either understands them or refuses them, and its answers can be read."""

import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conversation.incoming import Departure, Incoming
from tests.ussd.asking import screen
from ussd import fields
from ussd.exchange import BadRequest, GatewayReply, GatewayRequest, Inquiry, Route
from ussd.gateways import GATEWAYS, Gateway

ROUTES = [Route("route"), Route("route", code="*733#")]

# What the gateways send, so that the fuzzing gets past the first check.
NAMES = [
    "sessionId",
    "phoneNumber",
    "serviceCode",
    "text",
    "status",
    "call",
    "sessionid",
    "mobile",
    "msisdn",
    "shortCode",
    "exitCode",
    "Type",
    "Message",
    "ServiceCode",
    "Operator",
    "Mobile",
    "SessionId",
    "Sequence",
    "USERID",
    "MSISDN",
    "USERDATA",
    "MSGTYPE",
    "SESSIONID",
    "sessionID",
    "userID",
    "newSession",
    "userData",
    "SessionID",
    "input",
    "clean",
    "error",
]
WORDS = [
    "initiation",
    "response",
    "release",
    "timeout",
    "Success",
    "Failed",
    "*733#",
    "*733*2*1#",
    "733",
    "1",
    "1*2",
    "سلام",
    "989121234567",
    "-",
]

values = st.one_of(st.sampled_from(WORDS), st.text(max_size=30))
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=5,
)
members = st.dictionaries(st.sampled_from(NAMES), values | anything, max_size=len(NAMES))
forms = st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=40).map(
    lambda pairs: urlencode(pairs, errors="replace")
)
tags = st.sampled_from(
    [
        "ussd",
        "msisdn",
        "sessionid",
        "type",
        "msg",
        "dialog",
        "originationReference",
        "errComponents",
        "rejectComponents",
        "processUnstructuredSSRequest_Request",
        "unstructuredSSRequest_Response",
    ]
)
attributes = st.dictionaries(
    st.sampled_from(
        ["type", "localId", "number", "string", "invokeId", "userObject", "dialogTimedOut", "mapRefuseReason"]
    ),
    st.sampled_from([*WORDS, "Begin", "Continue", "End", "Abort", "true", "1:+989121234567", "&amp;", "&a;"]),
    max_size=8,
)


def element(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def build(tag: str, given: dict[str, str], parts: list[str]) -> str:
        written = "".join(f' {name}="{value}"' for name, value in given.items())
        return f"<{tag}{written}>{''.join(parts)}</{tag}>"

    return st.builds(build, tags, attributes, st.lists(inside, max_size=5))


documents = st.recursive(st.sampled_from(WORDS), element, max_leaves=8)
bodies = st.one_of(
    st.binary(max_size=300),
    members.map(lambda found: json.dumps(found).encode()),
    forms.map(str.encode),
    documents.map(str.encode),
)
queries = st.one_of(forms, st.text(max_size=100), st.binary(max_size=60).map(quote))
tails = st.one_of(
    st.sampled_from(["", "/events", "/8f0c/start", "/8f0c/response", "/8f0c/end", "/8f0c/status"]),
    st.text(max_size=20).map(lambda text: "/" + text),
)
requests = st.builds(
    GatewayRequest, st.sampled_from(["GET", "POST", "PUT"]), tails, queries, bodies, st.just("")
)


def read_again(name: str, reply: GatewayReply) -> str:
    """The text that a reply shows, read back from its bytes."""
    body = reply.body.decode()
    if "json" in reply.content_type:
        found = json.loads(body)
        return str(found[{"infobip": "ussdMenu", "nalo": "MSG", "arkesel": "message"}.get(name, "Message")])
    if name == "truroute":
        return fields.xml(reply.body).findtext("msg") or ""
    if name == "restcomm":
        return fields.xml(reply.body)[0].get("string", "")
    if name == "africastalking":
        assert body[:4] in ("CON ", "END ")
        return body[4:]
    return body.removesuffix("[end]") if name == "inoti" else body


def check(name: str, gateway: Gateway, request: GatewayRequest, route: Route) -> None:
    try:
        parsed = gateway.parse(request, route)
    except BadRequest as error:
        refused = gateway.refuse(error, request, route)
        assert refused.status == 400
        assert refused.body.decode()
        return
    assert isinstance(parsed, Incoming | Departure | Inquiry)
    caller = parsed.caller
    assert 0 < len(caller.session) <= fields.SESSION_LENGTH
    assert caller.address.startswith("+") or (caller.address == "" and name in ("infobip", "restcomm"))
    if not isinstance(parsed, Incoming):
        assert gateway.acknowledge(request, route).status == 200
        return
    assert caller.address or parsed.begins is False
    assert len(parsed.code) <= 64
    # What is taken on is fit to be stored and compared.
    for text in (parsed.text, parsed.code, parsed.key or "", parsed.note or ""):
        text.encode()
        assert not any(character < " " for character in text)
    for replies in (True, False):
        assert gateway.render(screen(replies=replies), request, route).status == 200


@pytest.mark.parametrize(("name", "gateway"), GATEWAYS.items())
@pytest.mark.parametrize("route", ROUTES, ids=["without code", "with code"])
@given(request=requests)
@example(request=GatewayRequest(body=b"\xef\xbb\xbf{}"))
@example(request=GatewayRequest(body=b'{"SESSIONID":' * 20_000))
@example(request=GatewayRequest(body=b'{"a":' + b"9" * 5_000 + b"}"))
@example(request=GatewayRequest(query="call=*733&sessionid=1&mobile=0912\udcff"))
@example(request=GatewayRequest(query="&" * 70_000))
def test_any_request_is_understood_or_refused(
    name: str, gateway: Gateway, route: Route, request: GatewayRequest
) -> None:
    check(name, gateway, request, route)


GOOD = {
    "africastalking": GatewayRequest(body=b"sessionId=1&phoneNumber=09121234567&serviceCode=*733%23&text=1"),
    "inoti": GatewayRequest("GET", query="call=*733&sessionid=1&mobile=09121234567"),
    "infobip": GatewayRequest(tail="/1/response", body=b'{"msisdn":"09121234567","text":"1"}'),
    "hubtel": GatewayRequest(
        body=b'{"Type":"response","Message":"1","SessionId":"1","Mobile":"09121234567","Sequence":"2"}'
    ),
    "nalo": GatewayRequest(
        body=b'{"USERID":"u","MSISDN":"09121234567","USERDATA":"1","MSGTYPE":false,"SESSIONID":"1"}'
    ),
    "arkesel": GatewayRequest(
        body=b'{"sessionID":"1","userID":"u","newSession":false,"msisdn":"09121234567","userData":"1"}'
    ),
    "comviva": GatewayRequest("GET", query="SessionID=1&MSISDN=989121234567&input=1"),
    "restcomm": GatewayRequest(
        body=b'<dialog localId="1" userObject="1:+989121234567"><unstructuredSSRequest_Response invokeId="2" '
        b'string="1"/></dialog>'
    ),
    "truroute": GatewayRequest(
        body=b"<ussd><msisdn>09121234567</msisdn><sessionid>1</sessionid><type>2</type><msg>1</msg></ussd>"
    ),
}


@pytest.mark.parametrize("name", GATEWAYS)
@given(data=st.data())
def test_a_good_request_that_is_broken_somewhere(name: str, data: st.DataObject) -> None:
    good = GOOD[name]
    whole = good.query.encode() if good.method == "GET" else good.body
    at = data.draw(st.integers(0, len(whole)))
    broken = whole[:at] + data.draw(st.binary(max_size=5)) + whole[at + data.draw(st.integers(0, 5)) :]
    request = (
        GatewayRequest("GET", good.tail, query=broken.decode("utf-8", "surrogateescape"))
        if good.method == "GET"
        else GatewayRequest(good.method, good.tail, body=broken)
    )
    check(name, GATEWAYS[name], request, Route("route"))


@pytest.mark.parametrize("name", GATEWAYS)
@given(text=st.text(max_size=200), replies=st.booleans(), note=st.text(max_size=30))
@example(text="<a b='c'>&amp;]]>\n\r\t\x00\u2028\ufffe\ud800 [end]", replies=False, note="")
def test_any_screen_can_be_read_again(name: str, text: str, replies: bool, note: str) -> None:
    reply = screen(text, replies, "1:+989121234567" if name == "restcomm" else note)
    shown = read_again(name, GATEWAYS[name].render(reply, GOOD[name], Route("route")))
    expected = fields.sendable(text)
    if name == "comviva":
        expected = expected.lstrip("\n")
    if name == "inoti":
        assert "[end]" not in shown
        assert len(shown) == len(expected)
    else:
        assert shown == expected


def test_every_gateway_has_a_good_request_here() -> None:
    assert set(GOOD) == set(GATEWAYS)
    for name, gateway in GATEWAYS.items():
        assert isinstance(gateway.parse(GOOD[name], Route("route")), Incoming)
