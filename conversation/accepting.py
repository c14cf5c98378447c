"""Whether somebody's open dialog waits for just this answer, for what a channel would else understand itself
(11 and 12 by SMS)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from conversation.continuing import overdue
from conversation.incoming import Incoming
from conversation.request import Request
from conversation.turns import FlowLoader
from engine.accepting import accepts
from engine.faults import UnknownVersion
from engine.flow import Flow
from engine.library import Library
from engine.session import Frame
from engine.turn import Language
from records.sessions import SessionStore
from records.vault import Vault


class Accepting:
    """``load_flow`` finds an older flow version that a session is pinned to."""

    def __init__(
        self,
        *,
        library: Library,
        load_flow: FlowLoader,
        sessions: SessionStore,
        languages: Mapping[str, Language],
        vault: Vault,
    ) -> None:
        self._library = library
        self._load_flow = load_flow
        self._sessions = sessions
        self._languages = languages
        self._vault = vault

    async def accepts(self, incoming: Incoming, now: datetime) -> bool:
        """False too where no dialog of this caller is open. Raises ``Unavailable``."""
        request = Request.of(incoming, self._vault, now)
        last = await self._sessions.last_turn(request.key, fresh=True)
        if last is None or last.session.finished or overdue(last.session, request):
            return False
        session = last.session
        flow = await self._flow(session.frames[-1])
        if flow is None:
            return False
        language = self._languages.get(session.language) or self._languages["fa"]
        return accepts(session, flow.states[session.frames[-1].state], incoming.text, language, now)

    async def _flow(self, frame: Frame) -> Flow | None:
        try:
            return self._library.version(frame.flow, frame.version)
        except UnknownVersion:
            found = await self._load_flow(frame.flow, frame.version)
            if found is not None:
                self._library.keep(found)
            return found
