"""Findings about lots: what the supplier delivered together, judged from all turns of an order.

Pure functions: turns in, findings out. A finding is single, repeated, or systematic if it is about
three units and 5 percent of the lot.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from modemagent.provisioning.ledger import COUNTED, Ledger
from modemagent.provisioning.ledger_entries import RunEntry
from modemagent.provisioning.order import ExpectedRow

_SYSTEMATIC_UNITS, _SYSTEMATIC_SHARE = 3, 0.05

#: Finding, by failed step.
_BY_STEP = {
    "unique": ("duplicate_imei", "the same IMEI in several modules",
               "Send the modules back: the maker has to explain their IMEIs."),
    "firmware": ("wrong_firmware", "another firmware than ordered",
                 "Agree with the supplier on an exchange or an update by the maker's tool."),
    "model": ("wrong_model", "another model than ordered", "Send the modules back."),
    "tac": ("foreign_tac", "TACs that are not on the list",
            "Ask the supplier for the list of TACs."),
    "identity": ("invalid_identity", "placeholders or wrong check digits",
                 "Send the modules back: they were not provisioned by the maker."),
    "identity_hints": ("suspect_identity", "numbers that are unusual",
                       "Ask the supplier about these numbers."),
    "pairing": ("sim_mixed", "SIM cards of other rows, or used twice",
                "Sort the SIM cards again before more modules are assembled."),
    "sim": ("sim_state", "SIM cards that are absent, locked or faulty", "Check the assembly."),
    "label": ("label_mismatch", "labels with other numbers than the modules",
              "Stop labelling: print the labels again from what the modules report."),
    "ordered": ("not_ordered", "units that are not in the order",
                "Compare the delivery note with the order."),
    "answers": ("mute", "modules that do not answer", "Check their power and firmware."),
}  # fmt: skip


_KNOWN = ("known_elsewhere", "modules that the registry has from other places",
          "Compare the delivery with returns and with earlier orders.")  # fmt: skip


class LotFinding(NamedTuple):
    """One finding about a lot.

    :param grade: ``single``, ``repeated`` or ``systematic``
    :param runs: numbers of the turns that it is made of
    :param share: of the units of the lot
    """

    lot: str
    code: str
    grade: str
    message: str
    remedy: str
    runs: tuple[int, ...]
    share: float


def lot_findings(ledger: Ledger, rows: Mapping[str, ExpectedRow]) -> list[LotFinding]:
    """Return the findings about the lots of an order, the gravest first.

    :param rows: rows of the order by their keys
    """
    lots: dict[str, list[RunEntry]] = defaultdict(list)
    only = {row.values.get("lot", "") for row in rows.values()}
    default = only.pop() if len(only) == 1 else ""
    for run in ledger.runs.values():
        if run.verdict in COUNTED and not run.is_golden:
            row = rows.get(run.row)
            lots[row.values.get("lot", "") if row is not None else default].append(run)
    found = [one for lot, runs in sorted(lots.items()) for one in _of_lot(lot, runs)]
    grades = ("systematic", "repeated", "single")
    return sorted(found, key=lambda one: (grades.index(one.grade), -len(one.runs)))


def _of_lot(lot: str, runs: Sequence[RunEntry]) -> Iterator[LotFinding]:
    units = len({run.unit or f"run {run.number}" for run in runs})
    shifted = shifted_labels(runs)
    for step, (code, message, remedy) in _BY_STEP.items():
        about = [run for run in runs if step in run.failed]
        if step == "label":
            about = [run for run in about if run not in shifted]
        if step == "unique" and (known := [run for run in about if run.known]):
            yield _graded(lot, *_KNOWN, known, units)
            about = [run for run in about if not run.known]
        if about:
            yield _graded(lot, code, message, remedy, about, units)
    if shifted:
        yield _graded(lot, "labels_shifted", "labels that belong to the next module in the line",
                      "Find where the line of labels and modules slipped, and print them again.",
                      shifted, units)  # fmt: skip
    mixed = Counter(_tac(run) for run in runs if run.unit)
    rare = [run for run in runs if run.unit and mixed[_tac(run)] * 20 < len(runs)]
    if len(mixed) > 1 and rare:
        yield _graded(lot, "tac_mixed", "few units with another TAC than the rest of the lot",
                      "Ask the supplier whether two productions were mixed.",
                      rare, units)  # fmt: skip


def shifted_labels(runs: Sequence[RunEntry]) -> list[RunEntry]:
    """Return the turns whose label is that of another module, whose own is again elsewhere.

    Three or more in a chain are labels that were shifted; two are labels that were swapped.
    """
    wrong: dict[str, tuple[str, RunEntry]] = {}
    for run in runs:
        private = run.steps.get("label", {}).get("private", {})
        if "label" in run.failed and private.get("field") == "imei":
            wrong[private["module"]] = private["label"], run
    for start in wrong:
        chain, at = [start], wrong[start][0]
        while at in wrong and at not in chain:
            chain.append(at)
            at = wrong[at][0]
        if len(chain) >= _SYSTEMATIC_UNITS:
            return [wrong[unit][1] for unit in chain]
    return []


def _tac(run: RunEntry) -> str:
    return run.unit[:8]


def _graded(
    lot: str, code: str, message: str, remedy: str, runs: Sequence[RunEntry], units: int
) -> LotFinding:
    # a double IMEI is in as many modules as turns
    names = {run.unit or f"run {run.number}" for run in runs}
    count = len(runs) if code == "duplicate_imei" else len(names)
    share = count / max(units, count)
    is_systematic = count >= _SYSTEMATIC_UNITS and share >= _SYSTEMATIC_SHARE
    grade = "systematic" if is_systematic else "repeated" if count > 1 else "single"
    numbers = tuple(run.number for run in runs)
    return LotFinding(lot, code, grade, message, remedy, numbers, round(share, 4))
