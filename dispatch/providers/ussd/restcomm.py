"""USSD push by a RestComm (Mobicents) gateway, XML over HTTP.

``POST`` of ``<dialog mapMessagesSize="1"><unstructuredSSNotify_Request dataCodingScheme string><msisdn …/>``
opens a dialog with the phone. The answer comes once the phone has shown the words (it repeats the message as
``unstructuredSSNotify_Response``), or with what went wrong as attributes of the dialog or in
``<errComponents>``. An empty dialog with ``prearrangedEnd="false"`` ends it, in the session of the first
answer's cookie. Newlines are ``&#10;``; the type of the content is ``text/xml`` and nothing behind it, or the
gateway reads nothing.

Source: RestComm USSD Gateway Admin Guide, chapter "HTTP Transfer Mechanism", USSD push; 3GPP TS 23.038 §5 for
the dataCodingScheme, TS 29.002 §17.6 for the error codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import quoteattr

import aiohttp
import structlog
from defusedxml.ElementTree import fromstring

from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Nobody, Rejected, Unreachable, Unroutable
from dispatch.provider import Accepted, Outcome, Outgoing
from dispatch.providers.exchange import REFUSED, Answer, Exchange, one_by_one
from engine.alphabet import fits, is_gsm7
from engine.layout import USSD

# Why the network did not show it, by the code of the MAP error.
ERRORS: Mapping[str, type[DispatchError]] = {
    "1": Nobody,  # unknown subscriber
    "5": Nobody,  # unidentified subscriber
    "6": Unreachable,  # absent subscriber (short messages)
    "9": Rejected,  # illegal subscriber
    "10": Rejected,  # bearer service not provisioned
    "11": Rejected,  # teleservice not provisioned
    "12": Rejected,  # illegal equipment
    "13": Rejected,  # call barred
    "21": Unroutable,  # facility not supported
    "27": Unreachable,  # absent subscriber
    "34": Unreachable,  # system failure
    "35": Misconfigured,  # data missing
    "36": Unroutable,  # unexpected data value
    "71": Unroutable,  # unknown alphabet
    "72": Unreachable,  # USSD busy: another dialog is open on the phone
}

# What the attributes of a dialog that failed say. A phone that did not answer in time may have shown it.
ENDINGS: Mapping[str, type[DispatchError]] = {
    "dialogTimedOut": Ambiguous,
    "invokeTimedOut": Ambiguous,
    "mapUserAbortChoice": Unreachable,
    "mapAbortProviderReason": Unreachable,
    "mapRefuseReason": Unreachable,
}
FAILURES = ("errComponents", "rejectComponents")
SHOWN = "unstructuredSSNotify_Response"

GSM7, UCS2 = "15", "72"
AT_ONCE = 30  # Each takes as long as a phone does.
WAIT = 15_000  # Milliseconds that a phone has: less than we wait for the gateway.
XML = "text/xml"

_UNUSABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_END = (
    b'<?xml version="1.0" encoding="UTF-8" ?>\n<dialog mapMessagesSize="0" prearrangedEnd="false"></dialog>'
)

log = structlog.get_logger(__name__)


class RestcommPush:
    """``url``: where the gateway takes pushes, ``http://10.0.0.5:8080/restcomm``. ``network``: the networkId
    of the operator where the gateway serves several."""

    name = "restcomm-push"
    channel = "ussd"
    batch = 30
    repeatable = False

    def __init__(self, http: aiohttp.ClientSession, url: str, network: int = 0) -> None:
        self._http = http
        self._base, _, self._path = url.rstrip("/").rpartition("/")
        self._network = network

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        return await one_by_one(batch, self._push, AT_ONCE)

    async def _push(self, outgoing: Outgoing) -> Accepted:
        if not fits(outgoing.body, USSD.septets, USSD.units):
            raise Unroutable("longer than a screen")
        # A session of its own for each push: its cookie is how the gateway knows which dialog is meant.
        async with aiohttp.ClientSession(
            connector=self._http.connector,
            connector_owner=False,
            cookie_jar=aiohttp.CookieJar(unsafe=True),
        ) as http:
            exchange = Exchange(http, self._base, headers={"Accept": XML})
            answer = await exchange.send(self._path, self._document(outgoing), XML, {})
            dialog = _read(answer)
            if dialog.find(SHOWN) is None:
                raise _failure(dialog)
            try:
                await exchange.send(self._path, _END, XML, {})
            except DispatchError as error:  # The words were shown; the gateway ends the dialog by itself.
                log.warning("restcomm.dialog_not_ended", error=error.name, why=error.detail)
        return Accepted(dialog.get("localId", ""), "delivered", "shown")

    def _document(self, outgoing: Outgoing) -> bytes:
        text = _UNUSABLE.sub("", outgoing.body)
        network = f' networkId="{self._network}"' if self._network else ""
        scheme = GSM7 if is_gsm7(text) else UCS2
        shown = quoteattr(text, {"\n": "&#10;"})
        number = outgoing.to.removeprefix("+")
        return (
            '<?xml version="1.0" encoding="UTF-8" ?>\n'
            f'<dialog mapMessagesSize="1" customInvokeTimeout="{WAIT}"{network}>'
            f'<unstructuredSSNotify_Request dataCodingScheme="{scheme}" string={shown}>'
            f'<msisdn nai="international_number" npi="ISDN" number="{number}"/>'
            "</unstructuredSSNotify_Request></dialog>"
        ).encode()


def _read(answer: Answer) -> Element:
    """The dialog in an answer. Raises ``DispatchError`` where there is none."""
    dialog: Element | None = None
    if answer.status == 200:
        try:
            dialog = fromstring(answer.body, forbid_dtd=True)
        except (ParseError, ValueError, LookupError):
            dialog = None
    if dialog is None or dialog.tag != "dialog":
        kind = REFUSED.get(answer.status, Ambiguous)
        raise kind(f"HTTP {answer.status} without a dialog", retry_after=answer.retry_after)
    return dialog


def _failure(dialog: Element) -> DispatchError:
    """Why a dialog has shown nothing."""
    for component in (found for name in FAILURES for found in dialog.iterfind(f"{name}/*")):
        if (code := component.get("errorCode")) is None:
            continue
        kind = ERRORS.get(code)
        if kind is None:
            log.error("restcomm.unknown_error", code=code)
        return (kind or Unreachable)(f"MAP error {code}")
    for name, kind in ENDINGS.items():
        if (said := dialog.get(name, "false")) != "false":
            return kind(f"{name} {said}"[:200])
    log.error("restcomm.unknown_answer", type=dialog.get("type", ""))
    return Ambiguous("a dialog that says neither that it was shown nor why not")
