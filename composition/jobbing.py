"""Large jobs wired: where businesses bring them, and what works at them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from api.job_rows import check_of
from api.jobs import JobDoor
from composition.house import House, cancel, kept, now
from services.business_templates import BusinessTemplates
from services.credit import Credit
from services.job_feeder import Feeder
from services.jobs import Jobs
from services.submissions import Submissions


def service(home: House) -> Jobs:
    """The jobs of all businesses."""
    return Jobs(
        database=home.database,
        committer=home.committer,
        vault=home.vault,
        most=home.settings.job_bytes,
        clock=now,
    )


def door(
    home: House, submissions: Submissions, templates: BusinessTemplates, routes: Mapping[str, str]
) -> JobDoor:
    """Where businesses bring their jobs and see how far they are."""
    return JobDoor(
        jobs=service(home),
        submissions=submissions,
        templates=templates,
        routes=routes,
        languages=home.languages,
        clock=now,
    )


@asynccontextmanager
async def feeding(home: House, routes: Mapping[str, str]) -> AsyncIterator[None]:
    """What works at jobs, until it is left."""
    feeder = Feeder(
        database=home.database,
        committer=home.committer,
        vault=home.vault,
        submissions=Submissions(
            database=home.database,
            committer=home.committer,
            vault=home.vault,
            credit=Credit(database=home.database, tariffs=home.services.tariffs),
        ),
        tariffs=home.services.tariffs,
        check_of=check_of(routes, home.languages["en"]),
        clock=now,
    )
    running = asyncio.create_task(kept(feeder.run))
    try:
        yield
    finally:
        await cancel([running])
