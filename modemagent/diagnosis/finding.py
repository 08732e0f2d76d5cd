"""The finding of a check: its state, a message and a remedy."""

from enum import StrEnum
from typing import NamedTuple, Self

from modemagent.explain.explanation import clean

#: Most characters of a response that are shown as evidence.
_EVIDENCE_LIMIT = 200


class State(StrEnum):
    """Outcome of a check.

    OK: as it should be. NOTE: worth knowing, no action needed. WARNING: works with limits. ERROR:
    prevents operation. SKIPPED: not possible, for the reason in the message.
    """

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


class Finding(NamedTuple):
    """The outcome of one check.

    :param message: one line without a full stop
    :param remedy: what to do, in sentences; "" if no action is needed
    :param evidence: the response line that the finding is based on, such as ``+CEREG: 0,3``; or ""
    """

    state: State
    message: str
    remedy: str = ""
    evidence: str = ""

    @property
    def is_bad(self) -> bool:
        return self.state in (State.WARNING, State.ERROR)

    def as_consequence(self, cause: str) -> Self:
        """Return this finding as a note that names the check whose finding is the cause."""
        return self._replace(
            state=State.NOTE, message=f"{self.message} (follows from: {cause})", remedy=""
        )

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
    return Finding(State.NOTE, message, _sentence(remedy), evidence)


def warning(message: str, remedy: str, evidence: str = "") -> Finding:
    return Finding(State.WARNING, message, _sentence(remedy), evidence)


def wrong(message: str, remedy: str, evidence: str = "") -> Finding:
    return Finding(State.ERROR, message, _sentence(remedy), evidence)


def skipped(reason: str) -> Finding:
    return Finding(State.SKIPPED, reason)


def _sentence(remedy: str) -> str:
    """End a remedy with a full stop; one from a table may come without."""
    return f"{remedy}." if remedy and not remedy.endswith(".") else remedy
