"""A chat in the terminal: the web chat's conversation line by line, and what the system sends meanwhile.

It needs no terminal: from a pipe it says one line after another, each when the one before it is answered.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, TextIO

from aiohttp import ClientSession

from sandbox.terminal import Lines, Post, box
from sandbox.visitor import Talk, TalkError

TITLE = "chat"
MENU = {"fa": "منو", "en": "menu"}


async def chat(
    http: ClientSession,
    url: str,
    language: str,
    *,
    source: TextIO | None = None,
    out: TextIO | None = None,
) -> int:
    """Chats as somebody new on the server at ``url``; the command's exit code. An empty line or the end of
    the input leaves."""
    source, out = source or sys.stdin, out or sys.stdout

    def shows(frame: dict[str, Any]) -> None:
        if text := shown(frame):
            title = TITLE if frame["type"] == "turn" else frame["by"]
            print(f"\n{box(text, title)}", file=out, flush=True)

    def tells(line: str) -> None:
        print(f"\n({line})", file=out, flush=True)

    post = Post(http, url, out)
    await post.begin()
    talk = Talk(http, url, language, shows, tells)
    lines = Lines(source.fileno())
    connected = asyncio.create_task(talk.run())
    watching = asyncio.create_task(post.watch())
    talking = asyncio.create_task(_talk(talk, lines, source, out, MENU[language]))
    try:
        await asyncio.wait((connected, talking), return_when=asyncio.FIRST_COMPLETED)
        if connected.done():
            connected.result()
        talking.result()
        await post.finish()
    except TalkError as error:
        print(f"\n{error}", file=out)
        return 1
    finally:
        for task in (connected, watching, talking):
            task.cancel()
        await asyncio.gather(connected, watching, talking, return_exceptions=True)
        lines.close()
    return 0


async def _talk(talk: Talk, lines: Lines, source: TextIO, out: TextIO, menu: str) -> None:
    await talk.ready.wait()
    print(f"Write something, such as {menu}. An empty line leaves.", file=out, flush=True)
    while True:
        print("> ", end="", file=out, flush=True)
        line = ((await lines.read()) or "").strip()
        if not source.isatty():
            print(line, file=out)  # A terminal shows what is typed by itself.
        if not line:
            print("\nYou left.", file=out)
            return
        await talk.say(line)


def shown(frame: dict[str, Any]) -> str:
    """A turn or a post as lines."""
    lines = [frame.get("text", "")]
    lines += [f"{each['key']} {each['label']}" for each in frame.get("options", ())]
    lines += [f"{each['key']} {each['label']}" for each in frame.get("ways", ())]
    return "\n".join(line for line in lines if line)
