"""Who is asked, at the last moment, whether a message may go at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dispatch.provider import Outcome, Outgoing
from records.claims import Claimed


@dataclass(frozen=True, slots=True)
class Later:
    """It may go from ``at`` on."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Never:
    """It is not sent; ``why`` is kept with it."""

    why: str


@dataclass(frozen=True, slots=True)
class Instead:
    """It goes, in these words."""

    outgoing: Outgoing


Verdict = Later | Never | Instead


class Gate(Protocol):
    async def verdicts(
        self, batch: Sequence[tuple[Claimed, Outgoing]], now: datetime
    ) -> Mapping[bytes, Verdict]:
        """By message id; a message that is not named goes as it is. Raises ``Unavailable``."""

    async def told(self, batch: Sequence[tuple[Claimed, Outcome]], now: datetime) -> None:
        """What became of messages that went nowhere, to learn from. Never raises."""


class Open:
    """Everything goes."""

    async def verdicts(
        self, batch: Sequence[tuple[Claimed, Outgoing]], now: datetime
    ) -> Mapping[bytes, Verdict]:
        return {}

    async def told(self, batch: Sequence[tuple[Claimed, Outcome]], now: datetime) -> None:
        pass
