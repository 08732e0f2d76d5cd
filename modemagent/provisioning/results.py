"""Results of an order: a line for each turn, a line for each unit, evidence, totals with hashes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from modemagent import __version__
from modemagent.identity.csv_cells import csv_line, guarded
from modemagent.identity.imei import Imei
from modemagent.provisioning.acts import open_rows
from modemagent.provisioning.figures import figures
from modemagent.provisioning.journal import Journal
from modemagent.provisioning.ledger_entries import RunEntry
from modemagent.provisioning.lots import lot_findings
from modemagent.provisioning.signing import sign
from modemagent.provisioning.state import LineState

TOTALS = "totals.json"
_COLUMNS = (
    "order", "row", "run", "verdict", "first_failed", "failed", "waived", "reason", "revoked",
    "serial_number", "imei", "iccid", "eid", "manufacturer", "model", "firmware", "bay", "person",
    "began_at", "ended_at", "label", "copies",
)  # fmt: skip


def write_results(line: LineState, journal: Journal, folder: Path, *, with_imsi: bool) -> None:
    """Write all files of the results; each is complete or not there.

    :param with_imsi: include the IMSI, which belongs to the subscriber
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    columns = (*_COLUMNS, *(("imsi",) if with_imsi else ()), *_extra_columns(line))
    runs = [run for run in line.ledger.runs.values() if run.verdict is not None]
    last = {unit.run for unit in line.ledger.units.values() if unit.verdict is not None}
    rows = {run.number: _row(line, run) for run in runs}
    files = {
        "results.csv": _csv(columns, (rows[run.number] for run in runs)),
        "units.csv": _csv(columns, (rows[number] for number in sorted(last))),
        "attempts.jsonl": "".join(_attempts(runs, with_imsi=with_imsi)),
    }
    for name, text in files.items():
        write_beside(folder / name, text)
    totals = {
        "schema": 1,
        "order": line.order.name,
        "order_sha256": line.order.digest,
        "station": line.settings.station,
        "version": __version__,
        "figures": figures(line.ledger),
        "open_rows": open_rows(line),
        "lots": [one._asdict() for one in lot_findings(line.ledger, line.index.rows)],
        "recalls": [dict(one) for one in line.ledger.recalls],
        "files": {name: _digest(text) for name, text in files.items()},
        "journal": {"records": journal.number, "last_sha256": journal.last_hash},
    }
    write_beside(folder / TOTALS, json.dumps(totals, indent=1, sort_keys=True) + "\n")
    if line.settings.sign_key:
        sign(folder / TOTALS, line.settings.sign_key)


def write_beside(file: Path, text: str) -> None:
    """Write a file under another name, sync it, and rename it."""
    beside = file.with_name(f".{file.name}.new")
    with open(beside, "w", encoding="utf-8", newline="", opener=_private) as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _extra_columns(line: LineState) -> tuple[str, ...]:
    return tuple(sorted({name for row in line.order.rows for name in row.extra}))


def _csv(columns: tuple[str, ...], rows: Iterator[Mapping[str, Any]]) -> str:
    lines = [csv_line(columns)]
    for row in rows:
        lines.append(csv_line([guarded(str(row.get(name) or "")) for name in columns]))
    return "".join(lines)


def _row(line: LineState, run: RunEntry) -> dict[str, Any]:
    reading: Mapping[str, Any] = run.reading or {}
    modem = reading.get("modem") or {}
    sims: list[Mapping[str, Any]] = [one for one in reading.get("sims", ()) if one.get("active")]
    sim = sims[0] if sims else {}
    row = line.index.rows.get(run.row)
    steps = run.steps
    return {
        **(row.extra if row is not None else {}),
        "order": line.order.name,
        "row": row.line if row is not None else "",
        "run": run.number,
        "verdict": run.verdict,
        "first_failed": run.failed[0] if run.failed else "",
        "failed": " ".join(run.failed),
        "waived": " ".join(f"{one['step']}:{one['person']}" for one in run.waivers),
        "reason": steps[run.failed[0]]["reason"] if run.failed and run.failed[0] in steps else "",
        "revoked": run.revoked,
        "serial_number": modem.get("serial_number")
        or next((scan["fields"]["serial_number"] for scan in run.scans
                 if "serial_number" in scan["fields"]), ""),
        "imei": modem.get("imei") or (str(Imei.from_digits(run.unit)) if run.unit else ""),
        "iccid": sim.get("iccid"),
        "imsi": sim.get("imsi"),
        "eid": sim.get("eid"),
        "manufacturer": modem.get("manufacturer"),
        "model": modem.get("model"),
        "firmware": modem.get("firmware"),
        "bay": run.bay,
        "person": run.person,
        "began_at": run.began_at,
        "ended_at": run.ended_at,
        "label": run.label or "",
        "copies": run.copies or "",
    }  # fmt: skip


def _attempts(runs: list[RunEntry], *, with_imsi: bool) -> Iterator[str]:
    for run in runs:
        reading = run.reading
        if reading is not None and not with_imsi:
            reading = without_imsi(reading)
        document = {
            "run": run.number,
            "bay": run.bay,
            "unit": run.unit,
            "verdict": run.verdict,
            "failed": run.failed,
            "revoked": run.revoked,
            "steps": {name: _public(step) for name, step in run.steps.items()},
            "scans": [
                {key: scan.get(key) for key in ("at", "source", "fields", "tie", "typed")}
                for scan in run.scans
            ],
            "waivers": [
                {key: one[key] for key in ("at", "step", "person", "reason")} for one in run.waivers
            ],
            "reading": reading,
        }
        yield json.dumps(document, separators=(",", ":")) + "\n"


def _public(step: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("state", "reason", "blame", "others", "private", "measurements")
    return {key: step[key] for key in keys if step.get(key)}


def _without(answer: str, numbers: set[str]) -> str:
    for number in numbers:
        answer = answer.replace(number, "*" * len(number))
    return answer


def without_imsi(reading: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reading without the IMSI, also in responses to a line with several commands."""
    hidden = ("imsi", "imsi_raw", "mcc", "mnc")
    sims = [
        {key: value for key, value in sim.items() if key not in hidden}
        for sim in reading.get("sims", ())
    ]
    numbers = {str(sim[name]) for sim in reading.get("sims", ()) for name in ("imsi", "imsi_raw")
               if sim.get(name)}  # fmt: skip
    evidence = [
        {**one, "answer": _without(one["answer"], numbers)}
        for one in reading.get("evidence", ())
        if one["field"] != "imsi"
    ]
    return {**reading, "sims": sims, "evidence": evidence}
