"""Requests to places that others name, kept away from what is on our own networks (SSRF)."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

_NAT64 = ip_network("64:ff9b::/96")

Allowed = Callable[[str], bool]


class NotPublic(OSError):
    """Whoever named the place may not have us go there."""

    def __init__(self, place: str) -> None:
        super().__init__(errno.EHOSTUNREACH, f"{place} has no public address")


def public(address: str) -> bool:
    """Whether everybody can have this address, also inside of another one (RFC 4291, section 2.5.5.2)."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None and not inner.is_global:
            return False
        if found in _NAT64 and not ip_address(found.packed[12:]).is_global:
            return False
    return found.is_global and not found.is_multicast


class Public(AbstractResolver):
    """Resolves names all of whose addresses are allowed. What it answers is what is connected to, so that a
    name that changes its address between a look and the connection gains nothing."""

    def __init__(self, resolver: AbstractResolver, allowed: Allowed = public) -> None:
        self._resolver = resolver
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not found or not all(self._allowed(each["host"]) for each in found):
            raise NotPublic(host)
        return found

    async def close(self) -> None:
        await self._resolver.close()


class InThreads(AbstractResolver):
    """Asks the system, in threads of its own: whoever names a place can have its name server say nothing for
    long, and the threads that the loop has are few and everybody's."""

    def __init__(self, threads: int = 64) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        look = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look)
        return [
            ResolveResult(
                hostname=host,
                host=str(where[0]),
                port=int(where[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _type, protocol, _name, where in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def public_or_own(address: str) -> bool:
    """The same, and this machine itself: for tests and development."""
    return public(address) or ip_address(address.partition("%")[0]).is_loopback


def guarded(allowed: Allowed = public, limit: int = 100) -> aiohttp.ClientSession:
    """A session that reaches allowed addresses alone, with ``limit`` connections at most (0: any number).
    Whatever is connected to is looked at, so also an address in place of a name, which nobody resolves."""

    def opened(address: Any) -> socket.socket:
        family, kind, protocol, _name, where = address
        if not allowed(str(where[0])):
            raise NotPublic(str(where[0]))
        return socket.socket(family, kind, protocol)

    connector = aiohttp.TCPConnector(
        resolver=Public(InThreads(), allowed), socket_factory=opened, limit=limit
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
