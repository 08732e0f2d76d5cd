"""What a printer receives: the label of one unit, with the numbers that stand on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class LabelJob(NamedTuple):
    """One label.

    :param template: name or path of its template
    :param fields: ``imei iccid serial_number asset_tag order lot bay n copy``; "" for none
    """

    template: str
    fields: Mapping[str, str]


class JobResult(NamedTuple):
    """What became of a label.

    :param status: ``printed``, ``unconfirmed`` if the printer does not answer, or ``failed``
    :param problem: of a printer that prints nothing now, such as ``no paper``
    """

    status: str
    problem: str = ""


class LabelPrinter(Protocol):
    """A printer. It is used by one thread at a time."""

    def send(self, job: LabelJob) -> JobResult:
        """Print a label; return when the printer has it."""

    def status(self) -> str:
        """Return what is wrong with the printer, "" if nothing is known to be."""
