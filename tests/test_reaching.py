"""Who calls, mails and pushes, made from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import carriers
import reaching
import settings
from dispatch.provider import Account, ReceiptSource
from house import house
from settings import SettingError

VOICE: Mapping[str, dict[str, str]] = {
    "sandbox": {},
    "kavenegar-call": {"KAVENEGAR_KEY": "k", "KAVENEGAR_CALL_TEMPLATE": "chapar"},
    "ippanel-call": {"IPPANEL_KEY": "k"},
}


async def test_whoever_calls_is_made_from_its_settings(tmp_path: Path) -> None:
    assert set(VOICE) == set(settings.VOICE_PROVIDERS)
    for name, given in VOICE.items():
        found = settings.load({"DATA_DIR": str(tmp_path / name), "VOICE_PROVIDER": name, **given})
        async with house(found) as home:
            provider, close = reaching.provider("voice", name, home)
            assert (provider.name, provider.channel) == (name, "voice")
            assert carriers.usual(found)["voice"].provider == name
            if name.endswith("-call"):
                assert isinstance(provider, ReceiptSource)
                assert isinstance(provider, Account)
            with pytest.raises(SettingError, match="ROUTES_FILE: there is no provider nobody of voice"):
                reaching.provider("voice", "nobody", home)
            await close()


@pytest.mark.parametrize("name", [name for name, given in VOICE.items() if given])
def test_what_a_caller_cannot_do_without(name: str) -> None:
    with pytest.raises(SettingError, match=f"_KEY: is empty, but VOICE_PROVIDER={name} needs it"):
        settings.load({"VOICE_PROVIDER": name})
