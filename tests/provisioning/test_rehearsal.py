"""The whole bench with simulated modules on real ports: all planted faults, and no others."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from modemagent.provisioning.simulation.planted import FAULTS, planted_units
from modemagent.provisioning.simulation.rehearsal import Rehearsal


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rehearsal, list[dict]]:
    events: list[dict] = []
    units = planted_units(32, seed=5, each=1)
    with Rehearsal(tmp_path_factory.mktemp("bench"), units=units, bays=16) as rehearsal:
        rehearsal.run(lambda event, at, fields: events.append({"event": event, **fields}))
    return rehearsal, events


def test_all_planted_faults_are_found_and_no_others(rehearsal) -> None:
    results = rehearsal[0].results
    assert {one.unit.fault for one in results} >= {name for name, *_ in FAULTS}
    wrong = [(one.unit.fault, one.found, one.unit.expected) for one in results if not one.is_right]
    assert wrong == []
    assert len(results) == 32


def test_results_have_a_line_for_each_turn(rehearsal) -> None:
    folder = rehearsal[0].folder / "state/provision/rehearsal/results"
    rows = list(csv.DictReader((folder / "results.csv").read_text().splitlines()))
    totals = json.loads((folder / "totals.json").read_text())
    units = list(csv.DictReader((folder / "units.csv").read_text().splitlines()))
    compared = [
        row for row in units if row["first_failed"] in ("firmware", "model", "sim", "label")
    ]
    assert len(compared) > 4
    assert all(row["row"] for row in compared)
    verdicts = {row["verdict"] for row in rows}
    assert verdicts <= {"pass", "fail", "aborted"}
    good = [row for row in rows if row["verdict"] == "pass"]
    assert all(row["imei"] and row["iccid"] and row["ended_at"] for row in good)
    assert totals["figures"]["passed"] == len({row["imei"] for row in good})
    attempts = (folder / "attempts.jsonl").read_text()
    assert not any(unit.modem["imsi"] in attempts for unit in rehearsal[0].units)


def test_events_hold_no_number_in_full(rehearsal) -> None:
    text = json.dumps(rehearsal[1])
    for unit in rehearsal[0].units:
        assert unit.imei[:14] not in text
        assert unit.iccid not in text


def test_labels_are_printed_once_each(rehearsal) -> None:
    numbers = [job.fields["n"] for job in rehearsal[0].printer.labels]
    assert len(numbers) == len(set(numbers)) == 1


def test_journal_is_private_and_complete(rehearsal) -> None:
    journal: Path = rehearsal[0].folder / "state/provision/rehearsal/journal.jsonl"
    kinds = {json.loads(line)["kind"] for line in journal.read_text().splitlines()}
    assert kinds >= {"opened", "order", "attempt", "reading", "claim", "verdict", "revoked"}
