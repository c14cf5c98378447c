"""Whether a message may go at the moment at which it would: suppressed addresses, consent to advertising, its
hours, and how to be rid of it (Electronic Commerce Law, art. 55; the rules of the service lines).

Advertising is the class ``bulk``. Codes go to suppressed addresses too: somebody has just asked for one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog

from dispatch.errors import Nobody, Unsubscribed
from dispatch.gate import Instead, Later, Never, Verdict
from dispatch.provider import Outcome, Outgoing
from dispatch.providers.sms.names import ANSWERS
from engine import alphabet
from records import suppressions as records
from records.claims import Claimed
from records.database import Database
from records.suppressions import Suppression
from records.unit import Unavailable

ADVERTISING = "bulk"
PURPOSE = "advertising"
KINDS: Mapping[str, str] = {
    "sms": "msisdn",
    "voice": "msisdn",
    "ussd": "msisdn",
    "push": "msisdn",
    "email": "email",
}
FORGET = timedelta(days=90)  # Numbers and mailboxes that nobody has are given to somebody in time.

_HOURS = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")
_BETWEEN = re.compile(r"[\W_]+")
_DIGITS = str.maketrans("۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "01234567890123456789")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``opens`` until before ``closes``, minutes of the day in ``zone``."""

    opens: int
    closes: int
    zone: ZoneInfo

    def next(self, now: datetime) -> datetime | None:
        """When advertising may go; None for now."""
        here = now.astimezone(self.zone)
        minute = here.hour * 60 + here.minute
        if self.opens <= minute < self.closes:
            return None
        day = here.date() if minute < self.opens else here.date() + timedelta(days=1)
        opens = time(self.opens // 60, self.opens % 60)
        return datetime.combine(day, opens, self.zone).astimezone(now.tzinfo)


def read_hours(text: str, zone: str = "Asia/Tehran") -> Hours:
    """``09:00-21:00``. Raises ``ValueError``."""
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        raise ValueError("hours such as 09:00-21:00")
    first, first_minute, last, last_minute = map(int, found.groups())
    opens, closes = first * 60 + first_minute, last * 60 + last_minute
    if not opens < closes <= 24 * 60:
        raise ValueError("hours such as 09:00-21:00, the first before the second")
    return Hours(opens, closes, ZoneInfo(zone))


def with_way_out(outgoing: Outgoing, words: str) -> Outgoing:
    """The SMS with the words by which more of the kind is ended at its end, unless they stand there."""
    if _plain(outgoing.body).endswith(_plain(words)):
        return outgoing
    body = f"{outgoing.body.rstrip()}\n{words}"
    return replace(outgoing, body=body, parts=alphabet.parts(body))


def _plain(text: str) -> str:
    return _BETWEEN.sub("", text.translate(_DIGITS))


class Permission:
    """``ways_out``: the words that end an SMS, by class. ``asked_first``: whether advertising needs a consent
    that was given; else one that was withdrawn forbids it."""

    def __init__(
        self, database: Database, hours: Hours, ways_out: Mapping[str, str], *, asked_first: bool
    ) -> None:
        self._database = database
        self._hours = hours
        self._ways_out = ways_out
        self._asked_first = asked_first

    async def verdicts(
        self, batch: Sequence[tuple[Claimed, Outgoing]], now: datetime
    ) -> Mapping[bytes, Verdict]:
        looked = [(claimed, outgoing) for claimed, outgoing in batch if claimed.klass != "otp"]
        if not looked:
            return {}
        channel = looked[0][0].channel  # A batch is of one lane.
        parties = [claimed.party for claimed, _outgoing in looked]
        closed = await records.found(self._database, channel, parties, now)
        advertised = [each for each in looked if each[0].klass == ADVERTISING]
        said: Mapping[bytes, bool] = {}
        if advertised and (kind := KINDS.get(channel)):
            said = await records.agreed(self._database, kind, parties, PURPOSE)
        opens = self._hours.next(now) if advertised else None
        verdicts: dict[bytes, Verdict] = {}
        for claimed, outgoing in looked:
            verdict = self._verdict(claimed, outgoing, closed.get(claimed.party), said, opens)
            if verdict is not None:
                verdicts[claimed.id] = verdict
        return verdicts

    def _verdict(
        self,
        claimed: Claimed,
        outgoing: Outgoing,
        closed: Suppression | None,
        said: Mapping[bytes, bool],
        opens: datetime | None,
    ) -> Verdict | None:
        advertising = claimed.klass == ADVERTISING
        if closed is not None and (closed.scope == "all" or advertising):
            return Never(f"suppressed: {closed.reason}")
        if advertising and not said.get(claimed.party, not self._asked_first):
            return Never("consent withdrawn" if claimed.party in said else "no consent")
        if advertising and opens is not None:
            return Later(opens, "outside the hours of advertising")
        words = self._ways_out.get(claimed.klass)
        if claimed.channel != "sms" or not words or outgoing.route.startswith(ANSWERS):
            return None  # Whoever wrote to us and is answered is not being told of things.
        other = with_way_out(outgoing, words)
        return None if other is outgoing else Instead(other)

    async def told(self, batch: Sequence[tuple[Claimed, Outcome]], now: datetime) -> None:
        """Learns from what became of messages."""
        some: list[Suppression] = []
        for claimed, outcome in batch:
            if isinstance(outcome, Unsubscribed):
                scope = "advertising" if claimed.channel == "sms" else "all"
                some.append(Suppression(claimed.channel, claimed.party, scope, "unsubscribed", now))
            elif isinstance(outcome, Nobody):
                until = now + FORGET
                some.append(Suppression(claimed.channel, claimed.party, "all", "hard", now, until))
        try:
            await records.add(self._database, some)
        except Unavailable as error:
            log.warning("dispatch.not_suppressed", addresses=len(some), error=str(error))
