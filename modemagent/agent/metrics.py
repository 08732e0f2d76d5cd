"""Prometheus metrics of the daemon, served over HTTP and written to a file.

Requires the extra ``metrics`` (prometheus-client); imported only if the settings ask for metrics.
Counters count the events of this process. Labels hold port ids and words of this program, never an
identifier: the serial number in a path of /dev/serial/by-id can be the IMEI, so paths are masked.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from modemagent import __version__
from modemagent.errors import (
    DeadlinePassed,
    NoAnswer,
    NotAModem,
    PortBusy,
    PortDenied,
    PortNotFound,
    PortVanished,
)
from modemagent.logs import Log
from modemagent.privacy.masking import mask_text
from modemagent.report.message import Reason
from modemagent.watching.events import EVENTS, EventBus, ModemEvent
from modemagent.watching.lifecycle import PortState

if TYPE_CHECKING:
    from modemagent.report.outbox.outbox import Outbox

_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FILE_INTERVAL_S: Final = 15.0
_REQUEST_TIMEOUT_S: Final = 5.0
_REQUEST_BYTES: Final = 8192
#: Connections at a time: other programs that reach the port must not exhaust the file descriptors
#: that modems need.
_MAX_CONNECTIONS: Final = 8

_IN_USE: Final = "Stop the other program that listens there, or change metrics_listen."
_UNKNOWN_NAME: Final = "Use an address instead of this name, such as 127.0.0.1:9470."
#: Remedies for a file that cannot be written, by errno; docs/metrics.md has more.
_REMEDIES: Final = {
    errno.EROFS: "The unit must allow it: systemctl edit modemagent, [Service], "
    "ReadWritePaths=-{folder}, then restart.",
    errno.EACCES: "Let the daemon's group write there: chgrp modemagent {folder}; "
    "chmod g+w {folder}.",
    errno.ENOENT: "Create the directory {folder}, or change metrics_file.",
    errno.EISDIR: "metrics_file must name a file, such as {folder}/modemagent.prom.",
}


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
    "modemagent_identification_seconds": MetricInfo("histogram", "Duration of a complete reading."),
    "modemagent_failures_total": MetricInfo("counter", "Failed attempts to use a port, by reason."),
    "modemagent_events_total": MetricInfo("counter", "Events of modems and SIMs, by name."),
    "modemagent_reports_stored_total": MetricInfo("counter", "Reports stored, by reason."),
    "modemagent_reports_delivered_total": MetricInfo(
        "counter", "Reports acknowledged by the registry."
    ),
    "modemagent_outbox_waiting": MetricInfo("gauge", "Reports that wait to be sent."),
    "modemagent_outbox_buffered": MetricInfo("gauge", "Waiting reports held in memory only."),
    "modemagent_outbox_bytes": MetricInfo("gauge", "Size of the waiting reports, compressed."),
    "modemagent_outbox_limit_bytes": MetricInfo("gauge", "Maximum size of the waiting reports."),
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
_PORT_ERRORS: Final = (
    PortNotFound, PortDenied, PortVanished, PortBusy, NoAnswer, NotAModem, DeadlinePassed,
)  # fmt: skip
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
        outbox: Outbox,
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
        for kind in _PORT_ERRORS:
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


def _age_s(observed_at: str | None) -> float:
    """Return the age of a report; 0 without one, and for one dated in the future."""
    if observed_at is None:
        return 0.0
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(observed_at)).total_seconds())


class MetricsExporter:
    """Serves metrics at an address and writes them to a file, until closed.

    An address or a file that cannot be used is logged and does not stop the daemon. The listener
    and the writing of the file are not the library's: its listener runs in threads without a limit,
    and its temporary file follows links in a directory where other users may write.
    """

    def __init__(self, metrics: Metrics, log: Log) -> None:
        self._metrics = metrics
        self._log = log
        self._server: asyncio.Server | None = None
        self._connections = 0
        self._writer: asyncio.Task[None] | None = None
        self._file: Path | None = None
        self._file_error = ""

    async def open(self, listen: str | None, file: Path | None) -> None:
        if listen:
            host, _, port = listen.rpartition(":")
            try:
                self._server = await asyncio.start_server(
                    self._serve, host.strip("[]"), int(port),
                    limit=_REQUEST_BYTES, backlog=_MAX_CONNECTIONS,
                )  # fmt: skip
            except OSError as error:
                self._log.error(
                    "metrics_listener_failed", address=listen, reason=error.strerror or str(error),
                    hint=_UNKNOWN_NAME if isinstance(error, socket.gaierror) else _IN_USE,
                )  # fmt: skip
            else:
                bound = self._server.sockets[0].getsockname()
                self._log.info("metrics_listening", address=f"http://{bound[0]}:{bound[1]}/metrics")
        self._file = file
        if file:
            self._writer = asyncio.create_task(self._write_periodically(file))

    async def close(self, *, replaced_by: Path | None = None) -> None:
        """Stop serving, and remove the file: the node exporter would show its values forever.

        :param replaced_by: the file of the next exporter, which is kept
        """
        if self._server is not None:
            self._server.close()
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        if self._file is not None and self._file != replaced_by:
            with contextlib.suppress(OSError):
                self._file.unlink()
        self._metrics.close()

    def _text(self) -> str:
        try:
            return self._metrics.text()
        except Exception:  # noqa: BLE001 - a defect here must not stop the daemon
            self._log.error("metrics_error", exc_info=True)
            return ""

    # -- the listener

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= _MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections += 1
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._response(head))
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
            pass  # not a request, or a client that does not read the response
        finally:
            self._connections -= 1
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                writer.transport.abort()

    def _response(self, head: bytes) -> bytes:
        method, path, *_ = (*head.split(b"\r\n", 1)[0].split(b" "), b"", b"")
        if path.partition(b"?")[0] != b"/metrics":
            return _http("404 Not Found", "Not found; see /metrics.\n")
        if method not in (b"GET", b"HEAD"):
            return _http("405 Method Not Allowed", "Use GET.\n", "Allow: GET, HEAD\r\n")
        response = _http("200 OK", self._text(), kind=_CONTENT_TYPE)
        return response if method == b"GET" else response.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    # -- the file

    async def _write_periodically(self, file: Path) -> None:
        while True:
            self._write(file)
            await asyncio.sleep(_FILE_INTERVAL_S)

    def _write(self, file: Path) -> None:
        """Write a temporary file and rename it, so that readers never see a part of it."""
        temporary = file.with_name(f".{file.name}.new")
        try:
            temporary.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as new:
                new.write(self._text())
                os.fchmod(new.fileno(), 0o644)
            temporary.replace(file)
        except OSError as error:
            reason = error.strerror or str(error)
            if reason != self._file_error:
                self._log.error(
                    "metrics_file_failed", file=str(file), reason=reason,
                    hint=_REMEDIES.get(error.errno or 0, "").format(folder=file.parent),
                )  # fmt: skip
            self._file_error = reason
            with contextlib.suppress(OSError):
                temporary.unlink()
        else:
            self._file_error = ""


def _http(status: str, body: str, headers: str = "", kind: str = "text/plain") -> bytes:
    content = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
    return f"{head}{headers}Connection: close\r\n\r\n".encode() + content


def create_exporter(
    events: EventBus, status: Callable[[], Mapping[str, Any]], outbox: Outbox, log: Log
) -> MetricsExporter:
    """Return an exporter of the daemon's metrics, which begin at zero."""
    return MetricsExporter(Metrics(events, status=status, outbox=outbox), log)
