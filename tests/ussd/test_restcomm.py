from xml.etree.ElementTree import Element

import pytest

from conversation.incoming import Departure, Incoming
from tests.ussd.asking import MENU, NUMBER, departure, incoming, post, screen, speaker
from ussd import fields, restcomm
from ussd.exchange import (
    BadRequest,
    Doubled,
    GatewayReply,
    Malformed,
    Missing,
    NotANumber,
    Route,
    Unknown,
    WrongType,
)

ROUTE = Route("restcomm")
HEAD = '<?xml version="1.0" encoding="UTF-8" ?>\n'
BEGIN = (
    HEAD
    + """<dialog type="Begin" appCntx="networkUnstructuredSsContext_version2" networkId="0" localId="12"
  remoteId="13" mapMessagesSize="1" returnMessageOnError="false">
  <localAddress pc="1" ssn="8"><ai value="67"/></localAddress>
  <destinationReference number="204208300008002" nai="international_number" npi="land_mobile"/>
  <processUnstructuredSSRequest_Request invokeId="3" dataCodingScheme="15" string="*733#">
    <msisdn nai="international_number" npi="ISDN" number="989121234567"/>
    <alertingPattern size="1"><value value="6"/></alertingPattern>
  </processUnstructuredSSRequest_Request>
</dialog>"""
)


def answer(string: str = ' string="1"', invoke: str = "2", carried: str = "3:+989121234567") -> str:
    return (
        f'{HEAD}<dialog type="Continue" localId="12" mapMessagesSize="1" userObject="{carried}">'
        f'<unstructuredSSRequest_Response invokeId="{invoke}" dataCodingScheme="15"{string}/></dialog>'
    )


def dialog(attributes: str, inside: str = "<errComponents/>") -> str:
    return f'{HEAD}<dialog localId="12" remoteId="13" mapMessagesSize="0" {attributes}>{inside}</dialog>'


def shown(reply: GatewayReply) -> Element:
    assert reply.content_type == "text/xml; charset=utf-8"
    return fields.xml(reply.body)


def test_a_dialog_begins() -> None:
    request = post(BEGIN)
    assert restcomm.parse(request, ROUTE) == Incoming(
        speaker("restcomm", "12"),
        "",
        request.body,
        "*733#",
        begins=True,
        key="12/begin/3",
        note="3:+989121234567",
    )


def test_the_number_may_be_the_origination_reference() -> None:
    body = dialog(
        'type="Begin"',
        '<originationReference number="989121234567" nai="international_number" npi="ISDN"/>'
        '<processUnstructuredSSRequest_Request invokeId="0" dataCodingScheme="15" string="*733*2*1#"/>',
    )
    parsed = incoming(restcomm.parse(post(body), ROUTE))
    assert (parsed.caller.address, parsed.code, parsed.text) == (NUMBER, "*733#", "2*1")


def test_an_answer_is_told_apart_by_what_the_gateway_keeps() -> None:
    parsed = incoming(restcomm.parse(post(answer()), ROUTE))
    assert parsed.caller == speaker("restcomm", "12")
    assert (parsed.text, parsed.begins, parsed.key, parsed.note) == ("1", False, "12/answer/2/1", None)


def test_an_answer_may_be_empty() -> None:
    assert incoming(restcomm.parse(post(answer("")), ROUTE)).text == ""


def test_an_answer_may_name_nobody() -> None:
    parsed = incoming(restcomm.parse(post(answer(carried="something else")), ROUTE))
    assert (parsed.caller.address, parsed.caller.verified) == ("", False)


def test_a_repetition_has_the_same_key_and_the_next_answer_another() -> None:
    keys = [incoming(restcomm.parse(post(answer(invoke=invoke)), ROUTE)).key for invoke in ("2", "2", "4")]
    assert keys[0] == keys[1] != keys[2]


def test_the_screen_goes_on() -> None:
    reply = restcomm.render(screen(note="3:+989121234567"), post(BEGIN), ROUTE)
    assert b"&#10;" in reply.body
    root = shown(reply)
    assert root.attrib == {"mapMessagesSize": "1", "userObject": "3:+989121234567"}
    assert root[0].tag == "unstructuredSSRequest_Request"
    assert root[0].attrib == {"dataCodingScheme": "72", "string": MENU}


def test_the_last_screen_answers_the_first_request() -> None:
    root = shown(restcomm.render(screen("Thank you", False, "3:+989121234567"), post(answer()), ROUTE))
    assert root.attrib == {"mapMessagesSize": "1", "prearrangedEnd": "false"}
    assert root[0].tag == "processUnstructuredSSRequest_Response"
    assert root[0].attrib == {"invokeId": "3", "dataCodingScheme": "15", "string": "Thank you"}


@pytest.mark.parametrize(
    ("body", "invoke"), [(BEGIN, "3"), (answer(), "3"), (answer(carried="something else"), "1")]
)
def test_a_fallback_screen_without_a_note_answers_it_too(body: str, invoke: str) -> None:
    root = shown(restcomm.render(screen("بعداً", False), post(body), ROUTE))
    assert root[0].get("invokeId") == invoke


def test_the_coding_schemes_are_options() -> None:
    route = Route("restcomm", options={"gsm7": "0", "ucs2": "8"})
    assert shown(restcomm.render(screen("x"), post(BEGIN), route))[0].get("dataCodingScheme") == "0"
    assert shown(restcomm.render(screen("ی"), post(BEGIN), route))[0].get("dataCodingScheme") == "8"


def test_a_screen_cannot_break_out_of_its_attribute() -> None:
    text = "\"/><x y='&amp;' z=\"\n<!--\x00]]>😀"
    root = shown(restcomm.render(screen(text), post(BEGIN), ROUTE))
    assert len(root) == 1
    assert root[0].get("string") == text.replace("\x00", "")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (dialog('type="Unknown" mapUserAbortChoice="isUserSpecificReason"'), "aborted"),
        (dialog('type="Unknown" mapAbortProviderReason="ResourceLimitation"'), "failed"),
        (dialog('type="Unknown" mapRefuseReason="NoReasonGiven"'), "failed"),
        (dialog('type="Abort" dialogTimedOut="true"'), "timeout"),
        (dialog('type="Abort" invokeTimedOut="2"'), "timeout"),
        (dialog('type="Abort" dialogTimedOut="false"'), "aborted"),
        (dialog('type="Abort"', ""), "aborted"),
        (dialog('type="End"', ""), "ended"),
        (
            dialog(
                'type="End"',
                '<errComponents><invokeId value="1"/><errorComponent errorCode="6"/></errComponents>',
            ),
            "failed",
        ),
    ],
)
def test_a_dialog_that_is_over_departs(body: str, reason: str) -> None:
    request = post(body)
    parsed = departure(restcomm.parse(request, ROUTE))
    assert parsed == Departure(speaker("restcomm", "12", "", False), parsed.reason, request.body)
    assert parsed.reason == reason
    root = shown(restcomm.acknowledge(request, ROUTE))
    assert root.attrib == {"mapMessagesSize": "0", "prearrangedEnd": "false"}


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><dialog localId="&c;"/>"""
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><dialog localId="&x;"/>'


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", Malformed),
        (b"not xml", Malformed),
        (BOMB.encode(), Malformed),
        (OUTSIDE.encode(), Malformed),
        (b"<a>" * 20_000, Malformed),
        (b'<?xml version="1.0" encoding="nope"?><dialog/>', Malformed),
        (b'<?xml version="1.0" encoding="big5"?><dialog/>', Malformed),
        (b'<?xml version="1.0" encoding="UTF-8"?><dialog localId="\xff"/>', Malformed),
        (b'<dialog localId="1" localId="2"/>', Malformed),
        (b"<ussd/>", Malformed),
        (b"<dialog/>", Missing),
        (b'<dialog localId="x"/>', WrongType),
        (b'<dialog type="Continue" localId="1"/>', Unknown),
        (BEGIN.replace('invokeId="3"', "").encode(), Missing),
        (BEGIN.replace('string="*733#"', "").encode(), Missing),
        (BEGIN.replace("989121234567", "none").encode(), NotANumber),
        (BEGIN.replace("msisdn", "imsi").encode(), Missing),
        (BEGIN.replace("<alertingPattern", '<msisdn number="1"/><alertingPattern').encode(), Doubled),
    ],
)
def test_what_is_wrong_is_refused(body: bytes, error: type[BadRequest]) -> None:
    request = post(body)
    with pytest.raises(error) as caught:
        restcomm.parse(request, ROUTE)
    reply = restcomm.refuse(caught.value, request, ROUTE)
    assert reply.status == 400
    assert str(caught.value) in reply.body.decode()
    assert shown(reply).tag == "dialog"
