"""All that flows may ask for: one file for each subject, each need's signature beside its handler."""

from __future__ import annotations

from conversation.needs import (
    addresses,
    callbacks,
    complaints,
    consent,
    files,
    handover,
    identity,
    language,
    messages,
    verification,
)
from conversation.needs.context import Handler
from engine.needs import NeedSpec

_ALL = (
    *complaints.NEEDS,
    *verification.NEEDS,
    *identity.NEEDS,
    *addresses.NEEDS,
    *consent.NEEDS,
    *language.NEEDS,
    *callbacks.NEEDS,
    *messages.NEEDS,
    *files.NEEDS,
    *handover.NEEDS,
)

SPECS: dict[str, NeedSpec] = {spec.name: spec for spec, _handler in _ALL}
HANDLERS: dict[str, Handler] = {spec.name: handler for spec, handler in _ALL}
