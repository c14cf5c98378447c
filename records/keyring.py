"""The key ring: the keys that records are sealed with, as JSON in the environment or in a file of mode 0600.

``{"current": "k2", "keys": {"k1": "<base64 of 32 bytes>", "k2": "…"}, "index": "<base64 of 32 bytes>"}``

``current`` seals, every key opens. ``index`` makes blind indexes and digests and is never changed, since
what it made could not be found again.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
import re
import secrets
import stat
from pathlib import Path

KEY_BYTES = 32
_NAME = re.compile(r"k([1-9][0-9]{0,4})")
_HIGHEST = 65_535
_LIKE = '{"current": "k1", "keys": {"k1": base64 of 32 bytes}, "index": base64 of 32 bytes}'


class KeyringError(Exception):
    """The key ring cannot be used; the message is one line that says why and what to do."""


class Keyring:
    """Keys by number (``k7`` is 7). A ring that came from a file reads it again when it meets a number that
    it does not know, so that one process can rotate while others serve."""

    __slots__ = ("_keys", "_path", "current", "index")

    def __init__(self, keys: dict[int, bytes], current: int, index: bytes, path: Path | None = None) -> None:
        self._keys = keys
        self._path = path
        self.current = current
        self.index = index

    def __repr__(self) -> str:
        return f"Keyring(current=k{self.current}, keys={len(self._keys)})"

    @classmethod
    def new(cls) -> Keyring:
        return cls({1: secrets.token_bytes(KEY_BYTES)}, 1, secrets.token_bytes(KEY_BYTES))

    @classmethod
    def parse(cls, text: str, source: str = "the key ring") -> Keyring:
        """The ring that ``text`` (JSON) describes; ``KeyringError`` never repeats any of it."""
        try:
            ring = json.loads(text)
            keys = {_number(name): _key(value) for name, value in ring["keys"].items()}
            current, index = _number(ring["current"]), _key(ring["index"])
        except (ValueError, KeyError, TypeError, AttributeError):
            # The cause would show the text, and with it the keys.
            raise KeyringError(f"{source} is not like {_LIKE}") from None
        if current not in keys:
            raise KeyringError(f"{source}: the current key k{current} is not among its keys")
        return cls(keys, current, index)

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """The ring of a file, which is made (mode 0600) where there is none yet."""
        if not path.exists():
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _create(path, cls.new().text())
            except OSError as error:
                raise KeyringError(f"{path}: the key file cannot be made: {error.strerror}") from error
        ring = cls.parse(_read(path), str(path))
        ring._path = path
        return ring

    def key(self, number: int) -> bytes:
        """The key of this number; ``KeyError`` when the ring has none."""
        key = self._keys.get(number)
        if key is None and self._path is not None:
            self._reread(self._path)
            key = self._keys.get(number)
        if key is None:
            raise KeyError(f"k{number}")
        return key

    def rotate(self) -> str:
        """Adds a new current key, in the file too, and returns its name. The old keys still open."""
        if self._path is None:
            self._add()
            return f"k{self.current}"
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            # Two rotations at once must not lose each other's key: what it sealed could never be opened.
            fcntl.flock(folder, fcntl.LOCK_EX)
            self._reread(self._path)
            self._add()
            _replace(self._path, self.text())
        except OSError as error:
            raise KeyringError(f"{self._path}: the key file cannot be written: {error.strerror}") from error
        finally:
            os.close(folder)
        return f"k{self.current}"

    def text(self) -> str:
        """The ring as JSON, as the environment or the file holds it. All of it is secret."""
        keys = {f"k{number}": _base64(key) for number, key in sorted(self._keys.items())}
        return json.dumps(
            {"current": f"k{self.current}", "keys": keys, "index": _base64(self.index)}, indent=1
        )

    def _add(self) -> None:
        number = max(self._keys) + 1
        if number > _HIGHEST:
            raise KeyringError(f"a key ring holds keys up to k{_HIGHEST}")
        self._keys[number] = secrets.token_bytes(KEY_BYTES)
        self.current = number

    def _reread(self, path: Path) -> None:
        ring = self.parse(_read(path), str(path))
        if ring.index != self.index:
            raise KeyringError(f"{path}: the index key was changed; put the former one back")
        self._keys, self.current = ring._keys, ring.current


def _number(name: str) -> int:
    match = _NAME.fullmatch(name)
    if match is None or int(match[1]) > _HIGHEST:
        raise ValueError("not a key's name")
    return int(match[1])


def _key(value: str) -> bytes:
    try:
        key = base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if len(key) != KEY_BYTES:
        raise ValueError("not 32 bytes")
    return key


def _base64(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _read(path: Path) -> str:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC), encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise KeyringError(f"{path}: the key file is open to others (mode {mode:04o}); chmod 600 it")
            return file.read()
    except UnicodeDecodeError:
        raise KeyringError(f"{path}: the key file is not text") from None
    except OSError as error:
        raise KeyringError(f"{path}: the key file cannot be read: {error.strerror}") from error


def _create(path: Path, text: str) -> None:
    """Makes the file, unless another process is quicker: then its keys are the ones."""
    draft = _draft(path, text)
    try:
        os.link(draft, path)  # Fails where the file exists, unlike a rename.
    except FileExistsError:
        return
    finally:
        draft.unlink()
    _settle(path.parent)


def _replace(path: Path, text: str) -> None:
    """Puts the new file in the place of the old one: nobody sees half of it, and a crash leaves either."""
    os.replace(_draft(path, text), path)
    _settle(path.parent)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _settle(folder: Path) -> None:
    """Makes the file's name as durable as its contents."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
