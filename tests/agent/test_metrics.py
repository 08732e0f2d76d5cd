"""What the outbox does under stress, as metrics: read by Prometheus' own parser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modemagent.agent.metrics import Metrics
from modemagent.logs import NullLog
from modemagent.report.message import PortPlace, Reason
from modemagent.report.outbox.outbox import Outbox, ReportDraft
from modemagent.report.status import outbox_json
from modemagent.watching.events import EventBus

HELD_MOST = 4
OUTBOX = "modemagent_outbox_"


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(
        tmp_path, gateway_id="gw-1", log=NullLog(), limit_bytes=100_000, held_most=HELD_MOST,
        retry_s=3600,
    )  # fmt: skip
    with closing(opened):
        yield opened


def told(outbox: Outbox, metrics: Metrics | None = None) -> dict[str, float]:
    """Return what the metrics say of the outbox, without the words they begin with."""
    metrics = metrics or metrics_of(outbox)
    return {
        sample.name.removeprefix(OUTBOX): sample.value
        for family in text_string_to_metric_families(metrics.text())
        for sample in family.samples
        if sample.name.startswith(OUTBOX)
    }


def metrics_of(outbox: Outbox) -> Metrics:
    def status() -> dict[str, object]:
        return {"modems": [], "outbox": outbox_json(outbox), "uplink": {"state": "off"}}

    return Metrics(EventBus(), status=status, outbox=outbox)


def say(outbox: Outbox, reason: Reason, count: int = 1) -> None:
    for _ in range(count):
        place = PortPlace(path="/dev/ttyUSB2")
        outbox.put(ReportDraft(reason=reason, port=place), places={})


def limit_pages(outbox: Outbox, pages: int) -> None:
    """Make SQLite itself say that the disk is full."""
    outbox._disk.file.db.execute(f"PRAGMA max_page_count={pages}")


def test_a_quiet_outbox_is_all_zero_but_for_its_limit(outbox: Outbox) -> None:
    assert told(outbox) == {
        "waiting": 0, "buffered": 0, "bytes": 0, "limit_bytes": 100_000, "evicted_total": 0,
        "quarantined_files": 0, "dead_letters": 0, "oldest_age_seconds": 0,
    }  # fmt: skip


def test_what_a_full_disk_leaves_in_memory_and_what_is_given_up_for_it(outbox: Outbox) -> None:
    say(outbox, Reason.IDENTIFIED)
    assert 0 < told(outbox)["bytes"] < told(outbox)["limit_bytes"]
    limit_pages(outbox, 1)
    while not outbox.buffered():
        say(outbox, Reason.REFRESH)
    assert (told(outbox)["buffered"], told(outbox)["evicted_total"]) == (1, 0)
    say(outbox, Reason.REFRESH, HELD_MOST + 1)
    assert (told(outbox)["buffered"], told(outbox)["evicted_total"]) == (HELD_MOST, 2)
    limit_pages(outbox, 1_000_000)
    say(outbox, Reason.REFRESH)
    assert (told(outbox)["buffered"], told(outbox)["evicted_total"]) == (0, 3)


def test_the_counter_of_reports_given_up_does_not_fall_and_begins_at_0_with_the_daemon(
    outbox: Outbox, tmp_path: Path
) -> None:
    while not (dropped := told(outbox)["evicted_total"]):
        say(outbox, Reason.REFRESH, 50)
    # a damaged file in use: its count of a whole life goes with it
    outbox._disk._begin_anew("damaged")
    assert outbox.dropped() < dropped == told(outbox)["evicted_total"]
    assert told(outbox)["quarantined_files"] == 1
    while outbox.dropped() == 0:
        say(outbox, Reason.REFRESH, 50)
    assert told(outbox)["evicted_total"] > dropped
    outbox.close()
    with closing(Outbox(tmp_path, gateway_id="gw-1", log=NullLog())) as again:
        assert again.dropped() > 0 == told(again)["evicted_total"]


def test_all_that_can_be_counted_is_there_from_the_start(outbox: Outbox) -> None:
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


def test_a_path_that_holds_the_imei_is_shown_masked_and_once(outbox: Outbox) -> None:
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
def test_an_ordinary_port_is_shown_whole(outbox: Outbox, port: str) -> None:
    def status() -> dict[str, object]:
        modems = [{"port": "/dev/ttyUSB2", "port_id": port, "state": "watching"}]
        return {"modems": modems, "outbox": outbox_json(outbox), "uplink": {"state": "off"}}

    text = Metrics(EventBus(), status=status, outbox=outbox).text()
    assert f'modemagent_port_watched{{port="{port}"}} 1.0' in text
