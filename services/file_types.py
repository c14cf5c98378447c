"""What a file is, told from its content: never from its name, and without unpacking anything of it.

Sources: PNG 3rd ed. §11.2.1, ITU-T T.81 annex B (JPEG), GIF89a §18, RFC 9649 (WebP), RFC 3533 and 7845 (Ogg,
Opus), RFC 9559 and webmproject.org (EBML, WebM), ISO/IEC 14496-12 §4.3 and §8.4.3 (MP4), ISO 32000-2 §7.5.2
(PDF), PKWARE's APPNOTE §4.3.16 (ZIP).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

ARCHIVE = "archive"
UNKNOWN = ""

# What an archive or compressed file begins with.
_ARCHIVES = (
    b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08",  # ZIP, and so office documents.
    b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"\x1f\x9d", b"BZh", b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"LZIP", b"MSCF", b"xar!",
)  # fmt: skip
_HIDDEN = (b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")  # Found anywhere, not only where a file begins.

_END_OF_ZIP = b"PK\x05\x06"
_ZIP_TAIL = 65_535 + 22

_HEIF = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}

# Other names for the types that are told here.
_ALIASES: Mapping[str, str] = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/x-pdf": "application/pdf",
    "application/ogg": "audio/ogg",
    "audio/opus": "audio/ogg",
    "audio/vorbis": "audio/ogg",
    "audio/mp3": "audio/mpeg",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    # Recorders of browsers call their sound so.
    "video/webm": "audio/webm",
    "video/mp4": "audio/mp4",
}
_UNDECLARED = ("", "application/octet-stream", "binary/octet-stream")

# How a name of each type may end; the first is what a name without such an end is given.
ENDINGS: Mapping[str, tuple[str, ...]] = {
    "image/jpeg": ("jpg", "jpeg", "jpe", "jfif"),
    "image/png": ("png",),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/heic": ("heic", "heif"),
    "image/avif": ("avif",),
    "audio/ogg": ("ogg", "oga", "opus"),
    "audio/mpeg": ("mp3",),
    "audio/mp4": ("m4a", "mp4", "m4b"),
    "audio/aac": ("aac",),
    "audio/webm": ("webm", "weba"),
    "audio/wav": ("wav",),
    "audio/amr": ("amr",),
    "audio/flac": ("flac",),
    "video/mp4": ("mp4", "m4v"),
    "video/webm": ("webm",),
    "application/pdf": ("pdf",),
}
# Ends of names that promise something else, or that a system may run.
_OTHERS = (
    "apk|app|bat|bin|cmd|com|cpl|dll|dmg|exe|gadget|hta|html?|iso|jar|jse?|lnk|mht|mhtml|msi|msp|ps1|py|reg|scr"
    "|sh|svg|vb|vbe|vbs|wsf|xhtml|xml|7z|bz2|cab|gz|rar|tar|tgz|xz|zip|zst|docm?|docx|odt|pptx?|rtf|xlsm|xlsx?"
    "|csv|txt|avi|mkv|mov|mpe?g|wmv|bmp|ico|psd|tiff?"
)


def kind_of(type: str) -> str:
    """What flows call it: image, audio or document."""
    family = type.partition("/")[0]
    return family if family in ("image", "audio") else "document"


def told(content: bytes) -> str:
    """The media type of a content; ``ARCHIVE`` for what would have to be unpacked, also where it is hidden
    behind something else; ``UNKNOWN``."""
    if content.startswith(_ARCHIVES) or content[257:262] == b"ustar":
        return ARCHIVE
    type = _told(content)
    if type and (_ends_as_zip(content) or any(mark in content for mark in _HIDDEN)):
        return ARCHIVE
    return type


def fits(type: str, declared: str, ending: str) -> bool:
    """Whether what was said of a file is true: its declared type, where one was, and the end of its name."""
    declared = _plain(declared)
    if declared not in _UNDECLARED and type not in (declared, _ALIASES.get(declared)):
        return False
    if ending in ENDINGS.get(type, ()):
        return True
    return not re.fullmatch(_OTHERS, ending) and not any(ending in endings for endings in ENDINGS.values())


def promises(declared: str, ending: str) -> bool:
    """Whether a file was said to be of a type that is known here."""
    declared = _plain(declared)
    return _ALIASES.get(declared, declared) in ENDINGS or any(
        ending in endings for endings in ENDINGS.values()
    )


def _plain(declared: str) -> str:
    """A media type without its parameters."""
    return declared.partition(";")[0].strip().lower()


def size_of(type: str, content: bytes) -> tuple[int, int] | None:
    """(width, height) of an image in pixels, from its header; None where that does not say."""
    read = _SIZES.get(type)
    try:
        size = None if read is None else read(content)
    except IndexError:
        return None
    return size if size and size[0] > 0 and size[1] > 0 else None


def _told(content: bytes) -> str:
    for start, type in _STARTS:
        if content.startswith(start):
            return type
    if content[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(content[8:12], UNKNOWN)
    if content[:4] == b"OggS":
        return "audio/ogg" if b"OpusHead" in content[:512] or b"\x01vorbis" in content[:512] else UNKNOWN
    if content[4:8] == b"ftyp":
        return _of_mp4(content)
    if content[:4] == b"\x1aE\xdf\xa3":
        return _of_ebml(content)
    return _of_frames(content)


_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"#!AMR", "audio/amr"),
    (b"fLaC", "audio/flac"),
)


def _of_mp4(content: bytes) -> str:
    brand = content[8:12]
    if brand == b"avif":
        return "image/avif"
    if brand in _HEIF:
        return "image/heic"
    # The type of each track stands in its handler box, eight bytes behind the box's name.
    handlers = {content[match.end() + 8 : match.end() + 12] for match in re.finditer(b"hdlr", content)}
    if b"vide" in handlers:
        return "video/mp4"
    return "audio/mp4" if b"soun" in handlers else UNKNOWN


def _of_ebml(content: bytes) -> str:
    head = content[:4_096]
    if b"webm" not in head[:64]:
        return UNKNOWN
    return "video/webm" if re.search(rb"V_[A-Z0-9_/]{3,}", content) else "audio/webm"


def _of_frames(content: bytes) -> str:
    """Sound without a header: MPEG frames (ISO/IEC 11172-3 §2.4.1.3) or ADTS (ISO/IEC 13818-7 §6.2). Two sync
    words in a row, or it is something else that begins with two such bytes."""
    if len(content) < 4 or content[0] != 0xFF:
        return UNKNOWN
    if content[1] & 0xF6 == 0xF0:
        length = (content[3] & 3) << 11 | content[4] << 3 | content[5] >> 5 if len(content) > 6 else 0
        follows = length > 6 and content[length : length + 1] == b"\xff"
        return "audio/aac" if follows else UNKNOWN
    rate, layer = content[2] >> 4, content[1] >> 1 & 3
    if content[1] & 0xE0 != 0xE0 or layer != 1 or content[1] & 0x18 == 0x08 or not 0 < rate < 15:
        return UNKNOWN
    length = _mp3_length(content[1], content[2])
    return "audio/mpeg" if length and content[length : length + 1] == b"\xff" else UNKNOWN


_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44_100, 48_000, 32_000)


def _mp3_length(second: int, third: int) -> int:
    """The length of a layer III frame in bytes, 0 where it says none."""
    version, place = second >> 3 & 3, third >> 2 & 3
    if place == 3:
        return 0
    first = version == 3
    bits = (_MPEG1 if first else _MPEG2)[third >> 4] * 1_000
    rate = _RATES[place] >> {3: 0, 2: 1, 0: 2}[version]
    return (144 if first else 72) * bits // rate + (third >> 1 & 1)


def _ends_as_zip(content: bytes) -> bool:
    """Whether a ZIP archive reads this as one: it looks for its directory from the end."""
    tail = content[-_ZIP_TAIL:]
    place = tail.rfind(_END_OF_ZIP)
    while place >= 0:
        comment = int.from_bytes(tail[place + 20 : place + 22], "little")
        if place + 22 + comment <= len(tail) and b"PK\x01\x02" in content:
            return True
        place = tail.rfind(_END_OF_ZIP, 0, place)
    return False


def _png(content: bytes) -> tuple[int, int] | None:
    if content[12:16] != b"IHDR" or len(content) < 24:
        return None
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


def _gif(content: bytes) -> tuple[int, int] | None:
    if len(content) < 10:
        return None
    return int.from_bytes(content[6:8], "little"), int.from_bytes(content[8:10], "little")


def _jpeg(content: bytes) -> tuple[int, int] | None:
    """Walks over the segments to the frame header: SOF0 to SOF15 but DHT, JPG and DAC (table B.1)."""
    place = 2
    while place + 9 <= len(content):
        if content[place] != 0xFF:
            return None
        marker = content[place + 1]
        if marker == 0xFF:  # A fill byte.
            place += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = content[place + 5 : place + 7], content[place + 7 : place + 9]
            return int.from_bytes(width), int.from_bytes(height)
        if marker in (0xD9, 0xDA):
            return None
        length = int.from_bytes(content[place + 2 : place + 4])
        if length < 2:
            return None
        place += 2 + length
    return None


def _webp(content: bytes) -> tuple[int, int] | None:
    chunk = content[12:16]
    if len(content) < 30:
        return None
    if chunk == b"VP8X":
        return (
            1 + int.from_bytes(content[24:27], "little"),
            1 + int.from_bytes(content[27:30], "little"),
        )
    if chunk == b"VP8L" and content[20] == 0x2F:
        bits = int.from_bytes(content[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and content[23:26] == b"\x9d\x01\x2a":
        width, height = content[26:28], content[28:30]
        return int.from_bytes(width, "little") & 0x3FFF, int.from_bytes(height, "little") & 0x3FFF
    return None


_SIZES: Mapping[str, Callable[[bytes], tuple[int, int] | None]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
}
