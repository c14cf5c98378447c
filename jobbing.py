"""Large jobs wired: where businesses bring them, and what works at them."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from api.job_rows import check_of
from api.jobs import JobDoor
from house import House, Refused, cancel, house, kept, now
from services.business_templates import BusinessTemplates
from services.credit import Credit
from services.job_feeder import Feeder
from services.jobs import Jobs, Progress
from services.submissions import Submissions
from settings import Settings


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


async def list_jobs(settings: Settings, arguments: argparse.Namespace) -> int:
    async with house(settings) as home:
        for account, found in await service(home).recent(arguments.most):
            print(f"{told(found)}  {account}")
    return 0


async def turn_job(settings: Settings, arguments: argparse.Namespace) -> int:
    """Shows a job, after it was paused, gone on with or cancelled where that was asked for."""
    async with house(settings) as home:
        jobs = service(home)
        found = await jobs.of_anybody(arguments.id.bytes)
        if found is None:
            raise Refused(f"there is no job {arguments.id}")
        acts = {"pause": jobs.pause, "resume": jobs.resume, "cancel": jobs.cancel}
        if arguments.act in acts:
            if not await acts[arguments.act](found):
                raise Refused(f"a job that is {found.job.state} cannot be told to {arguments.act}")
            found = await jobs.of_anybody(arguments.id.bytes) or found
        print(told(found))
    return 0


def told(found: Progress) -> str:
    """A job in one line."""
    job, tally = found.job, found.tally
    counts = {
        "rows": job.rows,
        "refused": job.refused,
        "accepted": job.accepted,
        "queued": tally.waiting + tally.held,
        "sent": tally.sent,
        "delivered": tally.delivered,
        "failed": tally.failed,
        "cancelled": tally.cancelled,
    }
    said = ", ".join(f"{count} {what}" for what, count in counts.items())
    why = f" ({job.fault})" if job.fault else ""
    return f"{UUID(bytes=job.id)}  {job.created_at:%Y-%m-%d %H:%M}  {job.state}{why}: {said}"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The commands of this module."""
    parser = commands.add_parser("jobs", help="List large jobs; show, pause, resume or cancel one.")
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    listed = acts.add_parser("list", help="The newest jobs and how far they are.")
    listed.add_argument("--most", type=int, default=20, help="how many (20)")
    listed.set_defaults(run=list_jobs)
    for act, says in (
        ("show", "How far a job is."),
        ("pause", "Stop a job; what it queued is held."),
        ("resume", "Go on with a paused job."),
        ("cancel", "End a job."),
    ):
        made = acts.add_parser(act, help=says)
        made.add_argument("id", type=UUID, help="the job's id")
        made.set_defaults(run=turn_job)
