"""Evidence of a reading: command, response, parser and time of each field.

Evidence is kept for every field of a reading, also for one that could not be read: the last
response shows the reason. It contains identifiers, so it is stored and sent with the reading
only and never logged.
"""

from typing import NamedTuple

#: Longest response that is kept, in characters; the value is within the first hundred.
ANSWER_LIMIT = 512


class Evidence(NamedTuple):
    """The exchange in which one field was read.

    :param field: name of the field in the reading: ``imei``, ``iccid``, ``slot``
    :param command: the complete command line
    :param answer: the response as text, line ends included; a byte that is not UTF-8 is written
        ``\\xNN``
    :param parser: the parser that extracted the value, a name of ``modemagent.dialects.parsers``
    :param at_ms: end of the response in milliseconds since the start of the reading
    """

    field: str
    command: str
    answer: str
    parser: str
    at_ms: int

    def to_json(self) -> dict[str, object]:
        return self._asdict()


def as_text(raw: bytes) -> str:
    """Return the bytes of a response as evidence keeps them.

    >>> as_text(b"AT+CSQ\\r\\r\\n+CSQ: 9,\\xff")
    'AT+CSQ\\r\\r\\n+CSQ: 9,\\\\xff'
    """
    text = raw.decode("utf-8", "backslashreplace")
    return text if len(text) <= ANSWER_LIMIT else text[:ANSWER_LIMIT] + "..."
