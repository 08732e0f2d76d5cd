"""The vocabulary of problem codes and severities."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a problem does to the value: error refuses it, warning asks a person, note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Verdict(StrEnum):
    """The worst severity of a reading; notes do not count."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about one field of a reading.

    :param code: ``<kind>.<name>``, stable for ever
    :param field: the field it is about, as ``imei`` or ``iccid``
    """

    code: str
    severity: Severity
    field: str
    message: str

    def to_json(self) -> dict[str, object]:
        return {
            "code": self.code,
            "severity": str(self.severity),
            "field": self.field,
            "message": self.message,
        }


def verdict_of(problems: Iterable[Problem]) -> Verdict:
    """Return the worst of the problems' severities as a verdict."""
    worst = {problem.severity for problem in problems}
    if Severity.ERROR in worst:
        return Verdict.ERROR
    return Verdict.WARNING if Severity.WARNING in worst else Verdict.OK
