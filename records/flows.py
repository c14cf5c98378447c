"""Published flow versions: what was published is kept, so that a session can end on what it began with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, func, select

from records.committer import Committer
from records.database import Database
from records.tables import flow_versions
from records.unit import Conflict, Unit

# Name, version, source (UTF-8).
Published = tuple[str, str, bytes]


class FlowStore:
    """Flow versions in the database. The one of a name that was published last is live."""

    def __init__(self, database: Database, committer: Committer) -> None:
        self._database = database
        self._committer = committer

    async def publish(self, name: str, version: str, source: str, now: datetime) -> None:
        """Makes this version the newest of its name. One that was published before becomes so again."""
        key = {"name": name, "version": version}
        unit = Unit()
        unit.insert(flow_versions, {**key, "source": source, "published_at": now})
        try:
            await self._committer.commit(unit)
        except Conflict:
            again = Unit()
            again.update(flow_versions, key, {"published_at": now})
            await self._committer.commit(again)

    async def newest(self) -> list[Published]:
        """The newest version of each name, by name."""
        latest = (
            select(flow_versions.c.name, func.max(flow_versions.c.published_at).label("published_at"))
            .group_by(flow_versions.c.name)
            .subquery()
        )
        rows = await self._database.read(
            select(flow_versions.c.name, flow_versions.c.version, flow_versions.c.source)
            .join(
                latest,
                and_(
                    flow_versions.c.name == latest.c.name,
                    flow_versions.c.published_at == latest.c.published_at,
                ),
            )
            .order_by(flow_versions.c.name, flow_versions.c.version)
        )
        # Two published in the same microsecond: the later in order, on every process the same.
        return list({name: (name, version, source.encode()) for name, version, source in rows}.values())

    async def version(self, name: str, version: str) -> bytes | None:
        """The source of one version, or None when it was never published."""
        rows = await self._database.read(
            select(flow_versions.c.source).where(
                flow_versions.c.name == name, flow_versions.c.version == version
            )
        )
        return str(rows[0].source).encode() if rows else None

    async def since(self, moment: datetime) -> Sequence[Published]:
        """What was published at ``moment`` or later, oldest first. Clocks of several processes differ and a
        commit takes time: ask again from a few seconds before the last one seen."""
        rows = await self._database.read(
            select(flow_versions.c.name, flow_versions.c.version, flow_versions.c.source)
            .where(flow_versions.c.published_at >= moment)
            .order_by(flow_versions.c.published_at)
        )
        return [(name, version, source.encode()) for name, version, source in rows]
