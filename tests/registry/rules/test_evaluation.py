"""Findings of the rules, from reports to documents, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from modemagent.registry.rules.changes import changes
from modemagent.registry.rules.inputs import RuleFinding, UnitHistory
from modemagent.registry.store.database.engine import now_ms
from modemagent.registry.store.evaluation import evaluation, judgement, rule_jobs, silence
from modemagent.registry.store.findings.decisions import Decision, DecisionAction, decide
from modemagent.registry.store.findings.finding_reader import finding_row, state_of
from tests.registry.conftest import (
    ICCID,
    IMEI,
    OTHER_ICCID,
    OTHER_IMEI,
    Body,
    Gateway,
    no_sim,
    sim,
)
from tests.registry.history.wire import imei
from tests.registry.rules.conftest import Store

DAY_S = 86_400.0


def modem(**values: Any) -> Body:
    body: Body = {
        "manufacturer": "Quectel",
        "model": "EG25-G",
        "firmware": "EG25GGBR07A08M2G",
        "imei": IMEI,
        **values,
    }
    return {**body, "read": dict.fromkeys(body, "ok")}


def denied(registration: str = "denied") -> Body:
    return {"mcc": "262", "mnc": "01", "registered": False, "registration": registration}


def test_unchanged_reading_makes_no_job(store: Store) -> None:
    gateway = Gateway()
    store.add(gateway.report("identified"))
    store.evaluate()
    store.add(gateway.report(), gateway.report())
    assert store.jobs() == 0
    gateway.extra = {"sims": [sim(OTHER_ICCID)]}
    store.add(gateway.report("sim_changed"), gateway.report())
    assert store.jobs() == 1


def test_swap_is_found_with_its_slot_and_report(store: Store) -> None:
    gateway = Gateway()
    store.add(gateway.report("identified"), gateway.report(sims=[sim(OTHER_ICCID)]))
    assert store.types() == []
    store.evaluate()
    assert store.jobs() == 0
    found = {one["type"]: one for one in store.findings()}
    assert set(found) == {"sim.swapped"}
    one = found["sim.swapped"]
    assert (one["subject"], one["part"]) == (f"imei:{IMEI}", "1")
    assert (one["severity"], one["state"], one["late"], one["again"]) == (
        "warning", "undecided", False, 0,
    )  # fmt: skip
    assert one["first_report"] == "gw-1/stream-1/2"
    assert one["evidence"] == [{"individual": 0, "report": "gw-1/stream-1/2"}]


@pytest.mark.parametrize(
    "more",
    [
        {"later": "\ud800", "network": denied()},
        {"later": 1 << 80, "network": denied()},
        {"port": {"path": "/dev/ttyUSB2", "id": "usb:1-2:1.2", "usb_vid": "\n"}},
    ],
)
def test_unusual_values_that_are_stored_do_not_stop_the_rules(store: Store, more: Body) -> None:
    gateway = Gateway()
    problem = {"code": "imei.check_digit", "severity": "error"}
    store.add(gateway.report("identified"))
    store.evaluate()
    store.add(gateway.report(problems=[problem], **more))
    assert store.jobs() == 1
    store.evaluate()
    assert store.jobs() == 0


def test_swaps_are_counted_and_the_first_ones_are_late(store: Store) -> None:
    gateway = Gateway()
    store.add(gateway.report("identified"), gateway.report(sims=[sim(OTHER_ICCID)]))
    store.evaluate()
    store.add(gateway.report(), gateway.report(sims=[sim(OTHER_ICCID)]))
    store.evaluate()
    swaps = [(one["late"], one["again"]) for one in store.findings()]
    assert swaps == [(False, 0), (True, 1), (False, 2)]


def test_late_report_moves_a_finding_and_its_old_id_stays(store: Store) -> None:
    gateway = Gateway()
    first, middle, last = (
        gateway.report("identified"),
        gateway.report(sims=[sim(OTHER_ICCID)]),
        gateway.report(sims=[sim(OTHER_ICCID)]),
    )
    store.add(first, last)
    store.evaluate()
    (found,) = store.findings()
    decision = Decision(DecisionAction.RESOLVE, "planned", "user:ann")
    before = store.run(lambda batch: decide(batch, found["id"], 1, decision))
    store.add(middle)
    store.evaluate()
    (after,) = store.findings()
    assert (before["first_report"], after["first_report"]) == (
        "gw-1/stream-1/3", "gw-1/stream-1/2",
    )  # fmt: skip
    assert (before["revision"], after["revision"], after["state"]) == (2, 3, "resolved")
    assert after["id"] != before["id"]
    assert store.finding(before["id"])["id"] == after["id"]


def test_acknowledged_finding_is_undecided_again(store: Store) -> None:
    gateway = Gateway()
    store.add(gateway.report("identified"), gateway.report(sims=[sim(OTHER_ICCID)]))
    store.evaluate()
    (one,) = store.findings()
    until_ms = now_ms() + 3_600_000
    decision = Decision(DecisionAction.ACKNOWLEDGE, "tomorrow", "user:ann", until_ms)
    store.run(lambda batch: decide(batch, one["id"], 1, decision))
    with store.database.reading() as connection:
        row = finding_row(connection, one["id"])
    assert row is not None
    states = [state_of(row, until_ms + late_ms) for late_ms in (-1, 0)]
    assert states == ["acknowledged", "undecided"]


def test_finding_whose_event_is_retracted_is_resolved(store: Store) -> None:
    one, two = Gateway("gw-1"), Gateway("gw-2", started="2026-03-01T13:")
    store.add(one.report("identified"))
    store.add(two.report("identified"))
    store.evaluate()
    assert store.types() == ["modem.moved"]
    (moved,) = store.findings()
    # readings in the first gateway at the same time: two modems with one IMEI
    late = Gateway("gw-1", started="2026-03-01T14:", sequence=1)
    two.started = "2026-03-01T15:"
    store.add(late.report(uptime_ms=7_202_000), two.report(uptime_ms=7_202_000))
    store.evaluate()
    assert "imei.duplicate" in store.types()
    assert "modem.moved" not in store.types()
    gone = store.finding(moved["id"])
    assert (gone["state"], gone["history"][-1]["action"]) == ("resolved", "cause_gone")


@pytest.mark.parametrize(
    ("reports", "types"),
    [
        ([{}, {"imei": OTHER_IMEI}], ["modem.swapped", "sim.moved"]),
        ([{}, {"modem": modem(firmware="EG25GGBR07A09M2G")}], ["modem.firmware_changed"]),
        ([{}, {"sims": [sim(imsi="901288000000009")]}], ["sim.imsi_switched"]),
        ([{"sims": [sim(), no_sim()]}, {"sims": [sim(), no_sim()]}], []),
        ([{"modem": modem(serial_number="S1")},
          {"modem": modem(serial_number="S1", imei=OTHER_IMEI)}],
         ["imei.altered", "modem.swapped", "sim.moved"]),
        ([{"modem": modem(serial_number="S1")},
          {"modem": modem(serial_number="S2", imei=OTHER_IMEI)}],
         ["modem.swapped", "sim.moved"]),
        ([{"modem": modem(imei="867698040000014")}], ["imei.check_digit"]),
        ([{"modem": modem(imei="867698040000010")}], ["imei.spare_digit"]),
        ([{"modem": modem(imei="867698040000014")}, {}], []),
        ([{"imei": imei("0")[:8] + "1111119"}], ["imei.check_digit"]),
        ([{"sims": [sim("8988303000000000011")]}], ["iccid.luhn"]),
        ([{"sims": [sim("8988303000000000011")]}, {"sims": [sim()]}],
         ["iccid.luhn", "sim.swapped"]),
        ([{"sims": [sim(imsi="001010000000001")]}], ["imsi.test_network"]),
        ([{"modem": modem(imeisv="8676980400000299")}],
         ["cross.imei_imeisv_differ", "imeisv.svn_reserved"]),
    ],
)  # fmt: skip
def test_findings_of_one_place(store: Store, reports: list[Body], types: list[str]) -> None:
    gateway = Gateway()
    store.add(*(gateway.report("identified", **one) for one in reports))
    store.evaluate()
    assert store.types() == types


def test_invalid_value_is_about_its_place(store: Store) -> None:
    gateway = Gateway()
    store.add(gateway.report("identified", modem=modem(imei="867698040000014")))
    store.evaluate()
    (one,) = store.findings()
    assert (one["subject"], one["gateway_id"], one["part"]) == (
        "place:gw-1/usb:1-2",
        "gw-1",
        "imei",
    )
    assert (one["imei"], one["ref"]) == (None, None)
    assert "867698" not in str(one)


def test_sim_that_moves_is_a_note(store: Store) -> None:
    one, two = Gateway("gw-1"), Gateway("gw-2", started="2026-03-02T12:")
    store.add(one.report("identified"), two.report("identified", OTHER_IMEI))
    store.evaluate()
    assert [(each["type"], each["severity"], each["iccid"]) for each in store.findings()] == [
        ("sim.moved", "note", ICCID)
    ]


def test_rule_that_fails_does_not_stop_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(unit: UnitHistory) -> Iterator[RuleFinding]:
        if unit.number == OTHER_IMEI:
            raise ValueError
        return changes(unit)

    monkeypatch.setattr(judgement, "changes", fail)
    one, two = Gateway("gw-1"), Gateway("gw-2")
    two.extra = {"modem": modem(imei=OTHER_IMEI)}
    other = [sim("8988303000000000036")]
    store.add(two.report("identified", sims=other), two.report(sims=[sim("8988303000000000044")]))
    store.add(one.report("identified"), one.report(sims=[sim(OTHER_ICCID)]))
    for _ in range(2):  # the first sight of the modem, then its change
        with pytest.raises(ValueError):
            store.evaluate()
        store.run(rule_jobs.postpone)
    store.evaluate()
    assert store.types() == ["sim.swapped"]
    assert store.jobs() == 2
    monkeypatch.undo()
    store.run(evaluation.evaluate_waiting, 61)
    assert store.types() == ["sim.swapped"] * 2


def test_denial_is_found_after_a_day(store: Store) -> None:
    gateway = Gateway(extra={"network": denied()})
    store.add(gateway.report("identified"))
    gateway.started, gateway.sequence = "2026-03-02T11:", 1
    store.add(gateway.report(uptime_ms=82_801_000))
    store.evaluate()
    store.run(evaluation.evaluate_denials)
    assert store.types() == [], "not a day yet"
    gateway.started = "2026-03-02T13:"
    store.add(gateway.report(uptime_ms=90_001_000))
    assert store.jobs() == 0, "an unchanged reading"
    store.run(evaluation.evaluate_denials)
    (one,) = store.findings()
    assert (one["type"], one["first_report"]) == ("network.denied", "gw-1/stream-1/1")
    gateway.extra = {"network": denied("home")}
    store.add(gateway.report(uptime_ms=90_002_000))
    store.evaluate()
    assert store.types() == []


def test_findings_of_a_place_end_with_another_sim_without_fault(store: Store) -> None:
    gateway = Gateway(extra={"network": denied()})

    def denials() -> int:
        with store.database.reading() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM denial").scalar_one())

    store.add(gateway.report("identified"))
    gateway.boot_count = 2  # the same bytes, but in another boot they are a change
    store.add(gateway.report("identified"))
    store.evaluate()
    assert (denials(), store.types()) == (1, [])
    gateway.extra["modem"] = modem(imeisv="0000000000000000")
    store.add(gateway.report("modem_changed"))
    store.evaluate()
    (fault,) = store.types()
    assert denials() == 1
    store.add(gateway.report("sim_changed", sims=[sim(OTHER_ICCID)]))
    store.evaluate()
    assert (denials(), fault in store.types()) == (1, True)
    gateway.extra = {}
    store.add(gateway.report("sim_changed"))
    store.evaluate()
    assert (denials(), fault in store.types()) == (0, False)


def test_gateway_is_silent_after_three_promised_intervals(store: Store) -> None:
    gateway = Gateway()
    store.add(gateway.report("identified", heartbeat_s=60))
    store.run(silence.note_uptime)
    keys = [1, 2, 3]  # rows that do not exist change nothing
    with store.database.reading() as connection:
        keys += connection.exec_driver_sql("SELECT id FROM gateway").scalars()

    def look(batch: Any) -> None:
        silence.write(batch, keys)

    store.run(look, 170)
    assert store.types() == []
    store.run(look, 190)
    assert store.types() == ["gateway.silent"]
    store.add(gateway.report())
    store.run(look, 100)
    assert store.types() == []


def test_downtime_of_the_registry_is_not_silence(store: Store) -> None:
    store.add(Gateway().report("identified", heartbeat_s=60))
    store.run(silence.note_uptime)
    store.run(silence.note_uptime, DAY_S)
    with store.database.reading() as connection:
        keys = list(connection.exec_driver_sql("SELECT id FROM gateway").scalars())
    store.run(lambda batch: silence.write(batch, keys), DAY_S + 100)
    assert store.types() == []
    store.run(lambda batch: silence.write(batch, keys), DAY_S + 200)
    assert store.types() == ["gateway.silent"]


def test_flapping_modem_is_found_until_it_is_stable(store: Store) -> None:
    gateway = Gateway()

    def beat(drops: int) -> Body:
        ports = [{"port_id": "usb:1-2:1.2", "state": "watching", "drops": drops}]
        health = {"outbox": 0, "evicted": 0, "restarts": 0, "modems": ports}
        return gateway.report("heartbeat", sims=[], port=None, modem=None, health=health)

    store.add(beat(0), beat(6), beat(7))
    store.evaluate()
    (one,) = store.findings()
    assert (one["type"], one["part"], one["gateway_id"]) == (
        "modem.flapping", "usb:1-2:1.2", "gw-1",
    )  # fmt: skip
    store.add(beat(0))
    store.evaluate()
    assert store.types() == []
    store.add(beat(5))
    store.evaluate()
    assert [one["again"] for one in store.findings()] == [1]
