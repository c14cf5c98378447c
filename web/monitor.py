"""What watches the service from outside reads: ``/healthz``, ``/readyz``, ``/metrics``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from web.access import Public, Rule, guarded

log = structlog.get_logger()

Check = Callable[[], Awaitable[None]]


class Readings(Collector):
    """Numbers that other objects keep anyway, read when somebody asks: name → (meaning, how to read it)."""

    def __init__(self, readings: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        for name, (meaning, read) in self._readings.items():
            yield GaugeMetricFamily(name, meaning, value=read())


def routes(
    checks: Mapping[str, Check],
    registry: CollectorRegistry,
    before_metrics: Check,
    rule: Rule,
) -> list[web.RouteDef]:
    """``checks`` are what ``/readyz`` asks, by name; each raises when its part is not ready.

    ``/healthz`` and ``/readyz`` tell nothing but up or down; ``rule`` guards the metrics. ``before_metrics``
    refreshes the readings that need a query; when it fails they stay as they were, for the metrics are wanted
    most while something is away.
    """

    async def healthz(request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(request: web.Request) -> web.Response:
        states: dict[str, str] = {}
        for name, check in checks.items():
            try:
                await check()
            except Exception as error:
                # Whatever the reason, the answer to the load balancer is the same; its kind helps a person.
                states[name] = type(error).__name__
            else:
                states[name] = "ok"
        ready = all(state == "ok" for state in states.values())
        return web.json_response({"ready": ready, "checks": states}, status=200 if ready else 503)

    async def metrics(request: web.Request) -> web.Response:
        try:
            await before_metrics()
        except Exception as error:
            log.warning("metrics not refreshed", error=type(error).__name__)
        return web.Response(
            body=generate_latest(registry),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    return [
        web.get("/healthz", guarded(healthz, Public())),
        web.get("/readyz", guarded(readyz, Public())),
        web.get("/metrics", guarded(metrics, rule)),
    ]
