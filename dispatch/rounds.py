"""One batch of a lane, from its claim to what became of each message.

A message that may not go, or whose time is over, ends here. Every other goes by the first provider of its
order (``routes.choose``), and where that one does not take it and another may, at once by the next. What may
have gone already is asked back first (``doubts.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from dispatch.carriers import Carriers
from dispatch.charging import Charger
from dispatch.doubts import Doubts, Under
from dispatch.errors import Ambiguous, DispatchError, Misconfigured, Nobody, Unsubscribed
from dispatch.gate import Gate, Instead, Later, Never
from dispatch.limits import Limits
from dispatch.opening import opened
from dispatch.provider import Accepted, Outcome, Outgoing, Provider
from dispatch.retry import elsewhere
from dispatch.settling import after, expired, put_off, settlement, stopped
from dispatch.watching import Watcher
from records.claims import Claimed, Lane, Note, Settled
from records.database import Database
from records.routes import tried
from records.vault import Vault

PATIENCE = 2.0  # Seconds of one batch that are waited for a provider's rate; the rest goes later.

log = structlog.get_logger(__name__)


class Rounds:
    def __init__(
        self,
        database: Database,
        vault: Vault,
        carriers: Carriers,
        *,
        clock: Callable[[], datetime],
        gate: Gate,
        limits: Limits,
        watch: Watcher,
        charge: Charger,
    ) -> None:
        self._database = database
        self._vault = vault
        self._carriers = carriers
        self._clock = clock
        self._gate = gate
        self._limits = limits
        self._watch = watch
        self._charge = charge
        self._doubts = Doubts(carriers, clock=clock, watch=watch, charge=charge)

    async def carry(self, lane: Lane, batch: Sequence[Claimed]) -> Sequence[Settled]:
        """What became of each message of the batch. Raises ``Unavailable``, before anything went."""
        settled: list[Settled] = []
        readable = self._readable(batch, settled)
        within = {claimed.id: outgoing.within for claimed, outgoing in readable if outgoing.within}
        under = await self._let_through(readable, settled)
        under = await self._doubts.asked_back(under, settled)
        now = self._clock()
        for each in under:
            if not each.order:
                free = self._carriers.free_at(lane[0], each.route.providers, now)
                settled.append(put_off(each.claimed, free or now, now))
        under = [each for each in under if each.order]
        while under:
            parties: dict[str, list[Under]] = {}
            for each in under:
                parties.setdefault(each.order.pop(0), []).append(each)
            handed = [
                self._hand(lane, self._carriers.get(lane[0], name), some) for name, some in parties.items()
            ]
            under = []
            for done, further in await asyncio.gather(*handed):
                settled += done
                under += further
        if within:  # They have another channel to go by, and a time in which to go by this one.
            settled = [replace(each, within=within.get(each.id, 0)) for each in settled]
        return settled

    def _readable(self, batch: Sequence[Claimed], settled: list[Settled]) -> list[tuple[Claimed, Outgoing]]:
        now = self._clock()
        found: list[tuple[Claimed, Outgoing]] = []
        for each in batch:
            if now >= each.expires_at:
                settled.append(expired(each, now))
            elif (outgoing := opened(self._vault, each)) is None:
                settled.append(after(each, Misconfigured("its key is not in the key ring"), "none", now))
            else:
                found.append((each, outgoing))
        return found

    async def _let_through(
        self, batch: Sequence[tuple[Claimed, Outgoing]], settled: list[Settled]
    ) -> list[Under]:
        """Those that may go, each with its route."""
        now = self._clock()
        verdicts = await self._gate.verdicts(batch, now)
        again = [claimed.id for claimed, _outgoing in batch if claimed.attempts > 1]
        before = await tried(self._database, again) if again else {}
        under: list[Under] = []
        lost = 0
        for claimed, outgoing in batch:
            match verdicts.get(claimed.id):
                case Later(at, why):
                    settled.append(put_off(claimed, at, now, why))
                    continue
                case Never(why):
                    settled.append(stopped(claimed, "blocked", why, now))
                    continue
                case Instead(other):
                    outgoing = other
                case None:
                    pass
            route = self._carriers.routes.of(claimed.channel, claimed.klass, outgoing.to, outgoing.route)
            if route is None or not self._carriers.named(claimed.channel, route.providers):
                lost += 1
                error = Misconfigured(f"no provider for {claimed.channel}")
                settled.append(after(claimed, error, "none", now))
                continue
            under.append(Under(claimed, outgoing, route, before.get(claimed.id, ())))
        if lost:
            log.error("dispatch.no_provider", channel=batch[0][0].channel, messages=lost)
        return under

    async def _hand(
        self, lane: Lane, provider: Provider, batch: Sequence[Under]
    ) -> tuple[list[Settled], list[Under]]:
        """What is decided of these messages, and those that another provider is to try."""
        done: list[Settled] = []
        further: list[Under] = []
        patience = PATIENCE
        for start in range(0, len(batch), provider.batch):
            part = batch[start : start + provider.batch]
            parts = sum(each.outgoing.parts for each in part)
            while (wait := await self._limits.take(provider.name, parts, lane[1])) and wait <= patience:
                patience -= wait
                await asyncio.sleep(wait)
            if wait:  # Our own rule, not the provider's: it is neither counted nor passed on.
                now = self._clock()
                done += [put_off(each.claimed, now + timedelta(seconds=wait), now) for each in batch[start:]]
                break
            now = self._clock()
            late = [each for each in part if now >= each.claimed.expires_at]
            done += [expired(each.claimed, now) for each in late]
            part = [each for each in part if now < each.claimed.expires_at]
            outcomes = await self._outcomes(provider, [each.outgoing for each in part]) if part else []
            now = self._clock()
            final = [
                (each.claimed, outcome)
                for each, outcome in zip(part, outcomes, strict=True)
                if isinstance(outcome, Unsubscribed | Nobody)
            ]
            if final:
                await self._gate.told(final, now)
            for each, outcome in zip(part, outcomes, strict=True):
                self._heed(lane, provider, each.claimed, outcome, now)
                end = self._decided(provider, each, outcome, now)
                if end is None:
                    further.append(each)
                else:
                    done.append(end)
        return done, further

    def _decided(self, provider: Provider, each: Under, outcome: Outcome, now: datetime) -> Settled | None:
        """How the message goes on; None where the next provider is to try it now."""
        if isinstance(outcome, DispatchError):
            shares = self._carriers.shares(each.claimed.channel, each.order, now)
            each.order = [name for name in each.order if name in shares]
            if each.order and elsewhere(outcome, each.claimed.klass) and now < each.claimed.expires_at:
                each.notes.append(Note("attempt", outcome.name, outcome.detail, provider.name))
                each.outgoing = replace(each.outgoing, attempt=1)
                return None
        went = isinstance(outcome, Accepted)
        cost = self._charge(each.claimed, each.outgoing, provider.name, now) if went else None
        settled = settlement(
            each.claimed,
            outcome,
            provider,
            now,
            cost,
            receipt_within=each.route.receipt_within,
            open_end=bool(each.outgoing.within),
        )
        if each.notes:
            settled = replace(settled, notes=(*each.notes, *settled.notes))
        return settled

    async def _outcomes(self, provider: Provider, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """One outcome for each message, whatever the provider does."""
        try:
            outcomes = await provider.send(batch)
        except DispatchError as error:
            return [error] * len(batch)
        except Exception as error:
            log.exception("dispatch.provider_failed", provider=provider.name)
            return [Ambiguous(type(error).__name__)] * len(batch)
        if len(outcomes) != len(batch):
            log.error("dispatch.outcomes_missing", provider=provider.name, sent=len(batch), got=len(outcomes))
            return [Ambiguous("the provider's file gave too few outcomes")] * len(batch)
        return outcomes

    def _heed(
        self, lane: Lane, provider: Provider, claimed: Claimed, outcome: Outcome, now: datetime
    ) -> None:
        if isinstance(outcome, Accepted):
            name = "delivered" if outcome.receipt == "delivered" else "sent"
        else:
            name = outcome.name
            if outcome.tried:  # Else whoever met it first has told of it.
                log.warning(
                    "dispatch.not_sent",
                    tracking=claimed.tracking,
                    channel=lane[0],
                    provider=provider.name,
                    error=name,
                    why=outcome.detail,
                )
        self._carriers.heed(provider, outcome, now)
        self._watch(lane, name, now - claimed.due_at)
