"""A phone, a chat and an operator's desk in the terminal."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import signal
import sys
from contextlib import AsyncExitStack

from aiohttp import ClientSession

import desk
import logs
import sandbox
from composition.house import Refused, house, now
from composition.serving import serving
from services.handover_desk import NAME_LENGTH
from settings import Settings


async def dial(settings: Settings, arguments: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        http, url = await at_hand(settings, stack)
        return await sandbox.dial(http, url, arguments.code, arguments.number)


async def chat(settings: Settings, arguments: argparse.Namespace) -> int:
    async with AsyncExitStack() as stack:
        http, url = await at_hand(settings, stack)
        return await sandbox.chat(http, url, arguments.language)


async def at_hand(settings: Settings, stack: AsyncExitStack) -> tuple[ClientSession, str]:
    """The server that runs on this machine, else one of our own."""
    url = f"http://127.0.0.1:{settings.port}"
    http = await stack.enter_async_context(ClientSession())
    if not await sandbox.answers(http, url):
        logs.start("error", "text")
        own = dataclasses.replace(settings, port=0, webchat=True)
        home = await stack.enter_async_context(house(own))
        url = f"http://127.0.0.1:{await stack.enter_async_context(serving(home))}"
    return http, url


async def work_at_desk(settings: Settings, arguments: argparse.Namespace) -> int:
    logs.start("error", "text")  # The terminal is the operator's.
    if not 0 < len(arguments.name) <= NAME_LENGTH:
        raise Refused(f"--name: an operator's name has 1 to {NAME_LENGTH} characters")
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(house(settings))
        language = home.languages.get(arguments.language)
        if language is None:
            raise Refused(f"--language: there is {', '.join(home.languages)}, not {arguments.language}")
        keyboard = desk.keyboard(sys.stdin, sys.stdout)
        stack.callback(keyboard.close)
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, keyboard.end)
        shift = desk.Shift(
            name=arguments.name,
            service=home.services.handover_desk,
            complaints=home.services.handover_complaints,
            files=home.services.handover_files,
            signals=home.signals,
            keyboard=keyboard,
            say=desk.Words(language),
            clock=now,
            patience=settings.handover_patience,
        )
        return await shift.run()


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    phone = commands.add_parser(
        "dial", help="A phone in the terminal, on the running server or on one of its own."
    )
    phone.add_argument("code", nargs="?", default="*733#", help="what to dial (*733#)")
    phone.add_argument("--number", default="09121234567", help="the number that dials (09121234567)")
    phone.set_defaults(run=dial)
    talk = commands.add_parser(
        "chat", help="A chat in the terminal, on the running server or on one of its own."
    )
    talk.add_argument("--language", choices=("fa", "en"), default="fa", help="what to be spoken to in (fa)")
    talk.set_defaults(run=chat)
    seat = commands.add_parser("desk", help="Answer people who wait for an operator, in the terminal.")
    seat.add_argument("--name", required=True, help="the operator's name")
    seat.add_argument("--language", default="fa", help="language of the desk itself (fa)")
    seat.set_defaults(run=work_at_desk)
