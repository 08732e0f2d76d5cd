"""Where the control socket is, for the daemon that listens and the commands that call.

A socket's path may hold 107 bytes and a state directory may be longer, so the socket is always
named relative to an open directory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from modemagent.settings import DEFAULT_STATE_DIR

RUNTIME_DIR = Path("/run/modemagent")
SOCKET_NAME = "agent.sock"


def socket_path(state_dir: Path) -> Path:
    """Return the control socket of the agent on this state directory.

    The system's agent has its socket where its group may reach it; any other agent, as on a
    developer's machine, keeps it with its own state.
    """
    if state_dir == DEFAULT_STATE_DIR and RUNTIME_DIR.is_dir():
        return RUNTIME_DIR / SOCKET_NAME
    return state_dir / SOCKET_NAME


@contextlib.contextmanager
def short_name(path: Path) -> Iterator[str]:
    """Give a name of the socket that is short enough, while it is needed."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
