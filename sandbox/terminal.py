"""A phone in the terminal: screens in a box, answers line by line, and what the system sends meanwhile.

It needs no terminal: from a pipe it takes the answers one after another, so that a dialog can be a script.
"""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any, TextIO

from aiohttp import ClientSession

from engine.alphabet import size
from engine.layout import USSD
from engine.numbers import mobile
from sandbox.network import Dialog, NetworkError, messages

WIDTH = 44  # Columns inside a box.
EVERY = 0.5  # Seconds between looks for messages.
LAST = 5.0  # Seconds that the end waits for messages on their way.
WAIT = 0.1
ON_THEIR_WAY = ("queued", "claimed")
CHANNELS = {"sms": "SMS", "voice": "Call", "email": "E-mail"}


async def dial(
    http: ClientSession,
    url: str,
    code: str,
    number: str,
    *,
    source: TextIO | None = None,
    out: TextIO | None = None,
) -> int:
    """Dials ``code`` as ``number`` on the server at ``url``; the command's exit code. An empty answer or the
    end of the input hangs up."""
    source, out = source or sys.stdin, out or sys.stdout
    caller = mobile(number)
    if caller is None:
        print(f"{number}: not a mobile number, like 09121234567", file=out)
        return 2
    post = Post(http, url, out)
    await post.begin()
    lines = Lines(source.fileno())
    dialog = Dialog(http, url, caller, code)
    watching = asyncio.create_task(post.watch())
    try:
        screen = await dialog.begin()
        print(box(screen, code, _count(screen)), file=out, flush=True)
        while dialog.open:
            print("> ", end="", file=out, flush=True)
            answer = ((await lines.read()) or "").strip()
            if not source.isatty():
                print(answer, file=out)  # A terminal shows what is typed by itself.
            if not answer:
                await dialog.hang_up()
                print("\nYou hung up.", file=out)
                break
            screen = await dialog.answer(answer)
            print(box(screen, code, _count(screen)), file=out, flush=True)
        await post.finish()
    except NetworkError as error:
        print(f"\n{error}", file=out)
        return 1
    finally:
        watching.cancel()
        lines.close()
        await dialog.hang_up()
    return 0


class Post:
    """Prints what the system sends, each message once, when it has gone."""

    def __init__(self, http: ClientSession, url: str, out: TextIO) -> None:
        self._http = http
        self._url = url
        self._out = out
        self._cursor = ""
        self._printed: set[str] = set()

    async def begin(self) -> None:
        """What was there before is not shown."""
        _old, self._cursor = await messages(self._http, self._url)

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await self.look()

    async def look(self) -> bool:
        """Prints what has gone; whether anything is still on its way."""
        found, _cursor = await messages(self._http, self._url, self._cursor)
        for message in found:
            if message["status"] not in ON_THEIR_WAY and message["tracking"] not in self._printed:
                self._printed.add(message["tracking"])
                print(f"\n{_letter(message)}", file=self._out, flush=True)
        return any(message["status"] in ON_THEIR_WAY for message in found)

    async def finish(self) -> None:
        """Waits a little for what is on its way."""
        for _try in range(int(LAST / WAIT)):  # Where nobody dispatches, messages stay in the outbox.
            if not await self.look():
                return
            await asyncio.sleep(WAIT)


class Lines:
    """Lines of a file descriptor, read without a thread that nobody could stop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""
        self._ended = False
        self._arrived = asyncio.Event()
        try:
            asyncio.get_running_loop().add_reader(descriptor, self._read)
            self._watched = True
        except (PermissionError, OSError):  # A plain file, which is always ready.
            self._watched = False

    async def read(self) -> str | None:
        """The next line without its end; None after the last."""
        while b"\n" not in self._buffer and not self._ended:
            if self._watched:
                self._arrived.clear()
                await self._arrived.wait()
            else:
                self._read()
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode("utf-8", "replace") if line or not self._ended or self._buffer else None

    def close(self) -> None:
        if self._watched:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._watched = False

    def _read(self) -> None:
        data = os.read(self._descriptor, 4096)
        self._buffer += data
        if not data:
            self._ended = True
            self.close()
        self._arrived.set()


def box(text: str, title: str, foot: str = "") -> str:
    """``text`` in a frame with its title and its foot."""
    lines = [
        part
        for line in text.split("\n")
        for part in textwrap.wrap(line, WIDTH, break_on_hyphens=False) or [""]
    ]
    inside = max([_columns(line) for line in lines] + [_columns(title) + 2, _columns(foot) + 2, 28])
    top = f"╭─ {title} {'─' * (inside - _columns(title) - 1)}╮"
    middle = [f"│ {line}{' ' * (inside - _columns(line))} │" for line in lines]
    bottom = f"╰{'─' * (inside - _columns(foot) - 1)} {foot} ─╯" if foot else f"╰{'─' * (inside + 2)}╯"
    return "\n".join([top, *middle, bottom])


def _letter(message: dict[str, Any]) -> str:
    to = message["to"]
    if to.startswith("+98"):
        to = "0" + to[3:]
    channel = CHANNELS.get(message["channel"], message["channel"])
    body: Sequence[str] = [each for each in (message["subject"], message["body"]) if each]
    return box("\n".join(body), f"{channel} to {to}", message["status"])


def _count(screen: str) -> str:
    alphabet, cost = size(screen)
    return f"{cost}/{USSD.septets if alphabet == 'gsm7' else USSD.units}"


def _columns(text: str) -> int:
    """How many columns a terminal gives the text: marks and joiners take none, wide characters two."""
    return sum(
        0
        if unicodedata.category(character) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )
