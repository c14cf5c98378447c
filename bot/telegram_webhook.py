"""Updates by webhook: ``POST /bot/<bot>`` behind the secret that the messenger was told.

An update is answered 200 once it is taken; 503 asks the messenger to bring it again. What cannot be read, and
comes from who knows the secret, is logged and answered 200 too: it would come for ever.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac

import structlog
from aiohttp import web
from telegram.error import InvalidToken, NetworkError, TelegramError

from bot.telegram_updates import WANTED, Updates
from dispatch.providers.bot.line import Line
from web.access import Handler, HeaderSecret, PathSecret, Rule, guarded

log = structlog.get_logger()

HEADER = "X-Telegram-Bot-Api-Secret-Token"
PREFIX = "/bot/"
BODY_BYTES = 1024 * 1024  # An update with the longest text in the longest spelling has less than a tenth.
CONNECTIONS = 64  # What Telegram may have open to us at once; it allows 100.
AGAIN = 600.0  # Seconds after which the webhook is set once more, in case that somebody took it away.
PAUSES = (1.0, 5.0, 15.0, 60.0)  # Seconds between tries while the messenger is away.
REFUSED = 300.0  # Seconds before a refused token is tried again.


def secret_of(line: Line, given: str) -> str:
    """What the messenger proves itself with: ``given`` by the settings, else made from the bot's token, the
    same in every process."""
    return given or hmac.new(line.token.encode(), b"chapar webhook", hashlib.sha256).hexdigest()


def path_of(line: Line, secret: str) -> str:
    """Where this bot's updates come in."""
    return PREFIX + line.route + ("" if line.platform.secret_header else f"/{secret}")


def route(updates: Updates, line: Line, secret: str) -> web.RouteDef:
    """The door of one bot."""
    rule: Rule = PathSecret(secret.encode())
    path = f"{PREFIX}{line.route}/{{secret}}"
    if line.platform.secret_header:
        rule, path = HeaderSecret(secret.encode(), HEADER), PREFIX + line.route
    return web.post(path, guarded(_handler(updates, line), rule))


def _handler(updates: Updates, line: Line) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        raw = await _body(request)
        if raw is None:
            updates.counts[line.route, "unreadable"] += 1
            log.warning("update unreadable", bot=line.route, problem="too large, or broken off")
            return web.Response()
        taken = await updates.take(raw, line)
        if not taken.done:
            return web.Response(status=503, headers={"Retry-After": "1"})
        if taken.answer is not None:
            if line.platform.webhook_answers:
                return web.json_response(taken.answer)
            updates.answer(line, taken.answer)
        return web.Response()

    return handle


async def _body(request: web.Request) -> bytes | None:
    """The body; None when it is too large or does not come whole."""
    length = request.content_length
    if length is not None and length > BODY_BYTES:
        return None
    body = b""
    try:
        while chunk := await request.content.readany():
            body = body + chunk if body else chunk
            if len(body) > BODY_BYTES:
                return None
    except (web.RequestPayloadError, OSError):
        return None
    return body


class Registration:
    """Tells the messenger where one bot's updates go, at the start and now and then."""

    def __init__(self, line: Line, public_url: str, secret: str) -> None:
        self._line = line
        self._url = public_url.rstrip("/") + path_of(line, secret)
        self._secret = secret if line.platform.secret_header else None

    async def run(self) -> None:
        """Until it is cancelled."""
        failures = 0
        while True:
            try:
                await self.register()
            except TelegramError as error:
                if isinstance(error, InvalidToken) or self._line.refuses_token(400, error.message):
                    self._line.refuse()
                    await asyncio.sleep(REFUSED)
                    continue
                self._line.away = isinstance(error, NetworkError)
                if not failures:
                    log.warning("webhook not set yet", bot=self._line.route, error=type(error).__name__)
                await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1
            else:
                if failures or not self._line.reached:
                    log.info("webhook set", bot=self._line.route)
                self._line.reached, self._line.away, failures = True, False, 0
                await asyncio.sleep(AGAIN)

    async def register(self) -> None:
        """Once. Raises python-telegram-bot's errors."""
        await self._line.bot.set_webhook(
            self._url,
            secret_token=self._secret,
            allowed_updates=WANTED if self._line.platform.members else None,
            max_connections=CONNECTIONS,
        )
        self._line.accept()
