"""The reporter: baselines that it stores with reports, and those that it finds at a start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from modemagent.agent.reporting import Reporter
from modemagent.identity.evidence import Evidence
from modemagent.identity.snapshot import Modem, Snapshot
from modemagent.logs import NullLog
from modemagent.report.message import ModemHealth, PortPlace, Reason
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import ReportDraft
from modemagent.watching.events import EventBus

PLACE = PortPlace(path="/dev/ttyUSB2", id="usb:1-2:1.2")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path, gateway_id="gw-1", log=NullLog())) as opened:
        yield opened


def reporter(outbox: Outbox) -> Reporter:
    return Reporter(outbox, NullLog(), EventBus())


def test_baseline_is_found_after_a_restart_without_its_evidence(outbox: Outbox) -> None:
    evidence = Evidence(field="model", command="AT+CGMM", answer="EG25", parser="line", at_ms=1)
    reading = Snapshot(port="/dev/ttyUSB2", modem=Modem(model="EG25"), evidence=(evidence,))
    assert reporter(outbox).submit(PLACE, reading, default_reason=None) is Reason.IDENTIFIED
    assert b"AT+CGMM" in outbox.batch(1)[0].body
    restarted = reporter(outbox)
    found = restarted.baseline(PLACE)
    assert found and (found.modem.model, found.evidence) == ("EG25", ())
    assert restarted.baseline_places() == [PLACE]
    assert restarted.removed(PLACE)
    assert reporter(outbox).baseline_places() == []


@pytest.mark.parametrize("body", [{}, {"snapshot": {"port": 5}, "port": {"path": "/dev/a"}}])
def test_unreadable_baseline_is_discarded(outbox: Outbox, body: dict[str, object]) -> None:
    outbox.put(ReportDraft(reason=Reason.HEARTBEAT), baselines={"usb:1-2": body})
    assert reporter(outbox).baseline_places() == []


@pytest.mark.parametrize("interval_s", [3600.0, 1.5])
def test_heartbeat_is_one_report_of_the_gateway(outbox: Outbox, interval_s: float) -> None:
    reading = Snapshot(port="/dev/ttyUSB2", modem=Modem(model="EG25"))
    reports = reporter(outbox)
    reports.submit(PLACE, reading, default_reason=None)
    reports.heartbeat(interval_s, [ModemHealth("usb:1-2:1.2", "watching", 8)])
    heartbeat = json.loads(outbox.batch(2)[1].body)
    assert (heartbeat["reason"], heartbeat["port"], heartbeat["modem"]) == ("heartbeat", None, None)
    assert heartbeat["heartbeat_s"] == interval_s
    assert type(heartbeat["heartbeat_s"]) is (int if interval_s.is_integer() else float)
    assert heartbeat["health"] == {
        "outbox": 1,
        "evicted": 0,
        "restarts": 0,
        "modems": [{"port_id": "usb:1-2:1.2", "state": "watching", "drops": 8}],
    }
    assert reports.baseline(PLACE) == reading


@pytest.mark.parametrize(
    ("dialect", "reader"), [("quectel", "at"), ("generic", "at"), ("modemmanager", "modemmanager")]
)
def test_report_names_its_reader(outbox: Outbox, dialect: str, reader: str) -> None:
    reading = Snapshot(port="/dev/ttyUSB2", dialect=dialect, modem=Modem(model="EG25"))
    reports = reporter(outbox)
    reports.submit(PLACE, reading, default_reason=None)
    assert reporter(outbox).removed(PLACE)
    identified, removed = (json.loads(each.body) for each in outbox.batch(2))
    assert (identified["reader"], removed["reader"]) == (reader, reader)
