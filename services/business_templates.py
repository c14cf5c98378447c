"""Texts of businesses with placeholders: ``{name}`` in them is filled for each message. Versions stay, so
that what a message said can be known from the version that it was made by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from engine import template
from engine.turn import Language
from records import account_templates as records
from records.account_templates import Version
from records.committer import Committer
from records.database import Database
from records.unit import Conflict, Unavailable, Unit
from services.accounts import Holder

TRIES = 4


class BadText(ValueError):
    """The text is no template."""


class Unfilled(ValueError):
    """``names``: the placeholders that have no value, or the values that have no placeholder."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


class BusinessTemplates:
    """``plain`` is a language that leaves digits and words as they are."""

    def __init__(self, *, database: Database, committer: Committer, plain: Language) -> None:
        self._database = database
        self._committer = committer
        self._plain = plain

    async def put(self, holder: Holder, name: str, text: str, now: datetime) -> Version:
        """The text under this name from now on: a new version, unless it is the last one's. Raises
        ``BadText``, ``Unavailable``."""
        placeholders(text)
        for _try in range(TRIES):
            last = await self.find(holder, name)
            if last is not None and last.text == text:
                return last
            new = Version(name, last.version + 1 if last else 1, text, now)
            unit = Unit()
            records.add(unit, holder.account, new)
            try:
                await self._committer.commit(unit)
            except Conflict:
                continue
            return new
        raise Unavailable("others were first each time")

    async def find(self, holder: Holder, name: str, version: int | None = None) -> Version | None:
        """This version, else the last. Raises ``Unavailable``."""
        return await records.find(self._database, holder.account, name, version)

    async def page(self, holder: Holder, after: str, most: int) -> Sequence[Version]:
        """The account's templates by name. Raises ``Unavailable``."""
        return await records.page(self._database, holder.account, after, most)

    def filled(self, version: Version, values: Mapping[str, str]) -> str:
        """The text with these values, one for each placeholder. Raises ``Unfilled``."""
        wanted = set(placeholders(version.text))
        if wrong := sorted(wanted ^ values.keys()):
            raise Unfilled(wrong)
        return template.parse(version.text).render(values, self._plain)


def placeholders(text: str) -> Sequence[str]:
    """The names of the placeholders, each once, in their order. Raises ``BadText``."""
    try:
        parsed = template.parse(text)
    except ValueError as error:
        raise BadText(str(error)) from None
    if any(kind for _name, kind in parsed.names):
        raise BadText("a placeholder is a name and nothing else")
    return list(dict.fromkeys(name for name, _kind in parsed.names))
