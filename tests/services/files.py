"""Small files of every type, made by hand: as much of each as its format wants at its beginning."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib


def png(width: int = 3, height: int = 2, body: bytes = b"") -> bytes:
    """A PNG whose header says this size; its image is one line of nothing, whatever the header says."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    image = chunk(b"IDAT", zlib.compress(bytes(8)) + body)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + image + chunk(b"IEND", b"")


def jpeg(width: int = 4, height: int = 3, body: bytes = b"\x00" * 64) -> bytes:
    """A JPEG with a comment before its frame header, as cameras put a preview there."""
    preview = b"\xff\xc0\x00\x11\x08 a size"
    comment = b"\xff\xfe" + struct.pack(">H", 2 + len(preview)) + preview
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + comment + frame + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + body + b"\xff\xd9"


def gif(width: int = 5, height: int = 4) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x00\x00\x00,\x00"


def webp(kind: bytes = b"VP8X", width: int = 640, height: int = 480) -> bytes:
    match kind:
        case b"VP8X":
            body = bytes(4) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
        case b"VP8L":
            body = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14)
        case _:
            body = b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height)
    body = kind + struct.pack("<I", len(body)) + body + bytes(16)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def ogg(codec: bytes = b"OpusHead") -> bytes:
    return b"OggS" + bytes(24) + codec + bytes(200)


def mp4(handler: bytes = b"soun", brand: bytes = b"M4A ") -> bytes:
    handlers = b"".join(b"\x00\x00\x00\x20hdlr" + bytes(8) + each + bytes(12) for each in [handler])
    return b"\x00\x00\x00\x18ftyp" + brand + bytes(12) + b"\x00\x00\x01\x00moov" + handlers


def webm(codec: bytes = b"A_OPUS") -> bytes:
    return b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm" + bytes(40) + codec + bytes(100)


def mp3(header: bytes = b"\xff\xfb\x90\x00") -> bytes:
    """Two frames of 128 kbit/s at 44.1 kHz: 417 bytes each."""
    return (header + bytes(413)) * 2


def aac() -> bytes:
    """Two ADTS frames of 32 bytes."""
    return (b"\xff\xf1\x50\x80\x04\x1f\xfc" + bytes(25)) * 2


def wav() -> bytes:
    return b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28)


def pdf(body: bytes = b"") -> bytes:
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n" + body + b"\ntrailer <<>>\n%%EOF\n"


def archive(size: int = 10, name: str = "a.txt") -> bytes:
    """A ZIP of so many bytes of nothing: of 50 MB it takes 50 KB."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, bytes(size))
    return held.getvalue()


WHOLE = {
    "image/png": png(),
    "image/jpeg": jpeg(),
    "image/gif": gif(),
    "image/webp": webp(),
    "image/heic": mp4(brand=b"heic"),
    "image/avif": mp4(brand=b"avif"),
    "audio/ogg": ogg(),
    "audio/mp4": mp4(),
    "audio/webm": webm(),
    "audio/mpeg": mp3(),
    "audio/aac": aac(),
    "audio/wav": wav(),
    "audio/amr": b"#!AMR\n" + bytes(50),
    "audio/flac": b"fLaC" + bytes(50),
    "video/mp4": mp4(b"vide", b"isom"),
    "video/webm": webm(b"V_VP9"),
    "application/pdf": pdf(),
}
