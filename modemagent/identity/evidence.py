"""Where a value comes from: the question, the answer as it came, who read it, and when.

Kept for every field of a reading, for those that could not be read as well: the last answer
says why. It holds identifiers, as the reading does, so it goes where the reading goes and never
into a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: Characters of an answer that are kept; a value stands in the first hundred.
ANSWER_LIMIT = 512


class Evidence(NamedTuple):
    """How one field was read.

    :param field: the field's name as in the reading, ``imei``, ``iccid``, ``slot``
    :param command: the complete line that was sent
    :param answer: the bytes that came back as text, line ends included; what is no UTF-8 is
        written ``\\xNN``
    :param parser: the reader that took the value out, a name of ``modemagent.dialects.parsers``
    :param at_ms: when the answer was complete, milliseconds since the reading began
    """

    field: str
    command: str
    answer: str
    parser: str
    at_ms: int

    def to_json(self) -> dict[str, object]:
        return self._asdict()

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Evidence:
        """Read what :meth:`to_json` wrote; what is missing or of another kind is left empty."""
        field, command, answer, parser = (
            str(data.get(name, "")) for name in ("field", "command", "answer", "parser")
        )
        at_ms = data.get("at_ms")
        return cls(field, command, answer, parser, at_ms if isinstance(at_ms, int) else 0)


def as_text(raw: bytes) -> str:
    """Return an answer's bytes as they are kept.

    >>> as_text(b"AT+CSQ\\r\\r\\n+CSQ: 9,\\xff")
    'AT+CSQ\\r\\r\\n+CSQ: 9,\\\\xff'
    """
    text = raw.decode("utf-8", "backslashreplace")
    return text if len(text) <= ANSWER_LIMIT else text[:ANSWER_LIMIT] + "..."
