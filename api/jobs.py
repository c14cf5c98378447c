"""``/v1/jobs``: uploads of many rows, each of which becomes a message."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from uuid import UUID

from aiohttp import web

from api import body, job_models, models
from api.access import HOLDER
from api.drafts import lines_of, own_line
from api.job_rows import columns
from api.job_upload import Given, read_upload
from api.messages import answered, cursor, read_cursor, read_id
from api.problems import Problem, Wrong, language_of, said
from engine.turn import Language
from records import jobs as records
from records.jobs import Options
from records.unit import Unavailable
from services.accounts import Holder
from services.business_templates import BadText, BusinessTemplates
from services.jobs import Abandoned, Jobs, Progress, TooLarge, TooMany
from services.submissions import OtherRequest, Submissions

UPLOADS = 8  # At once in one process.
PAGE = 1_000  # Reasons that are read together for a file of them.
COLUMNS = ("line", "column", "code", "fa", "en")
FIRST = (0, 0)


class JobDoor:
    """``routes``: as those of messages."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        submissions: Submissions,
        templates: BusinessTemplates,
        routes: Mapping[str, str],
        languages: Mapping[str, Language],
        clock: Callable[[], datetime],
    ) -> None:
        self._jobs = jobs
        self._submissions = submissions
        self._templates = templates
        self._routes = routes
        self._languages = languages
        self._clock = clock
        self._uploads = 0

    async def create(self, request: web.Request) -> web.Response:
        key, holder = body.idempotency_key(request), request[HOLDER]
        given = await read_upload(request, self._jobs.most)
        chosen = await self._chosen(holder, given)
        language = language_of(request, self._languages)
        asked = given.kind.encode() + given.options.model_dump_json(by_alias=True).encode()
        async with self._room():
            upload = await self._jobs.begin(holder, chosen, given.options.send_at)
            try:
                async for piece in given.pieces:
                    await upload.write(piece)
                if not upload.bytes:
                    raise Problem("invalid", [Wrong("file", "empty")])
                answer, again = await self._jobs.finish(
                    holder,
                    upload,
                    self._submissions,
                    lambda taken: self._shown(taken, language).model_dump_json(by_alias=True),
                    asked,
                    key,
                )
            except BaseException as error:
                with suppress(Unavailable):
                    await self._jobs.give_up(upload)
                if isinstance(error, TooLarge):
                    raise Problem("too-large") from None
                if isinstance(error, Abandoned):
                    raise Problem("broken-body") from None
                if isinstance(error, OtherRequest):
                    raise Problem("other-request") from None
                raise
        response = answered(answer.body, answer.status)
        if again:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    async def list(self, request: web.Request) -> web.Response:
        asked, language = body.query(request, models.PageQuery), language_of(request, self._languages)
        page = await self._jobs.page(request[HOLDER], read_cursor(asked.cursor), asked.limit + 1)
        items = [self._shown(each, language) for each in page[: asked.limit]]
        more = page[asked.limit - 1].job.id if len(page) > asked.limit else None
        return answered(job_models.JobPage(items=items, next=cursor(more)))

    async def get(self, request: web.Request) -> web.Response:
        return self._told(request, await self._found(request))

    async def pause(self, request: web.Request) -> web.Response:
        return await self._turned(request, self._jobs.pause)

    async def resume(self, request: web.Request) -> web.Response:
        return await self._turned(request, self._jobs.resume)

    async def cancel(self, request: web.Request) -> web.Response:
        return await self._turned(request, self._jobs.cancel)

    async def errors(self, request: web.Request) -> web.StreamResponse:
        asked = body.query(request, job_models.JobErrorQuery)
        found = await self._found(request)
        if asked.format == "csv":
            return await self._file(request, found.job.id)
        given = read_cursor(asked.cursor)
        after = FIRST if given is None else (int.from_bytes(given[:8]), int.from_bytes(given[8:]))
        if max(after) >= 2**31:
            raise Problem("invalid", [Wrong("cursor", "cursor")])
        page = await self._jobs.wrongs(found.job.id, after, asked.limit + 1)
        items = [self._wrong(each) for each in page[: asked.limit]]
        last = page[asked.limit - 1] if len(page) > asked.limit else None
        more = None if last is None else last.line.to_bytes(8) + last.number.to_bytes(8)
        return answered(job_models.JobErrorPage(items=items, next=cursor(more)))

    async def _file(self, request: web.Request, job: bytes) -> web.StreamResponse:
        """All reasons as a CSV, with the mark by which programs know UTF-8."""
        response = web.StreamResponse(
            headers={
                "Content-Type": f"{job_models.CSV}; charset=utf-8",
                "Content-Disposition": 'attachment; filename="errors.csv"',
                "Cache-Control": "no-store",
            }
        )
        await response.prepare(request)
        rows: list[Sequence[object]] = [COLUMNS]
        await response.write(b"\xef\xbb\xbf")
        after = FIRST
        while True:
            await response.write(_csv(rows))
            page = await self._jobs.wrongs(job, after, PAGE)
            if not page:
                break
            after = page[-1].line, page[-1].number
            shown = [self._wrong(each) for each in page]
            rows = [
                (each.line, _tame(each.column), each.code, each.reason.fa, each.reason.en) for each in shown
            ]
        await response.write_eof()
        return response

    async def _turned(
        self, request: web.Request, turn: Callable[[Progress], Awaitable[bool]]
    ) -> web.Response:
        if not await turn(await self._found(request)):
            raise Problem("job-state")
        return self._told(request, await self._found(request))

    async def _found(self, request: web.Request) -> Progress:
        found = await self._jobs.find(request[HOLDER], read_id(request))
        if found is None:
            raise Problem("not-found")
        return found

    async def _chosen(self, holder: Holder, given: Given) -> Options:
        """What is to be done with the rows; a ``Problem`` where that cannot be."""
        asked, wrong = given.options, list[Wrong]()
        text, line = asked.text, asked.line
        if asked.template is not None:
            found = await self._templates.find(holder, asked.template, asked.version)
            if found is None or text is not None:
                wrong.append(Wrong("template", "choice"))
            else:
                text = found.text
        if asked.version is not None and asked.template is None:
            wrong.append(Wrong("version", "choice"))
        if asked.subject is not None and asked.channel != "email":
            wrong.append(Wrong("subject", "choice"))
        for name, filled in (("text", text), ("subject", asked.subject)):
            try:
                columns(filled or "")
            except BadText:
                wrong.append(Wrong(name, "template"))
        if line is not None:
            line = own_line(line, lines_of(holder.lines)) if asked.channel == "sms" else None
            if line is None:
                wrong.append(Wrong("line", "line"))
        if asked.channel not in self._routes:
            wrong.append(Wrong("channel", "channel"))
        if asked.send_at is not None and asked.send_at > self._clock() + timedelta(days=models.DAYS_AHEAD):
            wrong.append(Wrong("send_at", "late", {"days": models.DAYS_AHEAD}))
        if wrong:
            raise Problem("invalid", wrong)
        return Options(
            form=given.kind,
            channel=asked.channel,
            klass=asked.klass,
            expires_in=asked.expires_in,
            text=text,
            subject=asked.subject,
            line=line,
            dry_run=asked.dry_run,
            stop=asked.on_error == "stop",
        )

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[None]:
        if self._uploads >= UPLOADS:
            raise Problem("away", again=5)
        self._uploads += 1
        try:
            yield
        except TooMany:
            raise Problem("jobs", again=60) from None
        finally:
            self._uploads -= 1

    def _told(self, request: web.Request, found: Progress) -> web.Response:
        return answered(self._shown(found, language_of(request, self._languages)))

    def _shown(self, found: Progress, language: Language) -> job_models.Job:
        job, chosen, tally = found.job, found.options, found.tally
        fault = None
        if job.fault is not None:
            column = job.fault_column or ""
            wrong = Wrong(column, job.fault, json.loads(job.fault_values or "{}"))
            fault = job_models.JobFault(column=column, code=job.fault, detail=said(wrong, language))
        cancelled = job.accepted - job.fed if job.state == records.CANCELLED and job.validated_at else 0
        waiting = job.accepted - job.fed if job.state in records.UNFINISHED else 0
        return job_models.Job.model_validate(
            {
                "id": UUID(bytes=job.id),
                "state": job.state,
                "channel": chosen.channel,
                "class": chosen.klass,
                "dry_run": chosen.dry_run,
                "on_error": "stop" if chosen.stop else "skip",
                "created_at": job.created_at,
                "send_at": job.starts_at if job.starts_at > job.created_at else None,
                "ended_at": job.ended_at,
                "bytes": job.bytes,
                "bytes_read": job.bytes_read,
                "rows": job.rows,
                "accepted": job.accepted,
                "refused": job.refused,
                "waiting": waiting,
                "queued": tally.waiting + tally.held,
                "sent": tally.sent,
                "delivered": tally.delivered,
                "failed": tally.failed,
                "cancelled": tally.cancelled + cancelled,
                "parts": job.messages,
                "cost": job.cost,
                "unpriced": job.unpriced,
                "seconds_left": found.left(self._clock()),
                "fault": fault,
            }
        )

    def _wrong(self, each: records.Wrong) -> job_models.JobError:
        wrong = Wrong(each.column, each.kind, json.loads(each.detail))
        words = {code: said(wrong, self._languages[code]) for code in ("fa", "en")}
        return job_models.JobError(
            line=each.line, column=each.column, code=each.kind, reason=job_models.Reason(**words)
        )


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def _tame(column: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{column}" if column[:1] in ("=", "+", "-", "@") else column
