"""Stop and go of a lot, stop of the station, and decisions that need a second person."""

from __future__ import annotations

import json

from modemagent.identity.snapshot import SimState
from modemagent.provisioning import opening
from modemagent.provisioning.bench_file import parse_bench
from modemagent.provisioning.lot_report import html_report
from modemagent.provisioning.people import hashed_pin
from tests.provisioning.line import KIND, Line, unit_with

ONE, TWO, THREE, FOUR, FIVE = map(unit_with, range(1, 6))


def fail_in_a_row(line: Line) -> None:
    for bay, unit in (("01", ONE), ("02", TWO), ("03", THREE)):
        assert not [need for need in line.view().needs if "in a row" in need.text]
        line.plug(bay, unit, firmware="OLD")
        line.pull(bay)


LOTS = "model,firmware,quantity,lot\nEG25-G,EG25GGBR07A08*,9,L-1\nEG21-G,*,9,L-2\n"


def test_lot_is_stopped_by_a_lead_after_equal_failures() -> None:
    people = {"LEO": {"role": "lead", "pin": hashed_pin("4711", b"0" * 16)}, "ANNA": {}}
    given = {"people": parse_bench({"people": people}).people, "golden": FOUR.imei}
    line = Line(LOTS, **given)
    line.act("person", person="ANNA")
    fail_in_a_row(line)
    assert line.view().needs[0].text == (
        "3 units in a row failed at firmware: lot or station? Put the golden unit into bay 03."
    )
    line.plug("03", FOUR)
    assert "The golden unit has passed" in line.view().needs[0].text
    line.pull("03")
    for who, reason, message in (
        ("ANNA", "old", "a lead decides about a lot"),
        ("LEO", "old", "LEO has to sign in with a PIN: F10"),
        ("LEO", "", "stop and go of a lot need a reason"),
    ):
        line.act("stop_lot", "", person=who, reason=reason)
        assert line.view().message == message
    line.act("sign_in", "", person="LEO", pin="4711")
    line.act("stop_lot", "", person="LEO", reason="old firmware\x1b[2J")
    assert line.announced("lot.stopped")[0]["lot"] == "L-1"
    line.plug("01", FIVE)
    line = line.restarted(**given)
    text = "Lot L-1 is stopped by LEO at 09:01: old firmware?[2J. A lead decides"
    assert line.view().needs[0].text.startswith(text)
    line.plug("01", FIVE)
    assert (line.shown()[0], line.bay().reason) == ("hold", "lot L-1 is stopped by LEO")
    assert [need.bays for need in line.view().needs] == [("01",)]
    line.act("go_lot", "", lot="L-2", reason="it was not stopped", person="LEO")
    assert line.view().message == "lot L-2 is not stopped"
    line.act("sign_in", "", person="LEO", pin="4711")
    line.act("go_lot", "", person="LEO", reason="the supplier has agreed")
    assert line.shown()[0] == "pass"
    assert line.view().needs == ()


def test_golden_unit_that_fails_stops_the_station() -> None:
    line = Line(golden=FOUR.imei)
    fail_in_a_row(line)
    line.plug("01", FOUR, sim=SimState.ABSENT)
    line = line.restarted(golden=FOUR.imei)
    line.state.begin(line.now, "2026-11-20T09:10:00.000Z")
    opening.record_start(line.state, ("2026-11-19T09:00:00.000Z", ""), 0)
    line.state.take_effects()
    assert [need.text for need in line.view().needs] == [
        "The golden unit failed at sim: the station is stopped until it has the right result."
    ]
    line.plug("02", FIVE)
    assert line.shown("02")[0] == "hold"
    line.plug("01", FOUR)
    line.wait(1)
    assert line.shown("02")[0] == "pass"


def test_order_may_require_a_second_person_for_decisions() -> None:
    eva = {"role": "engineer", "pin": hashed_pin("4711", b"0" * 16)}
    people = {"EVA": eva, "LEO": {"role": "lead"}, "IDA": {"role": "engineer"}, "ANNA": {}}
    order = KIND.format(label="none").replace("label\n", "label,second_person\n")
    order = order.replace("none\n", "none,yes\n")
    line = Line(order, people=parse_bench({"people": people}).people, rechecks=True)
    line.act("person", person="LEO")
    decisions = (("waive", {"person": "IDA"}), ("rework", {}), ("stop_lot", {}), ("go_lot", {}))
    for do, more in decisions:
        if do in ("waive", "rework"):
            line.plug("01", ONE if do == "waive" else TWO, firmware="OLD")
        more = {"person": "LEO", "reason": "other", **more}
        for second, message in (
            ({}, "the order requires a second person for this decision"),
            ({"second": more["person"]}, "the second person has to be another one"),
            ({"second": "ANNA"}, "ANNA is not a lead or engineer of this station"),
            ({"second": "EVA", "second_pin": "1"}, "the PIN is wrong"),
            ({"second": "EVA", "second_pin": "4711"}, ""),
        ):
            line.act(do, **more, **second)
            assert line.view().message == message
        line.pull("01")
    given = [(one["kind"], one["second"]) for one in line.records if one.get("second")]
    assert given == [("waiver", "EVA"), ("rework", "EVA"), ("lot", "EVA"), ("lot", "EVA")]
    assert "4711" not in json.dumps(line.records)
    for for_supplier in (False, True):
        report = html_report(
            line.state.order, line.state.ledger, station="B2", made_at="", last_hash="",
            for_supplier=for_supplier,
        )  # fmt: skip
        assert ("<td>LEO, EVA</td>" in report) == (not for_supplier)
        assert "<td>stop</td>" in report
    line.plug("01", ONE)  # it has passed, with the waiver
    assert line.shown()[0] == "hold"
    line.act("same", person="LEO")
    assert line.shown()[0] == "hold"
    line.act("same", person="LEO", second="IDA")
    assert line.shown()[0] == "pass"
