"""Findings about lots: what is single, repeated or systematic, and labels that were shifted."""

from __future__ import annotations

from typing import Any

import pytest

from modemagent.provisioning.attempt import RunVerdict
from modemagent.provisioning.ledger import Ledger
from modemagent.provisioning.ledger_entries import RunEntry
from modemagent.provisioning.lots import lot_findings
from modemagent.provisioning.simulation.planted import unit_with


def ledger_of(*failed: str, good: int = 0, label: dict[int, int] | None = None) -> Ledger:
    """Return turns that failed at steps, then good ones.

    :param label: position of a turn, and the unit whose label was on the module
    """
    ledger = Ledger()
    for at, step in enumerate([*failed, *[""] * good], 1):
        unit = unit_with(at).imei[:14]
        verdict = RunVerdict.FAIL if step else RunVerdict.PASS
        steps: dict[str, Any] = {}
        if label and at in label:
            other = unit_with(label[at]).imei[:14]
            steps["label"] = {"private": {"field": "imei", "module": unit, "label": other}}
        run = RunEntry(at, "01", "", unit=unit, verdict=verdict, failed=(step,) if step else ())
        run.steps = steps
        ledger.runs[at] = run
    return ledger


@pytest.mark.parametrize(
    ("count", "good", "grade"),
    [(1, 20, "single"), (2, 20, "repeated"), (3, 57, "systematic"), (3, 58, "repeated")],
)
def test_grade_depends_on_number_and_share(count, good, grade) -> None:
    found = lot_findings(ledger_of(*["firmware"] * count, good=good), {})
    assert [(one.code, one.grade, len(one.runs)) for one in found] == [
        ("wrong_firmware", grade, count)
    ]


def test_labels_in_a_chain_were_shifted() -> None:
    found = lot_findings(ledger_of("label", "label", "label", label={1: 2, 2: 3, 3: 1}), {})
    assert [one.code for one in found] == ["labels_shifted"]


def test_two_labels_were_swapped_and_not_shifted() -> None:
    found = lot_findings(ledger_of("label", "label", label={1: 2, 2: 1}, good=9), {})
    assert [(one.code, one.grade) for one in found] == [("label_mismatch", "repeated")]


def test_gravest_finding_comes_first() -> None:
    found = lot_findings(ledger_of("sim", *["model"] * 4, good=10), {})
    assert [one.code for one in found] == ["wrong_model", "sim_state"]


def test_lot_without_failures_has_no_finding() -> None:
    assert lot_findings(ledger_of(good=5), {}) == []
