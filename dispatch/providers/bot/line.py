"""One bot of ours as this process uses it: its name here, python-telegram-bot's ``Bot``, and how it fares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Protocol

import msgspec
import structlog
from aiohttp import FormData
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from telegram import Bot
from yarl import URL

from dispatch.providers.bot.platforms import Platform
from dispatch.providers.bot.request import READ, Request

log = structlog.get_logger(__name__)

UPLOADED = 60.0  # Seconds within which a file is answered for.

NO_ANSWER = "HTTP {} without an answer"  # The description of what is none.
NOTHING = msgspec.Raw(b"null")


class Attachment(Protocol):
    """A file that goes with a message."""

    @property
    def name(self) -> str: ...

    @property
    def type(self) -> str: ...

    @property
    def content(self) -> bytes: ...


class _Parameters(msgspec.Struct):
    retry_after: float | None = None


class Answer(msgspec.Struct):
    """What the Bot API answered (core.telegram.org/bots/api, "Making requests"). ``result`` is not read yet.
    ``error_code`` is the HTTP status where the body is no such answer."""

    ok: bool = False
    result: msgspec.Raw = NOTHING
    error_code: int = 0
    description: str = ""
    parameters: _Parameters | None = None

    @property
    def retry_after(self) -> float | None:
        return self.parameters.retry_after if self.parameters is not None else None


_read = msgspec.json.Decoder(Answer, strict=False).decode


class Line:
    """``route`` is the bot's name among our routes (``telegram``, ``bale``, ``telegram-shop``). ``refused``
    says whether the platform refused its token when last asked, ``reached`` whether it has answered,
    ``away`` whether nobody answered when it was last tried."""

    def __init__(
        self,
        route: str,
        platform: Platform,
        token: str,
        request: Request,
        *,
        base_url: str = "",
        base_file_url: str = "",
    ) -> None:
        self.route = route
        self.platform = platform
        self.token = token
        self.request = request
        base_url = base_url or platform.base_url
        if not base_url.rstrip("/").endswith("/bot"):
            base_url = base_url.rstrip("/") + "/bot"  # Given as the address of a server of one's own.
        self.bot = Bot(
            token,
            base_url=base_url,
            base_file_url=base_file_url or _file_url(base_url, platform),
            request=request,
            get_updates_request=request,
        )
        self.refused = False
        self.reached = False
        self.away = False
        self._urls: dict[str, URL] = {}

    def url(self, method: str) -> URL:
        """Where a method of this bot is called. It has the token in it: not for logs."""
        known = self._urls.get(method)
        if known is None:
            known = self._urls[method] = URL(f"{self.bot.base_url}/{method}")
        return known

    async def ask(self, method: str, body: bytes, read: float = READ) -> Answer:
        """Calls a method with a JSON body. python-telegram-bot builds objects of each answer, which takes
        longer than all the rest of the call; here it stays bytes. Raises ``Unconnected`` and ``Broken``."""
        return _answer(*await self.request.exchange(self.url(method), body, read))

    async def upload(self, method: str, fields: Mapping[str, str], field: str, file: Attachment) -> Answer:
        """Calls a method with a file in a form. Raises the same."""
        form = FormData(quote_fields=False)  # Names of files go as they are, in UTF-8.
        for name, value in fields.items():
            form.add_field(name, value)
        form.add_field(field, BytesIO(file.content), filename=file.name, content_type=file.type)
        return _answer(*await self.request.exchange(self.url(method), form, UPLOADED))

    def refuses_token(self, code: int, description: str) -> bool:
        """Whether a refusal says that the platform does not know the token (any more). A 404 says so too,
        where it is not about a chat."""
        if code == 404:
            return description in ("", "Not Found", NO_ANSWER.format(404))
        return code == 401 or any(words in description for words in self.platform.no_token)

    def refuse(self) -> None:
        """The platform does not know the token (any more). Told once, until it knows it again."""
        if not self.refused:
            self.refused = True
            log.error(
                "bot token refused: nothing is received or sent until it is put right",
                bot=self.route,
                setting=f"{self.platform.name.upper()}_TOKEN",
            )

    def accept(self) -> None:
        """The platform knows the token."""
        if self.refused:
            self.refused = False
            log.warning("bot token accepted again", bot=self.route)

    def without_token(self, text: str) -> str:
        return text.replace(self.token, "…")


class Standings(Collector):
    """Which bots the platforms refuse, and which of them cannot reach theirs, for ``/metrics``."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def collect(self) -> Iterator[Metric]:
        refused = GaugeMetricFamily(
            "chapar_bot_refused", "1 where the platform refuses the bot's token", labels=["bot"]
        )
        away = GaugeMetricFamily(
            "chapar_bot_away", "1 where nobody answers the bot at its platform", labels=["bot"]
        )
        for line in self._lines:
            refused.add_metric([line.route], float(line.refused))
            away.add_metric([line.route], float(line.away))
        yield from (refused, away)


def _answer(status: int, content: bytes) -> Answer:
    try:
        answer = _read(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Answer(error_code=status or 500, description=NO_ANSWER.format(status))
    if not answer.ok and not answer.error_code:
        answer.error_code = status
    return answer


def _file_url(base_url: str, platform: Platform) -> str:
    """Where files are fetched: ``…/file/bot`` beside ``…/bot``, as both platforms have it."""
    if base_url.endswith("/bot"):
        return f"{base_url.removesuffix('/bot')}/file/bot"
    return platform.base_file_url
