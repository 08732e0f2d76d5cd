"""Prometheus metrics of the registry; labels never contain an identifier.

Several worker processes keep their counters in files of one folder, from which each of them returns
the sums: a scrape reaches any of them. A worker that replaces one that died continues its file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import prometheus_client
from prometheus_client import Counter, Gauge, multiprocess, values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

from modemagent import __version__
from modemagent.registry.ingest import Ingest
from modemagent.registry.store.database import tallies
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.intake.arrivals import ReceiptStatus
from modemagent.registry.workload import Workload

_PREFIX = "modemagent_registry"
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # name of a variable of prometheus-client

_Observers = tuple[Callable[[], None], Callable[[float], None]]


def share(folder: Path, worker: int) -> None:
    """Keep the metrics that this process creates in a folder, as those of one of its workers."""
    os.environ[_FOLDER] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: worker)  # type: ignore[no-untyped-call]


def forget_gauges(folder: Path, worker: int) -> None:
    """Remove the gauges of a worker that died; its counters stay."""
    multiprocess.mark_process_dead(worker, str(folder))  # type: ignore[no-untyped-call]


class RegistryMetrics:
    """Counters of this process, or of all workers, and numbers of stored rows."""

    def __init__(self, database: Database, ingest: Ingest) -> None:
        self._database = database
        self._ingest = ingest
        self._lock = threading.Lock()
        # otherwise each counter has a second series with the time of its creation
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # not annotated
        own = prometheus_client.CollectorRegistry()
        folder = os.environ.get(_FOLDER)
        self._shown = own if folder is None else prometheus_client.CollectorRegistry()
        if folder is not None:
            multiprocess.MultiProcessCollector(self._shown, folder)  # type: ignore[no-untyped-call]
        self._shown.register(self)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{_PREFIX}_{name}", text, labels, registry=own)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"{_PREFIX}_{name}", text, registry=own, multiprocess_mode="livesum")

        received = counter("reports_received", "Reports received by result.", "status")
        self.reports = {str(status): received.labels(status) for status in ReceiptStatus}
        self.rejected = counter(
            "reports_rejected", "Reports rejected by the code of the problem.", "reason"
        )
        self._refused = counter(
            "refused",
            "Requests and connections refused before a route was called, by reason.",
            "reason",
        )
        self._requests = counter(
            "requests", "HTTP requests by route and status.", "route", "status"
        )
        self._request_seconds = prometheus_client.Histogram(
            f"{_PREFIX}_request_seconds",
            "Time from the request to the start of the response by route.",
            ["route"],
            registry=own,
        )
        self._eir = counter("eir_answers", "Answers about equipment status by result.", "result")
        late = counter("reports_late", "Reports below the highest number of their stream.")
        self._lock_waits = counter("lock_waits", "Transactions that waited for the write lock.")
        self._lock_wait_s = counter("lock_wait_seconds", "Time waited for the write lock.")
        database.workload = Workload(late=late.inc, waited=self._waited)
        self._pending = gauge("pending_batches", "Batches that wait to be stored.")
        self._streams = gauge("event_streams", "Open streams.")
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

    def eir_answered(self, result: str) -> None:
        """Count an answer about the status of equipment."""
        self._eir.labels(result).inc()

    def _waited(self, seconds: float) -> None:
        self._lock_waits.inc()
        self._lock_wait_s.inc(seconds)

    def sample(self) -> None:
        """Set the gauges of this process, which a scrape of another worker also returns."""
        self._pending.set(self._ingest.pending)
        self._streams.set(self.open_streams())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics that no process counts by itself."""
        build = GaugeMetricFamily(f"{_PREFIX}_build_info", "Version; always 1.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        with self._database.reading() as connection:
            counts = tallies.stored(connection)
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
        with self._lock:  # one scrape at a time
            self.sample()
            return encode(self._shown), content_type
