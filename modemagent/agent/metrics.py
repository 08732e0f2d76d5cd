"""Metrics for Prometheus: counted from the daemon's events, the rest read when it is asked.

Loaded only when the settings ask for metrics. Counters count what this process saw, as Prometheus
expects: what ``status`` says of the outbox's whole life can fall, while a queue in memory stands in
for the file, and would then be taken for a restart.

The text is that of the Prometheus exposition format 0.0.4; labels hold a port's id and words of
this program, never an identifier: the serial number in a path of /dev/serial/by-id can be the IMEI.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
from modemagent.privacy.masking import mask_text
from modemagent.report.message import Reason
from modemagent.watching.events import EVENTS, EventBus, ModemEvent
from modemagent.watching.lifecycle import PortState

if TYPE_CHECKING:
    from modemagent.report.outbox.outbox import Outbox

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metric(NamedTuple):
    """One metric: its kind for Prometheus, and what it says."""

    kind: str
    help: str


#: Every metric there is; docs/metrics.md shows the same.
METRICS: Final = {
    "modemagent_build_info": Metric("gauge", "Version of the agent; always 1."),
    "modemagent_start_time_seconds": Metric("gauge", "When the agent started, in Unix time."),
    "modemagent_ports": Metric("gauge", "Ports the agent knows, by state."),
    "modemagent_port_watched": Metric("gauge", "1 for a port whose modem is watched, else 0."),
    "modemagent_identification_seconds": Metric("histogram", "Time of one whole reading."),
    "modemagent_failures_total": Metric("counter", "Attempts at a port that failed, by reason."),
    "modemagent_events_total": Metric("counter", "What happened to modems and cards, by event."),
    "modemagent_reports_stored_total": Metric("counter", "Reports stored, by reason."),
    "modemagent_reports_delivered_total": Metric("counter", "Reports the registry acknowledged."),
    "modemagent_outbox_waiting": Metric("gauge", "Reports that wait to be sent."),
    "modemagent_outbox_buffered": Metric("gauge", "Waiting reports that are in memory only."),
    "modemagent_outbox_bytes": Metric("gauge", "Bytes that waiting reports take, compressed."),
    "modemagent_outbox_limit_bytes": Metric("gauge", "Bytes that waiting reports may take."),
    "modemagent_outbox_evicted_total": Metric("counter", "Reports given up for want of room."),
    "modemagent_outbox_quarantined_files": Metric("gauge", "Damaged outbox files kept beside it."),
    "modemagent_outbox_dead_letters": Metric("gauge", "Reports the registry would not take."),
    "modemagent_outbox_oldest_age_seconds": Metric("gauge", "Age of the oldest waiting report."),
    "modemagent_uplink_state": Metric("gauge", "1 for the state the way to the registry is in."),
    "modemagent_uplink_failures": Metric("gauge", "Failed attempts in a row."),
    "modemagent_uplink_last_success_age_seconds": Metric(
        "gauge", "Since reports were last acknowledged; missing before the first time."
    ),
}
_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_PORT_ERRORS: Final = (
    PortNotFound, PortDenied, PortVanished, PortBusy, NoAnswer, NotAModem, DeadlinePassed,
)  # fmt: skip
_COUNTED: Final = ("modem.", "sim.", "network.")
#: Shown as 0 before they first happen: ``increase()`` does not see a series that begins at 1.
_FROM_ZERO: Final = (
    *(("modemagent_failures_total", "reason", kind.reason) for kind in _PORT_ERRORS),
    *(("modemagent_events_total", "event", name) for name in EVENTS if name.startswith(_COUNTED)),
    *(("modemagent_reports_stored_total", "reason", str(reason)) for reason in Reason),
)

Sample = tuple[str, Mapping[str, str], float]


class Metrics:
    """Counts from its making on.

    :param status: what ``status`` answers
    """

    def __init__(
        self,
        events: EventBus,
        *,
        status: Callable[[], Mapping[str, Any]],
        outbox: Outbox,
    ) -> None:
        self._status = status
        self._outbox = outbox
        self._started = time.time()
        self._counts: Counter[tuple[str, str, str]] = Counter(dict.fromkeys(_FROM_ZERO, 0))
        self._buckets = [0] * len(_BUCKETS)
        self._readings, self._reading_s = 0, 0.0
        self._delivered = 0
        self.close = events.subscribe(self._count)

    def _count(self, event: ModemEvent) -> None:
        data = event.data
        if event.name == "port.read":
            elapsed_s = float(data["elapsed_s"])  # type: ignore[arg-type]
            self._readings += 1
            self._reading_s += elapsed_s
            for index, bound in enumerate(_BUCKETS):
                self._buckets[index] += elapsed_s <= bound
        elif event.name == "port.state":
            if data["state"] == PortState.BROKEN:
                self._add("modemagent_failures_total", "reason", data.get("reason"))
        elif event.name == "report.stored":
            self._add("modemagent_reports_stored_total", "reason", data["reason"])
        elif event.name == "report.delivered":
            self._delivered += int(data["count"])  # type: ignore[call-overload]
        elif event.name.startswith(_COUNTED):
            self._add("modemagent_events_total", "event", event.name)

    def _add(self, name: str, label: str, value: object) -> None:
        self._counts[name, label, str(value or "unknown")] += 1

    def text(self) -> str:
        """Return all metrics as Prometheus reads them."""
        samples: dict[str, list[Sample]] = {name: [] for name in METRICS}
        for name, labels, value in self._samples():
            family = name if name in METRICS else name.rpartition("_")[0]
            samples[family].append((name, labels, value))
        lines = []
        for family, metric in METRICS.items():
            lines.append(f"# HELP {family} {metric.help}")
            lines.append(f"# TYPE {family} {metric.kind}")
            lines += [_line(*sample) for sample in samples[family]]
        return "\n".join(lines) + "\n"

    def _samples(self) -> Iterator[Sample]:
        yield "modemagent_build_info", {"version": __version__}, 1
        yield "modemagent_start_time_seconds", {}, self._started
        for (name, label, value), count in sorted(self._counts.items()):
            yield name, {label: value}, count
        yield from self._reading_samples()
        yield "modemagent_reports_delivered_total", {}, self._delivered
        status = self._status()
        states = Counter(modem["state"] for modem in status["modems"])
        for state in PortState:
            yield "modemagent_ports", {"state": str(state)}, states[str(state)]
        watched: dict[str, bool] = {}
        for modem in status["modems"]:
            port = modem["port_id"] or modem["port"]
            watched[port] = watched.get(port, False) or modem["state"] == PortState.WATCHING
        shown: dict[str, bool] = {}
        for port, is_watched in watched.items():
            # two that look the same once masked are one series: Prometheus takes no double ones
            label = mask_text(port)
            shown[label] = shown.get(label, True) and is_watched
        for label, is_watched in shown.items():
            yield "modemagent_port_watched", {"port": label}, is_watched
        yield from self._report_samples(status)

    def _reading_samples(self) -> Iterator[Sample]:
        name = "modemagent_identification_seconds"
        for bound, count in zip(_BUCKETS, self._buckets, strict=True):
            yield f"{name}_bucket", {"le": str(bound)}, count
        yield f"{name}_bucket", {"le": "+Inf"}, self._readings
        yield f"{name}_sum", {}, self._reading_s
        yield f"{name}_count", {}, self._readings

    def _report_samples(self, status: Mapping[str, Any]) -> Iterator[Sample]:
        outbox, uplink = status["outbox"], status["uplink"]
        yield "modemagent_outbox_waiting", {}, outbox["waiting"]
        yield "modemagent_outbox_buffered", {}, outbox["buffered"]
        taken, limit = self._outbox.room()
        yield "modemagent_outbox_bytes", {}, taken
        yield "modemagent_outbox_limit_bytes", {}, limit
        yield "modemagent_outbox_evicted_total", {}, self._outbox.given_up
        yield "modemagent_outbox_quarantined_files", {}, len(outbox["quarantined"])
        yield "modemagent_outbox_dead_letters", {}, outbox["dead_letters"]
        oldest = next((stored.body for stored in self._outbox.batch(1)), None)
        yield "modemagent_outbox_oldest_age_seconds", {}, _age_s(oldest)
        yield "modemagent_uplink_state", {"state": uplink["state"]}, 1
        yield "modemagent_uplink_failures", {}, uplink.get("attempts") or 0
        if (ago_s := uplink.get("last_success_ago_s")) is not None:
            yield "modemagent_uplink_last_success_age_seconds", {}, ago_s


def _age_s(body: bytes | None) -> float:
    """Return the age of a report; 0 for none, and for one of a clock that was ahead."""
    if body is None:
        return 0.0
    observed = datetime.fromisoformat(json.loads(body)["observed_at"])
    return max(0.0, (datetime.now(UTC) - observed).total_seconds())


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{shown}}} {float(value)!r}" if shown else f"{name} {float(value)!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
