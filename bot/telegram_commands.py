"""The commands that a messenger lists beside the field where people type: flows that a Latin word opens."""

from __future__ import annotations

import re
from collections.abc import Iterable

from telegram import BotCommand

from engine.flow import Flow
from engine.walk import MAIN

MOST = 20
TITLE = 80  # Characters of a description: longer ones are cut off on a phone.

_COMMAND = re.compile("[a-z][a-z0-9_]{0,31}")


def commands(flows: Iterable[Flow], channel: str) -> list[BotCommand]:
    """``/start`` for the main menu, then a command for each flow that is open on this channel."""
    found: list[BotCommand] = []
    for flow in sorted(flows, key=lambda flow: (flow.name != MAIN, flow.name)):
        words = sorted(word for word in flow.keywords if _COMMAND.fullmatch(word))
        if not flow.open_on(channel):
            continue
        if flow.name == MAIN:
            found.append(BotCommand("start", flow.title[:TITLE]))
        elif words:
            found.append(BotCommand(flow.name if flow.name in words else words[0], flow.title[:TITLE]))
    return found[:MOST]
