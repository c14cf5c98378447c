"""The rules of the complaint desk as tables: states, who may move a complaint where, categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from languages import _

State = Literal["open", "answered", "closed", "merged"]
Priority = Literal["low", "normal", "high", "urgent"]

# Who does what: from which states, and to which state each leads. What is not here cannot be done.
MOVES: Mapping[tuple[str, str], Mapping[str, State]] = {
    ("person", "message"): {"open": "open", "answered": "open"},
    ("operator", "answered"): {"open": "answered", "answered": "answered"},
    ("operator", "closed"): {"open": "closed", "answered": "closed"},
    ("operator", "reopened"): {"answered": "open", "closed": "open"},
    ("operator", "assigned"): {"open": "open", "answered": "answered"},
    ("operator", "merged"): {"open": "merged", "answered": "merged"},
}


class ComplaintError(Exception):
    """Nothing was changed.

    ComplaintError
    ├── UnknownComplaint   there is no such complaint (of this person)
    ├── Unproved           it came by a number that this chat has not proved, or too long ago
    ├── WrongMove          the complaint's state does not allow it
    └── OtherPerson        the two complaints are of different people
    """


class UnknownComplaint(ComplaintError):
    """There is no complaint with this number, or it is somebody else's."""


class Unproved(ComplaintError):
    """The complaint was filed from another address of this person. It is shown once they have proved, from
    here, that a number is theirs."""


class WrongMove(ComplaintError):
    """The state of the complaint does not allow this act."""

    def __init__(self, author: str, act: str, state: str) -> None:
        super().__init__(f"a complaint that is {state} cannot be {act} by {author}")
        self.act = act
        self.state = state


class OtherPerson(ComplaintError):
    """Complaints of different people are never merged: each would read what the other was told."""


def move(author: str, act: str, state: str) -> State:
    """The state after ``act``; raises ``WrongMove``."""
    try:
        return MOVES[author, act][state]
    except KeyError:
        raise WrongMove(author, act, state) from None


@dataclass(frozen=True, slots=True)
class Category:
    """What a complaint is about: its name for people, and how soon it is looked at."""

    label: str
    priority: Priority


CATEGORIES: Mapping[str, Category] = {
    "unwanted": Category(_("پیام مزاحم"), "normal"),
    "outage": Category(_("قطعی"), "high"),
    "charging": Category(_("هزینه"), "normal"),
    "undelivered": Category(_("نرسیدن پیام"), "normal"),
    "privacy": Category(_("حریم خصوصی"), "urgent"),
    "other": Category(_("سایر"), "normal"),
}


def category(subject: str) -> tuple[str, Category]:
    """The category of a subject as a flow names it; one that is unknown is ``other``."""
    name = subject if subject in CATEGORIES else "other"
    return name, CATEGORIES[name]
