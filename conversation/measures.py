"""What is counted of turns, for ``/metrics``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# How a turn was answered. ``stored``: a repeated request got the screen of its first time.
ANSWERED, STORED, OVER, BUSY, SLOW, UNAVAILABLE, BROKEN = (
    "answered",
    "stored",
    "over",
    "busy",
    "slow",
    "unavailable",
    "broken",
)


class Measures:
    """The counters of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        turns = Counter("chapar_turns", "Turns by how they were answered", ["result"], registry=registry)
        self.turns = {
            result: turns.labels(result)
            for result in (ANSWERED, STORED, OVER, BUSY, SLOW, UNAVAILABLE, BROKEN)
        }
        self.seconds = Histogram(
            "chapar_turn_seconds",
            "Seconds from a request to its screen",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 8),
            registry=registry,
        )
        self.ended = Counter(
            "chapar_sessions_ended", "Sessions ended, by flow outcome", ["outcome"], registry=registry
        )
        self.needs = Counter(
            "chapar_needs", "Needs by name and outcome", ["need", "outcome"], registry=registry
        )
        self.conflicts = Counter(
            "chapar_turn_conflicts", "Turns run again because somebody else was first", registry=registry
        )
        self.in_flight = Gauge("chapar_turns_in_flight", "Turns under way", registry=registry)
