"""What the API asks of the records goes by an index, however many messages there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, event

from records import account_messages, account_templates, accounts, job_states, jobs
from records.database import Database
from tests.api.conftest import Business
from tests.api.test_jobs import fed, rows_of, until, upload


@asynccontextmanager
async def explained(database: Database) -> AsyncIterator[list[str]]:
    """What is asked meanwhile; once it is left, those lines of the plans that go through a whole table."""
    sent: list[tuple[str, object]] = []
    scans: list[str] = []

    def note(
        _connection: Connection, _cursor: object, statement: str, parameters: object, *_rest: object
    ) -> None:
        sent.append((statement, parameters))

    for engine in (database.reader.engine, database.writer.engine):
        event.listen(engine, "before_cursor_execute", note)
    yield scans
    for engine in (database.reader.engine, database.writer.engine):
        event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN (GENERIC_PLAN) " if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN "
    found = [(statement, given) for statement, given in sent if "BEGIN" not in statement]
    assert found
    for statement, given in found:

        def plan(connection: Connection, statement: str = statement, given: object = given) -> list[str]:
            rows = connection.exec_driver_sql(explain + statement, given).all()  # type: ignore[arg-type]
            return [str(row[-1]).strip() for row in rows]

        for line in await database.look(plan):
            # But a subquery of at most a page's rows, a list of given numbers.
            if ("Seq Scan" in line or "Hash Join" in line or line.startswith("SCAN")) and not (
                "last" in line or "anon" in line
            ):
                scans.append(f"{line}: {statement}")


async def test_every_statement_goes_by_an_index(anywhere: Business) -> None:
    database = anywhere.home.database
    account, id, now = b"a" * 16, b"m" * 16, datetime.now(UTC)
    async with explained(database) as scans:
        await accounts.by_key(database, "abcdefgh")
        await accounts.find(database, "shop")
        await account_messages.find(database, account, False, id)
        await account_messages.tracked(database, account, False, ["1234567890", "2345678901"])
        await account_messages.page(database, account, False, before=id, most=50)
        await account_messages.page(database, account, False, before=id, most=50, reference="r")
        await account_messages.history(database, id)
        await account_messages.usage(database, account, False, now - timedelta(days=1), now)
        await account_messages.answer(database, id)
        await account_messages.forget_answers(database, now, 100)
        await account_templates.find(database, account, "sent")
        await account_templates.page(database, account, "a", 50)
    assert scans == []


async def test_jobs_go_by_an_index_too(anywhere: Business) -> None:
    """With messages of theirs, so that all is asked."""
    database = anywhere.home.database
    now, life = datetime.now(UTC), timedelta(days=1)
    made = [(await upload(anywhere, rows_of(range(600)) + b"x,1", text="{order}"))[1] for _time in range(2)]
    async with fed(anywhere):
        for each in made:
            await until(anywhere, each["id"], lambda job: job["queued"] == 600)
    first, second = await jobs.worked(database)
    async with explained(database) as scans:
        await jobs.find(database, first.account, False, first.id)
        await jobs.page(database, first.account, False, first.id, 10)
        await jobs.by_id(database, first.id)
        await jobs.unfinished(database, first.account)
        await jobs.worked(database)
        await jobs.part(database, anywhere.home.vault, first.id, 0)
        assert len(await jobs.wrongs(database, first.id, (1, 0), 10)) == 1
        await jobs.waiting(database, first.id)
        assert await job_states.pause(database, first.id, now)
        for batch in await job_states.to_look(database, datetime.now(UTC) + life, 10):
            await job_states.hold(database, batch, now)
            await job_states.count(database, batch)
        assert await job_states.resume(database, first.id, now, life, 0)
        assert await job_states.cancel(database, first.id, now)
        assert await jobs.left_over(database, now) == first.id
        assert await jobs.drop_content(database, first.id, 10)
    # Of the few webhooks that there are one may be looked for as it comes.
    assert [line for line in scans if "FROM webhooks" not in line] == []
    assert [each.id for each in await jobs.worked(database)] == [second.id]
