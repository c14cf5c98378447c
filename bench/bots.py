"""Turns of a Telegram bot: an update comes by webhook, its turn is durable, the reply goes to a Bot API on
this machine. A turn counts once the update was answered and its reply was received there; one process on one
processor does all of it, the sending too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import count
from statistics import median

from bench.bot_load import BotPlan
from bench.figures import Effort, Figure
from bench.product import Process, Run, free_port, loaded, on_stores, prepare, product, weighed
from bench.stores import PostgreSQL, Redis, postgresql, redis

RATE = 1_500.0
TOKEN, SECRET = "1:bench", "bench-secret-of-webhooks"
# Opens the main menu, goes into a flow and comes back: three turns.
TEXTS = ["/start", "2", "منو"]
MENU = "چاپار"

_CHATS = count(100_000, 10_000)


def measure(effort: Effort) -> Iterator[Figure]:
    yield from _measured("SQLite", {}, effort)
    with postgresql() as database, redis() as cache:
        settings = on_stores(database.create("product"), cache) | {"DISPATCH_IN_SERVE": "yes"}
        prepare(settings)
        yield from _measured("PostgreSQL + Redis", settings, effort, database, cache)


def _measured(
    name: str, settings: Mapping[str, str], effort: Effort, *stores: PostgreSQL | Redis
) -> Iterator[Figure]:
    api = free_port()
    bot = {
        "TELEGRAM_TOKEN": TOKEN,
        "TELEGRAM_BASE_URL": f"http://127.0.0.1:{api}/bot",
        "TELEGRAM_MODE": "webhook",
        "TELEGRAM_WEBHOOK_SECRET": SECRET,
        "TELEGRAM_RATE": "0",
        "TELEGRAM_CHAT_RATE": "0",
        "PUBLIC_URL": "https://bench.invalid",
    }
    with product({**settings, **bot}) as process:
        runs = [_run(process, api, effort, *stores) for _round in range(effort.rounds)]
    foreign = median(run.foreign for run in runs)
    yield Figure.of(f"Telegram, {name}", [run.rate for run in runs], "turns/s", least=RATE, foreign=foreign)
    yield Figure.of(f"Telegram, {name}: CPU", [run.cpu for run in runs], "µs/turn", foreign=foreign)
    yield Figure.of(f"Telegram, {name}: half heard within", [run.p50 for run in runs], "ms", foreign=foreign)
    yield Figure.of(f"Telegram, {name}: 99 % heard within", [run.p99 for run in runs], "ms", foreign=foreign)


def _run(process: Process, api: int, effort: Effort, *stores: PostgreSQL | Redis) -> Run:
    plan = BotPlan(
        process.port,
        api,
        "/bot/telegram",
        SECRET,
        TEXTS,
        last_word=MENU,
        seconds=effort.seconds,
        warm_up=effort.warm_up,
        first_chat=next(_CHATS),
    )
    return weighed(
        process, lambda: loaded("bench.bot_load", asdict(plan), plan.seconds + plan.warm_up), *stores
    )
