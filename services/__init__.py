"""What the business does, whatever the channel: one object for each duty, built once and shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import ClientSession

from engine.turn import Language
from records.committer import Committer
from records.database import Database
from records.vault import Vault
from services.calendar import Calendar
from services.callbacks import Callbacks
from services.casebook import Casebook
from services.complaints import Complaints
from services.consents import Consents
from services.handover import Handover
from services.identity import Identity, Registry
from services.messages import Messages
from services.notices import Notices
from services.subscribers import Subscribers
from services.verification import Verification


@dataclass(frozen=True, slots=True)
class Services:
    """All of them. ``build`` wires them; a test may build one alone."""

    verification: Verification
    complaints: Complaints
    subscribers: Subscribers
    consents: Consents
    callbacks: Callbacks
    handover: Handover
    messages: Messages
    identity: Identity
    notices: Notices

    @classmethod
    def build(
        cls,
        *,
        database: Database,
        committer: Committer,
        vault: Vault,
        languages: Mapping[str, Language],
        http: ClientSession | None,
        calendar: Calendar,
        registry: Registry,
        domain: str,
        dial: str = "*733#",
        complaint_days: int = 2,
    ) -> Services:
        """``domain``: the site in the last line of a code's SMS; ``dial``: the code that people dial;
        ``complaint_days``: working days within which a complaint is answered."""
        notices = Notices(vault=vault, languages=languages, dial=dial)
        subscribers = Subscribers(database=database, vault=vault, languages=languages)
        callbacks = Callbacks(database=database)
        return cls(
            verification=Verification(database=database, vault=vault, notices=notices, domain=domain),
            complaints=Complaints(
                database=database,
                committer=committer,
                casebook=Casebook(database=database, vault=vault, notices=notices, subscribers=subscribers),
                calendar=calendar,
                days=complaint_days,
            ),
            subscribers=subscribers,
            consents=Consents(database=database),
            callbacks=callbacks,
            handover=Handover(callbacks=callbacks),
            messages=Messages(database=database),
            identity=Identity(http=http, registry=registry),
            notices=notices,
        )
