"""Push to a person: to each device and browser that they registered, by the service that each has.

A message of the channel whose address names no service is for a person. It went when one service took it.
What a service says of a device that is gone is heeded at once: the device is forgotten. Where no device is
left the message is refused, so that what has another channel to go by goes by that one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from dispatch.errors import Ambiguous, DispatchError, Nobody, Rejected, Unreachable
from dispatch.provider import Accepted, Outcome, Outgoing, Provider
from records import devices as records
from records.database import Database
from records.devices import Device
from records.unit import Unavailable
from records.vault import Unreadable, Vault

EVERY = "sandbox"  # A provider of this name stands for every service.

log = structlog.get_logger(__name__)


class Devices:
    """``services``: the provider of each service, by its name."""

    name = "devices"
    channel = "push"
    batch = 500

    def __init__(self, database: Database, vault: Vault, services: Mapping[str, Provider]) -> None:
        self._database = database
        self._vault = vault
        self._services = services

    @property
    def repeatable(self) -> bool:
        """Where every service is."""
        return all(each.repeatable for each in self._services.values())

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        try:
            known = await records.of(self._database, {(each.sender, each.party) for each in batch})
        except Unavailable as error:
            raise Unreachable("the records are away") from error
        by_service: dict[str, list[tuple[Device, Outgoing]]] = {}
        for outgoing in batch:
            for device in known.get((outgoing.sender, outgoing.party), ()):
                to = self._opened(device)
                service = device.service if device.service in self._services else EVERY
                if to is not None and service in self._services:
                    by_service.setdefault(service, []).append((device, replace(outgoing, to=to)))
        said: dict[bytes, list[Outcome]] = {}
        dead: set[bytes] = set()
        some = [self._by(self._services[name], pairs) for name, pairs in by_service.items()]
        for device, outgoing, outcome in (each for told in await asyncio.gather(*some) for each in told):
            said.setdefault(outgoing.id, []).append(outcome)
            if isinstance(outcome, Nobody):
                dead.add(device.id)
        await self._forget(dead)
        return [together(said.get(each.id, ())) for each in batch]

    async def _by(
        self, service: Provider, pairs: Sequence[tuple[Device, Outgoing]]
    ) -> list[tuple[Device, Outgoing, Outcome]]:
        """What one service says of each of these."""
        told: list[tuple[Device, Outgoing, Outcome]] = []
        for start in range(0, len(pairs), service.batch):
            part = pairs[start : start + service.batch]
            try:
                outcomes = await service.send([outgoing for _device, outgoing in part])
            except DispatchError as error:
                outcomes = [error] * len(part)
            except Exception as error:
                log.exception("push.service_failed", service=service.name)
                outcomes = [Ambiguous(type(error).__name__)] * len(part)
            told += [(*pair, outcome) for pair, outcome in zip(part, outcomes, strict=True)]
        return told

    async def _forget(self, dead: set[bytes]) -> None:
        """What cannot be forgotten now will be said to be gone again."""
        if not dead:
            return
        try:
            gone = await records.drop(self._database, dead)
        except Unavailable as error:
            log.warning("push.not_forgotten", devices=len(dead), error=str(error))
        else:
            log.info("push.forgotten", devices=gone)

    def _opened(self, device: Device) -> str | None:
        try:
            return self._vault.open(device.sealed, records.context(device.id)).decode()
        except Unreadable as error:
            log.error("push.unreadable", error=str(error))
            return None


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """What became of a message that went to several devices. One service that is throttled or not set up is
    nothing that the others' messages should wait for."""
    for outcome in outcomes:
        if isinstance(outcome, Accepted):
            # What one device shows is no receipt of a person who has several; none of them sends one.
            return outcome
    for kind in (Ambiguous, Unreachable):
        for outcome in outcomes:
            if isinstance(outcome, kind):
                return outcome
    for outcome in outcomes:
        if not isinstance(outcome, Rejected | Accepted) and outcome.name != "unroutable":
            return Unreachable(f"{outcome.name} {outcome.detail}", retry_after=outcome.retry_after)
    return Rejected("; ".join(each.detail for each in outcomes if isinstance(each, Rejected)) or "no device")
