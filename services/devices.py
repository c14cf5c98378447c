"""Devices and browsers that people may be pushed to: registered to a person by whoever has the app."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from records import devices as records
from records.changes import place
from records.committer import Committer
from records.database import Database
from records.devices import Device
from records.schema import OURSELVES
from records.unit import Conflict, Unavailable, Unit
from records.vault import Vault
from services.accounts import Holder

MOST = 10  # Of one person in one app; of more the oldest are forgotten.
TRIES = 4


@dataclass(frozen=True, slots=True)
class App:
    """Whose devices: a business's, or with the web chat our own. Those of a sandbox key stand apart."""

    account: bytes

    @classmethod
    def of(cls, holder: Holder) -> App:
        return cls(place("sandbox devices", holder.account) if holder.sandbox else holder.account)


WEB_CHAT = App(OURSELVES)


class Devices:
    def __init__(self, *, database: Database, committer: Committer, vault: Vault) -> None:
        self._database = database
        self._committer = committer
        self._vault = vault

    async def register(
        self, app: App, service: str, name: str, *, kind: str, person: str, now: datetime
    ) -> Device:
        """The device that its ``service`` calls ``name`` is used by this person (an address of this ``kind``)
        from now on, whoever used it before. Raises ``Unavailable``."""
        address = f"{service}:{name}"
        id = self._vault.index("push", f"{app.account.hex()}:{address}")
        party = self._vault.index(kind, person)
        new = Device(
            id, app.account, party, service, self._vault.seal(address.encode(), records.context(id)), now
        )
        for _try in range(TRIES):
            unit = Unit()
            known = await records.find(self._database, id)
            if known is None:
                records.add(unit, new)
            else:
                records.change(unit, new)
                new = replace(new, pushed_at=known.pushed_at)
            others = (await records.of(self._database, {(app.account, party)})).get((app.account, party), ())
            records.remove(unit, [each.id for each in others if each.id != id][MOST - 1 :])
            try:
                await self._committer.commit(unit)
            except Conflict:
                continue  # It was registered, or forgotten, at the same moment.
            return new
        raise Unavailable("others were first each time")

    async def forget(self, app: App, id: bytes, party: bytes | None = None) -> bool:
        """Whether the app, and where one is named this person of it, had this device. Raises
        ``Unavailable``."""
        known = await records.find(self._database, id)
        if known is None or known.account != app.account or party not in (None, known.party):
            return False
        return bool(await records.drop(self._database, [id]))

    async def forget_all(self, app: App, party: bytes) -> None:
        """Forgets every device of this person. Raises ``Unavailable``."""
        await records.drop_of(self._database, app.account, party)
