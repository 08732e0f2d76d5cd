"""The state machine of the line: verdicts, blames, ties of labels, duplicates, retests, holds."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from modemagent.errors import SettingsError
from modemagent.identity.problems import problem
from modemagent.identity.snapshot import SimState
from modemagent.provisioning import opening
from modemagent.provisioning.attempt import RunVerdict, StepState
from modemagent.provisioning.bench_file import BenchHook, parse_bench
from modemagent.provisioning.events import (
    CheckRegistry,
    CodeScanned,
    HookEnded,
    LabelDone,
    PortFailed,
    PrintLabel,
    RegistryAnswered,
    ReportKept,
    SendReport,
    StationJudged,
    UnitRead,
    WantLabel,
)
from modemagent.provisioning.people import (
    StandingWaiver,
    StationPerson,
    StationRole,
    hashed_pin,
)
from modemagent.provisioning.scans.sources import scan_of
from modemagent.provisioning.view import report_counts
from modemagent.provisioning.waivers import read_waivers
from tests.provisioning.line import KIND, Line, order_with, reading, unit_with

ONE, TWO, THREE = unit_with(1), unit_with(2), unit_with(3)


def test_unit_that_fits_passes_and_takes_its_row() -> None:
    line = Line()
    line.plug("01", ONE)
    assert line.shown() == ("pass", "", "")
    assert list(line.state.ledger.claims.values()) == [{ONE.imei[:14]: None}]
    assert line.view().order.left == 8


def test_line_is_idle_unless_a_unit_waits_for_its_verdict() -> None:
    line = Line()
    assert line.state.is_idle
    line.plug("01")
    assert not line.state.is_idle
    line.post(UnitRead("01", reading(ONE)))
    assert line.state.is_idle


def test_claim_is_synced_before_the_verdict() -> None:
    line = Line()
    line.plug("01", ONE)
    kinds = line.kinds()
    assert kinds.index("claim") < kinds.index("verdict")


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"firmware": "EG25GGBR07A05M1G"}, "firmware"),
        ({"model": "EC21"}, "model"),
        ({"sim": SimState.ABSENT}, "sim"),
        ({"sim": SimState.PIN_REQUIRED}, "sim"),
    ],
)
def test_wrong_unit_fails_at_the_step_with_its_blame(changes, step) -> None:
    line = Line()
    line.plug("01", ONE, **changes)
    assert line.shown() == ("fail", step, "unit")
    assert line.bay().remedy
    assert line.view().order.failed == 1
    line.plug("02", ONE)
    assert not any("Bring back" in need.text for need in line.view().needs)


def test_all_failed_steps_of_one_visit_are_named() -> None:
    line = Line()
    line.plug("01", ONE, firmware="EG25GGBR07A05M1G", sim=SimState.ABSENT)
    assert line.announced("attempt.ended")[0]["failed"] == ["firmware", "sim"]


def test_invalid_imei_fails_without_inventing_other_steps() -> None:
    line = Line()
    wrong = reading(ONE, imei=None, imei_raw="000000000000000")
    line.plug("01", wrong._replace(problems=(problem("imei.placeholder", "imei"),)))
    assert line.announced("attempt.ended")[0]["failed"] == ["identity"]


def test_unit_outside_the_order_is_the_fault_of_the_order() -> None:
    line = Line(f"imei,model\n{TWO.imei},EG25-G\n")
    line.plug("01", ONE)
    assert line.shown() == ("fail", "ordered", "order")
    assert line.view().order.first_pass is None


def test_number_in_full_is_neither_shown_nor_announced() -> None:
    line = Line(KIND.format(label="scan"))
    line.plug("01", ONE)
    line.scan("MA-BAY-01", TWO.imei)
    shown = json.dumps([line.view(), [each for each in line.effects if hasattr(each, "event")]])
    assert ONE.imei[:14] not in shown
    assert TWO.imei[:14] not in shown


def test_mute_module_fails_after_its_time() -> None:
    line = Line(boot_s=60.0)
    line.plug("01")
    line.post(PortFailed("01", "no_answer", "no answer to AT"))
    line.wait(59)
    assert line.shown()[0] == "booting"
    line.wait(2)
    assert line.shown() == ("fail", "answers", "unit")


def test_third_mute_unit_in_a_bay_is_the_fault_of_the_bay() -> None:
    line = Line(boot_s=1.0)
    line.plug("02", ONE)
    for _ in range(3):
        line.plug("01")
        line.wait(2)
        last = line.shown()
        line.pull("01")
    assert last[0] == "hold"
    assert "fixture" in line.announced("station.hold")[0]["reason"]


def test_held_port_is_a_hold_and_ends_by_itself() -> None:
    line = Line()
    line.plug("01")
    line.post(PortFailed("01", "busy", "/dev/bay1 is used by minicom (pid 7)"))
    assert line.shown() == ("hold", "answers", "station")
    line.plug("01", ONE)
    assert line.shown()[0] == "pass"


# -- labels


def test_label_counts_when_its_bay_was_scanned() -> None:
    line = Line(KIND.format(label="scan"))
    line.plug("01", ONE)
    assert line.shown()[0] == "scanning"
    line.scan("MA-BAY-01", ONE.imei)
    assert line.shown()[0] == "pass"


def test_number_alone_does_not_prove_a_label() -> None:
    line = Line(KIND.format(label="scan"))
    line.plug("01", ONE)
    line.scan(ONE.imei)
    assert line.shown()[0] == "scanning"
    assert line.view().last_scan.result == "number of bay 01: scan the bay first"


def test_label_scanned_before_belongs_to_the_next_plug() -> None:
    line = Line(KIND.format(label="scan"))
    line.scan(ONE.imei)
    line.plug("02", ONE)
    line.wait(1.1)
    assert line.shown("02")[0] == "pass"


def test_label_is_not_given_when_two_modules_appear() -> None:
    line = Line(KIND.format(label="scan"))
    line.scan(ONE.imei)
    line.plug("01", ONE)
    line.plug("02", TWO)
    line.wait(1.1)
    assert [line.shown(bay)[0] for bay in ("01", "02")] == ["scanning", "scanning"]
    assert "scan the bay" in line.view().message


def test_swapped_labels_fail_and_name_the_other_bay() -> None:
    line = Line(KIND.format(label="scan"))
    line.plug("01", ONE)
    line.plug("02", TWO)
    line.scan("MA-BAY-01", TWO.imei, "MA-BAY-02", ONE.imei)
    assert line.shown("01") == line.shown("02") == ("fail", "label", "unit")
    assert line.bay("01").others == ("02",)


def test_second_code_of_a_label_is_compared_after_the_pass() -> None:
    line = Line(KIND.format(label="scan"), registry="queue")
    line.plug("01", ONE)
    line.scan("MA-BAY-01", ONE.imei, ONE.iccid)
    assert line.shown() == ("pass", "", "")
    line.wait(31)
    line.scan(TWO.iccid)  # by its number alone: no label of this module
    assert line.shown() == ("pass", "", "")
    line.scan("MA-BAY-01", TWO.iccid)
    assert line.shown() == ("fail", "label", "unit")
    assert (line.view().order.passed, line.view().order.failed) == (0, 1)
    assert [one["step"] for one in line.records if one["kind"] == "revoked"] == ["label"]
    assert ONE.imei[:14] not in line.state.ledger.duplicated
    line.act("retest")
    line.post(UnitRead("01", reading(ONE)))
    line.scan("MA-BAY-01", ONE.imei)
    assert line.shown() == ("pass", "", "")


def test_label_without_a_module_is_a_stray() -> None:
    line = Line(KIND.format(label="scan"))
    line.scan(THREE.imei)
    line.plug("01", ONE)
    line.now += 0.5
    line.pull("01")
    line.wait(31)
    line.scan(TWO.imei)
    line.wait(31)
    assert [each["fields"] for each in line.announced("scan.stray")] == [["imei"]]


def test_code_with_a_wrong_check_digit_is_refused() -> None:
    line = Line(KIND.format(label="scan"))
    line.plug("01", ONE)
    line.scan("MA-BAY-01", ONE.imei[:-1] + str((int(ONE.imei[-1]) + 1) % 10))
    assert line.shown()[0] == "scanning"
    assert line.view().last_scan.is_refused


def test_typed_label_does_not_count_if_the_station_refuses_it() -> None:
    line = Line(KIND.format(label="scan"), allow_typed=False)
    line.plug("01", ONE)
    line.scan("MA-BAY-01")
    line.post(CodeScanned("keyboard", ONE.imei, is_typed=True))
    assert line.shown()[0] == "scanning"


def test_printed_label_is_scanned_back_at_its_bay() -> None:
    line = Line(KIND.format(label="print+scan"))
    line.plug("01", ONE)
    assert line.shown()[0] == "verifying"
    line.scan("MA-BAY-01", ONE.imei)
    assert line.shown()[0] == "pass"
    assert line.kinds().index("label_intent") < line.kinds().index("label_sent")


def test_label_on_the_wrong_module_is_requested_once_more() -> None:
    line = Line(KIND.format(label="print+scan"))
    line.plug("01", ONE)
    line.plug("02", TWO)
    line.scan("MA-BAY-01", TWO.imei)
    assert line.shown() == ("verifying", "", "operator")
    line.scan("MA-BAY-01", TWO.imei)
    assert line.shown() == ("fail", "label_back", "operator")


def test_printer_without_paper_holds_and_goes_on_by_itself() -> None:
    line = Line(KIND.format(label="print"))
    line.prints = False
    line.plug("01", ONE)
    line.plug("03", TWO)
    for run in (1, 2):
        line.post(LabelDone(run, "failed", "no paper"))
    assert line.shown() == ("hold", "print", "station")
    assert [need.bays for need in line.view().needs] == [("01", "03")]
    line.post(LabelDone(1, "printed"))
    assert line.shown()[0] == "pass"


def test_label_that_does_not_fit_holds_its_own_unit_only() -> None:
    line = Line(KIND.format(label="print"))
    line.prints = False
    line.plug("01", ONE)
    line.plug("02", TWO)
    line.post(LabelDone(1, "refused", "the text is too long"))
    line.post(LabelDone(2, "printed"))
    assert line.shown("01") == ("hold", "print", "station")
    assert "The text is too long. Correct the template" in line.bay("01").remedy
    assert line.shown("02")[0] == "pass"
    again = Line(KIND.format(label="print"), records=line.records, now=line.now)
    again.plug("01", ONE)
    assert again.shown()[0] == "pass", "nothing was sent: the label is not in doubt"
    line.prints = True
    line.act("retest")
    assert line.shown()[0] == "pass"
    for each in (line, again):
        prints = [one for one in each.effects if isinstance(one, PrintLabel) and one.run != 2]
        assert {(one.number, one.copy) for one in prints} == {(1, 1)}


def test_reprint_is_marked_as_a_copy() -> None:
    line = Line(KIND.format(label="print"))
    line.plug("01", ONE)
    line.act("reprint")
    prints = [each for each in line.effects if isinstance(each, PrintLabel)]
    assert [(each.number, each.copy) for each in prints] == [(1, 1), (1, 2)]


# -- SIM cards


def test_sim_of_another_row_is_requested_once_more() -> None:
    order = f"imei,iccid\n{ONE.imei},{ONE.iccid}\n{TWO.imei},{TWO.iccid}\n"
    line = Line(order)
    mixed = unit_with(1)
    mixed.modem["iccid"] = TWO.iccid
    line.plug("01", mixed)
    assert line.shown()[::2] == ("scanning", "operator")
    assert "line 3" in line.bay().reason
    line.pull("01")
    line.plug("02", mixed)
    assert line.shown("02") == ("fail", "pairing", "operator")


def test_right_sim_after_the_request_passes() -> None:
    line = Line(f"imei,iccid\n{ONE.imei},{ONE.iccid}\n{TWO.imei},{TWO.iccid}\n")
    mixed = unit_with(1)
    mixed.modem["iccid"] = TWO.iccid
    line.plug("01", mixed)
    line.pull("01")
    line.plug("01", ONE)
    assert line.shown()[0] == "pass"


def test_sim_used_with_another_unit_is_refused() -> None:
    line = Line()
    line.plug("01", ONE)
    other = unit_with(2)
    other.modem["iccid"] = ONE.iccid
    line.plug("02", other)
    assert line.bay("02").reason == "the SIM card was used with another unit of this order"


# -- duplicates


def test_two_modules_with_one_imei_fail_both() -> None:
    line = Line(KIND.format(label="scan"))
    line.plug("01", ONE)
    line.plug("02", ONE)
    assert line.shown("01") == line.shown("02") == ("fail", "unique", "unit")
    assert line.view().needs[0].bays == ("01", "02")


def test_verdict_given_before_a_double_imei_is_revoked() -> None:
    line = Line()
    line.plug("01", ONE)
    assert line.shown()[0] == "pass"
    line.plug("02", ONE)
    assert line.shown("01") == line.shown("02") == ("fail", "unique", "unit")
    assert "revoked" in line.kinds()
    assert line.view().order.passed == 0


def test_revoked_verdict_is_reported_again_also_after_a_crash() -> None:
    line = Line(registry="queue")
    line.plug("01", ONE)
    line.stores = False
    line.plug("02", ONE)
    first = line.state.ledger.runs[1]
    assert (first.revoked, first.blame, first.is_reported) == ("same IMEI as bay 02", "unit", False)
    assert line.effects.count(SendReport(1, "ended")) == 2
    again = Line(records=line.records, registry="queue")
    opening.close_open_runs(again.state, has_reports=True)
    assert SendReport(1, "ended") in again.state.take_effects()
    order = report_counts(again.state, "ended")["order"]
    assert (order["passed"], order["failed"], order["blame"]) == (0, 1, {"unit": 1})


def test_counts_of_the_shift_begin_after_its_end_or_a_pause() -> None:
    line = Line(KIND.format(label="none"))
    starts = (("08:00", ONE, False), ("08:10", TWO, False), ("08:20", THREE, True),
              ("13:30", unit_with(4), False))  # fmt: skip
    found = []
    for at, unit, is_end_before in starts:
        if is_end_before:
            line.act("end")
        line.state.begin(line.now, f"2026-11-20T{at}:00.000Z")
        opening.record_start(line.state, None, 0)
        line.plug(f"{unit.number:02}", unit)
        found.append(line.state.ledger.shift.verdicts[RunVerdict.PASS])
    assert found == [1, 2, 1, 1]
    assert line.state.ledger.counts.verdicts[RunVerdict.PASS] == 4


def test_unknown_badge_is_refused_and_named() -> None:
    people = {"ANNA": StationPerson("ANNA")}
    line = Line(people=people)
    line.scan("MA-BADGE-EVE")
    assert line.state.person == ""
    assert line.announced("scan.read")[0]["refused"] == (
        "refused: EVE is not in [people] of bench.toml"
    )
    line.scan("MA-BADGE-ANNA")
    assert line.state.person == "ANNA"
    nobody = Line()
    nobody.scan("MA-BADGE-EVE")
    assert nobody.state.person == "EVE"  # the station has no list of people


def test_failure_before_a_double_imei_came_is_that_of_the_double() -> None:
    line = Line(f"imei,iccid,model,sim\n{ONE.imei},{ONE.iccid},EG25-G,required\n")
    double = unit_with(2)
    double.modem["imei"] = ONE.imei
    for _ in range(2):
        line.pull("01")
        line.plug("01", double)
    assert line.shown() == ("fail", "pairing", "operator")
    line.plug("02", ONE)
    assert line.shown("01") == line.shown("02") == ("fail", "unique", "unit")
    assert [run.failed for run in line.state.ledger.runs.values()][1:] == [("unique",)] * 2
    assert line.state.ledger.counts.blames == {"unit": 1, "operator": 0}


def test_double_imei_stays_wrong_when_one_module_comes_alone() -> None:
    line = Line()
    line.plug("01", ONE)
    line.plug("02", ONE)
    line.pull("01")
    line.pull("02")
    line.plug("03", ONE)
    assert line.shown("03") == ("fail", "unique", "unit")


def test_unit_that_has_passed_is_not_worked_on_again() -> None:
    line = Line(KIND.format(label="print"))
    line.plug("01", ONE)
    line.pull("01")
    line.plug("02", ONE)
    assert line.shown("02")[0] == "done"
    assert line.view().order.passed == 1
    assert StepState.RUNNING not in {step.state for step in line.bay("02").steps}


def test_passed_unit_is_checked_again_if_a_lead_is_signed_in() -> None:
    people = {"LEO": StationPerson("LEO", StationRole.LEAD, hashed_pin("1234"))}
    line = Line(KIND.format(label="print"), rechecks=True, people=people, registry="queue")
    line.plug("01", ONE)
    line.pull("01")
    line.plug("02", ONE)
    assert line.shown("02")[0] == "done"
    line.pull("02")
    line.act("sign_in", person="LEO", pin="1234")
    line.effects.clear()
    line.plug("03", ONE)
    assert line.shown("03")[0] == "pass"
    assert not [one for one in line.effects if isinstance(one, WantLabel)]
    assert [one.stage for one in line.effects if isinstance(one, SendReport)] == ["ended"]
    line.pull("03")
    line.plug("04", ONE, firmware="EG25GGBR07A05M1G")
    assert line.shown("04") == ("fail", "firmware", "unit")
    assert line.view().order.failed == 1


def test_what_a_scanner_adds_is_taken_off() -> None:
    bench = parse_bench({"scanner": {"scanner": {"prefix": "#", "suffix": "!"}}})
    line = Line(KIND.format(label="scan"), frames=bench.frames)
    line.plug("01", ONE)
    line.scan("#MA-BAY-01!", f"#{ONE.imei}!")
    assert line.shown()[0] == "pass"
    with pytest.raises(SettingsError, match="prefix and suffix"):
        parse_bench({"scanner": {"keyboard": {"prefx": "#"}}})


def test_other_module_with_a_passed_imei_recalls_the_first() -> None:
    line = Line()
    line.plug("01", ONE)
    line.pull("01")
    double = unit_with(2)
    double.modem["imei"] = ONE.imei
    line.plug("02", double)
    assert line.shown("02") == ("fail", "unique", "unit")
    assert [each["run"] for each in line.state.ledger.recalls] == [1]
    assert line.view().order.passed == 0


def test_undecidable_double_is_decided_by_a_lead() -> None:
    line = Line("model,quantity\nEG25-G,9\n")
    for _ in range(2):
        line.plug("01", ONE, sim=SimState.ABSENT)
        shown = line.shown()
        line.pull("01") if shown[0] == "pass" else None
    assert shown[:2] == ("hold", "unique")
    line.act("same")
    assert line.shown()[0] == "done"


def test_unit_of_another_order_is_named() -> None:
    line = Line(elsewhere={ONE.imei[:14]: "order 4700, 2026-11-18"})
    line.plug("01", ONE)
    assert line.bay().reason == "the unit has passed before: order 4700, 2026-11-18"


# -- pulls, retests, waivers


def test_pulled_unit_goes_on_where_it_was() -> None:
    line = Line(KIND.format(label="scan") + "")
    line.plug("01", ONE, sim=SimState.BUSY)
    line.scan("MA-BAY-01", ONE.imei)
    line.pull("01")
    assert line.shown()[0] == "aborted"
    line.plug("02", ONE)
    assert line.shown("02")[0] == "pass"
    assert line.view().order.first_pass == 1.0


def test_verdict_of_a_pulled_unit_is_shown_for_ten_seconds() -> None:
    line = Line()
    line.plug("01", ONE)
    line.pull("01")
    line.wait(9)
    assert line.shown()[0] == "pass"
    line.wait(2)
    assert line.shown()[0] == "waiting"


def test_one_retest_is_free_and_then_a_lead_decides() -> None:
    people = {"people": {"ANNA": {"role": "operator"}, "LEO": {"role": "lead"}}}
    line = Line(people=parse_bench(people).people)
    line.act("person", person="ANNA")
    for _ in range(2):
        line.plug("01", ONE, firmware="OLD")
        line.pull("01")
    line.plug("01", ONE)
    assert line.shown()[0] == "hold"
    line.act("rework", person="ANNA", reason="firmware_by_maker")
    assert "lead" in line.view().message
    line.act("rework", person="LEO", reason="firmware_by_maker")
    line.plug("01", ONE)
    line.pull("01")
    line.plug("01", ONE)
    assert line.shown()[0] in ("pass", "done")
    assert line.view().order.first_pass == 0.0


@pytest.mark.parametrize(
    ("held", "settings", "step"),
    [
        (PortFailed("01", "busy", "held by another program"), {}, "answers"),
        (LabelDone(1, "failed", "no paper"), {}, "print"),
        (ReportKept(1, "checked", "away"), {"registry": "queue"}, "register"),
        (HookEnded(1, "amps", "station", "no meter"), {"hooks": (BenchHook("amps"),)}, "amps"),
    ],
)
def test_unit_on_hold_is_failed_by_a_person(held, settings, step) -> None:
    line = Line(KIND.format(label="print"), **settings)
    line.prints = line.stores = False
    line.plug("01", None if step == "answers" else ONE)
    line.post(held)
    assert line.shown()[0] == "hold"
    line.act("fail", reason="dropped")
    assert (line.shown()[:2], line.bay().reason) == (("fail", step), "dropped")


def test_lead_with_a_pin_signs_in_before_a_decision() -> None:
    salt = b"0" * 16
    people = {"EVA": {"role": "engineer", "pin": hashed_pin("4711", salt)}, "ANNA": {}}
    line = Line(people=parse_bench({"people": people}).people)
    line.plug("01", ONE, firmware="OLD")
    line.act("waive", person="EVA", reason="agreed")
    assert "F10" in line.view().message
    for _ in range(5):
        line.act("sign_in", "", person="EVA", pin="0000")
    assert line.view().message == "the PIN is wrong"
    line.act("sign_in", "", person="EVA", pin="4711")
    assert "too many" in line.view().message
    line.wait(61)
    line.act("sign_in", "", person="ANNA", pin="4711")
    assert "not a lead" in line.view().message
    line.act("sign_in", "", person="EVA", pin="4711")
    assert line.view().station.lead == "EVA"
    assert "4711" not in json.dumps([one for one in line.records if one["kind"] == "note"])
    line.act("waive", person="EVA", reason="agreed")
    assert line.shown()[0] == "waived"
    line.wait(601)
    assert line.view().station.lead == ""


WAIVERS = """
[[waiver]]
step = "firmware"
lot = "L-1"
person = "EVA"
reason = "until the exchange"
until = 2026-12-31
most = 1
"""
OF_LOT = "model,firmware,quantity,sim,lot\nEG25-G,EG25GGBR07A08*,9,required,{}\n"


@pytest.fixture
def waivers(tmp_path: Path) -> tuple[StandingWaiver, ...]:
    (tmp_path / "waivers.toml").write_text(WAIVERS)
    return read_waivers(tmp_path / "waivers.toml", {})


def test_standing_waiver_holds_for_so_many_units_of_its_lot(waivers) -> None:
    line = Line(OF_LOT.format("L-1"), waivers=waivers)
    line.plug("01", ONE, firmware="OLD")
    assert line.shown()[0] == "waived"
    assert line.bay().reason == "firmware waived by EVA"
    line.pull("01")
    line = Line(OF_LOT.format("L-1"), waivers=waivers, records=line.records, now=line.now)
    line.plug("02", TWO, firmware="OLD")
    assert line.shown("02") == ("fail", "firmware", "unit")
    other = Line(OF_LOT.format("L-2"), waivers=waivers)
    other.plug("01", ONE, firmware="OLD")
    assert other.shown()[0] == "fail"
    late = Line(OF_LOT.format("L-1"), waivers=(waivers[0]._replace(until=date(2026, 11, 19)),))
    late.plug("01", ONE, firmware="OLD")
    assert late.shown()[0] == "fail"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"firmware"', '"unique"', "'unique' has no standing waivers"),
        ("2026-12-31", '"later"', "until is not a date"),
        ("most = 1", "", "most is missing"),
        ("most", "least", "unknown key 'least'"),
        ("EVA", "ANNA", "ANNA may not waive firmware"),
        ("[[waiver]]", "[waiver]", "not a list of waivers"),
    ],
)
def test_standing_waiver_with_a_mistake_is_refused(tmp_path, old, new, message) -> None:
    file = tmp_path / "waivers.toml"
    file.write_text(WAIVERS.replace(old, new))
    people = parse_bench({"people": {"EVA": {"role": "engineer"}, "ANNA": {}}}).people
    with pytest.raises(SettingsError, match=message):
        read_waivers(file, people)


def test_label_with_an_act_in_it_is_a_scan() -> None:
    text = '{"do": "waive", "bay": "01", "person": "EVA"}'
    assert scan_of(text, "serial:/dev/ttyACM0") == CodeScanned("serial:/dev/ttyACM0", text)


def test_waived_unit_has_its_own_verdict() -> None:
    line = Line()
    line.plug("01", ONE, firmware="OLD")
    line.act("waive", step="firmware")
    assert line.view().message == "a waiver needs a reason"
    line.act("waive", step="firmware", reason="agreed with the customer", person="EVA")
    assert line.shown()[0] == "waived"
    assert (line.view().order.waived, line.view().order.passed) == (1, 0)


@pytest.mark.parametrize("step", ["answers", "identity", "label", "pairing", "ordered"])
def test_step_that_protects_identity_cannot_be_waived(step) -> None:
    line = Line()
    line.plug("01", ONE, firmware="OLD")
    line.act("waive", step=step, reason="because")
    assert line.view().message == f"the step {step} cannot be waived"


def test_registry_that_does_not_answer_is_a_hold() -> None:
    line = Line(registry="confirm")
    line.stores = False
    line.plug("01", ONE)
    assert line.shown()[0] == "registering"
    line.post(ReportKept(1, "checked", "no response from the registry"))
    assert line.shown() == ("hold", "register", "station")
    line.post(ReportKept(1, "checked"))
    assert line.shown()[0] == "pass"


UNIT = ONE.imei[:14]
KNOWN = RegistryAnswered(UNIT, "gw-7, 2026-11-20")
AWAY = RegistryAnswered(UNIT, problem="the registry is away")


def test_unit_in_the_registry_fails_before_its_label() -> None:
    line = Line(KIND.format(label="print"), asks_registry=True)
    line.plug("01", ONE)
    assert line.shown()[0] == "registering"
    assert CheckRegistry(UNIT) in line.effects
    line.post(KNOWN)
    assert line.shown() == ("fail", "unique", "unit")
    assert "label_intent" not in line.kinds()
    assert line.view().needs[0].text.startswith("unique: known to the registry: gw-7")
    line.act("waive", reason="a return")
    line.post(KNOWN)
    assert line.shown()[0] == "waived"


def test_unit_passed_without_the_registry_is_recalled_later() -> None:
    line = Line(KIND.format(label="print"), asks_registry=True)
    line.plug("01", ONE)
    line.post(AWAY)
    assert line.shown()[0] == "pass"
    line.pull("01")
    line.wait(20)
    line = Line(KIND.format(label="print"), asks_registry=True, records=line.records, now=line.now)
    assert line.state.ledger.unchecked() == [UNIT]
    line.post(KNOWN)
    assert line.state.ledger.unchecked() == []
    assert line.announced("attempt.ended")[0]["revoked"]
    assert "Bring back the unit ..000 001 (line 2, label 1)" in line.view().needs[0].text
    assert line.view().order.failed == 1


def test_registry_that_is_required_holds_until_it_answers() -> None:
    line = Line(asks_registry=True, registry="confirm")
    line.plug("01", ONE)
    line.post(AWAY)
    assert line.shown() == ("hold", "register", "station")
    line.post(RegistryAnswered(UNIT))
    assert line.shown()[0] == "pass"


def test_last_open_row_is_not_given_twice() -> None:
    line = Line("model,quantity,label\nEG25-G,1,scan\n")
    line.plug("01", ONE)
    line.plug("02", TWO)
    assert line.shown("01")[0] == "scanning"
    assert line.shown("02") == ("fail", "ordered", "order")


def test_failed_unit_gives_its_row_back() -> None:
    line = Line("model,quantity,firmware\nEG25-G,1,EG25GGBR07A08*\n")
    line.plug("01", ONE, firmware="OLD")
    line.plug("02", TWO)
    assert line.shown("02")[0] == "pass"


# -- the journal is the state


def test_restart_keeps_verdicts_claims_and_labels() -> None:
    line = Line(KIND.format(label="print"))
    line.plug("01", ONE)
    line.plug("02", TWO, firmware="OLD")
    again = line.restarted()
    assert again.view().order._replace(per_hour=0) == line.view().order._replace(per_hour=0)
    again.plug("01", ONE)
    assert again.shown()[0] == "done"


def test_label_in_doubt_after_a_crash_is_not_printed_again() -> None:
    line = Line(KIND.format(label="print"))
    line.prints = False
    line.plug("01", ONE)
    again = line.restarted()
    again.plug("01", ONE)
    assert again.shown() == ("hold", "print", "station")
    assert not [each for each in again.effects if isinstance(each, PrintLabel)]
    again.scan("MA-BAY-01", ONE.imei)
    assert again.shown()[0] == "pass"


def test_order_with_names_binds_units_to_their_rows() -> None:
    order = order_with(f"imei,model\n{TWO.imei},EG25-G\n{ONE.imei},EG25-G\n,EG25-G\n")
    line = Line(order)
    for bay, unit in (("01", ONE), ("02", TWO), ("03", THREE)):
        line.plug(bay, unit)
    assert [each["row"] for each in line.announced("attempt.ended")] == [3, 2, 4]


def test_wrong_result_of_a_known_unit_stops_the_station() -> None:
    known = {"golden": ONE.imei, "bad": TWO.imei, "bad_step": "firmware"}
    line = Line(station_check_h=24, registry="queue", **known)
    line.post(StationJudged())
    line.plug("01", TWO, firmware="EG25GGBR07A05M1G")
    assert line.shown() == ("fail", "firmware", "unit")
    assert line.state.ledger.unit_problems == {}
    line.plug("02", ONE, sim=SimState.ABSENT)
    assert line.state.ledger.unit_problems == {"golden": "the golden unit failed at sim"}
    line.plug("03", THREE)
    assert line.shown("03")[0] == "hold"
    line.pull("02")
    line.plug("02", ONE)
    line.wait(1)
    assert line.shown("03")[0] == "pass"
    line.pull("01")
    line.plug("01", TWO)
    assert line.state.ledger.unit_problems == {"bad": "the bad unit did not fail at firmware"}
    assert not [one for one in line.effects if isinstance(one, SendReport) and one.run in (1, 2)]
    assert line.view().order.failed == 0


def test_golden_unit_passes_and_is_not_counted() -> None:
    line = Line(KIND.format(label="print"), golden=ONE.imei, station_check_h=24)
    line.plug("01", ONE)
    assert line.shown()[0] == "pass"
    assert "label_intent" not in line.kinds()
    assert line.view().order.passed == 0


def test_nothing_passes_before_the_station_check() -> None:
    line = Line(station_check_h=24)
    line.plug("01", ONE)
    assert line.bay().reason == "the station check is due"
    line.post(StationJudged(""))
    line.wait(0)
    assert line.shown()[0] == "pass"


def test_unit_waits_for_the_operator_who_is_required() -> None:
    line = Line(require_operator=True)
    line.plug("01", ONE)
    assert line.shown()[0] == "hold"
    line.scan("MA-BADGE-ANNA")
    assert line.shown()[0] == "pass"


def test_other_imei_in_a_bay_without_plug_events_is_another_unit() -> None:
    line = Line()
    line.post(UnitRead("01", reading(ONE)))
    line.post(UnitRead("01", reading(TWO)))
    assert [each["verdict"] for each in line.announced("attempt.ended")] == ["pass", "pass"]


def test_waiver_that_was_not_needed_leaves_a_pass() -> None:
    line = Line(retests=5)
    line.plug("01", ONE, firmware="OLD")
    line.pull("01")
    line.records.append(
        {"kind": "waiver", "at": "", "mono_ms": 0, "run": 1, "unit": ONE.imei[:14],
         "step": "firmware", "person": "EVA", "reason": "agreed", "standing": True}
    )  # fmt: skip
    again = line.restarted()
    again.plug("01", ONE)
    assert again.shown()[0] == "pass"
    other = line.restarted()
    other.plug("01", ONE, firmware="OLD")
    assert other.shown()[0] == "waived"
