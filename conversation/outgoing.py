"""Replies that leave through the outbox, queued in the unit of the turn that they answer.

A channel that cannot answer in the response to its request (Telegram, Bale, SMS) has a ``Render``; its
replies are rows of the outbox, so a process that is killed loses none, and time-outs and operators' words
take the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

import msgspec

from conversation.incoming import Caller, Reply
from conversation.request import KINDS
from records.outbox import queue
from records.sessions import TurnRecord
from records.unit import Unit
from records.vault import Vault

# A screen that could not be sent for this long answers a question that nobody remembers.
LIFETIME = timedelta(hours=24)


class Parcel(msgspec.Struct, frozen=True):
    """One message of a reply. ``body``: its words, for the records and for whoever reads them. ``payload``:
    the channel's own request as JSON, where it is more than the words."""

    body: str
    payload: bytes = b""


Render = Callable[[Reply, Caller], Sequence[Parcel]]
"""A reply as what its channel sends, in order. Pure. It is not asked about a reply without words."""

Told = Callable[[bytes, TurnRecord], None]
"""Called with a person's blind index and their turn, once it is committed. Neither raises nor waits."""


class Replies:
    """Queues replies on the channels that have a render, by channel. ``told`` are channels that show turns by
    themselves, as the web chat does on the sockets that are open."""

    def __init__(
        self, vault: Vault, renders: Mapping[str, Render], told: Mapping[str, Told] = MappingProxyType({})
    ) -> None:
        self._vault = vault
        self._renders = renders
        self._told = told

    def committed(self, channel: str, party: bytes, record: TurnRecord) -> None:
        """Tells the channel of a turn that is in the records now."""
        told = self._told.get(channel)
        if told is not None:
            told(party, record)

    def queue(self, unit: Unit, reply: Reply, caller: Caller, now: datetime) -> None:
        """Adds what the reply sends to the unit; on a channel without a render nothing."""
        render = self._renders.get(caller.channel)
        if render is None or not reply.screen.text:
            return
        for parcel in render(reply, caller):
            queue(
                unit,
                self._vault,
                now=now,
                channel=caller.channel,
                klass="service",
                kind=KINDS.get(caller.channel, caller.channel),
                to=caller.address,
                body=parcel.body,
                payload=parcel.payload,
                route=caller.route,
                lifetime=LIFETIME,
            )
