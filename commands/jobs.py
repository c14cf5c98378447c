"""Large jobs of businesses: list, show, pause, resume and cancel them."""

from __future__ import annotations

import argparse
from uuid import UUID

from composition.house import Refused, house
from composition.jobbing import service
from services.jobs import Progress
from settings import Settings


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


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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
