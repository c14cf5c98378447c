"""Fires time-outs of states and sessions without any traffic, once across all processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from conversation.conversation import Conversation
from engine.channels import CHANNELS
from engine.layout import USSD, Layout
from records.committer import Committer
from records.sessions import SessionStore
from records.unit import Unavailable, Unit

log = structlog.get_logger()

BATCH = 200


class Timers:
    """Looks every ``pause`` seconds for sessions whose time has come. Several processes may look at once:
    the database lets one of them take the turn."""

    def __init__(
        self,
        conversation: Conversation,
        sessions: SessionStore,
        committer: Committer,
        layouts: Mapping[str, Layout],
        clock: Callable[[], datetime],
    ) -> None:
        self._conversation = conversation
        self._sessions = sessions
        self._committer = committer
        self._layouts = layouts
        self._clock = clock

    async def run(self, pause: float = 5.0) -> None:
        """Sweeps until cancelled."""
        while True:
            try:
                while await self.sweep() == BATCH:
                    pass
            except Unavailable:
                log.warning("time-outs wait for the database")
            await asyncio.sleep(pause)

    async def sweep(self) -> int:
        """Fires what is due now and puts off what is not; how many sessions were looked at."""
        now = self._clock()
        due = await self._sessions.due(now, BATCH)
        unit = Unit()
        fired = []
        for each in due:
            if each.turn is None:
                # Nobody can go on with it, and it must not hold up the others for ever.
                log.error("session unreadable, closed", route=each.route)
                self._sessions.close(unit, each.session, "unreadable", now)
                continue
            session = each.turn.session
            if session.due is not None and session.due > now.timestamp():
                self._sessions.postpone(unit, session.id, int(session.due * 1_000_000), seen=each.due_at)
            else:
                layout = self._layouts.get(each.route) or CHANNELS.get(session.channel, USSD)
                fired.append(self._conversation.time_out(each, layout))
        if unit:
            await self._committer.commit(unit)
        await asyncio.gather(*fired)
        return len(due)
