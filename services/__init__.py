"""What the business does, whatever the channel: one object for each duty, built once and shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import ClientSession

from engine.turn import Language
from records.committer import Committer
from records.database import Database
from records.signals import OwnSignals, Signals
from records.vault import Vault
from services.calendar import Calendar
from services.callbacks import Callbacks
from services.casebook import Casebook
from services.complaints import Complaints
from services.consents import Consents
from services.files import FileLimits, Files
from services.handover import Handover
from services.handover_acts import Acts
from services.handover_complaints import HandoverComplaints
from services.handover_desk import PATIENCE, HandoverDesk
from services.handover_files import HandoverFiles
from services.handover_hours import ALWAYS, Hours, read_hours
from services.handover_posts import Postbox, by_outbox
from services.identity import Identity, Registry
from services.linking import Linking
from services.messages import Messages
from services.notices import Notices
from services.subscribers import Subscribers, Trust
from services.tariffs import Carrier, Tariffs
from services.telling import Telling
from services.verification import Verification

# The channels on which what an operator says leaves through the outbox, and their kinds of address.
CARRIED: Mapping[str, str] = {"telegram": "telegram", "bale": "bale", "sms": "msisdn"}


@dataclass(frozen=True, slots=True)
class Services:
    """All of them. ``build`` wires them; a test may build one alone."""

    verification: Verification
    complaints: Complaints
    subscribers: Subscribers
    linking: Linking
    consents: Consents
    callbacks: Callbacks
    handover: Handover
    handover_desk: HandoverDesk
    handover_complaints: HandoverComplaints
    handover_files: HandoverFiles
    messages: Messages
    files: Files
    identity: Identity
    notices: Notices
    tariffs: Tariffs

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
        signals: Signals | None = None,
        handover_hours: str = ALWAYS,
        handover_patience: timedelta = PATIENCE,
        trust: Trust | None = None,
        carriers: Mapping[str, Carrier] | None = None,
        file_limits: FileLimits | None = None,
    ) -> Services:
        """``domain``: the site in the last line of a code's SMS; ``dial``: the code that people dial;
        ``complaint_days``: working days within which a complaint is answered; ``handover_hours``: when
        operators are there; ``handover_patience``: how long one may give no sign of life;
        ``carriers``: who carries each channel, for what messages cost;
        ``trust``: for how long what people proved is believed; ``file_limits``: which files are taken. Raises
        ``BadHours``."""
        notices = Notices(vault=vault, languages=languages, dial=dial)
        subscribers = Subscribers(database=database, vault=vault, languages=languages, trust=trust)
        postbox = Postbox(vault=vault, notices=notices, carry=by_outbox(vault, CARRIED))
        telling = Telling(
            database=database, vault=vault, subscribers=subscribers, notices=notices, postbox=postbox
        )
        callbacks = Callbacks(database=database)
        complaints = Complaints(
            database=database,
            committer=committer,
            casebook=Casebook(database=database, vault=vault, telling=telling, subscribers=subscribers),
            calendar=calendar,
            days=complaint_days,
        )
        signals = OwnSignals() if signals is None else signals
        files = Files(database=database, committer=committer, vault=vault, limits=file_limits)
        acts = Acts(database=database, committer=committer, signals=signals)
        return cls(
            verification=Verification(database=database, vault=vault, notices=notices, domain=domain),
            complaints=complaints,
            subscribers=subscribers,
            linking=Linking(database=database, committer=committer, vault=vault, subscribers=subscribers),
            consents=Consents(database=database),
            callbacks=callbacks,
            handover=Handover(
                database=database,
                vault=vault,
                callbacks=callbacks,
                complaints=complaints,
                hours=Hours(calendar, read_hours(handover_hours)),
                postbox=postbox,
            ),
            handover_desk=HandoverDesk(
                database=database,
                committer=committer,
                acts=acts,
                postbox=postbox,
                signals=signals,
                patience=handover_patience,
            ),
            handover_complaints=HandoverComplaints(acts=acts, postbox=postbox, complaints=complaints),
            handover_files=HandoverFiles(
                database=database, vault=vault, acts=acts, files=files, postbox=postbox
            ),
            messages=Messages(database=database),
            files=files,
            identity=Identity(http=http, registry=registry),
            notices=notices,
            tariffs=Tariffs(database=database, carriers=carriers or {}),
        )
