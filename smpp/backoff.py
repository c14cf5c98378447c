"""How long to wait before another try. Pure."""

from __future__ import annotations

from dataclasses import dataclass

HELD = 10.0  # Seconds after which a session counts as one that held.


@dataclass(slots=True)
class Backoff:
    """Each failure doubles the pause, from ``first`` to ``most`` seconds. ``chance`` (0 to 1) takes up to
    half of it away, so that many clients do not come back at once."""

    first: float = 1.0
    most: float = 60.0
    failures: int = 0

    def failed(self, chance: float, *, hopeless: bool = False) -> float:
        """The pause after a failure. ``hopeless``: only somebody's repair can change it, so the longest."""
        self.failures += 1
        # Beyond 2**30 every pause is the longest, and the power would only grow.
        pause = self.most if hopeless else min(self.most, self.first * 2 ** min(self.failures - 1, 30))
        return pause * (1 - chance / 2)

    def ended(self, lasted: float, chance: float) -> float:
        """The pause after a session that lasted so many seconds. One that held begins anew; an SMSC that
        takes each bind and drops it is met less and less often."""
        if lasted >= HELD:
            self.failures = 0
        return self.failed(chance)
