"""What files are, whatever they say of themselves; and what may be left of their names."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.file_names import MOST, clean, ending
from services.file_types import ARCHIVE, ENDINGS, UNKNOWN, fits, kind_of, promises, size_of, told
from tests.services import files
from tests.services.files import WHOLE


@pytest.mark.parametrize("type", WHOLE)
def test_each_type_is_told_from_its_content(type: str) -> None:
    content = WHOLE[type]
    assert told(content) == type
    assert fits(type, type, ENDINGS[type][0])
    assert fits(type, "", "")
    assert fits(type, "application/octet-stream", "report")
    assert all(not fits(type, other, "") for other in WHOLE if not _alike(type, other))


def _alike(one: str, other: str) -> bool:
    """Browsers call sound without a picture so."""
    return one == other or one.partition("/")[2] == other.partition("/")[2]


@pytest.mark.parametrize("type", WHOLE)
def test_less_than_a_beginning_is_nothing_and_never_an_error(type: str) -> None:
    for length in range(64):
        cut = WHOLE[type][:length]
        told(cut)
        size_of(type, cut)
        assert told(cut[1:]) != type or len(cut) > 20


@given(st.binary(max_size=3_000))
def test_anything_is_looked_at(content: bytes) -> None:
    for start in (
        b"",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF",
        b"\xff\xfb",
        b"\xff\xf1",
        b"\x00\x00\x00\x20ftyp",
    ):
        type = told(start + content)
        size_of(type, start + content)


def tar() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as file:
        file.addfile(tarfile.TarInfo("../../etc/passwd"))
    return held.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        files.archive(),
        files.archive(0),
        gzip.compress(bytes(1_000)),
        lzma.compress(bytes(1_000)),
        tar(),
        b"Rar!\x1a\x07\x01\x00" + bytes(50),
        b"7z\xbc\xaf\x27\x1c" + bytes(50),
        b"BZh9" + bytes(50),
        b"MSCF" + bytes(50),
        # Behind something else, where those who unpack look for them.
        files.png() + files.archive(),
        files.jpeg() + files.archive() + b"a comment of nothing",
        files.pdf(files.archive()),
        files.jpeg() + b"Rar!\x1a\x07\x01\x00" + bytes(50),
        files.ogg() + b"7z\xbc\xaf\x27\x1c" + bytes(50),
    ],
    ids=lambda content: f"{len(content)} bytes",
)
def test_archives_are_told_wherever_they_are(content: bytes) -> None:
    assert told(content) == ARCHIVE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MZ\x90\x00" + bytes(60),
        b"\x7fELF" + bytes(60),
        b"<svg onload=alert(1)>",
        b"<html><script>",
        "سلام".encode(),
        b"#!/bin/sh\nrm -rf /\n",
        b" %PDF-1.7",
        b"II*\x00" + bytes(20),
        b"\x00\x00\x00\x18ftypqt  ",
        b"OggS" + bytes(24) + b"\x80theora" + bytes(100),
        b"\x1aE\xdf\xa3" + bytes(20) + b"matroska" + bytes(50),
        b"\xff\xfb\x90\x00" + bytes(500),
        b"\xff\xf1" + bytes(500),
        b"RIFF\x00\x00\x00\x00AVI LIST",
    ],
    ids=lambda content: f"{len(content)} bytes",
)
def test_what_is_none_of_them(content: bytes) -> None:
    assert told(content) == UNKNOWN


def test_other_names_of_a_type() -> None:
    assert fits("image/jpeg", "image/JPG; charset=binary", "JPEG".lower())
    assert fits("audio/webm", "video/webm;codecs=opus", "webm")
    assert fits("audio/ogg", "audio/opus", "")
    assert not fits("image/jpeg", "image/png", "")
    assert not fits("image/jpeg", "", "png")
    assert not fits("image/jpeg", "image/jpeg", "exe")
    assert not fits("application/pdf", "application/pdf", "docx")
    assert promises("image/jpeg", "")
    assert promises("", "pdf")
    assert not promises("application/x-msdownload", "exe")


@pytest.mark.parametrize(
    ("type", "content", "size"),
    [
        ("image/png", files.png(30_000, 2), (30_000, 2)),
        ("image/jpeg", files.jpeg(65_535, 1), (65_535, 1)),
        ("image/gif", files.gif(300, 200), (300, 200)),
        ("image/webp", files.webp(b"VP8X", 16_000, 9_000), (16_000, 9_000)),
        ("image/webp", files.webp(b"VP8L", 801, 602), (801, 602)),
        ("image/webp", files.webp(b"VP8 ", 320, 240), (320, 240)),
        ("image/png", files.png(0, 10), None),
        ("image/jpeg", b"\xff\xd8\xff\xda" + bytes(50), None),
        ("image/jpeg", b"\xff\xd8" + b"\xff\xe0\x00\x00" * 10, None),
        ("image/webp", files.webp(b"JUNK"), None),
        ("application/pdf", files.pdf(), None),
    ],
)
def test_sizes_are_read_from_the_header(type: str, content: bytes, size: tuple[int, int] | None) -> None:
    assert size_of(type, content) == size


def test_kinds() -> None:
    assert [kind_of(type) for type in ("image/png", "audio/ogg", "application/pdf", "video/mp4")] == [
        "image", "audio", "document", "document",
    ]  # fmt: skip


# Names.


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("قبض ۱۲.jpg", "قبض ۱۲.jpg"),
        ("نامه‌ها.JPEG", "نامه‌ها.jpeg"),
        ("../../../etc/passwd", "passwd.jpg"),
        ("..\\..\\windows\\system32\\drivers", "drivers.jpg"),
        ("/etc/cron.d/x.jpg", "x.jpg"),
        ("a/b\\c.png.jpg", "c.png.jpg"),
        ("", "image.jpg"),
        ("...", "image.jpg"),
        (".htaccess", "htaccess.jpg"),
        ("con.jpg", "image.jpg"),
        ("LPT1", "image.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe.jpg"),
        ("a\x00b\nc\rd\te.jpg", "abcde.jpg"),
        ("a\u2066b\u2069\u200f\u061c.jpg", "ab.jpg"),
        ('<img src=x onerror="alert(1)">.jpg', "img src=x onerror=alert(1).jpg"),
        ("a  \u00a0 b .jpg", "a b.jpg"),
        ("e\u0301.jpg", "é.jpg"),
        ("\ud800x.jpg", "x.jpg"),
        ("x" * 300 + ".jpg", "x" * 96 + ".jpg"),
    ],
)
def test_names_are_cleaned(name: str, kept: str) -> None:
    assert clean(name, "image/jpeg") == kept


@given(st.text(max_size=300), st.sampled_from(sorted(ENDINGS)))
def test_any_name_is_one_that_can_be_kept(name: str, type: str) -> None:
    kept = clean(name, type)
    assert 3 < len(kept) <= MOST
    assert not kept.startswith(".")
    assert ending(kept) in ENDINGS[type]
    assert not set(kept) & set('/\\<>:"|?*')
    assert all(unicodedata.category(each) not in ("Cc", "Cs", "Zl", "Zp") for each in kept)
    assert all(
        unicodedata.bidirectional(each) not in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI")
        for each in kept
    )
    kept.encode()
    assert clean(kept, type) == kept


def test_the_ending_is_the_last() -> None:
    names = ("a.jpg", "a.JPG ", "a.tar.gz", "a", ".jpg", "x/y.png", "a\u202e.gpj")
    assert [ending(name) for name in names] == ["jpg", "jpg", "gz", "", "", "png", "gpj"]
