"""The web chat: what it is made of, and what of it is at work while the service is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from bot import webchat, webchat_routes
from bot import webchat_frames as frames
from bot.webchat_bearer import Bearers
from bot.webchat_door import Door
from bot.webchat_files import FileDoor
from bot.webchat_hub import Hub
from bot.webchat_limits import Addresses, Limits, Rate
from bot.webchat_origins import Origins
from bot.webchat_patrol import Patience, Patrol
from bot.webchat_push import PushDoor
from bot.webchat_receipts import Receipts
from bot.webchat_tokens import Tokens
from composition.house import House, cancel, kept, now
from composition.reaching import push_key
from conversation.conversation import Conversation
from conversation.outgoing import Told
from records.bells import Bells
from records.tables import posts
from records.webchat import ChatLog
from services.devices import WEB_CHAT, Devices
from services.reminding import Reminding
from settings import Settings
from web import monitor

BURST = 10  # How many times what is allowed in a second is allowed at once.


@dataclass(frozen=True, slots=True)
class WebChat:
    """Everything of the web chat that is built once."""

    home: House
    chat: ChatLog
    bells: Bells
    hub: Hub
    patrol: Patrol
    receipts: Receipts
    devices: Devices
    push_key: str

    @classmethod
    def of(cls, home: House, patience: Patience = Patience()) -> WebChat | None:  # noqa: B008  # It is frozen.
        """None where the settings say that there is no web chat."""
        if not home.settings.chats:
            return None
        chat = ChatLog(home.database, home.vault)
        # With an embedded database there is no other process that holds sockets.
        bells = Bells(home.database, home.committer, now, rings=not home.settings.embedded)
        receipts = Receipts(home.services.handover, home.committer, now)
        hub = Hub(chat, bells, home.signals, receipts.delivered)
        patrol = Patrol(hub, patience)
        home.registry.register(
            monitor.Readings(
                {
                    "chapar_webchat_sockets": ("Open sockets of the web chat", lambda: len(hub.sockets)),
                    "chapar_webchat_visitors": (
                        "Visitors of the web chat, here or just gone",
                        lambda: len(hub.rooms),
                    ),
                    "chapar_webchat_dropped": (
                        "Sockets closed for being silent or slow",
                        lambda: patrol.dropped,
                    ),
                }
            )
        )
        devices = Devices(database=home.database, committer=home.committer, vault=home.vault)
        return cls(home, chat, bells, hub, patrol, receipts, devices, push_key(home))

    @property
    def told(self) -> Mapping[str, Told]:
        """Whom the conversation tells of committed turns."""
        return {webchat.CHANNEL: self.hub.told}

    def routes(self, conversation: Conversation) -> list[web.RouteDef]:
        """The routes, each beside its rule."""
        home, settings = self.home, self.home.settings
        tokens, bounds = Tokens(home.vault), limits(settings)
        addresses, origins = Addresses(bounds), Origins(frozenset(settings.webchat_origins))
        kept = home.services.files
        bearers = Bearers(tokens, self.chat, home.vault, now)
        door = Door(
            conversation=conversation,
            hub=self.hub,
            chat=self.chat,
            tokens=tokens,
            vault=home.vault,
            limits=bounds,
            addresses=addresses,
            trusted_proxies=settings.trusted_proxies,
            clock=now,
            read=self.receipts.read,
            languages=home.languages,
            welcome=frames.Welcome(
                text_bytes=webchat.TEXT_BYTES,
                file_bytes=kept.limits.most,
                file_types=sorted(kept.limits.types),
                push=self.push_key,
            ),
            forgotten=partial(self.devices.forget_all, WEB_CHAT),
        )
        files = FileDoor(
            files=kept,
            chat=self.chat,
            bearers=bearers,
            limits=bounds,
            addresses=addresses,
            origins=origins,
            languages=home.languages,
            trusted_proxies=settings.trusted_proxies,
            clock=now,
        )
        push = PushDoor(
            devices=self.devices,
            bearers=bearers,
            limits=bounds,
            addresses=addresses,
            trusted_proxies=settings.trusted_proxies,
            clock=now,
        )
        return webchat_routes.routes(door.handle, files, origins, push if self.push_key else None)

    async def send_away(self, _app: web.Application) -> None:
        """Closes every socket; who comes back finds another process, or this one once it is started again."""
        await self.hub.close_all()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Listens, and looks after the sockets."""
        wake = asyncio.Event()
        self.home.committer.wake(posts, wake)
        stop = self.home.signals.listen(self.hub.signal)
        work: list[Callable[[], Coroutine[Any, Any, None]]] = [
            self.patrol.run,
            partial(self.bells.run, self.hub.heard, wake),
            self.receipts.run,
        ]
        if self.push_key:
            work.append(self.reminding().run)
        tasks = [asyncio.create_task(kept(each)) for each in work]
        try:
            yield
        finally:
            stop()
            await cancel(tasks)
            await self.receipts.flush()

    def reminding(self) -> Reminding:
        """Who tells visitors that something waits."""
        home = self.home
        return Reminding(
            database=home.database,
            committer=home.committer,
            vault=home.vault,
            notices=home.services.notices,
            clock=now,
        )


def limits(settings: Settings) -> Limits:
    """What visitors and addresses may do. Who may say more may also send more frames, and an address that may
    hold more sockets may also open them faster: an office comes back all at once."""
    visitor, address = settings.webchat_visitor_rate, settings.webchat_address_rate
    sockets = settings.webchat_address_sockets
    return Limits(
        total=settings.webchat_sockets,
        sockets=sockets,
        say=Rate(visitor, visitor * BURST),
        frames=Rate(visitor * 5, visitor * BURST * 4),
        connects=Rate(max(1.0, sockets / 20), max(20, sockets)),
        messages=Rate(address, address * BURST),
        uploads=Rate(address / 10, address),
    )
