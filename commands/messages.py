"""Messages and providers: send a message, list and replay those that
failed, and say of a provider that it is paused, drained or on."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime, timedelta

from composition.house import Refused, house, now
from composition.sending import dispatching, routes_of
from dispatch.permission import KINDS
from engine.numbers import mobile
from records import dead_letters
from records import routes as records
from records.outbox import queue, templated
from records.unit import Unit
from settings import Settings

LIFE = timedelta(minutes=10)
CHANNELS = ("sms", "voice", "email", "push", "ussd", "telegram", "bale")
FINAL = ("delivered", "failed", "blocked", "expired", "cancelled")


async def send(settings: Settings, arguments: argparse.Namespace) -> int:
    """Sends one message and waits for what becomes of it; the exit code is 0 when it went."""
    to = arguments.to
    channel = arguments.channel
    # A push goes to a person, by their number, or to the one device that is named.
    kind = "push" if channel == "push" and ":" in to else KINDS.get(channel, channel)
    if kind == "msisdn":
        to = mobile(to) or to
        if not (to.startswith("+") and to[1:].isdecimal()):
            raise Refused(f"--to: {arguments.to} is no number such as 09121234567 or +989121234567")
    async with house(settings) as home, dispatching(home):
        unit = Unit()
        tracking = queue(
            unit,
            home.vault,
            now=now(),
            channel=channel,
            klass=arguments.klass,
            kind=kind,
            to=to,
            subject=arguments.subject,
            body=arguments.text,
            payload=_code(channel, arguments.text),
            route=channel if channel in ("telegram", "bale") else "",
            lifetime=LIFE,
        )
        await home.committer.commit(unit)
        print(f"{tracking} queued", flush=True)
        shown = ""
        deadline = asyncio.get_running_loop().time() + arguments.wait
        while True:
            status, provider, external_id, finished = await dead_letters.outcome(home.database, tracking)
            line = f"{tracking} {status}" + (f" by {provider}" if provider else "")
            line += f" as {external_id}" if external_id else ""
            if line != shown and status not in ("queued", "claimed"):
                print(line, flush=True)
                shown = line
            if finished or asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.1)
        if status in ("queued", "claimed"):
            print(f"{tracking} {status}; it goes on by itself while a dispatcher runs")
    return 0 if status in ("sent", "delivered") else 1


def _code(channel: str, text: str) -> bytes:
    """Digits alone are called out as a code, which is all that some who call can say."""
    digits = channel == "voice" and text.isascii() and text.isdecimal()
    return templated("code", code=text) if digits else b""


async def list_dead(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home:
        found = await dead_letters.listed(
            home.database, channel=arguments.channel, since=_since(arguments.since), most=arguments.most
        )
    for each in found:
        print(
            f"{each.tracking} {each.at:%Y-%m-%d %H:%M:%S} {each.channel} {each.klass} "
            f"{each.provider} {each.reason}: {each.detail}"
        )
    print(f"{len(found)} messages")
    return 0


async def replay(settings: Settings, arguments: argparse.Namespace) -> int:
    if not arguments.tracking and not (arguments.channel and arguments.since):
        raise Refused("name a message, or --channel and --since")
    done = 0
    async with house(settings) as home:
        if arguments.tracking:
            ids = [await dead_letters.by_tracking(home.database, each) for each in arguments.tracking]
            done = await dead_letters.replay(home.database, [id for id in ids if id is not None], now())
        else:
            since = _since(arguments.since)
            while some := await dead_letters.listed(
                home.database, channel=arguments.channel, since=since, most=dead_letters.MOST
            ):
                these = await dead_letters.replay(home.database, [each.id for each in some], now())
                done += these
                if not these:
                    break  # What is left are codes, which are stale.
    print(f"{done} messages are on their way again")
    return 0


async def list_providers(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home:
        states = await records.states(home.database)
        routes = routes_of(home)
        at = now()
        told = await records.counted(home.database, at - timedelta(minutes=5))
    for channel in ("sms", "voice", "email", "push", "ussd"):
        for name in routes.names(channel):
            mine = [each for each in told if each.provider == name]
            counts = {what: sum(getattr(each, what) for each in mine) for what in records.COUNTED}
            said = ", ".join(f"{count} {what}" for what, count in counts.items())
            print(f"{channel:6} {name:16} {states.get(name, 'on'):8} last 5 minutes: {said}")
    return 0


async def set_provider(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home:
        routes = routes_of(home)
        known = {name for channel in CHANNELS for name in routes.names(channel)}
        if arguments.name not in known:
            raise Refused(f"there is no provider {arguments.name}; there is {', '.join(sorted(known))}")
        await records.set_state(home.database, arguments.name, arguments.state, now())
    print(f"{arguments.name} is {arguments.state}; dispatchers see it within seconds")
    return 0


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = commands.add_parser("send", help="Send one message and wait for what becomes of it.")
    one.add_argument("--channel", choices=CHANNELS, required=True)
    one.add_argument("--to", required=True, help="a number, an e-mail address, a device or a chat's id")
    one.add_argument("--text", required=True)
    one.add_argument("--subject", default="", help="of an e-mail")
    one.add_argument(
        "--class", dest="klass", choices=("otp", "service", "bulk"), default="service", help="(service)"
    )
    one.add_argument("--wait", type=float, default=30.0, help="seconds to wait for its receipt (30)")
    one.set_defaults(run=send)
    box = commands.add_parser("outbox", help="List or replay messages that failed.")
    acts = box.add_subparsers(dest="act", required=True, metavar="ACT")
    dead = acts.add_parser("dead", help="List messages that failed, with the reason.")
    again = acts.add_parser("replay", help="Send failed messages on their way again.")
    again.add_argument("tracking", nargs="*", help="tracking numbers")
    for act in (dead, again):
        act.add_argument("--channel", choices=CHANNELS)
        act.add_argument("--since", help="a day or a moment in UTC, such as 2026-11-24 or 2026-11-24T08:00")
    dead.add_argument("--most", type=int, default=100, help="how many to list (100)")
    dead.set_defaults(run=list_dead)
    again.set_defaults(run=replay)
    who = commands.add_parser("providers", help="List providers, and pause, drain or resume one.")
    acts = who.add_subparsers(dest="act", required=True, metavar="ACT")
    acts.add_parser("list", help="Each provider, its state and its last minutes.").set_defaults(
        run=list_providers
    )
    for name, state, says in (
        ("pause", "paused", "Nothing goes by it and nobody asks it."),
        ("drain", "drained", "Nothing new goes by it."),
        ("resume", "on", "It is used again."),
    ):
        act = acts.add_parser(name, help=says)
        act.add_argument("name", help="the provider")
        act.set_defaults(run=set_provider, state=state)


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise Refused(f"--since: {text!r} is not a day or a moment such as 2026-11-24T08:00") from None
