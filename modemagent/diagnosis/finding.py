"""What a check found: its state, one line about it, and what to do."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from modemagent.explain.explanation import clean

#: Characters of an answer that go with a finding.
_EVIDENCE_LIMIT = 200


class State(StrEnum):
    """How a check ended, the worst last but one.

    OK: as it should be. NOTE: worth knowing, nothing to do. WARNING: works, but not well. ERROR: in
    the way. SKIPPED: could not be made, and says why.
    """

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


class Finding(NamedTuple):
    """The answer of one check.

    :param message: what is so, one line without a full stop
    :param remedy: what to do, "" when nothing need be done
    :param evidence: what it was seen from, as the answer line ``+CEREG: 0,3``; "" for none
    """

    state: State
    message: str
    remedy: str = ""
    evidence: str = ""

    def to_json(self) -> dict[str, object]:
        return {
            "state": str(self.state),
            "message": clean(self.message),
            "remedy": clean(self.remedy) or None,
            "evidence": clean(self.evidence[:_EVIDENCE_LIMIT]) or None,
        }


def ok(message: str, evidence: str = "") -> Finding:
    return Finding(State.OK, message, "", evidence)


def note(message: str, remedy: str = "", evidence: str = "") -> Finding:
    return Finding(State.NOTE, message, remedy, evidence)


def warning(message: str, remedy: str, evidence: str = "") -> Finding:
    return Finding(State.WARNING, message, remedy, evidence)


def wrong(message: str, remedy: str, evidence: str = "") -> Finding:
    return Finding(State.ERROR, message, remedy, evidence)


def skipped(why: str) -> Finding:
    return Finding(State.SKIPPED, why)
