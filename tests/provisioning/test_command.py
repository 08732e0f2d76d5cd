"""`modemagent provision` as its users call it: lines of JSON, acts, exit statuses, results."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from modemagent.provisioning import session
from modemagent.provisioning.journal import Journal, order_folder
from modemagent.simulator.server import RunningModem
from tests.conftest import Call, call_in_process
from tests.simulated import simulated_fleet

ORDER = "model,firmware,quantity,sim\nEG25-G,{firmware},2,required\n"


@pytest.fixture(scope="module")
def fleet() -> Iterator[list[RunningModem]]:
    with simulated_fleet(["quectel-eg25-g"], count=2) as fleet:
        yield fleet


class Station:
    """A state directory, an order and two bays."""

    def __init__(self, folder: Path, fleet: list[RunningModem]) -> None:
        self.folder = folder
        self.order = folder / "4711.csv"
        self.write("EG25GGBR07A08*")
        bays = [f"--bay={number:02}={modem.path}" for number, modem in enumerate(fleet, 1)]
        self.words = (str(self.order), "--state-dir", str(folder), *bays)

    def write(self, firmware: str) -> None:
        self.order.write_text(ORDER.format(firmware=firmware))

    @property
    def results(self) -> Path:
        return order_folder(self.folder, "4711") / "results"

    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader((self.results / "results.csv").read_text().splitlines()))


@pytest.fixture
def station(tmp_path: Path, fleet: list[RunningModem]) -> Station:
    return Station(tmp_path, fleet)


def events(text: str, name: str) -> list[dict]:
    found = [json.loads(line) for line in text.splitlines()]
    assert all(one["schema"] == 1 and one["at"] for one in found)
    return [one for one in found if one["event"] == name]


def test_tray_that_fits_ends_with_status_0(
    call: Call, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(station.words[-1].partition("02=")[2])
    monkeypatch.chdir(path.parent)
    station.words = (*station.words[:-1], f"--bay=02={path.name}")
    done = call("provision", *station.words, "--once", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [one["verdict"] for one in events(done.stdout, "attempt.ended")] == ["pass", "pass"]
    assert events(done.stdout, "order.closed")[0]["left"] == 0
    assert [row["verdict"] for row in station.rows()] == ["pass", "pass"]
    imei = station.rows()[0]["imei"]
    assert len(imei) == 15
    assert imei not in done.stdout
    shown = {one["imei"] for one in events(done.stdout, "bay.state")} - {None}
    assert f"{imei[:6]}*****{imei[-4:]}" in shown


def test_empty_tray_has_its_own_status(station: Station, monkeypatch) -> None:
    monkeypatch.setattr(session, "_EMPTY_S", 0.3)
    words = (str(station.order), "--state-dir", str(station.folder), "--bay=01=/dev/ttyNONE")
    done = call_in_process("provision", *words, "--once", "--plain")
    assert done.returncode == 4
    assert "no module in the bays 01" in done.stderr


def second_person(order: str) -> str:
    """Return an order whose decisions need a second person."""
    header, *rows = order.splitlines()
    return "\n".join([f"{header},second_person", *(f"{row},yes" for row in rows), ""])


def test_wrong_firmware_is_named_and_waived(call: Call, station: Station) -> None:
    station.write("EG25GGBR07A09*")
    acts = [
        {"do": "waive", "bay": "01", "step": "label", "reason": "x"},
        {"do": "waive", "bay": "01", "step": "firmware", "person": "EVA", "reason": "agreed"},
    ]
    done = call("provision", *station.words, "--once", "--plain")
    assert done.returncode == 3
    assert "FAIL    firmware: wants EG25GGBR07A09*, has EG25GGBR07A08M2G." in done.stdout
    for act in acts:
        imei = station.rows()[0]["imei"]
        words = ("--imei", imei, "--person", "EVA", "--reason", act["reason"])
        command = ("waive", str(station.order), "--state-dir", str(station.folder))
        order = station.order.read_text()
        station.order.write_text(second_person(order))
        alone = call_in_process("provision", *command, *words, "--step", str(act["step"]))
        assert alone.returncode == 2, alone.stdout
        assert ("second person" in alone.stderr) == (act["step"] == "firmware")
        station.order.write_text(order)
        waived = call_in_process("provision", *command, *words, "--step", str(act["step"]))
        assert waived.returncode == (2 if act["step"] == "label" else 0), waived.stderr
    again = call("provision", *station.words, "--once", "--json")
    verdicts = sorted(one["verdict"] for one in events(again.stdout, "attempt.ended"))
    assert verdicts == ["fail", "waived"]


def test_acts_and_scans_are_lines_of_stdin(call: Call, station: Station) -> None:
    lines = [{"scan": "MA-BADGE-ANNA"}, {"scan": "MA-BAY-77"}, {"nothing": 1}, {"do": "end"}]
    stdin = "".join(json.dumps(line) + "\n" for line in lines)
    done = call("provision", *station.words, "--json", "--scanner", "stdin", stdin=stdin)
    assert events(done.stdout, "person.changed")[0]["person"] == "ANNA"
    assert events(done.stdout, "scan.read")[0]["refused"] == "refused: no such bay"
    assert events(done.stdout, "act.refused")[0]["message"] == "a line needs scan or do"
    assert len(events(done.stdout, "order.closed")) == 1


def test_scan_that_is_not_understood_is_named(call: Call, station: Station) -> None:
    codes = ("", "###", "867698040000014", "867698049999991", '{"do": "end"}')
    stdin = "".join(f"{code}\n" for code in codes)
    done = call("provision", *station.words, "--plain", "--scanner", "stdin", stdin=stdin)
    for line in (
        "refused: the scan is empty",
        "scan refused: the code has no number that is known (3 characters)",
        "scan refused: the check digit of the IMEI is wrong (15 characters)",
        "scan: no module here has this number: plug its module in",
    ):
        assert line in done.stdout
    assert "867698" not in done.stdout


def test_dry_run_leaves_nothing_behind(call: Call, station: Station) -> None:
    done = call("provision", *station.words, "--once", "--dry-run", "--json")
    assert done.returncode == 0
    assert len(events(done.stdout, "attempt.ended")) == 2
    assert not (station.folder / "provision").exists()


def test_order_that_is_open_elsewhere_is_refused(call: Call, station: Station) -> None:
    journal = Journal(order_folder(station.folder, "4711"))
    done = call("provision", *station.words, "--once")
    journal.close()
    assert done.returncode == 5
    assert "is open in another process" in done.stderr


def test_order_with_errors_is_refused_before_the_bays(call: Call, station: Station) -> None:
    station.order.write_text("imei\n8.67698E+14\n")
    done = call("provision", *station.words, "--once")
    assert done.returncode == 2
    assert "line 2, imei: the number was rounded" in done.stderr


def test_mistyped_command_is_not_taken_for_an_order(call: Call) -> None:
    done = call("provision", "reprot")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean the command report?" in done.stderr
    assert "cannot be read" in call("provision", "reprot.csv").stderr


def test_check_names_a_label_that_does_not_fit(tmp_path: Path) -> None:
    file = tmp_path / "4711.csv"
    file.write_text(f"serial_number,label\nS-1,print\n{'S' * 90},print\n")
    done = call_in_process("provision", "check", str(file), "--json")
    assert done.returncode == 3
    problems = json.loads(done.stdout)["problems"]
    assert [(one["line"], one["column"]) for one in problems] == [(3, "label")]


def test_check_proposes_a_map_for_a_foreign_file(tmp_path: Path) -> None:
    file = tmp_path / "foreign.csv"
    file.write_text("Gerät;SIM\n867698040000013;8988303000000000010\n", encoding="cp1252")
    done = call_in_process("provision", "check", str(file))
    assert done.returncode == 3
    assert '"Gerät" = "imei"\n"SIM" = "iccid"' in done.stdout
    assert "such as imei." in done.stdout


def test_check_reads_the_settings_of_the_station(tmp_path: Path) -> None:
    bench, file = tmp_path / "bench.toml", tmp_path / "4711.csv"
    file.write_text("imei\n867698040000013\n")
    bench.write_text('[people]\nLEO = {role = "lead", pin = "4711"}\n')
    done = call_in_process("provision", "check", str(file), "--bench", str(bench))
    assert done.returncode == 2
    assert "the pin of LEO is not a hash" in done.stderr


def test_learned_bays_never_replace_the_settings(tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text('station = "B2"\n')
    done = call_in_process("provision", "bays", "learn", "--count=1", "--output", str(bench))
    assert (done.returncode, bench.read_text()) == (2, 'station = "B2"\n')


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, fleet: list[RunningModem]) -> Station:
    station = Station(tmp_path_factory.mktemp("finished"), fleet)
    station.write("<b>EG25*|x")
    call_in_process("provision", *station.words, "--once", "--json")
    return station


def test_results_are_verified_until_they_are_edited(finished: Station) -> None:
    command = ("provision", "verify", str(finished.results))
    assert call_in_process(*command).returncode == 0
    file = finished.results / "units.csv"
    text = file.read_text()
    file.write_text(text.replace("fail", "pass", 1))
    edited = call_in_process(*command, "--json")
    file.write_text(text)
    assert edited.returncode == 3
    assert json.loads(edited.stdout)["problems"] == ["units.csv: was changed after it was written"]


def test_report_escapes_and_hides_what_a_supplier_must_not_see(finished: Station) -> None:
    words = ("provision", "report", str(finished.order), "--state-dir", str(finished.folder))
    row = finished.rows()[0]
    for supplier in (False, True):
        target = finished.folder / "report.html"
        done = call_in_process(*words, "--output", str(target), *(["--supplier"] * supplier))
        assert done.returncode == 0, done.stderr
        text = target.read_text()
        assert "&lt;b&gt;EG25*|x" in text
        assert "<b>" not in text
        assert "<script" not in text
        assert (row["iccid"] in text) is not supplier
    missing = finished.folder / "missing" / "report.html"
    assert "cannot write" in call_in_process(*words, "--output", str(missing)).stderr
