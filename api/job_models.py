"""What the API takes and gives of large jobs."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, Field

from api.models import DAY, DAYS_AHEAD, TEMPLATE_NAME, Model, PageQuery

JobState = Literal["receiving", "validating", "running", "paused", "done", "cancelled", "failed"]
CSV = "text/csv"
NDJSON = "application/x-ndjson"
FORM = "multipart/form-data"


def _number(value: Any) -> Any:
    """All of a query, and of a form, is text."""
    plain = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 10
    return int(value) if plain else value


def _moment(value: Any) -> Any:
    """A date and a time of RFC 3339, and in no other form that Python would take."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].{5,25}", value):
        with suppress(ValueError):
            return datetime.fromisoformat(value.upper())
    return value


def _flag(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


class JobOptions(Model):
    """What is to be done with the rows. The column `to` says who each one goes to; `reference` is your own
    name of it; every other column can fill a placeholder."""

    channel: Literal["sms", "voice", "email", "telegram", "bale"] = "sms"
    text: str | None = Field(
        default=None,
        min_length=1,
        max_length=2_000,
        description="{name} is filled from the column of this name; {{ and }} are braces. Without it and "
        "without `template`, the column `text` is what each row says.",
    )
    template: str | None = Field(default=None, pattern=TEMPLATE_NAME, description="One of your templates.")
    version: Annotated[int, BeforeValidator(_number), Field(ge=1, le=2**31 - 1)] | None = Field(
        default=None, description="Of the template; the last one without it."
    )
    subject: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Of e-mails, filled in the same way; without it the column `subject`.",
    )
    line: str | None = Field(
        default=None, pattern="^[0-9]{3,20}$", description="The line that SMS go from, one of your own."
    )
    klass: Literal["service", "bulk"] = Field(
        default="bulk",
        alias="class",
        description="bulk is advertising: it goes to those who agreed to it, in its hours.",
    )
    send_at: Annotated[AwareDatetime, BeforeValidator(_moment)] | None = Field(
        default=None,
        description=f"When to begin, with its time zone; at most {DAYS_AHEAD} days ahead.",
    )
    expires_in: Annotated[int, BeforeValidator(_number)] = Field(
        default=2 * DAY,
        ge=60,
        le=7 * DAY,
        description="Seconds after which a row is not sent any more, from when it was queued.",
    )
    dry_run: Annotated[bool, BeforeValidator(_flag)] = Field(
        default=False, description="Look at all rows, say what they would cost, and send none."
    )
    on_error: Literal["skip", "stop"] = Field(
        default="skip", description="stop: send nothing unless every row is good."
    )


class JobQuery(JobOptions):
    """The same in a query, where there is no room for the longest of them."""

    text: str | None = Field(
        default=None,
        min_length=1,
        max_length=400,
        description="{name} is filled from the column of this name; {{ and }} are braces. Without it and "
        "without `template`, the column `text` is what each row says. A longer one goes into a form.",
    )
    subject: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="Of e-mails, filled in the same way; without it the column `subject`.",
    )


class JobFault(Model):
    """Why something was refused."""

    column: str = Field(description="The column, empty where it is the row itself.")
    code: str
    detail: str


class Job(Model):
    """Once all rows were looked at, and unless none is to be sent, `accepted` = `waiting` + `queued` + `sent`
    + `delivered` + `failed` + `cancelled`. What became of rows is told within seconds, of those that were
    sent long ago within minutes."""

    id: UUID
    state: JobState
    channel: str
    klass: str = Field(alias="class")
    dry_run: bool
    on_error: Literal["skip", "stop"]
    created_at: AwareDatetime
    send_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    bytes: int = Field(description="Of the upload, as far as it came.")
    bytes_read: int
    rows: int = Field(description="Rows that were looked at.")
    accepted: int
    refused: int
    waiting: int = Field(description="Accepted, and not queued yet.")
    queued: int
    sent: int = Field(description="Handed over, without a receipt so far.")
    delivered: int
    failed: int
    cancelled: int
    parts: int = Field(description="Short messages that all accepted rows are together.")
    cost: int = Field(description="Rial, of all accepted rows, by the tariffs of when it begins.")
    unpriced: int = Field(description="Accepted rows that no tariff is for; `cost` is without them.")
    seconds_left: int | None = Field(description="At the pace that it has; null where nobody can say.")
    fault: JobFault | None = Field(description="Why it failed, or what it waits for.")


class JobPage(Model):
    items: list[Job]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


class Reason(Model):
    fa: str
    en: str


class JobError(Model):
    line: int = Field(description="The line of the upload on which the row begins, the first being 1.")
    column: str = Field(description="The column, empty where it is the row itself.")
    code: str
    reason: Reason


class JobErrorPage(Model):
    items: list[JobError]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


class JobErrorQuery(PageQuery):
    format: Literal["json", "csv"] = Field(default="json", description="csv: all of them as one file.")
