"""Prometheus metrics of the registry; labels never contain an identifier."""

from __future__ import annotations

import time
from collections.abc import Iterator

import prometheus_client
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modemagent import __version__
from modemagent.registry.ingest import Ingest
from modemagent.registry.store import reader
from modemagent.registry.store.engine import Database
from modemagent.registry.store.writer import ReceiptStatus

REJECTED = "rejected"
_PREFIX = "modemagent_registry"


class RegistryMetrics:
    """Counters of this process, and numbers of stored rows, which are counted at each scrape."""

    def __init__(self, database: Database, ingest: Ingest) -> None:
        self._database = database
        self._ingest = ingest
        # otherwise each counter has a second series with the time of its creation
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # not annotated
        self._registry = prometheus_client.CollectorRegistry()
        self._registry.register(self)
        self.reports = prometheus_client.Counter(
            f"{_PREFIX}_reports_received",
            "Reports received by result.",
            ["status"],
            registry=self._registry,
        )
        for status in (*ReceiptStatus, REJECTED):
            self.reports.labels(status)
        self.requests = prometheus_client.Counter(
            f"{_PREFIX}_requests",
            "HTTP requests by route and status.",
            ["route", "status"],
            registry=self._registry,
        )
        self.request_seconds = prometheus_client.Histogram(
            f"{_PREFIX}_request_seconds",
            "Time from the request to the start of the response by route.",
            ["route"],
            registry=self._registry,
        )

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics that are not counted by this process."""
        build = GaugeMetricFamily(f"{_PREFIX}_build_info", "Version; always 1.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        yield GaugeMetricFamily(
            f"{_PREFIX}_pending_batches", "Batches that wait to be stored.", self._ingest.pending
        )
        with self._database.reading() as connection:
            counts = reader.counts(connection)
            size = reader.size_bytes(connection)
        yield GaugeMetricFamily(f"{_PREFIX}_database_bytes", "Size of the database.", size)
        for name, count in counts.items():
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", f"Number of stored {name}.", count)

    def describe(self) -> list[GaugeMetricFamily]:
        """Return nothing: registration needs no query."""
        return []

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the format of an ``Accept`` header, and the content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class RequestMetrics:
    """ASGI middleware that counts and times requests by the path of their route."""

    def __init__(self, app: ASGIApp, metrics: RegistryMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        def observe(status: int) -> None:
            if "route" in scope:
                route = scope["route"].path
            else:  # a route of Starlette, here always without parameters
                route = scope["path"] if "endpoint" in scope else "unmatched"
            self._metrics.requests.labels(route, status).inc()
            self._metrics.request_seconds.labels(route).observe(time.perf_counter() - started)

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                observe(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except Exception:
            observe(500)
            raise
