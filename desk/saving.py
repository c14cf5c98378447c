"""Files between the operator's own folders and a thread: written so that they harm nobody, read with a bound.

The name is the sender's word, cleaned by ``services.file_names``; here nothing is trusted but that it is one
name. A file is never written over another, never runs, and is nobody's but the operator's.
"""

from __future__ import annotations

import os
from pathlib import Path

MOST_NAMES = 100  # Names that are tried for one file.


class Unsuitable(Exception):
    """There is no such folder or file, or it may not be used; the text is the system's."""


def save(folder: str, name: str, content: bytes) -> Path:
    """Writes a new file into a folder that there is; where it is. Raises ``Unsuitable``."""
    place = Path(folder).expanduser()
    if name in ("", ".", "..") or os.path.basename(name) != name or "\0" in name:
        raise Unsuitable(name)
    stem, dot, ending = name.rpartition(".")
    names = [
        name,
        *(
            f"{stem or ending} ({more}){dot if stem else ''}{ending if stem else ''}"
            for more in range(2, MOST_NAMES)
        ),
    ]
    try:
        within = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    except (OSError, ValueError) as error:
        raise Unsuitable(_why(error, folder)) from None
    try:
        for each in names:
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                descriptor = os.open(each, flags, 0o600, dir_fd=within)
            except FileExistsError:
                continue
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
            except OSError:
                os.unlink(each, dir_fd=within)
                raise
            return place / each
    except OSError as error:
        raise Unsuitable(_why(error, folder)) from None
    finally:
        os.close(within)
    raise Unsuitable(name)


def load(path: str, most: int) -> tuple[str, bytes]:
    """(name, content) of a plain file, of one that is too large a byte more than ``most``. Raises
    ``Unsuitable``."""
    place = Path(path).expanduser()
    try:
        if not place.is_file():  # A pipe or a device might never end.
            raise Unsuitable(path)
        with place.open("rb") as file:
            return place.name, file.read(most + 1)
    except (OSError, ValueError) as error:
        raise Unsuitable(_why(error, path)) from None


def _why(error: Exception, path: str) -> str:
    return f"{path}: {error.strerror}" if isinstance(error, OSError) and error.strerror else path
