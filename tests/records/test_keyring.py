from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from records.keyring import Keyring, KeyringError
from records.vault import Unreadable, Vault

KEY = base64.b64encode(bytes(range(32))).decode()
RING = {"current": "k1", "keys": {"k1": KEY}, "index": KEY}


def test_the_first_start_makes_the_file_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "var" / "keys.json"
    ring = Keyring.load(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]
    assert Keyring.load(path).text() == ring.text()
    assert ring.current == 1


def test_many_first_starts_at_once_agree_on_one_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: Keyring.load(path).text(), range(32)))
    assert len(set(rings)) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys.json"
    Keyring.load(path)
    path.chmod(mode)
    with pytest.raises(KeyringError, match=rf"keys\.json: .* \(mode {mode:04o}\); chmod 600 it"):
        Keyring.load(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        json.dumps(RING | {"keys": {"k1": KEY[:-8]}}),
        json.dumps(RING | {"keys": {"k1": "سلام"}}),
        json.dumps(RING | {"keys": {"first": KEY}}),
        json.dumps(RING | {"keys": {"k0": KEY}}),
        json.dumps(RING | {"keys": {"k65536": KEY}}),
        json.dumps(RING | {"keys": [KEY]}),
        json.dumps(RING | {"keys": {"k1": 7}}),
        json.dumps(RING | {"index": ""}),
        json.dumps({"current": "k1", "keys": {"k1": KEY}}),
    ],
)
def test_a_ring_that_is_none_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(KeyringError) as caught:
        Keyring.parse(text, "KEYS")
    assert str(caught.value).startswith("KEYS is not like ")
    assert KEY not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_current_key_must_be_there() -> None:
    with pytest.raises(KeyringError, match="k2 is not among its keys"):
        Keyring.parse(json.dumps(RING | {"current": "k2"}))


def test_a_file_that_cannot_be_read_or_made_is_told_in_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\xff\xfe")
    broken.chmod(0o600)
    with pytest.raises(KeyringError, match="not text"):
        Keyring.load(broken)
    with pytest.raises(KeyringError, match="cannot be read: Is a directory"):
        Keyring.load(tmp_path)
    with pytest.raises(KeyringError, match="cannot be made"):
        Keyring.load(broken / "keys.json")


def test_rotation_adds_a_key_and_keeps_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    ring = Keyring.load(path)
    old = Vault(ring).seal(b"old", b"c")
    assert ring.rotate() == "k2"
    new = Vault(ring).seal(b"new", b"c")
    again = Vault(Keyring.load(path))
    assert again.open(old, b"c") == b"old"
    assert again.open(new, b"c") == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_serving_process_learns_the_key_that_another_one_added(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    serving = Vault(Keyring.load(path))
    index = serving.index("msisdn", "+989121234567")
    rotated = Keyring.load(path)
    rotated.rotate()
    assert serving.open(Vault(rotated).seal(b"new", b"c"), b"c") == b"new"
    assert serving.seal(b"now it seals with it too", b"c")[1:3] == b"\x00\x02"
    assert serving.index("msisdn", "+989121234567") == index


def test_rotations_at_once_lose_no_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    Keyring.load(path)
    program = (
        "import sys; from pathlib import Path; from records.keyring import Keyring;"
        "Keyring.load(Path(sys.argv[1])).rotate()"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(path)]) for _ in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    assert sorted(json.loads(path.read_text())["keys"]) == ["k1", "k2", "k3", "k4", "k5"]


def test_a_ring_of_the_environment_is_rotated_into_text() -> None:
    ring = Keyring.parse(json.dumps(RING))
    sealed = Vault(ring).seal(b"x", b"c")
    ring.rotate()
    assert Vault(Keyring.parse(ring.text())).open(sealed, b"c") == b"x"


def test_a_changed_index_key_is_refused_while_serving(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    serving = Keyring.load(path)
    os.unlink(path)
    other = Keyring.load(path)
    other.rotate()
    with pytest.raises(KeyringError, match="index key was changed"):
        Vault(serving).open(Vault(other).seal(b"x", b"c"), b"c")


def test_nothing_secret_shows() -> None:
    ring = Keyring.parse(json.dumps(RING))
    for shown in (repr(ring), str(ring), repr(Vault(ring)), f"{Vault(ring)}"):
        assert KEY not in shown
        assert repr(bytes(range(32))) not in shown


def test_a_key_that_is_gone_is_told() -> None:
    ring = Keyring.parse(json.dumps(RING))
    ring.rotate()
    sealed = Vault(ring).seal(b"x", b"c")
    with pytest.raises(Unreadable, match="no key k2"):
        Vault(Keyring.parse(json.dumps(RING))).open(sealed, b"c")
