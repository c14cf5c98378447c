"""From a row of a job to what the outbox is given, by the same rules as a message of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from pydantic import ValidationError

from api import models
from api.body import named
from api.drafts import drafted, lines_of
from api.problems import Wrong
from engine import template
from engine.fold import fold
from engine.numbers import mobile
from engine.turn import Language
from records.jobs import Options
from services.business_templates import placeholders
from services.job_feeder import Check, CheckOf
from services.job_rows import ADDRESS, Fault
from services.submissions import Draft

Single = models.SmsMessage | models.VoiceMessage | models.EmailMessage | models.ChatMessage

MESSAGES: Mapping[str, type[Single]] = {
    "sms": models.SmsMessage,
    "voice": models.VoiceMessage,
    "email": models.EmailMessage,
    "telegram": models.ChatMessage,
    "bale": models.ChatMessage,
}
PHONES = ("sms", "voice")


def check_of(routes: Mapping[str, str], plain: Language) -> CheckOf:
    """How the rows of jobs are looked at: ``routes`` as those of messages, ``plain`` a language that leaves
    digits and words as they are."""

    def of(chosen: Options) -> tuple[Check, Sequence[str]]:
        rows = Rows(chosen, routes, plain)
        return rows, rows.needs

    return of


class Rows:
    """Looks at the rows of one job. ``needs``: the columns that there must be."""

    def __init__(self, chosen: Options, routes: Mapping[str, str], plain: Language) -> None:
        self._chosen = chosen
        self._route = routes.get(chosen.channel)
        self._plain = plain
        self._own = lines_of([chosen.line] if chosen.line else [])
        self._filled = {"text": chosen.text}
        if chosen.channel == "email":
            self._filled["subject"] = chosen.subject
        needs = [
            name
            for field, text in self._filled.items()
            for name in (columns(text) if text is not None else [field])
        ]
        self.needs: Sequence[str] = [*dict.fromkeys(needs)]

    def __call__(self, values: Mapping[str, str], now: datetime) -> Draft | Sequence[Fault]:
        """The draft of a row, or all that is wrong with it."""
        if missing := [name for name in (ADDRESS, *self.needs) if not values.get(name, "").strip()]:
            return [Fault(name, "missing") for name in missing]
        asked = {
            "channel": self._chosen.channel,
            "to": self._address(values[ADDRESS]),
            "class": self._chosen.klass,
            "expires_in": self._chosen.expires_in,
        }
        for field, text in self._filled.items():
            asked[field] = values[field] if text is None else template.parse(text).render(values, self._plain)
        if self._chosen.line is not None:
            asked["line"] = self._chosen.line
        if reference := values.get("reference", "").strip():
            asked["reference"] = reference
        try:
            message = MESSAGES[self._chosen.channel].model_validate(asked)
        except ValidationError as error:
            return [_fault(wrong) for wrong in named(error)]
        draft, wrong = drafted(message, self._route, self._own, now)
        return [_fault(each) for each in wrong] or draft

    def _address(self, given: str) -> str:
        """As people and their programs write it."""
        if self._chosen.channel in PHONES:
            return mobile(given) or fold(given).replace(" ", "")
        return given.strip() if self._chosen.channel == "email" else fold(given).strip()


@lru_cache(maxsize=256)
def columns(text: str) -> list[str]:
    """The columns that fill a text. Raises ``BadText``."""
    return list(placeholders(text))


def _fault(wrong: Wrong) -> Fault:
    return Fault(wrong.pointer.removeprefix("/"), wrong.kind, wrong.values or {})
