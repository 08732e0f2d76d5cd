"""JSON form of an AT response on the control socket.

The raw bytes stay in the daemon; the lines contain everything a client needs.
"""

from __future__ import annotations

from modemagent.at.steps import Response
from modemagent.identity import codec

_KEYS = ("line", "lines", "final", "echoed", "foreign")


def to_json(answer: Response) -> dict[str, object]:
    """Return a response as a JSON object."""
    document = {key: codec.to_json(getattr(answer, key)) for key in _KEYS}
    return document | {"elapsed_s": round(answer.elapsed_s, 4)}


def from_json(data: object) -> Response:
    """Read the JSON form of a response.

    :raises ReportError: a key is missing or has a value of the wrong type
    """
    return codec.from_json(Response, data)
