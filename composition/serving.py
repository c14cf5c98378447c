"""What answers: the conversation, every route beside its rule, and the service at work on its port."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import structlog
from aiohttp import web

import sandbox
from bot import sms, telegram
from composition import mailing, watching
from composition.chatting import WebChat
from composition.house import House, Refused, cancel, kept, layouts, now
from composition.messaging import Bots
from composition.sending import dispatching, receipt_routes
from composition.smscs import Smscs, vendor_of
from composition.submitting import Api
from composition.texting import Texting
from conversation.conversation import Conversation
from conversation.fallback import SORRY, fallback
from conversation.handovers import Handovers
from conversation.measures import Measures
from conversation.meeting import Needs
from conversation.outgoing import Render, Replies
from conversation.request import session_key
from conversation.timers import Timers
from conversation.turns import Turns
from conversation.unasked import Unasked
from records.unit import Unavailable
from services.publishing import tell
from settings import SettingError, Settings
from ussd import door
from ussd.exchange import Route
from ussd.smpp_door import SmppDoor
from web.access import RouteSecret
from web.direct import Direct
from web.plain import Straight

log = structlog.get_logger()

# The channels whose replies leave through the outbox: a line each.
RENDERS: Mapping[str, Render] = {
    "telegram": telegram.render,
    "bale": telegram.render,
    sms.CHANNEL: sms.render,
}


@asynccontextmanager
async def serving(home: House) -> AsyncIterator[int]:
    """The service at work on its port, with its timers and all that it follows; the port."""
    settings = home.settings
    async with AsyncExitStack() as stack:
        smscs = Smscs(home, answers=bool(settings.smpp_ussd.url))
        if settings.dispatches:
            await stack.enter_async_context(dispatching(home, smscs))
        chat = WebChat.of(home)
        conversation = conversation_of(home, chat)
        timers = Timers(conversation, home.sessions, home.committer, layouts(settings), now)
        if settings.embedded:
            tell(await home.publisher.publish())
            if not home.library.names():
                raise Refused(f"FLOWS_DIR: no flow of {settings.flows_dir} can go live; see `server.py lint`")
        elif not home.library.names():
            raise Refused("no flow is published yet; run `server.py flows publish` first")
        follow = home.publisher.follow_folder if settings.embedded else home.publisher.follow_store
        handovers = Handovers(conversation, home.services.handover_desk, home.signals, now)
        tidying = partial(tidy_files, home)
        at_work = [asyncio.create_task(kept(work)) for work in (timers.run, handovers.run, follow, tidying)]
        stack.push_async_callback(cancel, at_work)
        bots = Bots.of(home, conversation)
        texting = Texting.of(home, conversation, smscs)
        api = Api.of(home)
        runner = web.AppRunner(
            application(home, conversation, chat, bots, texting, api),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=settings.turn_deadline + 1,
        )
        await runner.setup()
        if chat is not None:
            await stack.enter_async_context(chat.at_work())
        # Taken apart in this order: no new request, also on connections that are kept open; requests under
        # way are answered; turns without a request end; then everything else stops.
        stack.push_async_callback(conversation.settled)
        await stack.enter_async_context(texting.at_work())
        await stack.enter_async_context(api.at_work())
        stack.push_async_callback(runner.cleanup)
        if settings.smpp_ussd.url:
            await stack.enter_async_context(smpp_door(home, conversation, smscs))
        assert runner.server is not None
        direct = Direct(straight(home, conversation), runner.server)
        stack.push_async_callback(direct.close, settings.turn_deadline + 1)
        try:
            port = await direct.listen(settings.host, settings.port)
        except OSError as error:
            raise Refused(f"HOST, PORT: no way to listen there: {error.strerror}") from None
        if bots is not None:
            # Once the doors are open: a webhook that is set is used at once.
            await stack.enter_async_context(bots.at_work())
        # What was built by now lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        yield port


async def tidy_files(home: House) -> None:
    """Every hour, takes away files that no conversation took. Several processes may do it."""
    while True:
        try:
            swept = await home.services.files.sweep(now())
            if swept:
                log.info("files that nobody took are gone", count=swept)
        except Unavailable:
            log.warning("files wait for the database")
        await asyncio.sleep(3_600)


def conversation_of(home: House, chat: WebChat | None = None) -> Conversation:
    """Who takes the turns of this process, and tells the web chat of its own."""
    settings, measured = home.settings, Measures(home.registry)
    replies = Replies(home.vault, RENDERS, chat.told if chat is not None else {})
    turns = Turns(
        library=home.library,
        load_flow=home.publisher.flow,
        sessions=home.sessions,
        committer=home.committer,
        needs=Needs(home.services, measured, settings.need_deadline),
        subscribers=home.services.subscribers,
        languages=home.languages,
        clock=now,
        measured=measured,
        replies=replies,
    )
    return Conversation(
        turns=turns,
        unasked=Unasked(
            turns=turns, sessions=home.sessions, committer=home.committer, clock=now, replies=replies
        ),
        sessions=home.sessions,
        vault=home.vault,
        languages=home.languages,
        clock=now,
        measured=measured,
        deadline=settings.turn_deadline,
        in_flight=settings.turns_in_flight,
    )


def application(
    home: House,
    conversation: Conversation,
    chat: WebChat | None = None,
    bots: Bots | None = None,
    texting: Texting | None = None,
    api: Api | None = None,
) -> web.Application:
    """Every route, each beside its rule."""
    settings = home.settings
    app = web.Application()
    try:
        app.add_routes(
            door.routes(
                conversation, ussd_doors(settings), fallback(SORRY, home.languages), settings.trusted_proxies
            )
        )
    except ValueError as error:
        raise SettingError(f"USSD_…_OPTIONS: {error}") from None
    app.add_routes(watching.routes(home))
    app.add_routes(mailing.routes(home))
    if bots is not None:
        app.add_routes(bots.routes())
    if texting is not None:
        app.add_routes(texting.routes())
    if chat is not None:
        app.add_routes(chat.routes(conversation))
        app.on_shutdown.append(chat.send_away)
    app.add_routes(receipt_routes(home))
    if api is not None:
        api.add_to(app)
    if settings.sandboxed:
        app.add_routes(sandbox.routes(home.database, home.vault, settings.sandboxed))
    return app


def straight(home: House, conversation: Conversation) -> Mapping[tuple[str, str], Straight]:
    """The routes that are answered without aiohttp."""
    settings = home.settings
    sorry = fallback(SORRY, home.languages)
    return door.straight(conversation, ussd_doors(settings), sorry, settings.trusted_proxies)


def ussd_doors(settings: Settings) -> Mapping[str, door.Door]:
    """The gateways that have a route, by their names."""
    return {
        gateway: door.Door(
            Route(gateway, layout, settings.routes[gateway].code, dict(settings.routes[gateway].options)),
            RouteSecret(
                settings.routes[gateway].secret.encode() or None,
                settings.routes[gateway].addresses,
                loopback_only_without=settings.embedded,
                trusted_proxies=settings.trusted_proxies,
            ),
        )
        for gateway, layout in layouts(settings).items()
        if gateway in settings.routes
    }


def smpp_door(home: House, conversation: Conversation, smscs: Smscs) -> SmppDoor:
    """The door of USSD over SMPP; it binds when it is entered and unbinds when it is left."""
    chosen = home.settings.smpp_ussd
    return SmppDoor(
        conversation,
        smscs.ussd(),
        Route("smpp", layouts(home.settings)["smpp"], chosen.code),
        vendor_of(chosen),
        peer=urlsplit(chosen.url).hostname or "",
        # Without Redis each process has only its own memory, and that the door has anyway.
        shared=home.cache if home.settings.redis_url else None,
        name=lambda caller: b"smpp:" + session_key(caller, home.vault),
    )
