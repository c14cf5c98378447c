"""Requests to places that others name, kept away from what is on our own networks (SSRF)."""

from __future__ import annotations

import errno
import socket
from ipaddress import IPv6Address, ip_address, ip_network

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

_NAT64 = ip_network("64:ff9b::/96")


class Public(AbstractResolver):
    """Resolves names to public addresses alone. What it answers is what is connected to, so that a name that
    changes its address between a look and the connection gains nothing. Addresses in place of names do not
    come here: ``hosts`` of whoever uses this must name none."""

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        open_ = [each for each in found if public(each["host"])]
        if not open_:
            raise OSError(errno.EHOSTUNREACH, f"{host} has no public address")
        return open_

    async def close(self) -> None:
        await self._resolver.close()


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


def guarded() -> aiohttp.ClientSession:
    """A session that reaches public addresses alone."""
    resolver = Public(aiohttp.ThreadedResolver())
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver, limit=100), cookie_jar=aiohttp.DummyCookieJar()
    )
