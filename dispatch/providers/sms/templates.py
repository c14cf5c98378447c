"""Messages that go by a text which the vendor approved beforehand: it reaches people who closed their phone
to advertising, and leaves at once."""

from __future__ import annotations

from collections.abc import Mapping

from dispatch.errors import Misconfigured
from dispatch.provider import Outgoing
from records.outbox import template_of


class NoTemplate(Misconfigured):
    """The vendor does not carry this by a template of its own; it can go in words."""


def approved(outgoing: Outgoing, templates: Mapping[str, str]) -> tuple[str, Mapping[str, str]] | None:
    """The vendor's name of the template that this message goes by, and its values by our names. None where it
    goes in words. ``templates``: the vendor's names by ours."""
    said = template_of(outgoing.payload) if outgoing.payload else None
    if said is None or not (name := templates.get(said.template, "")):
        return None
    return name, said.parameters
