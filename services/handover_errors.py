"""Why an act of an operator was not done."""

from __future__ import annotations

from collections.abc import Sequence


class HandoverError(Exception):
    """Nothing was changed.

    HandoverError
    ├── UnknownThread   there is no such thread
    ├── Taken           somebody else has accepted it
    ├── NotYours        it is not this operator's now
    ├── Over            it is closed
    ├── Unread          the person has said something that the operator has not seen
    └── Absent          the operator to whom it was to go is at no desk
    """


class UnknownThread(HandoverError):
    """There is no thread with this id."""


class Taken(HandoverError):
    """Another operator has accepted this thread."""

    def __init__(self, operator: str) -> None:
        super().__init__(f"{operator} has accepted this thread")
        self.operator = operator


class NotYours(HandoverError):
    """This operator does not talk in this thread now: accept it first."""


class Over(HandoverError):
    """The thread is closed."""


class Unread(HandoverError):
    """The person has said something since the last post that the operator saw: read it before closing."""


class Absent(HandoverError):
    """No operator of this name is at a desk; ``present`` are."""

    def __init__(self, operator: str, present: Sequence[str]) -> None:
        super().__init__(f"{operator} is at no desk")
        self.present = present
