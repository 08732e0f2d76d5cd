"""Prometheus metrics of the registry; labels never contain an identifier."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

from modemagent import __version__
from modemagent.registry.ingest import Ingest
from modemagent.registry.store import reader
from modemagent.registry.store.engine import Database
from modemagent.registry.store.record import ReceiptStatus

_PREFIX = "modemagent_registry"

_Observers = tuple[Callable[[], None], Callable[[float], None]]


class RegistryMetrics:
    """Counters of this process, and numbers of stored rows, which are counted at each scrape."""

    def __init__(self, database: Database, ingest: Ingest) -> None:
        self._database = database
        self._ingest = ingest
        self._lock = threading.Lock()
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
        for status in ReceiptStatus:
            self.reports.labels(status)
        self.rejected = prometheus_client.Counter(
            f"{_PREFIX}_reports_rejected",
            "Reports rejected by the code of the problem.",
            ["reason"],
            registry=self._registry,
        )
        self._refused = prometheus_client.Counter(
            f"{_PREFIX}_refused",
            "Requests and connections refused before a route was called, by reason.",
            ["reason"],
            registry=self._registry,
        )
        self._requests = prometheus_client.Counter(
            f"{_PREFIX}_requests",
            "HTTP requests by route and status.",
            ["route", "status"],
            registry=self._registry,
        )
        self._request_seconds = prometheus_client.Histogram(
            f"{_PREFIX}_request_seconds",
            "Time from the request to the start of the response by route.",
            ["route"],
            registry=self._registry,
        )

        self._of_response: dict[tuple[str, int], _Observers] = {}
        #: Number of open event streams.
        self.open_streams: Callable[[], int] = lambda: 0

    def responded(self, route: str, status: int, seconds: float) -> None:
        """Count a response, and the time from the request to the start of the response."""
        observers = self._of_response.get((route, status))
        if observers is None:
            observers = (
                self._requests.labels(route, status).inc,
                self._request_seconds.labels(route).observe,
            )
            self._of_response[route, status] = observers
        observers[0]()
        observers[1](seconds)

    def refused(self, reason: str) -> None:
        """Count a request or a connection that was refused."""
        self._refused.labels(reason).inc()

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Yield the metrics that are not counted by this process."""
        build = GaugeMetricFamily(f"{_PREFIX}_build_info", "Version; always 1.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        yield GaugeMetricFamily(
            f"{_PREFIX}_pending_batches", "Batches that wait to be stored.", self._ingest.pending
        )
        yield GaugeMetricFamily(f"{_PREFIX}_event_streams", "Open streams.", self.open_streams())
        workload = self._database.workload
        for name, text, value in (
            ("reports_late", "Reports below the highest number of their stream.", workload.late),
            ("lock_waits", "Transactions that waited for the write lock.", workload.lock_waits),
            ("lock_wait_seconds", "Time waited for the write lock.", workload.lock_wait_s),
        ):
            yield CounterMetricFamily(f"{_PREFIX}_{name}", text, value)
        with self._database.reading() as connection:
            counts = reader.counts(connection)
            size = reader.size_bytes(connection)
        yield GaugeMetricFamily(f"{_PREFIX}_database_bytes", "Size of the database.", size)
        for name, count in counts.items():
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", f"Number of stored {name}.", count)

    def describe(self) -> list[GaugeMetricFamily | CounterMetricFamily]:
        """Return nothing: registration needs no query."""
        return []

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics in the format of an ``Accept`` header, and the content type."""
        encode, content_type = choose_encoder(accept)
        with self._lock:  # one scrape at a time counts the rows
            return encode(self._registry), content_type
