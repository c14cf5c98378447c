"""A server that is killed again and again: every message's story is told, each part of it as one event."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from aiohttp import ClientSession
from sqlalchemy import select
from standardwebhooks import Webhook

from api.webhook_models import MessageChanged
from records.database import Database
from records.tables import outbox, webhook_deliveries
from tests.api.conftest import sms
from tests.dispatch.webhook_shop import Customer, served
from tests.running import Server, command, within

MESSAGES, DEATHS = 300, 3


@within(180)
async def test_what_happens_to_messages_is_told_whatever_is_killed(tmp_path: Path) -> None:
    assert command("accounts", "add", "shop", folder=tmp_path).returncode == 0
    done = command("accounts", "key", "shop", "--rate", "100000", folder=tmp_path)
    head = {"Authorization": f"Bearer {done.stdout.splitlines()[0]}"}
    server = Server(tmp_path, {"WEBHOOKS_LOOPBACK": "yes"})
    customer = Customer()
    async with ClientSession(headers=head) as http, served(customer) as url, server:
        async with http.post(f"{server.url}/api/v1/webhooks", json={"url": url}) as response:
            secret = (await response.json())["secret"]
        body = {"messages": [sms(f"{number}") for number in range(MESSAGES)]}
        async with http.post(f"{server.url}/api/v1/messages", json=body) as response:
            ids = {each["id"] for each in (await response.json())["messages"]}
        for _death in range(DEATHS):
            before = len(customer.posted)
            while len(customer.posted) == before:
                await asyncio.sleep(0.001)
            server.kill()
            await server.start()
        database = await Database.open(server.database_url)
        waiting = select(webhook_deliveries.c.id).where(webhook_deliveries.c.status == "waiting").limit(1)
        unsent = select(outbox.c.id).where(outbox.c.finished_at.is_(None)).limit(1)
        while await database.read(unsent) or await database.read(waiting):
            await asyncio.sleep(0.1)
        rows = await database.read(select(webhook_deliveries.c.subject, webhook_deliveries.c.event))
        await database.close()
        async with http.get(f"{server.url}/metrics") as response:
            metrics = await response.text()
    assert set(Counter((row[0], row[1]) for row in rows).values()) == {1}
    assert len({row[0] for row in rows}) == MESSAGES
    told: dict[str, set[str]] = {}
    for given, raw in customer.posted:
        Webhook(secret).verify(raw, given)
        said = MessageChanged.model_validate_json(raw)
        told.setdefault(str(said.data.id), set()).add(said.type)
    assert set(told) == ids
    assert all(events == {"message.delivered"} for events in told.values()), "the sandbox delivers at once"
    assert len(set(customer.ids)) == len(rows), "what is told twice has its id"
    assert 'chapar_webhooks_total{outcome="delivered"}' in metrics
