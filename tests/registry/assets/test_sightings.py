"""Sightings of devices of open cases, and the rules about the inventory, in the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from modemagent.identity.imei import Imei
from modemagent.registry.calls.assets import AssetCalls
from modemagent.registry.calls.cases import CaseCalls
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.store.assets import case_sightings
from modemagent.registry.store.evaluation import inventory, recheck
from modemagent.registry.store.findings.decisions import (
    Decision,
    DecisionAction,
    DecisionRefused,
    decide,
)
from modemagent.registry.store.fleet import reader
from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID, OTHER_IMEI, Gateway, sim
from tests.registry.rules.conftest import Store

#: Reports of the tests are dated 2026-03-01.
LOST_ON = "2026-03-01"


class Inventory(Store):
    """A database with calls about assets and cases."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.assets = AssetCalls(self.database, "test")
        self.cases = CaseCalls(self.database, "test")

    def open_case(self, **fields: Any) -> str:
        given = {"kind": "stolen", "happened_on": LOST_ON, **fields}
        return str(self.cases.open_case(given)["id"])

    def case(self, key: str) -> dict[str, Any]:
        found = self.cases.case(key)
        assert found is not None
        return found

    def sightings(self, key: str) -> list[tuple[Any, ...]]:
        case_sightings.update(self.database)
        names = ("number", "gateway_id", "last_report")
        return [tuple(one[name] for name in names) for one in self.case(key)["sightings"]]

    def watched(self) -> list[bool]:
        with self.database.reading() as connection:
            rows = connection.exec_driver_sql("SELECT watch FROM place ORDER BY id").all()
        return [bool(row[0]) for row in rows]

    def found(self, rule: str) -> list[dict[str, Any]]:
        return [one for one in self.findings() if one["type"] == rule]


@pytest.fixture
def store(database_url: str) -> Iterator[Inventory]:
    found = Inventory(database_url)
    yield found
    found.database.close()


def test_device_that_reports_after_the_case_was_opened(store: Inventory) -> None:
    gateway = Gateway()
    cell = {"cell_id": 27447297, "area_code": 21665, "mcc": None, "mnc": None}
    network = {"mcc": "262", "mnc": "01", "registered": True, "cell": cell}
    store.add(gateway.report("identified", network=network))
    case = store.open_case(imeis=[IMEI], cell=True)
    assert store.watched() == [True]
    assert store.sightings(case) == []
    store.add(gateway.report(network=network))
    assert store.sightings(case) == [(IMEI, "gw-1", "gw-1/stream-1/2")]
    assert store.case(case)["state"] == "sighted"
    (sighting,) = store.case(case)["sightings"]
    assert sighting["cell"] == {**cell, "mcc": "262", "mnc": "01"}
    (finding,) = store.found("case.sighted")
    assert (finding["severity"], finding["part"]) == ("error", f"case:{case}")
    assert finding["first_report"] == "gw-1/stream-1/2"
    assert (finding["gateway_id"], finding["port"]) == ("gw-1", "usb:1-2")
    assert finding["subject"] == f"imei:{IMEI}"
    assert not case_sightings.update(store.database)
    other = Gateway("gw-2", "stream-2", started="2026-03-02T12:")
    store.add(other.report("identified"))
    (thing,) = store.case(case)["things"]
    seen = "2026-03-02T12:00:01.000Z"
    assert (thing["last"]["gateway_id"], thing["last"]["last_seen"]) == ("gw-2", seen)
    assert thing["last"]["sims"] == [{"slot": 1, "iccid": ICCID}]
    store.cases.close_case(case, store.case(case)["revision"], {"outcome": "not_stolen"})
    whole = store.cases.open_case({"kind": "stolen", "imeis": [IMEI], "with_sims": True})
    assert [one["number"] for one in whole["things"]] == [IMEI, ICCID]
    with store.database.reading() as connection:  # in both places by their newest readings
        found = reader.sim(connection, ICCID)
    assert found is not None and (found["gateway_id"], found["last_seen"]) == ("gw-2", seen)


def test_unchanged_readings_of_a_watched_place_are_kept(store: Inventory) -> None:
    gateway = Gateway()
    store.add(gateway.report("identified"))
    store.open_case(imeis=[IMEI])
    store.add(gateway.report(), gateway.report())
    with store.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM report").scalar_one()
    assert rows == 3


def test_device_is_sighted_at_a_new_place_and_for_the_first_time(store: Inventory) -> None:
    case = store.open_case(imeis=[IMEI], iccids=[OTHER_ICCID])
    assert store.sightings(case) == []
    other = Gateway("gw-2", "stream-2")
    store.add(other.report("identified"))
    assert store.sightings(case) == [(IMEI, "gw-2", "gw-2/stream-2/1")]
    assert store.watched() == [True]
    third = Gateway("gw-3", "stream-3")
    store.add(third.report("identified", OTHER_IMEI, [sim(f"{OTHER_ICCID}0")]))
    found = store.sightings(case)
    assert sorted(one[1] for one in found) == ["gw-2", "gw-3"]
    assert len(store.found("case.sighted")) == 2


def test_report_from_before_the_loss_is_not_a_sighting(store: Inventory) -> None:
    gateway = Gateway()
    store.add(gateway.report("identified"))
    case = store.open_case(imeis=[IMEI], happened_on="2026-03-02")
    store.add(gateway.report())
    assert store.sightings(case) == []
    undated = Gateway("gw-2", "stream-2", started="2026-03-03T12:")
    store.add(undated.report("identified"))
    assert [one[1] for one in store.sightings(case)] == ["gw-2"]


def test_evidence_is_the_first_and_the_last_report_of_a_place(store: Inventory) -> None:
    gateway = Gateway()
    case = store.open_case(imeis=[IMEI])
    for number in range(1, 200):
        store.add(gateway.report("identified" if number == 1 else "refresh"))
        if number in (1, 2, 199):
            store.sightings(case)
    (finding,) = store.found("case.sighted")
    reports = [one["report"] for one in store.finding(finding["id"])["evidence"]]
    assert reports == ["gw-1/stream-1/1", "gw-1/stream-1/199"]
    (sighting,) = store.case(case)["sightings"]
    assert (sighting["first_report"], sighting["port"]) == ("gw-1/stream-1/1", "usb:1-2")


def test_closing_resolves_the_finding_and_ends_the_watch(store: Inventory) -> None:
    gateway = Gateway()
    first = store.open_case(imeis=[IMEI])
    second = store.open_case(iccids=[ICCID])
    store.add(gateway.report("identified"))
    assert store.sightings(first) and store.sightings(second)
    assert len(store.found("case.sighted")) == 2
    store.cases.close_case(first, 1, {"outcome": "recovered"})
    (left,) = store.found("case.sighted")
    assert left["part"] == f"case:{second}"
    assert store.watched() == [True]
    store.cases.close_case(second, 1, {"outcome": "recovered"})
    assert store.found("case.sighted") == []
    assert store.watched() == [False]
    store.add(gateway.report())
    assert store.sightings(first) == [(IMEI, "gw-1", "gw-1/stream-1/1")]
    assert store.found("case.sighted") == []


def test_sighting_cannot_be_suppressed(store: Inventory) -> None:
    case = store.open_case(imeis=[IMEI])
    store.add(Gateway().report("identified"))
    store.sightings(case)
    (finding,) = store.found("case.sighted")
    decision = Decision(DecisionAction.SUPPRESS, "no", "test", 2**50)
    with pytest.raises(DecisionRefused, match="suppressed"):
        store.run(lambda batch: decide(batch, finding["id"], finding["revision"], decision))


def test_number_of_a_case_is_tracked_in_the_same_transaction(store: Inventory) -> None:
    lists = ListCalls(store.database, "test")
    case = store.open_case(imeis=[IMEI])
    (entry,) = lists.entries("tracked", 10, None)["entries"]
    assert (entry["value"], entry["source"]) == (IMEI, f"case {case}")


def test_known_modem_of_a_case_is_found_on_the_list(store: Inventory) -> None:
    store.add(Gateway().report("identified"))
    case = store.open_case(imeis=[IMEI])
    while store.recorder.run(recheck.step):
        pass
    assert len(store.found("imei.tracked")) == 1
    store.cases.close_case(case, 1, {"outcome": "recovered"})
    while store.recorder.run(recheck.step):
        pass
    assert store.found("imei.tracked") == []


# -- inventory --------------------------------------------------------------------------------


def test_modem_that_the_inventory_lacks_is_found(store: Inventory) -> None:
    store.add(Gateway().report("identified"))
    inventory.update(store.database)
    assert store.found("modem.not_in_inventory") == []
    other = store.assets.add_asset({"imei": OTHER_IMEI})
    inventory.update(store.database)
    (finding,) = store.found("modem.not_in_inventory")
    assert finding["severity"] == "warning"
    store.assets.change_asset(other["id"], 1, {"imei": IMEI})
    assert store.found("modem.not_in_inventory") == []
    store.assets.change_asset(other["id"], 2, {"imei": OTHER_IMEI})
    assert len(store.found("modem.not_in_inventory")) == 1
    lists = ListCalls(store.database, "test")
    content = f"imei\n{IMEI}\n".encode()
    done = lists.import_file(content, dry_run=False, target="orders", order="4711")
    assert store.found("modem.not_in_inventory") == []
    lists.undo(done["id"])
    assert len(store.found("modem.not_in_inventory")) == 1


def test_new_inventory_does_not_make_findings_of_all(
    store: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway()
    numbers = [f"8676980400{number:04d}" for number in range(12)]
    for number, text in enumerate(numbers):
        gateway.port = f"usb:1-{number + 1}:1.2"
        store.add(gateway.report("identified", _imei(text), []))
    store.assets.add_asset({"imei": _imei(numbers[0])})
    inventory.update(store.database)
    assert store.found("modem.not_in_inventory") == []
    store.assets.add_asset({"imei": _imei(numbers[1])})
    inventory.update(store.database)
    assert len(store.found("modem.not_in_inventory")) == 10


def _imei(digits: str) -> str:
    return str(Imei.from_digits(digits))


def test_pass_comes_to_all_modems_in_turn(store: Inventory) -> None:
    gateway = Gateway()
    for number in range(3):
        gateway.port = f"usb:1-{number + 1}:1.2"
        store.add(gateway.report("identified", _imei(f"8676980400{number:04d}"), []))
    store.assets.add_asset({"tag": "A-1"})
    lefts = []
    counts = []
    for _ in range(3):
        lefts.append(inventory.update(store.database, 2))
        counts.append(len(store.found("modem.not_in_inventory")))
    assert (lefts, counts) == ([True, False, True], [2, 3, 3])


def test_label_that_differs_is_found(store: Inventory) -> None:
    store.add(Gateway().report("identified"))
    asset = store.assets.add_asset({"imei": IMEI, "label_imei": OTHER_IMEI})
    (finding,) = store.found("imei.label_mismatch")
    assert finding["subject"] == f"imei:{IMEI}"
    store.assets.change_asset(asset["id"], 1, {"label_imei": IMEI})
    assert store.found("imei.label_mismatch") == []


def test_recall_finds_modems_now_and_later(store: Inventory) -> None:
    gateway = Gateway()
    store.add(gateway.report("identified"))
    notice = {"kind": "recall", "title": "battery", "model": "EG25*", "firmware": "*A08*"}
    key = store.cases.add_recall(notice)["id"]
    inventory.hurry(store.database)
    (finding,) = store.found("recall.matched")
    assert finding["part"] == f"recall:{key}"
    store.add(Gateway("gw-2", "stream-2").report("identified", OTHER_IMEI, []))
    store.evaluate()
    assert len(store.found("recall.matched")) == 2
    store.cases.remove_recall(key)
    inventory.hurry(store.database)
    assert store.found("recall.matched") == []
