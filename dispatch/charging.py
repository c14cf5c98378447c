"""Who says what a message cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from dispatch.provider import Outgoing
from records.claims import Claimed

# Told once of each message that a provider took, with the provider's name and when: its cost in rial, None
# where nothing says. It may count, and must not wait.
Charger = Callable[[Claimed, Outgoing, str, datetime], int | None]


def unpriced(claimed: Claimed, outgoing: Outgoing, provider: str, at: datetime) -> int | None:
    """Nobody asks."""
    return None
