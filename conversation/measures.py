"""What is counted of turns, for ``/metrics``. On the way of a turn these are plain numbers; the collector
makes metrics of them when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

# How a turn was answered. ``stored``: a repeated request got the screen of its first time.
ANSWERED, STORED, OVER, BUSY, SLOW, UNAVAILABLE, BROKEN = RESULTS = (
    "answered",
    "stored",
    "over",
    "busy",
    "slow",
    "unavailable",
    "broken",
)

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 8.0)


class Measures(Collector):
    """The counts of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.turns: Counter[str] = Counter(dict.fromkeys(RESULTS, 0))
        self.ended: Counter[str] = Counter()
        self.needs: Counter[tuple[str, str]] = Counter()
        self.conflicts = 0
        self._seconds = [0] * (len(BUCKETS) + 1)
        self._sum = 0.0
        registry.register(self)

    def took(self, seconds: float) -> None:
        """A turn was answered after so long."""
        self._seconds[bisect_left(BUCKETS, seconds)] += 1
        self._sum += seconds

    def collect(self) -> Iterator[Metric]:
        turns = CounterMetricFamily("chapar_turns", "Turns by how they were answered", labels=["result"])
        for result, count in self.turns.items():
            turns.add_metric([result], count)
        yield turns
        ended = CounterMetricFamily("chapar_sessions_ended", "Sessions ended, by outcome", labels=["outcome"])
        for outcome, count in self.ended.items():
            ended.add_metric([outcome], count)
        yield ended
        needs = CounterMetricFamily("chapar_needs", "Needs by name and outcome", labels=["need", "outcome"])
        for labels, count in self.needs.items():
            needs.add_metric(list(labels), count)
        yield needs
        yield CounterMetricFamily(
            "chapar_turn_conflicts", "Turns run again because somebody else was first", value=self.conflicts
        )
        below, buckets = 0, []
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), self._seconds, strict=True):
            below += count
            buckets.append((bound, below))
        yield HistogramMetricFamily(
            "chapar_turn_seconds",
            "Seconds from a request to its screen",
            buckets=buckets,
            sum_value=self._sum,
        )
