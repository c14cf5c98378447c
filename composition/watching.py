"""What is watched of a process: its routes of health and metrics, and a port for them where it has none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import select

from composition.house import House, Refused
from records import claims, inbox
from smpp.connection import Connection
from web import monitor
from web.access import LOOPBACK, AnyOf, RouteSecret


@asynccontextmanager
async def watched(home: House) -> AsyncIterator[int | None]:
    """``DISPATCH_PORT`` of a process that only sends, open for those who watch it; the port, None where the
    setting is empty."""
    if home.settings.dispatch_port is None:
        yield None
        return
    app = web.Application()
    app.add_routes(routes(home))
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, home.settings.host, home.settings.dispatch_port).start()
        except OSError as error:
            raise Refused(f"HOST, DISPATCH_PORT: no way to listen there: {error.strerror}") from None
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def routes(home: House) -> list[web.RouteDef]:
    """``/healthz``, ``/readyz``, ``/metrics``."""
    committer, cache = home.committer, home.cache
    depth: dict[str, int] = {}
    unread = [0]

    async def read_depth() -> None:
        found = await claims.depth(home.database)
        depth.clear()
        depth.update(found)
        unread[0] = await inbox.depth(home.database)

    async def database() -> None:
        await home.database.read(select(1))

    async def flows() -> None:
        home.library.live("main")

    home.registry.register(
        monitor.Readings(
            {
                "chapar_commits": ("Transactions of turns", lambda: committer.batches),
                "chapar_committed_units": ("Units of work committed", lambda: committer.units),
                "chapar_commit_largest": ("Units in the largest transaction", lambda: committer.largest),
                "chapar_commit_waiting": ("Units that wait for a transaction", lambda: committer.waiting),
                "chapar_cache_hits": ("Sessions found in the cache", lambda: cache.hits),
                "chapar_cache_misses": ("Sessions not found in the cache", lambda: cache.misses),
                "chapar_cache_errors": ("Cache errors", lambda: cache.errors),
                "chapar_queue_depth": ("Messages that wait to be sent", lambda: sum(depth.values())),
                "chapar_inbox_depth": ("SMS that wait to be read", lambda: unread[0]),
            }
        )
    )
    addresses = RouteSecret(
        networks=home.settings.monitor_addresses, trusted_proxies=home.settings.trusted_proxies
    )
    checks = {"database": database, "writing": committer.ready, "flows": flows}
    return monitor.routes(checks, home.registry, read_depth, AnyOf((LOOPBACK, addresses)))


def watch_smpp(home: House, connections: Mapping[str, Connection]) -> None:
    """What is counted of the binds at each SMSC, by its name, as many as there are when somebody asks."""
    home.registry.register(_Binds(connections))


class _Binds(Collector):
    def __init__(self, connections: Mapping[str, Connection]) -> None:
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        for name, (meaning, read) in BINDS.items():
            told = GaugeMetricFamily(name, meaning, labels=["smsc"])
            for smsc, connection in self._connections.items():
                told.add_metric([smsc], read(connection))
            yield told


BINDS: Mapping[str, tuple[str, Callable[[Connection], float]]] = {
    "chapar_smpp_bound": ("SMPP sessions that are bound", lambda each: each.bound),
    "chapar_smpp_delivered": ("Messages that the SMSC delivered", lambda each: each.counts.delivered),
    "chapar_smpp_accepted": ("Messages that the SMSC took", lambda each: each.counts.accepted),
    "chapar_smpp_refused": ("Messages that the SMSC refused", lambda each: each.counts.refused),
    "chapar_smpp_unanswered": ("Messages without an answer", lambda each: each.counts.unanswered),
    "chapar_smpp_lost": ("SMPP sessions that ended", lambda each: each.counts.lost),
    "chapar_smpp_failed_binds": ("Binds that did not succeed", lambda each: each.counts.failed),
}
