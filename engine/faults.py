"""What can go wrong while a flow runs, none of it the person's fault.

Fault
├── UnknownVersion   the session stands in a version that is not loaded: load it and try again
├── UnknownFlow      nothing of that name is published
├── BrokenFlow       lint would have refused this flow, or the outside answered beyond its signature
└── NotHandedOver    an event of a thread reached a session that no operator talks in any more
"""

from __future__ import annotations


class Fault(Exception):
    """The turn cannot be taken; the session stays as it was before it."""


class UnknownVersion(Fault):
    """The session is pinned to a version of a flow that this process has not loaded."""

    def __init__(self, flow: str, version: str) -> None:
        super().__init__(f"flow {flow} has no version {version} here")
        self.flow = flow
        self.version = version


class UnknownFlow(Fault):
    """A flow that is to be opened or run is not published."""

    def __init__(self, flow: str) -> None:
        super().__init__(f"no flow {flow} is published")
        self.flow = flow


class NotHandedOver(Fault):
    """The session does not stand in a handover: what happened to its thread is of no consequence."""


class BrokenFlow(Fault):
    """A published flow did what lint forbids."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
