"""What a printer receives: the label of one unit, with the numbers that stand on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.events import PrintLabel
from modemagent.provisioning.ledger_entries import RunEntry
from modemagent.provisioning.order import ExpectedRow
from modemagent.provisioning.state import LineState

#: Fields of a label that only the order provides.
OF_ORDER = ("asset_tag", "lot", "order")


class LabelJob(NamedTuple):
    """One label.

    :param template: name or path of its template
    :param fields: those of :data:`modemagent.labels.fields.FIELDS`; "" for none
    """

    template: str
    fields: Mapping[str, str]


class JobResult(NamedTuple):
    """What became of a label.

    :param status: ``printed``, ``unconfirmed`` if the printer does not answer, ``failed`` if
        nothing can be printed now, or ``refused`` if this label cannot be printed
    :param problem: of a printer that prints nothing now, such as ``no paper``, or of the label
    :param file: that was written, "" if the label went to a printer
    """

    status: str
    problem: str = ""
    file: str = ""


class LabelPrinter(Protocol):
    """A printer. It is used by one thread at a time."""

    def send(self, job: LabelJob) -> JobResult:
        """Print a label; return when the printer has it."""

    def status(self) -> str:
        """Return what is wrong with the printer, "" if nothing is known to be."""


def label_of(
    run: RunEntry,
    row: ExpectedRow | None,
    *,
    order: str,
    number: int,
    copy: int,
    settings: BenchSettings,
) -> LabelJob:
    """Return the label of a turn, with its numbers in full.

    :param number: of the label in the order
    :param copy: 1 for the first
    """
    reading: Mapping[str, Any] = run.reading or {}
    modem = reading.get("modem") or {}
    sims: list[Mapping[str, Any]] = [one for one in reading.get("sims", ()) if one.get("active")]
    sim = sims[0] if sims else {}
    values = row.values if row is not None else {}
    names = ("imei", "serial_number", "manufacturer", "model", "firmware")
    fields = {name: modem.get(name) for name in names}
    fields["serial_number"] = fields["serial_number"] or values.get("serial_number")
    fields |= {"iccid": sim.get("iccid"), "eid": sim.get("eid")}
    fields |= of_order(order, row)
    fields |= {"bay": run.bay, "n": number, "copy": copy if copy > 1 else ""}
    return LabelJob(
        template_of(row, settings), {name: str(value or "") for name, value in fields.items()}
    )


def label_due(line: LineState, due: PrintLabel) -> LabelJob:
    """Return the label that is due."""
    run = line.ledger.runs[due.run]
    row = line.index.rows.get(run.row)
    return label_of(run, row, order=line.order.name, number=due.number, copy=due.copy,
                    settings=line.settings)  # fmt: skip


def of_order(order: str, row: ExpectedRow | None) -> dict[str, str]:
    """Return the fields of a label that only the order provides."""
    values = row.values if row is not None else {}
    return {**{name: values.get(name, "") for name in OF_ORDER}, "order": order}


def template_of(row: ExpectedRow | None, settings: BenchSettings) -> str:
    """Return the name of the template of a row."""
    named = row.values.get("label_template") if row is not None else None
    return named or settings.label_template
