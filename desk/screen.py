"""How threads and posts look on the desk. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime

from desk import words
from desk.words import Words
from records.threads import Thread
from services.files import About
from services.handover_desk import Queued
from services.handover_posts import Line

_JOINERS = "\u200c\u200d"  # Persian is written with the first, emoji with the second.


def clean(text: str) -> str:
    """A text of somebody else's without what a terminal would obey: control characters, and the marks that
    turn the direction of what follows."""
    return "".join(
        character
        for character in text
        if character == "\n" or character in _JOINERS or unicodedata.category(character) not in ("Cc", "Cf")
    )


def listed(say: Words, mine: Sequence[Thread], queue: Sequence[Queued]) -> Iterator[str]:
    """The lines of the list: one's own threads, then who waits; numbered through."""
    if not mine and not queue:
        yield say(words.NOBODY)
        return
    number = 0
    for heading, rows in (
        (words.MINE, [(each, "") for each in mine]),
        (words.WAITING, [(each.thread, say.waited(each.waited)) for each in queue]),
    ):
        if rows:
            yield f"— {say(heading)}"
        for thread, waited in rows:
            number += 1
            parts = [channel(say, thread), thread.topic, waited, "●" if unread(thread) else ""]
            yield f"  {say.number(number)}  {'  '.join(part for part in parts if part)}"
    yield say(words.CHOOSE)


def opened(say: Words, thread: Thread, earlier: int) -> Iterator[str]:
    """The head of a conversation."""
    yield f"═ {say(words.OPENED, channel=channel(say, thread), day=thread.opened_at)}"
    if earlier:
        yield f"  {say(words.EARLIER, count=earlier)}"


def line(say: Words, post: Line, file: str = "") -> str:
    """One post: when, who, what; ``file`` says what came with it."""
    text = clean(post.text)
    if file:
        # What an operator sent has no other words than its name.
        text = file if post.author == "operator" else f"{file} {text}".rstrip()
    text = text.replace("\n", "\n         ")
    at = say.clock(post.at)
    if post.kind == "text":
        return f"{at}  {who(say, post)}: {text}"
    if post.kind == "notice":
        return f"{at}  · {text}"
    act = say(words.ACTS.get(post.kind, post.kind))
    shown = say(words.REASONS[text]) if post.kind == "closed" and text in words.REASONS else text
    parts = [f"{act}:" if post.kind in ("note", "closed") else act, shown]
    return f"{at}  ({who(say, post)} {' '.join(part for part in parts if part)})"


def file(say: Words, number: int, about: About | None) -> str:
    """A file by its number in the thread; None: it is there no more."""
    if about is None:
        return say(words.FILE_GONE)
    kind = say(words.KINDS[about.kind])
    size = max(1, round(about.size / 1_000))
    return say(words.FILE, number=number, name=clean(about.name), kind=kind, size=size)


def who(say: Words, post: Line) -> str:
    if post.operator:
        return clean(post.operator)
    return say(words.PERSON if post.author == "person" else words.SYSTEM)


def channel(say: Words, thread: Thread) -> str:
    """The channel by its name, and the route where it is another one."""
    name = say(words.CHANNELS[thread.channel]) if thread.channel in words.CHANNELS else thread.channel
    return name if thread.route == thread.channel else f"{name} ({thread.route})"


def unread(thread: Thread) -> bool:
    """Whether a thread has a post that no operator has seen."""
    return thread.last > (thread.operator_seen or b"")


def stamp(say: Words, at: datetime, text: str) -> str:
    return f"{say.clock(at)}  · {text}"
