"""Meets what flows ask the outside for."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from conversation.measures import Measures
from conversation.needs import HANDLERS
from conversation.needs.context import NeedContext
from conversation.request import KINDS
from engine.needs import FAILED, SLOW
from engine.session import Session
from engine.turn import Met, Need
from records.unit import Conflict, Unavailable, Unit
from services import Services

log = structlog.get_logger()


class Needs:
    """Hands each need to its handler, for ``deadline`` seconds at the most."""

    def __init__(self, services: Services, measured: Measures, deadline: float) -> None:
        self._services = services
        self._measured = measured
        self._deadline = deadline

    async def meet(
        self,
        need: Need,
        session: Session,
        unit: Unit,
        now: datetime,
        party: bytes,
        route: str,
        raw: bytes = b"",
    ) -> Met:
        """Meets one need. What it wrote stays in ``unit`` only when it came back whole and in time.

        A handler that fails gives the outcome ``failed``, one that is too slow ``slow``. ``Conflict`` and
        ``Unavailable`` are the whole turn's.
        """
        writes = unit.copy()
        opener = session.subscriber
        try:
            async with asyncio.timeout(self._deadline):
                fresh = await self._spoken(session, writes, now, party, route)
                context = NeedContext(
                    now=now,
                    session=session,
                    address=session.caller,
                    party=party,
                    channel=session.channel,
                    code=session.code,
                    language=session.language,
                    unit=writes,
                    services=self._services,
                    route=route,
                    raw=raw,
                    fresh=fresh,
                )
                met = await HANDLERS[need.name](context, need.arguments)
        except TimeoutError:
            log.warning("need too slow", need=need.name)
            met, writes = Met(SLOW), unit
        except (Conflict, Unavailable):
            raise
        except Exception:
            # Whatever a service stumbles over, the flow has a way on for it; the log tells the operator.
            log.exception("need failed", need=need.name)
            met, writes = Met(FAILED), unit
        if met.outcome in (FAILED, SLOW):
            session.subscriber = opener  # Whoever they are now may not have been written down.
        unit.become(writes)
        self._measured.needs[need.name, met.outcome] += 1
        return met

    async def _spoken(self, session: Session, unit: Unit, now: datetime, party: bytes, route: str) -> bool:
        """Has the session name who speaks now: since it began, the address may have come to somebody else, or
        its owner to be one with another. Whether the address is theirs beyond doubt."""
        session.subscriber, fresh = await self._services.subscribers.speaking(
            unit,
            now=now,
            kind=KINDS.get(session.channel, session.channel),
            address=session.caller,
            party=party,
            language=session.language,
            by="network" if session.verified else None,
            route=route,
        )
        return fresh
