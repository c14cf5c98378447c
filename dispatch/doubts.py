"""What may have gone already: found out, where its provider can be asked, before anything goes again.

A message may have gone that somebody claimed and never settled, and one whose last attempt was ambiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from dispatch.carriers import Carriers
from dispatch.charging import Charger
from dispatch.errors import Ambiguous, DispatchError
from dispatch.provider import Accepted, Found, Lookup, Outgoing
from dispatch.retry import AGAIN_WHEN_AMBIGUOUS
from dispatch.routes import Route, choose
from dispatch.settling import lapsed, settlement
from dispatch.watching import Watcher
from records.claims import Claimed, Note, Settled

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Under:
    """A message under way: the providers that are still to be tried, and what was said so far."""

    claimed: Claimed
    outgoing: Outgoing
    route: Route
    before: Sequence[tuple[str, str]]
    order: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


class Doubts:
    """``watch`` and ``charge`` are told of what is found."""

    def __init__(
        self, carriers: Carriers, *, clock: Callable[[], datetime], watch: Watcher, charge: Charger
    ) -> None:
        self._carriers = carriers
        self._clock = clock
        self._watch = watch
        self._charge = charge

    async def asked_back(self, under: Sequence[Under], settled: list[Settled]) -> list[Under]:
        """Finds out what may have gone already, and gives every other message its order of providers."""
        doubtful = [each for each in under if _doubtful(each)]
        answers = await self._find(doubtful) if doubtful else {}
        now = self._clock()
        left: list[Under] = []
        usual: dict[int, Mapping[str, float]] = {}  # By the route, of which a batch has few.
        for each in under:
            names = [name for name, _status in each.before]
            shares = usual.get(id(each.route))
            if shares is None:
                shares = self._carriers.shares(each.claimed.channel, each.route.providers, now)
                usual[id(each.route)] = shares
            if _doubtful(each):
                suspects = _suspects(each)
                said = [answers.get((name, each.claimed.id)) for name in suspects]
                found = next(
                    ((n, s) for n, s in zip(suspects, said, strict=True) if isinstance(s, Found)), None
                )
                if found is not None:
                    settled.append(self._found(each, *found, now))
                    continue
                if not all(answer == "absent" for answer in said):
                    if (end := self._undecided(each, suspects, now)) is not None:
                        settled.append(end)
                        continue
                    sticky = self._repeatable(each.claimed.channel, suspects)
                    if sticky is not None and (
                        sticky in shares or not AGAIN_WHEN_AMBIGUOUS[each.claimed.klass]
                    ):
                        shares = {name: share for name, share in shares.items() if name == sticky}
                        names = []
            each.order = list(choose(each.route, shares, names, _draw(each.claimed.id)))
            seen = each.claimed.lapsed or not names or each.order[:1] == names[-1:]
            if not seen and each.order and each.order[0] not in names:
                each.outgoing = replace(each.outgoing, attempt=1)
            left.append(each)
        return left

    async def _find(self, doubtful: Sequence[Under]) -> Mapping[tuple[str, bytes], Found | str]:
        """By provider and message: what a provider has of it, or ``absent``; nothing where it could not say
        or cannot be asked."""
        asked: dict[str, list[Under]] = {}
        for each in doubtful:
            for name in _suspects(each):
                asked.setdefault(name, []).append(each)
        answers: dict[tuple[str, bytes], Found | str] = {}
        for name, some in asked.items():
            for provider in self._carriers.named(some[0].claimed.channel, [name]):
                if not isinstance(provider, Lookup):
                    continue
                try:
                    known = await provider.find([each.claimed.id.hex() for each in some])
                except DispatchError as error:
                    log.warning("dispatch.not_asked_back", provider=name, error=error.name, why=error.detail)
                    continue
                except Exception:
                    log.exception("dispatch.provider_failed", provider=name)
                    continue
                for each in some:
                    answers[name, each.claimed.id] = known.get(each.claimed.id.hex(), "absent")
        return answers

    def _found(self, each: Under, name: str, found: Found, now: datetime) -> Settled:
        """A message that went in an attempt whose answer was lost."""
        provider = self._carriers.get(each.claimed.channel, name)
        self._watch((each.claimed.channel, each.claimed.klass), "found", now - each.claimed.due_at)
        arrived = found.receipt.status == "delivered"
        accepted = Accepted(
            found.external_id, "delivered" if arrived else "pending", f"asked back: {found.receipt.detail}"
        )
        cost = self._charge(each.claimed, each.outgoing, name, now)
        return settlement(each.claimed, accepted, provider, now, cost)

    def _undecided(self, each: Under, suspects: Sequence[str], now: datetime) -> Settled | None:
        """How a message ends that may have gone and must not go twice; None where it is to go again."""
        if not each.claimed.lapsed:
            return None  # Decided, by its class, when it was settled.
        repeatable = self._repeatable(each.claimed.channel, suspects) is not None
        return lapsed(each.claimed, now, repeatable=repeatable)

    def _repeatable(self, channel: str, suspects: Sequence[str]) -> str | None:
        """The one provider that has the message if anybody has it, where handing it over again is safe."""
        if len(set(suspects)) != 1:
            return None
        return next((each.name for each in self._carriers.named(channel, suspects) if each.repeatable), None)


def _doubtful(each: Under) -> bool:
    """Whether the message may have gone in an attempt before this one."""
    return each.claimed.lapsed or (bool(each.before) and each.before[-1][1] == Ambiguous().name)


def _suspects(each: Under) -> Sequence[str]:
    """The providers that may have it. Of one that was claimed and never settled nobody knows to whom it was
    handed."""
    return list(each.route.providers) if each.claimed.lapsed else [each.before[-1][0]]


def _draw(id: bytes) -> float:
    """The same each time for one message, so that one that is found again goes the same way."""
    return int.from_bytes(id[-4:], "big") / 2**32
