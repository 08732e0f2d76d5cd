"""What the pages of gateways, modems and evidence read from the database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modemagent.registry.store.fleet import reader
from modemagent.registry.store.fleet.fleet import gateway_row
from modemagent.registry.store.fleet.gateway_health import StreamState, health_of, port_stays
from modemagent.registry.store.people.notes import add
from modemagent.registry.store.privacy import audit
from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID, Gateway, sim
from tests.registry.rules.conftest import Store

AS_OF = 1_772_366_401_500  # 2026-03-01 12:00:01.5


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    found = Store(database_url)
    yield found
    found.database.close()


def test_health_of_a_gateway_counts_holes_and_conflicts(store: Store) -> None:
    gateway = Gateway()
    reports = [gateway.report("identified") for _ in range(4)]
    other = {**reports[3], "modem": {**reports[3]["modem"], "firmware": "X"}, "boot_id": "copy"}
    store.add(*reports[:2], reports[3], other)
    with store.database.reading() as connection:
        row = gateway_row(connection, "gw-1")
        health = health_of(connection, row)
        (stay,) = port_stays(connection, row)
    assert health.streams == [StreamState("stream-1", 4, 1)]
    assert (health.conflicts, health.offset_ms, health.is_synchronized) == (1, 0, True)
    assert (stay["imei"], stay["port"]) == (IMEI, "usb:1-2")


def test_past_and_newest_part_of_a_history(store: Store) -> None:
    gateway = Gateway()
    sims = (ICCID, OTHER_ICCID, ICCID)
    store.add(*(gateway.report("sim_changed", sims=[sim(one)]) for one in sims))
    store.run(lambda batch: add(batch, "gateway:0123456789AB", "x", "ann"))
    store.recorder.run(audit.chain)
    with store.database.reading() as connection:
        found = reader.modem(connection, IMEI, as_of=AS_OF)
        cut = reader.modem_timeline(connection, IMEI, newest=1, until_ms=AS_OF) or {}
        head = audit.head(connection)
        assert audit.head_at(connection, head.position) == head
        assert audit.head_at(connection, head.position + 1) is None
    assert found is not None
    assert found["past"]["states"][0]["sims"] == [{"slot": 1, "iccid": ICCID}]
    assert (len(cut["pairings"]), len(cut["events"]), cut["earlier"]) == (1, 1, 2)
    assert cut["events"][0]["time"] <= "2026-03-01T12:00:01.500Z"
