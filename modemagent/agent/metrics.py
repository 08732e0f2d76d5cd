"""Prometheus metrics of the daemon: their table, the counted events and the values read on request.

Requires the extra ``metrics`` (prometheus-client); imported only if the settings ask for metrics.
Counters count the events of this process. Labels hold port ids and words of this program, never an
identifier: the serial number in a path of /dev/serial/by-id can be the IMEI, so paths are masked.
"""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from modemagent import __version__
from modemagent.errors import PORT_ERRORS
from modemagent.privacy.masking import mask_text
from modemagent.report.message import Reason
from modemagent.watching.events import EVENTS, EventBus, ModemEvent
from modemagent.watching.port_state import PortState

if TYPE_CHECKING:
    from modemagent.report.outbox.outbox import Outbox


class MetricInfo(NamedTuple):
    """Type and help text of one metric."""

    kind: str
    help: str


#: All metrics, in the order of docs/metrics.md.
METRICS: Final = {
    "modemagent_build_info": MetricInfo("gauge", "Version of the agent; always 1."),
    "modemagent_start_time_seconds": MetricInfo("gauge", "Start time of the agent in Unix time."),
    "modemagent_ports": MetricInfo("gauge", "Ports, by state."),
    "modemagent_port_watched": MetricInfo("gauge", "1 if the modem at a port is watched, else 0."),
    "modemagent_port_drops": MetricInfo(
        "gauge", "Drops of the modem at a port within the last ten minutes."
    ),
    "modemagent_identification_seconds": MetricInfo("histogram", "Duration of a complete reading."),
    "modemagent_failures_total": MetricInfo("counter", "Failed attempts to use a port, by reason."),
    "modemagent_events_total": MetricInfo("counter", "Events of modems and SIMs, by name."),
    "modemagent_reports_stored_total": MetricInfo("counter", "Reports stored, by reason."),
    "modemagent_reports_delivered_total": MetricInfo(
        "counter", "Reports acknowledged by the registry."
    ),
    "modemagent_outbox_waiting": MetricInfo("gauge", "Queued reports."),
    "modemagent_outbox_buffered": MetricInfo("gauge", "Waiting reports held in memory only."),
    "modemagent_outbox_bytes": MetricInfo("gauge", "Size of the queued reports, compressed."),
    "modemagent_outbox_limit_bytes": MetricInfo("gauge", "Maximum size of the queued reports."),
    "modemagent_outbox_evicted_total": MetricInfo("counter", "Reports evicted for lack of space."),
    "modemagent_outbox_quarantined_files": MetricInfo("gauge", "Damaged outbox files kept."),
    "modemagent_outbox_dead_letters": MetricInfo("gauge", "Reports rejected by the registry."),
    "modemagent_outbox_oldest_age_seconds": MetricInfo(
        "gauge", "Age of the oldest waiting report."
    ),
    "modemagent_uplink_state": MetricInfo("gauge", "1 for the current state of the uplink."),
    "modemagent_uplink_failures": MetricInfo("gauge", "Failed attempts in a row."),
    "modemagent_uplink_last_success_age_seconds": MetricInfo(
        "gauge", "Time since the last acknowledgement; missing before the first one."
    ),
}
_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_COUNTED: Final = ("modem.", "sim.", "network.")


class Metrics(Collector):
    """Counts events from its creation on, and reads everything else on request.

    :param status: returns what ``status`` shows
    """

    def __init__(
        self,
        events: EventBus,
        *,
        status: Callable[[], Mapping[str, Any]],
        outbox: "Outbox",
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # not annotated there
        self._status = status
        self._outbox = outbox
        self._started = time.time()
        self._registry = CollectorRegistry()
        self._registry.register(self)
        self._failures = self._counter("modemagent_failures_total", "reason")
        self._events = self._counter("modemagent_events_total", "event")
        self._stored = self._counter("modemagent_reports_stored_total", "reason")
        self._delivered = self._counter("modemagent_reports_delivered_total")
        name = "modemagent_identification_seconds"
        self._readings = Histogram(
            name, METRICS[name].help, buckets=_BUCKETS, registry=self._registry
        )
        # increase() does not see the first event of a series that begins at 1
        for kind in PORT_ERRORS:
            self._failures.labels(kind.reason)
        for event in EVENTS:
            if event.startswith(_COUNTED):
                self._events.labels(event)
        for reason in Reason:
            self._stored.labels(str(reason))
        self.close = events.subscribe(self._count)

    def _counter(self, name: str, *labels: str) -> Counter:
        return Counter(name, METRICS[name].help, labels, registry=self._registry)

    def _count(self, event: ModemEvent) -> None:
        data: Mapping[str, Any] = event.data
        if event.name == "port.read":
            self._readings.observe(data["elapsed_s"])
        elif event.name == "port.state":
            if data["state"] == PortState.BROKEN:
                self._failures.labels(data.get("reason") or "unknown").inc()
        elif event.name == "report.stored":
            self._stored.labels(data["reason"]).inc()
        elif event.name == "report.delivered":
            self._delivered.inc(data["count"])
        elif event.name.startswith(_COUNTED):
            self._events.labels(event.name).inc()

    def text(self) -> str:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry).decode()

    def describe(self) -> list[Metric]:
        """Return nothing: the library would call :meth:`collect` while this object is built."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics that are read from the state of the daemon."""
        status = self._status()
        states = Tally(modem["state"] for modem in status["modems"])
        outbox, uplink = status["outbox"], status["uplink"]
        size, limit = self._outbox.usage()
        oldest = next((stored.observed_at for stored in self._outbox.batch(1)), None)
        yield _gauge("build_info", {__version__: 1}, "version")
        yield _gauge("start_time_seconds", self._started)
        yield _gauge("ports", {str(state): states[str(state)] for state in PortState}, "state")
        yield _gauge("port_watched", _watched_by_port(status["modems"]), "port")
        yield _gauge("port_drops", _drops_by_port(status), "port")
        yield _gauge("outbox_waiting", outbox["waiting"])
        yield _gauge("outbox_buffered", outbox["buffered"])
        yield _gauge("outbox_bytes", size)
        yield _gauge("outbox_limit_bytes", limit)
        evicted = "modemagent_outbox_evicted_total"
        yield CounterMetricFamily(evicted, METRICS[evicted].help, self._outbox.evicted_total)
        yield _gauge("outbox_quarantined_files", len(outbox["quarantined"]))
        yield _gauge("outbox_dead_letters", outbox["dead_letters"])
        yield _gauge("outbox_oldest_age_seconds", _age_s(oldest))
        yield _gauge("uplink_state", {uplink["state"]: 1}, "state")
        yield _gauge("uplink_failures", uplink.get("attempts") or 0)
        yield _gauge("uplink_last_success_age_seconds", uplink.get("last_success_ago_s"))


def _gauge(
    name: str, value: float | Mapping[str, float] | None, label: str | None = None
) -> GaugeMetricFamily:
    name = f"modemagent_{name}"
    if not isinstance(value, Mapping):
        return GaugeMetricFamily(name, METRICS[name].help, value)
    family = GaugeMetricFamily(name, METRICS[name].help, labels=[label or ""])
    for key, each in value.items():
        family.add_metric([key], each)
    return family


def _watched_by_port(modems: list[Mapping[str, Any]]) -> dict[str, float]:
    """Return 1 for each watched port, else 0; ports with one label after masking are one series."""
    watched: dict[str, bool] = {}
    for modem in modems:
        port = modem["port_id"] or modem["port"]
        watched[port] = watched.get(port, False) or modem["state"] == PortState.WATCHING
    series: dict[str, float] = {}
    for port, is_watched in watched.items():
        label = mask_text(port)
        series[label] = min(series.get(label, 1), is_watched)
    return series


def _drops_by_port(status: Mapping[str, Any]) -> dict[str, float]:
    """Return the drops of each modem that is watched or has dropped."""
    series: dict[str, float] = {}
    for each in (*status["modems"], *status.get("drops", ())):
        label = mask_text(each["port_id"] or each["port"])
        series[label] = max(series.get(label, 0), each.get("drops", 0))
    return series


def _age_s(observed_at: str | None) -> float:
    """Return the age of a report; 0 without one, and for one dated in the future."""
    if observed_at is None:
        return 0.0
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(observed_at)).total_seconds())
