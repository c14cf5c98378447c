"""What the API asks of the records goes by an index, however many messages there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, event

from records import account_messages, account_templates, accounts
from tests.api.conftest import Business


async def test_every_statement_goes_by_an_index(anywhere: Business) -> None:
    database = anywhere.home.database
    sent: list[tuple[str, object]] = []

    def note(
        _connection: Connection, _cursor: object, statement: str, parameters: object, *_rest: object
    ) -> None:
        sent.append((statement, parameters))

    for engine in (database.reader.engine, database.writer.engine):
        event.listen(engine, "before_cursor_execute", note)
    account, id, now = b"a" * 16, b"m" * 16, datetime.now(UTC)
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
    for engine in (database.reader.engine, database.writer.engine):
        event.remove(engine, "before_cursor_execute", note)
    found = [(statement, parameters) for statement, parameters in sent if "BEGIN" not in statement]
    assert len(found) == 12
    explain = "EXPLAIN (GENERIC_PLAN) " if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN "
    for statement, given in found:

        def plan(connection: Connection, statement: str = statement, given: object = given) -> list[str]:
            rows = connection.exec_driver_sql(explain + statement, given).all()  # type: ignore[arg-type]
            return [str(row[-1]).strip() for row in rows]

        lines = await database.look(plan)
        scans = [
            line for line in lines if "Seq Scan" in line or "Hash Join" in line or line.startswith("SCAN")
        ]
        # A subquery of at most a page's rows, a list of given numbers.
        assert [line for line in scans if "last" not in line and "anon" not in line] == [], statement
