"""Newest reports of benches in the store."""

from __future__ import annotations

import random

from modemagent.registry.envelope import open_envelope
from modemagent.registry.store.benches import benches
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.intake.arrivals import Arrival
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.report.message import canonical_body
from tests.registry.conftest import Body, Gateway


def unit(bench: Gateway, bay: int, verdict: str) -> Body:
    port = {"path": f"/dev/ttyUSB{bay}", "id": f"usb:3-{bay}:1.2"}
    provision = {"stage": "ended", "order": "4711", "bay": f"{bay:02}", "verdict": verdict}
    return bench.report("identified", sims=[], port=port, provision=provision)


def test_newest_report_of_a_bay_counts_in_any_order_of_arrival(database_url: str) -> None:
    database, bench = Database(database_url), Gateway("B2")
    reports = [unit(bench, bay, verdict) for verdict in ("fail", "pass") for bay in (1, 2, 3)]
    reports += [bench.report("heartbeat", sims=[], port=None, modem=None,
                             provision={"stage": "ended", "bay": "04"})]  # fmt: skip
    random.Random(4).shuffle(reports)
    recorder = Recorder(database)
    for one in [*reports, Gateway("gw-7").report("identified")]:
        recorder.record([Arrival(open_envelope(canonical_body(one)), now_ms())])
    with database.reading() as connection:
        (station,) = benches.stations(connection)
        bays = benches.bay_reports(connection, station.row, "B2")
        last = benches.last_reports(connection, station.row, "B2", 3)
        position = benches.position_of(connection, station.row)
    database.close()
    assert station.gateway_id == "B2"
    assert [one.bench["bay"] for one in bays] == ["01", "02", "03", "04"]
    assert {one.bench.get("verdict") for one in bays} == {"pass", None}
    assert [one.key for one in last] == [f"B2/stream-1/{number}" for number in (7, 6, 5)]
    assert station.newest == bays[-1]
    assert position == bays[-1].position
