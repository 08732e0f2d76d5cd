"""Check of the labels of an order before the first module is read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modemagent.errors import LabelError
from modemagent.identity.csv_table import LineProblem
from modemagent.labels.fields import FIELDS
from modemagent.provisioning.bench_file import BenchSettings
from modemagent.provisioning.label_job import LabelJob, of_order, template_of
from modemagent.provisioning.order import BenchOrder, ExpectedRow
from modemagent.provisioning.printers import StationPrinter
from modemagent.provisioning.steps.context import label_rule


def label_problems(
    order: BenchOrder, settings: BenchSettings, printer: StationPrinter
) -> Iterator[LineProblem]:
    """Yield the rows whose label cannot be printed with the values of the order.

    What the module will report is assumed to be as long as usual.
    """
    bay = max(settings.bays, key=len, default=FIELDS["bay"])
    known: dict[tuple[str, ...], LabelError | None] = {}
    for row in order.rows:
        if not label_rule(row).startswith("print"):
            continue
        job = _expected(order, row, settings, bay)
        # labels of one shape fit alike: digits are equally wide, and so are letters
        shape = (job.template, *(_shape(value) for value in job.fields.values()))
        if shape not in known:
            known[shape] = _problem(printer, job)
        if (error := known[shape]) is not None:
            yield LineProblem(row.line, "label", "label", "error", error.message, error.hint or "")


def _expected(order: BenchOrder, row: ExpectedRow, settings: BenchSettings, bay: str) -> LabelJob:
    serial = row.values.get("serial_number") or FIELDS["serial_number"]
    fields = {**FIELDS, **of_order(order.name, row), "serial_number": serial, "bay": bay}
    return LabelJob(template_of(row, settings), fields)


def _problem(printer: StationPrinter, job: LabelJob) -> LabelError | None:
    try:
        printer.check(job)
    except LabelError as error:
        return error
    return None


def _shape(value: str) -> str:
    return re.sub("[a-z]", "a", re.sub("[A-Z]", "A", re.sub("[0-9]", "0", value)))
