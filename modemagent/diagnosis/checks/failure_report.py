"""The cause that a modem reports by ``AT+CEER`` for its last failure."""

import re
from collections.abc import Collection
from typing import Final, NamedTuple

from modemagent.diagnosis.checks.responses import decoded
from modemagent.diagnosis.facts import Decoded, Facts
from modemagent.explain import explain_code

#: Families of causes of a rejected registration, and of a rejected data connection.
REGISTRATION: Final = ("EMM", "5GMM", "GMM", "MM")
DATA: Final = ("ESM", "5GSM", "SM")

#: Causes that end a data connection as intended (TS 24.301 clause 9.9.4.4).
_NO_FAULT: Final = (36, 39)
#: Causes of a data connection that a number alone stands for: calls that end normally have others.
_CERTAIN: Final = (8, 26, 27, 29, 32, 33, 50, 51)
#: Reports of no failure: ``No cause information available``, ``No report available``, ``Normal,
#: unspecified``, ``Success``.
_NO_REPORT = re.compile(
    r"(no (cause|report|error|failure)\b.*|none|success|normal\b.*|unspecified|unknown|0)",
    re.IGNORECASE,
)


class Cause(NamedTuple):
    """A cause of a family, with its name and its remedy.

    :param line: the response line
    """

    family: str
    number: int
    text: str
    remedy: str
    line: str = ""


def cause_of(family: str, number: int, line: str = "") -> Cause | None:
    """Return a cause by its family and number, None if the standard does not define it."""
    found = explain_code(f"{family} {number}")
    if found is None:
        return None
    text = f"{family} cause {number}, {found['text']}"
    return Cause(family, number, text, str(found.get("remedy", "")), line)


def reported_cause(facts: Facts, families: Collection[str]) -> Cause | None:
    """Return the cause in the failure report, if it is of one of these families."""
    found = decoded(facts, "AT+CEER", "+CEER")
    number = found.fields.get("cause") if found else None
    if found is None or not isinstance(number, int) or number in _NO_FAULT:
        return None
    family = found.fields.get("family")
    if family is None and number in _CERTAIN and "ESM" in families:
        family = "ESM"
    return cause_of(str(family), number, found.line) if family in families else None


def failure_report(facts: Facts) -> Decoded | None:
    """Return the failure report, None if it contains no failure."""
    found = decoded(facts, "AT+CEER", "+CEER")
    if found is None or found.fields.get("cause") in (0, *_NO_FAULT):
        return None
    report = str(found.fields.get("report", "")).strip(' "')
    last = report.rpartition(", ")[2].strip(' "')
    return None if _NO_REPORT.fullmatch(last) or _NO_REPORT.fullmatch(report) else found
