"""The shipped flows have conversations written down for every channel that they are open on."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.channels import CHANNELS
from engine.reader import read_flow
from engine.talks import read_tests

FLOWS = Path(__file__).parent.parent / "flows"


@pytest.mark.parametrize("path", sorted(FLOWS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_flow_has_a_transcript_on_each_of_its_channels(path: Path) -> None:
    source, _findings = read_flow(path.read_bytes(), path.name)
    assert source is not None
    written, findings = read_tests((FLOWS / "tests" / path.name).read_text("utf-8"), path.name)
    assert findings == []
    shown = {test.channel for test in written if any(step.screen for step in test.steps)}
    missing = set(source.data.get("channels", CHANNELS)) - shown
    assert not missing, f"no transcript of {source.name} on {', '.join(sorted(missing))}"
