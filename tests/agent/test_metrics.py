"""Metrics of the outbox and of ports, read by the parser of prometheus-client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modemagent.agent.metrics import Metrics
from modemagent.logs import NullLog
from modemagent.report.message import PortPlace, Reason
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import ReportDraft
from modemagent.report.status import outbox_json
from modemagent.watching.events import EventBus

BUFFER_LIMIT = 4
OUTBOX = "modemagent_outbox_"


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(
        tmp_path, gateway_id="gw-1", log=NullLog(), limit_bytes=100_000, max_buffered=BUFFER_LIMIT,
        retry_s=3600,
    )  # fmt: skip
    with closing(opened):
        yield opened


def outbox_metrics(outbox: Outbox, metrics: Metrics | None = None) -> dict[str, float]:
    """Return the metrics of the outbox without their prefix."""
    metrics = metrics or metrics_of(outbox)
    return {
        sample.name.removeprefix(OUTBOX): sample.value
        for family in text_string_to_metric_families(metrics.text())
        for sample in family.samples
        if sample.name.startswith(OUTBOX)
    }


def buffered_and_evicted(outbox: Outbox) -> tuple[float, float]:
    found = outbox_metrics(outbox)
    return found["buffered"], found["evicted_total"]


def metrics_of(outbox: Outbox) -> Metrics:
    def status() -> dict[str, object]:
        return {"modems": [], "outbox": outbox_json(outbox), "uplink": {"state": "off"}}

    return Metrics(EventBus(), status=status, outbox=outbox)


def store(outbox: Outbox, reason: Reason, count: int = 1) -> None:
    for _ in range(count):
        place = PortPlace(path="/dev/ttyUSB2")
        outbox.put(ReportDraft(reason=reason, port=place), baselines={})


def limit_pages(outbox: Outbox, pages: int) -> None:
    """Let SQLite report a full disk."""
    outbox._storage.database.db.execute(f"PRAGMA max_page_count={pages}")


def test_empty_outbox_has_zeros_and_its_limit(outbox: Outbox) -> None:
    assert outbox_metrics(outbox) == {
        "waiting": 0, "buffered": 0, "bytes": 0, "limit_bytes": 100_000, "evicted_total": 0,
        "quarantined_files": 0, "dead_letters": 0, "oldest_age_seconds": 0,
    }  # fmt: skip


def test_full_disk_buffers_and_evicts_reports(outbox: Outbox) -> None:
    store(outbox, Reason.IDENTIFIED)
    assert 0 < outbox_metrics(outbox)["bytes"] < outbox_metrics(outbox)["limit_bytes"]
    limit_pages(outbox, 1)
    while not outbox.buffered():
        store(outbox, Reason.REFRESH)
    assert buffered_and_evicted(outbox) == (1, 0)
    store(outbox, Reason.REFRESH, BUFFER_LIMIT + 1)
    assert buffered_and_evicted(outbox) == (
        BUFFER_LIMIT,
        2,
    )
    limit_pages(outbox, 1_000_000)
    store(outbox, Reason.REFRESH)
    assert buffered_and_evicted(outbox) == (0, 3)


def test_evicted_counter_is_monotonic_and_starts_at_zero(outbox: Outbox, tmp_path: Path) -> None:
    while not (evicted := outbox_metrics(outbox)["evicted_total"]):
        store(outbox, Reason.REFRESH, 50)
    # a damaged file loses its own count
    outbox._storage._open("damaged")
    assert outbox.evicted() < evicted == outbox_metrics(outbox)["evicted_total"]
    assert outbox_metrics(outbox)["quarantined_files"] == 1
    while outbox.evicted() == 0:
        store(outbox, Reason.REFRESH, 50)
    assert outbox_metrics(outbox)["evicted_total"] > evicted
    outbox.close()
    with closing(Outbox(tmp_path, gateway_id="gw-1", log=NullLog())) as again:
        assert again.evicted() > 0 == outbox_metrics(again)["evicted_total"]


def test_counters_exist_before_their_first_event(outbox: Outbox) -> None:
    metrics = metrics_of(outbox)
    zero = [
        (sample.name, *sample.labels.values())
        for family in text_string_to_metric_families(metrics.text())
        for sample in family.samples
        if family.type == "counter" and sample.value == 0
    ]
    for expected in (
        ("modemagent_events_total", "sim.swapped"),
        ("modemagent_failures_total", "busy"),
        ("modemagent_reports_stored_total", "heartbeat"),
        ("modemagent_outbox_evicted_total",),
    ):
        assert expected in zero


BY_ID = "/dev/serial/by-id/usb-Quectel_867698040000013-if02-port0"


def test_path_with_an_imei_is_masked_and_listed_once(outbox: Outbox) -> None:
    watched = {BY_ID: "watching", BY_ID.replace("69804000", "69804111"): "absent"}

    def status() -> dict[str, object]:
        modems = [{"port": p, "port_id": None, "state": s} for p, s in watched.items()]
        return {"modems": modems, "outbox": outbox_json(outbox), "uplink": {"state": "off"}}

    text = Metrics(EventBus(), status=status, outbox=outbox).text()
    assert "/dev/serial/by-id/usb-Quectel_867698*****0013-if02-port0" in text
    assert "8676980400" not in text
    assert text.count("modemagent_port_watched{") == 1
    assert 'port0"} 0.0' in text, "of two that look the same, one is not watched"


@pytest.mark.parametrize(
    "port",
    [
        "usb:10-1.4.3.2.4.1:1.12",
        "pci:0000:01:00.0:wwan0at0",
        "/dev/serial/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.3.2:1.2-port0",
        "tcp://192.168.100.200:8470",
    ],
)
def test_port_id_without_identifiers_is_not_masked(outbox: Outbox, port: str) -> None:
    def status() -> dict[str, object]:
        modems = [{"port": "/dev/ttyUSB2", "port_id": port, "state": "watching"}]
        return {"modems": modems, "outbox": outbox_json(outbox), "uplink": {"state": "off"}}

    text = Metrics(EventBus(), status=status, outbox=outbox).text()
    assert f'modemagent_port_watched{{port="{port}"}} 1.0' in text


def test_drops_of_watched_and_of_missing_modems_are_shown(outbox: Outbox) -> None:
    watched = {"port": "/dev/ttyUSB2", "port_id": "usb:1-2:1.2", "state": "watching", "drops": 0}
    gone = {"port": "/dev/ttyS1", "port_id": None, "drops": 8}

    def status() -> dict[str, object]:
        shown = {"outbox": outbox_json(outbox), "uplink": {"state": "off"}}
        return {"modems": [watched], "drops": [gone], **shown}

    text = Metrics(EventBus(), status=status, outbox=outbox).text()
    assert 'modemagent_port_drops{port="usb:1-2:1.2"} 0.0' in text
    assert 'modemagent_port_drops{port="/dev/ttyS1"} 8.0' in text
