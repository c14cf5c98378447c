"""What a measurement tells: figures beside their targets and floors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

DISTURBED = 0.05


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure. ``quick`` is for seeing that everything works: its figures are rough."""

    quick: bool = False

    @property
    def seconds(self) -> float:
        """Of one counted run under load."""
        return 3.0 if self.quick else 10.0

    @property
    def warm_up(self) -> float:
        return 1.0 if self.quick else 3.0

    @property
    def rounds(self) -> int:
        """How often each run is taken; the median of them counts."""
        return 1 if self.quick else 3


@dataclass(frozen=True, slots=True)
class Figure:
    """``least`` or ``most`` is the target. ``floor`` is what the bare parts reach in the same run, described
    by ``floor_is``; ``floor_share`` is the share of it that is a target too. ``value`` is the median of
    ``runs``. ``foreign`` is the share of the machine that others took meanwhile. ``note`` is what else a
    reader should know."""

    name: str
    value: float
    unit: str
    least: float | None = None
    most: float | None = None
    floor: float | None = None
    floor_is: str = ""
    floor_share: float | None = None
    runs: tuple[float, ...] = ()
    foreign: float = 0.0
    note: str = ""

    @classmethod
    def of(cls, name: str, runs: Sequence[float], unit: str, **more: Any) -> Figure:
        """The median of several runs."""
        return cls(name, median(runs), unit, runs=tuple(runs), **more)

    @property
    def of_target(self) -> float | None:
        """The value as a multiple of its target."""
        target = self.least if self.least is not None else self.most
        return None if target is None else self.value / target

    @property
    def of_floor(self) -> float | None:
        """The value as a multiple of its floor."""
        return self.value / self.floor if self.floor else None

    @property
    def missed(self) -> list[str]:
        """What it was to reach and did not, in words."""
        missed = []
        if self.least is not None and self.value < self.least:
            missed.append(f"{number(self.value)} {self.unit}, target at least {number(self.least)}")
        if self.most is not None and self.value > self.most:
            missed.append(f"{number(self.value)} {self.unit}, target at most {number(self.most)}")
        if self.floor_share is not None and self.of_floor is not None and self.of_floor < self.floor_share:
            missed.append(f"{self.of_floor:.2f} of the floor, target at least {self.floor_share:g}")
        return missed

    @property
    def aimed(self) -> bool:
        return self.least is not None or self.most is not None or self.floor_share is not None

    @property
    def disturbed(self) -> bool:
        """Whether others took so much of the machine that the figure says little."""
        return self.foreign > DISTURBED

    def line(self) -> str:
        """The figure in one line for people."""
        parts = [f"  {self.name:<58} {number(self.value):>9} {self.unit:<8}"]
        if len(self.runs) > 1:
            parts.append(f"{number(min(self.runs))}–{number(max(self.runs))}")
        if self.least is not None:
            parts.append(f"{self.of_target:.2f} × target ≥ {number(self.least)}")
        if self.most is not None:
            parts.append(f"{self.of_target:.2f} × target ≤ {number(self.most)}")
        if self.of_floor is not None:
            wanted = f", target ≥ {self.floor_share:g}" if self.floor_share is not None else ""
            parts.append(f"{self.of_floor:.2f} × {self.floor_is} ({number(self.floor or 0)}){wanted}")
        if self.note:
            parts.append(self.note)
        if self.disturbed:
            parts.append(f"others took {self.foreign:.0%} of the machine")
        if self.aimed:
            parts.append("MISSED" if self.missed else "met")
        return " · ".join(parts)

    def plain(self) -> dict[str, Any]:
        """The figure for a file."""
        return asdict(self) | {"of_target": self.of_target, "of_floor": self.of_floor, "missed": self.missed}


def number(value: float) -> str:
    """With as many digits as mean something."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
