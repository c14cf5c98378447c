"""The gateways that Chapar speaks with, by the name in their path ``/ussd/<name>``. A new one is one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from conversation.incoming import Departure, Incoming, Reply
from ussd import africastalking, arkesel, comviva, hubtel, infobip, inoti, nalo, restcomm, truroute
from ussd.exchange import BadRequest, GatewayReply, GatewayRequest, Inquiry, Route


class Gateway(Protocol):
    """What each file has. All of it is pure: no I/O, no clock, nothing remembered."""

    @property
    def DOORS(self) -> tuple[tuple[str, str], ...]:
        """(method, pattern of the path below ``/ussd/<name>``) of each request that the gateway makes."""

    @property
    def OPTIONS(self) -> Mapping[str, str]:
        """Options of a route that only this gateway has, with their defaults."""

    def parse(self, request: GatewayRequest, route: Route) -> Incoming | Departure | Inquiry:
        """The request as it is meant; ``BadRequest`` when it cannot be understood."""

    def render(self, reply: Reply, request: GatewayRequest, route: Route) -> GatewayReply:
        """The screen in the gateway's format."""

    def acknowledge(self, request: GatewayRequest, route: Route, is_open: bool = False) -> GatewayReply:
        """The answer to a ``Departure``; to an ``Inquiry``, ``is_open`` is what was asked."""

    def refuse(self, error: BadRequest, request: GatewayRequest, route: Route) -> GatewayReply:
        """How a request that cannot be understood is told in the gateway's format. It may be any request."""


GATEWAYS: Mapping[str, Gateway] = {
    "africastalking": africastalking,
    "inoti": inoti,
    "infobip": infobip,
    "hubtel": hubtel,
    "nalo": nalo,
    "arkesel": arkesel,
    "comviva": comviva,
    "restcomm": restcomm,
    "truroute": truroute,
}
