"""The other side of each gateway: what it sends for one dialog, and how it reads what comes back.

Written from the vendors' pages alone, without our parsers, so that a mistake there is not made here again.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import urlencode
from xml.sax.saxutils import quoteattr

from aiohttp import ClientSession

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "text/xml"}


@dataclass(frozen=True)
class Sent:
    """One request: ``path`` is below ``/ussd``, with the query."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Shown:
    """What the handset shows, and whether it waits for an answer."""

    text: str
    waits: bool


class Speaker(ABC):
    """One dialog. ``number`` is in E.164. ``numbers_answers``: a repeated answer can be told from the same
    answer typed twice. ``marks_openings``: a repeated opening can be told from an answer like it."""

    name: str
    numbers_answers = True
    marks_openings = True

    def __init__(self, number: str, session: str, code: str = "733") -> None:
        self.number = number
        self.session = session
        self.code = code
        self.typed: list[str] = []

    @property
    def national(self) -> str:
        return "0" + self.number.removeprefix("+98")

    @property
    def bare(self) -> str:
        return self.number.removeprefix("+")

    @abstractmethod
    def begin(self) -> Sent:
        """The code is dialled."""

    @abstractmethod
    def answer(self, typed: str) -> Sent:
        """The person types."""

    def leave(self) -> Sent | None:
        """The gateway says that the person hung up; None where it never does."""
        return None

    @abstractmethod
    def read(self, answer: Answer) -> Shown:
        """What the gateway makes of our answer; it fails on what the vendor does not allow."""


class AfricasTalking(Speaker):
    name = "africastalking"

    def _form(self, tail: str = "", **more: str) -> Sent:
        form = {"sessionId": self.session, "phoneNumber": self.number, "networkCode": "43211"}
        body = urlencode({**form, "serviceCode": f"*{self.code}#", **more}).encode()
        return Sent("POST", f"/africastalking{tail}", body, FORM)

    def begin(self) -> Sent:
        return self._form(text="")

    def answer(self, typed: str) -> Sent:
        self.typed.append(typed)
        return self._form(text="*".join(self.typed))

    def leave(self) -> Sent:
        return self._form("/events", status="Incomplete", durationInMillis="9000", hopsCount="3")

    def read(self, answer: Answer) -> Shown:
        assert answer.headers["Content-Type"].startswith("text/plain")
        word, _, text = answer.body.decode().partition(" ")
        assert word in ("CON", "END")
        return Shown(text, word == "CON")


class Inoti(Speaker):
    name = "inoti"

    def _get(self) -> Sent:
        query = {
            "call": "*".join(["", self.code, *self.typed]),
            "sessionid": self.session,
            "mobile": self.national,
        }
        return Sent("GET", f"/inoti?{urlencode(query)}")

    def begin(self) -> Sent:
        return self._get()

    def answer(self, typed: str) -> Sent:
        self.typed.append(typed)
        return self._get()

    def read(self, answer: Answer) -> Shown:
        text = answer.body.decode()
        assert not text.startswith("\ufeff")
        return Shown(text.removesuffix("[end]"), not text.endswith("[end]"))


class Infobip(Speaker):
    name = "infobip"
    numbers_answers = False

    def _post(self, act: str, text: str) -> Sent:
        body = {"msisdn": self.bare, "text": text, "imsi": "432110000000000", "ussdGwId": "1", "optional": ""}
        return Sent("POST", f"/infobip/{self.session}/{act}", json.dumps(body).encode(), JSON)

    def begin(self) -> Sent:
        return self._post("start", f"*{self.code}#")

    def answer(self, typed: str) -> Sent:
        return self._post("response", typed)

    def leave(self) -> Sent:
        body = {"exitCode": 510, "reason": "aborted"}
        return Sent("PUT", f"/infobip/{self.session}/end", json.dumps(body).encode(), JSON)

    def read(self, answer: Answer) -> Shown:
        body = json.loads(answer.body)
        assert body["responseExitCode"] == 200
        assert body["responseMessage"] == ""
        return Shown(body["ussdMenu"], not body["shouldClose"])


class Hubtel(Speaker):
    name = "hubtel"

    def _post(self, kind: str, message: str) -> Sent:
        body = {
            "Type": kind,
            "Mobile": self.bare,
            "SessionId": self.session,
            "ServiceCode": self.code,
            "Message": message,
            "Operator": "mci",
            "Sequence": len(self.typed) + 1,
            "ClientState": "",
            "Platform": "USSD",
        }
        return Sent("POST", "/hubtel", json.dumps(body).encode(), JSON)

    def begin(self) -> Sent:
        return self._post("Initiation", f"*{self.code}#")

    def answer(self, typed: str) -> Sent:
        self.typed.append(typed)
        return self._post("Response", typed)

    def leave(self) -> Sent:
        return self._post("Release", "")

    def read(self, answer: Answer) -> Shown:
        body = json.loads(answer.body)
        assert body["SessionId"] == self.session
        assert body["Type"] in ("response", "release")
        assert body["DataType"] in ("menu", "select", "display", "input", "confirm")
        assert body["FieldType"] in ("text", "phone", "email", "number", "decimal", "textarea")
        return Shown(body["Message"], body["Type"] == "response")


class Nalo(Speaker):
    name = "nalo"
    numbers_answers = False

    def _post(self, data: str, first: bool) -> Sent:
        body = {
            "USERID": "NALO1",
            "MSISDN": self.bare,
            "USERDATA": data,
            "MSGTYPE": first,
            "NETWORK": "MCI",
            "SESSIONID": self.session,
        }
        return Sent("POST", "/nalo", json.dumps(body).encode(), JSON)

    def begin(self) -> Sent:
        return self._post(f"*{self.code}", True)

    def answer(self, typed: str) -> Sent:
        return self._post(typed, False)

    def read(self, answer: Answer) -> Shown:
        body = json.loads(answer.body)
        assert (body["USERID"], body["MSISDN"]) == ("NALO1", self.bare)
        return Shown(body["MSG"], body["MSGTYPE"])


class Arkesel(Speaker):
    name = "arkesel"
    numbers_answers = False

    def _post(self, data: str, first: bool) -> Sent:
        body = {
            "sessionID": self.session,
            "userID": "ARK1",
            "newSession": first,
            "msisdn": self.bare,
            "userData": data,
            "network": "MCI",
        }
        return Sent("POST", "/arkesel", json.dumps(body).encode(), JSON)

    def begin(self) -> Sent:
        return self._post(f"*{self.code}#", True)

    def answer(self, typed: str) -> Sent:
        return self._post(typed, False)

    def read(self, answer: Answer) -> Shown:
        body = json.loads(answer.body)
        assert (body["sessionID"], body["userID"], body["msisdn"]) == (self.session, "ARK1", self.bare)
        return Shown(body["message"], body["continueSession"])


class Comviva(Speaker):
    name = "comviva"
    numbers_answers = False
    marks_openings = True

    def _get(self, **query: str) -> Sent:
        return Sent("GET", f"/comviva?{urlencode({'SessionID': self.session, **query})}")

    def begin(self) -> Sent:
        return self.answer(self.code)

    def answer(self, typed: str) -> Sent:
        return self._get(MSISDN=self.bare, MSC="98911", input=typed, userid="u", password="p")

    def leave(self) -> Sent:
        return self._get(msisdn=self.bare, clean="clean-session", error="513")

    def read(self, answer: Answer) -> Shown:
        assert answer.headers["charge"] == "N"
        assert answer.headers["Freeflow"] in ("FC", "FB")
        return Shown(answer.body.decode(), answer.headers["Freeflow"] == "FC")


class Restcomm(Speaker):
    """It carries back what we put into ``userObject``, and the last message names the first one's id."""

    name = "restcomm"
    carried = ""

    def _post(self, kind: str, message: str = "", attributes: str = "") -> Sent:
        carried = f" userObject={quoteattr(self.carried)}" if self.carried else ""
        document = (
            f'<?xml version="1.0" encoding="UTF-8" ?><dialog type="{kind}" appCntx='
            f'"networkUnstructuredSsContext_version2" networkId="0" localId="{self.session}" remoteId="9" '
            f'mapMessagesSize="1" returnMessageOnError="false"{attributes}{carried}>'
            f"<errComponents/>{message}</dialog>"
        )
        return Sent("POST", "/restcomm", document.encode(), XML)

    def begin(self) -> Sent:
        message = (
            '<processUnstructuredSSRequest_Request invokeId="7" dataCodingScheme="15" '
            f'string="*{self.code}#">'
            f'<msisdn nai="international_number" npi="ISDN" number="{self.bare}"/>'
            "</processUnstructuredSSRequest_Request>"
        )
        return self._post("Begin", message)

    def answer(self, typed: str) -> Sent:
        self.typed.append(typed)
        message = (
            f'<unstructuredSSRequest_Response invokeId="{7 + len(self.typed)}" dataCodingScheme="72" '
            f"string={quoteattr(typed)}/>"
        )
        return self._post("Continue", message)

    def leave(self) -> Sent:
        return self._post("Abort", attributes=' mapUserAbortChoice="isUserSpecificReason"')

    def read(self, answer: Answer) -> Shown:
        dialog = ElementTree.fromstring(answer.body)  # noqa: S314 - our own answer.
        assert dialog.tag == "dialog"
        assert dialog.get("mapMessagesSize") == "1"
        self.carried = dialog.get("userObject", self.carried)
        [message] = dialog
        text = message.get("string", "")
        assert message.get("dataCodingScheme") in ("15", "72")
        if message.tag == "unstructuredSSRequest_Request":
            return Shown(text, True)
        assert message.tag == "processUnstructuredSSRequest_Response"
        assert message.get("invokeId") == "7"
        assert dialog.get("prearrangedEnd") == "false"
        return Shown(text, False)


class Truroute(Speaker):
    name = "truroute"
    numbers_answers = False

    def _post(self, kind: str, text: str) -> Sent:
        ussd = ElementTree.Element("ussd")
        values = {"msisdn": self.bare, "sessionid": self.session, "type": kind, "msg": text}
        for name, value in values.items():
            ElementTree.SubElement(ussd, name).text = value
        return Sent("POST", "/truroute", ElementTree.tostring(ussd, "utf-8", xml_declaration=True), XML)

    def begin(self) -> Sent:
        return self._post("1", f"*{self.code}#")

    def answer(self, typed: str) -> Sent:
        return self._post("2", typed)

    def leave(self) -> Sent:
        return self._post("3", "")

    def read(self, answer: Answer) -> Shown:
        ussd = ElementTree.fromstring(answer.body)  # noqa: S314 - our own answer.
        assert ussd.tag == "ussd"
        assert ussd.findtext("type") in ("2", "3")
        return Shown(ussd.findtext("msg") or "", ussd.findtext("type") == "2")


SPEAKERS: tuple[type[Speaker], ...] = (
    AfricasTalking,
    Inoti,
    Infobip,
    Hubtel,
    Nalo,
    Arkesel,
    Comviva,
    Restcomm,
    Truroute,
)


async def send(http: ClientSession, url: str, sent: Sent, secret: str = "") -> Answer:
    """Sends one request to the server at ``url``."""
    path = sent.path
    if secret:
        path += ("&" if "?" in path else "?") + urlencode({"secret": secret})
    body = BytesIO(sent.body) if sent.body else None
    async with http.request(sent.method, f"{url}/ussd{path}", data=body, headers=sent.headers) as response:
        return Answer(response.status, response.headers, await response.read())


async def shown(http: ClientSession, url: str, speaker: Speaker, sent: Sent, secret: str = "") -> Shown:
    """Sends one request of a dialog; what its gateway makes of the answer."""
    answer = await send(http, url, sent, secret)
    assert answer.status == 200, answer.body
    return speaker.read(answer)
