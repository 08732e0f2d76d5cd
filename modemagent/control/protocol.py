"""Parts of the control protocol that client and server share: the socket and AT responses as JSON.

The path of a Unix socket holds at most 107 bytes and a state directory may be longer, so the socket
is always named relative to an open directory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from modemagent.at.steps import Response
from modemagent.identity import json_codec
from modemagent.settings import DEFAULT_STATE_DIR

RUNTIME_DIR = Path("/run/modemagent")
SOCKET_NAME = "agent.sock"
_RESPONSE_KEYS = ("line", "lines", "final", "echoed", "foreign")


def socket_path(state_dir: Path) -> Path:
    """Return the control socket of the agent with this state directory.

    The system's agent has its socket in the runtime directory, which its group may enter. Any other
    agent, such as one on a developer's machine, keeps the socket in its state directory.
    """
    if state_dir == DEFAULT_STATE_DIR and RUNTIME_DIR.is_dir():
        return RUNTIME_DIR / SOCKET_NAME
    return state_dir / SOCKET_NAME


@contextlib.contextmanager
def short_name(path: Path) -> Iterator[str]:
    """Provide a name of the socket that is short enough, valid inside the ``with`` block."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def to_json(response: Response) -> dict[str, object]:
    """Return an AT response as a JSON object, without its raw bytes."""
    document = {key: json_codec.to_json(getattr(response, key)) for key in _RESPONSE_KEYS}
    return document | {"elapsed_s": round(response.elapsed_s, 4)}


def from_json(data: object) -> Response:
    """Parse the output of :func:`to_json`.

    :raises ReportError: a key is missing or has a value of the wrong type
    """
    return json_codec.from_json(Response, data)
