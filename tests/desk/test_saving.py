"""Files on the operator's own disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from desk.saving import Unsuitable, load, save


def test_nothing_is_written_over(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(b"old")
    (folder / "a (2).pdf").symlink_to(outside)
    (folder / "a (3).pdf").symlink_to(tmp_path / "nowhere")
    assert save(str(folder), "a.pdf", b"new") == folder / "a (4).pdf"
    assert (folder / "a.pdf").read_bytes() == b"old"
    assert outside.read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()
    assert (folder / "a (4).pdf").stat().st_mode & 0o777 == 0o600
    assert save(str(folder), "bare", b"") == folder / "bare"
    assert save(str(folder), "bare", b"") == folder / "bare (2)"


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", "/etc/passwd", "a\0b"])
def test_a_name_is_one_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(Unsuitable):
        save(str(tmp_path / "in"), name, b"x")
    assert [path.name for path in tmp_path.rglob("*")] == ["in"]


def test_a_folder_is_one_that_there_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "none", tmp_path / "file", "\0"):
        with pytest.raises(Unsuitable):
            save(str(folder), "a.pdf", b"x")


def test_only_plain_files_are_read_and_no_more_than_may_go(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"12345")
    assert load(str(tmp_path / "a.png"), 5) == ("a.png", b"12345")
    assert load(str(tmp_path / "a.png"), 3) == ("a.png", b"1234")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "none", tmp_path / "pipe", "/dev/zero", "a\0"):
        with pytest.raises(Unsuitable):
            load(str(path), 5)
