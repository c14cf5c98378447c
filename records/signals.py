"""Signals from one process to the others that are kept nowhere: somebody is typing, look again.

Nothing depends on one. A signal that is lost costs an indicator that does not light, or half a second until
the next look at the records. Sending never raises and never waits.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

ID = 16  # Bytes: whom or what a signal is about, a party or a thread.
WORD = 64  # Bytes at the most.
CHANNEL = "chapar:signals"
AGAIN = 2.0  # Seconds before Redis is tried again.
ATTEMPTS, PAUSE = 50, 0.1  # To end what speaks with it; seconds between them.
MOST_WAITING = 1_000

Heard = Callable[[bytes, str], None]


class Signals(Protocol):
    def send(self, about: bytes, word: str) -> None:
        """Tells everybody who listens, in every process, this one included."""

    def listen(self, heard: Heard) -> Callable[[], None]:
        """Calls ``heard`` with each signal until the returned function is called."""

    async def close(self) -> None:
        """Sends and hears nothing more."""


class Listeners:
    """Who listens in this process."""

    def __init__(self) -> None:
        self._heard: list[Heard] = []

    def listen(self, heard: Heard) -> Callable[[], None]:
        self._heard.append(heard)
        return lambda: self._heard.remove(heard)

    def tell(self, message: bytes) -> None:
        """Tells them what came, if it is a signal at all."""
        if not ID < len(message) <= ID + WORD:
            return
        about, word = message[:ID], message[ID:].decode("utf-8", "replace")
        for heard in tuple(self._heard):
            try:
                heard(about, word)
            except Exception:
                log.exception("signal not taken")


class OwnSignals(Listeners):
    """Where there is but one process."""

    def send(self, about: bytes, word: str) -> None:
        self.tell(_message(about, word))

    async def close(self) -> None:
        pass


class LocalSignals:
    """Between processes that share a folder of one machine: each has a datagram socket there. The folder's
    own permissions say who may signal."""

    def __init__(self, folder: Path) -> None:
        """Raises ``OSError`` when the folder cannot be used."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A socket's name has room for about a hundred bytes, a folder's may be longer: it is reached by its
        # descriptor then.
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._listeners = Listeners()
        self.listen = self._listeners.listen
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind(self._at(self._name))
        except OSError:
            self._socket.close()
            os.close(self._folder)
            raise
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._read)

    def send(self, about: bytes, word: str) -> None:
        message = _message(about, word)
        self._listeners.tell(message)
        for name in os.listdir(self._folder):
            if name != self._name:
                self._send(name, message)

    async def close(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._forget(self._name)
        os.close(self._folder)

    def _send(self, name: str, message: bytes) -> None:
        try:
            self._socket.sendto(message, self._at(name))
        except ConnectionRefusedError:
            self._forget(name)  # Its process was killed.
        except OSError:
            pass  # It is busy, or has just gone: it will look by itself.

    def _read(self) -> None:
        for _some in range(MOST_WAITING):
            try:
                message = self._socket.recv(ID + WORD + 1)
            except OSError:
                return  # Nothing more waits.
            self._listeners.tell(message)

    def _at(self, name: str) -> str:
        return f"/proc/self/fd/{self._folder}/{name}"

    def _forget(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._folder)
        except OSError:
            pass  # Another process was first.


class RedisSignals:
    """Between the processes of many machines, by Redis' PUBLISH. One that is away delays nobody."""

    def __init__(self, url: str) -> None:
        """``TypeError`` or ``ValueError`` when the URL is none of Redis'."""
        self._redis: Any = Redis.from_url(url)
        self._closing = False
        self._listeners = Listeners()
        self.listen = self._listeners.listen
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self._tasks = [asyncio.create_task(self._publish()), asyncio.create_task(self._subscribe())]

    def send(self, about: bytes, word: str) -> None:
        try:
            self._waiting.put_nowait(_message(about, word))
        except asyncio.QueueFull:
            pass  # Redis is away; what is older goes first once it is back, and matters as little.

    async def close(self) -> None:
        # redis-py takes a cancellation that meets it in the middle of a command for a connection that failed,
        # so that one is not always enough.
        self._closing = True
        tasks = set(self._tasks)
        for _attempt in range(ATTEMPTS):
            for task in tasks:
                task.cancel()
            _done, tasks = await asyncio.wait(tasks, timeout=PAUSE)
            if not tasks:
                break
        await self._redis.aclose()

    async def _publish(self) -> None:
        while not self._closing:
            message = await self._waiting.get()
            try:
                await self._redis.publish(CHANNEL, message)
            except (RedisError, OSError):
                # This process hears its own at least.
                self._listeners.tell(message)
                await self._rest()

    async def _subscribe(self) -> None:
        while not self._closing:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    async for message in channel.listen():
                        self._listeners.tell(message["data"])
            except (RedisError, OSError):
                await self._rest()

    async def _rest(self) -> None:
        if not self._closing:
            await asyncio.sleep(AGAIN)


def _message(about: bytes, word: str) -> bytes:
    return about.ljust(ID, b"\0")[:ID] + word.encode()[:WORD]
