"""Lines that an operator types, while the desk goes on printing above them.

On a terminal each key is seen, so that the person can be shown that somebody is writing, and what is half
typed stays below what arrives. From a pipe lines are taken one after another: a shift can be a script.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import shutil
import termios
import unicodedata
from collections.abc import Callable
from typing import Protocol, TextIO

PROMPT = "> "
END = "\x04"  # Ctrl-D, and what Ctrl-C comes to.
LONGEST = 16  # Characters of a sequence that a key sends.

_PASTE_BEGINS, _PASTE_ENDS = "[200~", "[201~"


class Keyboard(Protocol):
    def show(self, text: str) -> None:
        """Prints lines above what is being typed."""

    async def read(self) -> str | None:
        """The next line without its end; None after the last."""

    def on_key(self, pressed: Callable[[], None]) -> None:
        """Calls ``pressed`` with each key of a line."""

    def end(self) -> None:
        """There is no more to read, whatever is typed."""

    def close(self) -> None:
        """Gives the terminal back as it was."""


def keyboard(source: TextIO, out: TextIO) -> Keyboard:
    """The keyboard of a terminal, or of a pipe."""
    return Terminal(source, out) if source.isatty() and out.isatty() else Piped(source, out)


class Piped:
    """Lines of a pipe or a file. What is printed is printed at once."""

    def __init__(self, source: TextIO, out: TextIO) -> None:
        self._out = out
        self._descriptor = source.fileno()
        self._buffer = b""
        self._ended = False
        self._arrived = asyncio.Event()
        try:
            asyncio.get_running_loop().add_reader(self._descriptor, self._read)
            self._watched = True
        except (PermissionError, OSError):  # A plain file, which is always ready.
            self._watched = False

    def show(self, text: str) -> None:
        print(text, file=self._out, flush=True)

    async def read(self) -> str | None:
        while b"\n" not in self._buffer and not self._ended:
            if self._watched:
                self._arrived.clear()
                await self._arrived.wait()
            else:
                self._read()
        line, _end, self._buffer = self._buffer.partition(b"\n")
        if not line and self._ended and not self._buffer:
            return None
        typed = line.decode("utf-8", "replace")
        self.show(f"{PROMPT}{typed}")
        return typed

    def on_key(self, pressed: Callable[[], None]) -> None:
        """A pipe has no keys."""

    def end(self) -> None:
        self._buffer, self._ended = b"", True
        self._arrived.set()

    def close(self) -> None:
        if self._watched:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._watched = False

    def _read(self) -> None:
        data = os.read(self._descriptor, 4096)
        self._buffer += data
        if not data:
            self._ended = True
            self.close()
        self._arrived.set()


class Typing:
    """A line under way, key by key. What is pasted may have several lines and is one message all the same."""

    def __init__(self) -> None:
        self.text = ""
        self._pasting = False
        self._escape: str | None = None

    def press(self, character: str) -> str | None:
        """Takes one character; the line when it is finished (``END`` when there is no more)."""
        if self._escape is not None:
            self._escaped(character)
        elif character == "\x1b":
            self._escape = ""
        elif character in "\r\n" and self._pasting:
            self.text += "\n"
        elif character in "\r\n":
            line, self.text = self.text, ""
            return line
        elif character in "\x7f\b":
            self.text = self.text[:-1]
        elif character == "\x15":  # Ctrl-U
            self.text = ""
        elif character == "\x03" or (character == END and not self.text):  # Ctrl-C
            return END
        elif character == "\t" or unicodedata.category(character) != "Cc":
            self.text += character
        return None

    def _escaped(self, character: str) -> None:
        """The rest of a sequence that a key sends: only those around what is pasted mean something here."""
        assert self._escape is not None
        self._escape += character
        if self._escape in (_PASTE_BEGINS, _PASTE_ENDS):
            self._pasting = self._escape == _PASTE_BEGINS
        ended = self._escape not in ("[", "O") and (character.isalpha() or character == "~")
        if ended or len(self._escape) > LONGEST or self._escape[0] not in "[O":
            self._escape = None


class Terminal:
    """Keys of a terminal, in a line at its foot."""

    def __init__(self, source: TextIO, out: TextIO) -> None:
        self._out = out
        self._descriptor = source.fileno()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._typing = Typing()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._pressed: Callable[[], None] = lambda: None
        self._before = termios.tcgetattr(self._descriptor)
        attributes = termios.tcgetattr(self._descriptor)
        attributes[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, attributes)
        self._write("\x1b[?2004h")  # What is pasted is marked as such.
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        self._draw()

    def show(self, text: str) -> None:
        self._write("\r\x1b[K" + text.replace("\n", "\r\n") + "\r\n")
        self._draw()

    async def read(self) -> str | None:
        return await self._lines.get()

    def on_key(self, pressed: Callable[[], None]) -> None:
        self._pressed = pressed

    def end(self) -> None:
        self._lines.put_nowait(None)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        self._write("\x1b[?2004l\r\x1b[K")
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, 4096)
        except OSError:
            data = b""  # The terminal was closed.
        if not data:
            self._lines.put_nowait(None)
            asyncio.get_running_loop().remove_reader(self._descriptor)
            return
        for character in self._decoder.decode(data):
            line = self._typing.press(character)
            if line == END:
                self._lines.put_nowait(None)
            elif line is not None:
                self._write("\r\x1b[K" + PROMPT + line.replace("\n", "\r\n") + "\r\n")
                self._lines.put_nowait(line)
            elif self._typing.text:
                self._pressed()
        self._draw()

    def _draw(self) -> None:
        """The line under way, its end where it is longer than the terminal."""
        room = max(shutil.get_terminal_size().columns - len(PROMPT) - 1, 10)
        self._write("\r\x1b[K" + PROMPT + self._typing.text.replace("\n", "⏎")[-room:])

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
