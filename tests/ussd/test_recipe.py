"""The worked example of docs/adding-a-gateway.md works: its file is loaded and its test is run."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ussd

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-gateway.md"
FILE, TEST = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def moolre(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("ussd.moolre")
    exec(compile(FILE, str(PAGE), "exec"), module.__dict__)  # noqa: S102 - the page is ours.
    monkeypatch.setitem(sys.modules, "ussd.moolre", module)
    monkeypatch.setattr(ussd, "moolre", module, raising=False)
    return module


def test_the_example_has_what_every_gateway_has(moolre: ModuleType) -> None:
    for name in ("DOORS", "OPTIONS", "parse", "render", "acknowledge", "refuse"):
        assert hasattr(moolre, name)


def test_the_example_passes_its_own_test(moolre: ModuleType) -> None:
    tests: dict[str, object] = {}
    exec(compile(TEST, str(PAGE), "exec"), tests)  # noqa: S102 - the page is ours.
    ran = 0
    for name, test in tests.items():
        if not name.startswith("test_") or not callable(test):
            continue
        cases = [mark.args[1] for mark in getattr(test, "pytestmark", [])]
        for case in cases[0] if cases else [()]:
            test(*case)
            ran += 1
    assert ran == 6
