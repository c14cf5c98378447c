from __future__ import annotations

import pytest

from records.committer import Committer
from records.database import Database
from records.vault import Vault
from tests.dispatch.outbox import Clock, Outbox


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(database: Database, committer: Committer, vault: Vault, clock: Clock) -> Outbox:
    return Outbox(database, committer, vault, clock)
