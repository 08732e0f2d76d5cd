"""The running agent as a route to a modem: its location, a session with it, busy ports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from modemagent.access.options import AgentLocator
from modemagent.control.client import ControlClient
from modemagent.errors import (
    AgentDenied,
    AgentError,
    ModemAgentError,
    PortBusy,
    PortNotFound,
    SettingsError,
)
from modemagent.settings.precedence import PREFIX, read
from modemagent.settings.table import DEFAULT_FILE, DEFAULT_STATE_DIR
from modemagent.settings.toml_file import values_of


def state_dir_of(agent: AgentLocator) -> Path:
    """Return the state directory from the option, the environment, the settings, or the default.

    Other mistakes in the settings are ignored: a running agent keeps its previous settings.

    :raises SettingsError: the settings file that was named cannot be read
    """
    if agent.given:
        return Path(agent.given).expanduser()
    if value := os.environ.get(f"{PREFIX}STATE_DIR", "").strip():
        return Path(value).expanduser()
    try:
        text = read(Path(agent.config or DEFAULT_FILE), required=agent.config is not None)
    except SettingsError:
        if agent.config:
            raise
        text = None  # the default file may be readable by the agent's user only
    found: Path = values_of(text or "")[0].get("state_dir", DEFAULT_STATE_DIR)
    return found


class NotServed(Exception):
    """The agent cannot be reached, or does not watch the port.

    :ivar error: the reason
    """

    def __init__(self, error: ModemAgentError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def agent_session(agent: AgentLocator) -> Iterator[ControlClient]:
    """Connect to the agent for the duration of the ``with`` block.

    :raises NotServed: another route has to be taken
    :raises AgentError: from the block, when the agent has the port and an operation failed
    """
    try:
        client = ControlClient(state_dir_of(agent))
    except ModemAgentError as error:
        raise NotServed(error) from error
    with client:
        try:
            yield client
        except AgentDenied as error:
            raise NotServed(error) from error
        except AgentError as error:
            if error.reason == PortNotFound.reason:
                raise NotServed(error) from error
            raise


def explain_busy(busy: PortBusy, reason: ModemAgentError) -> PortBusy:
    """Replace the hint of a busy port with one that fits the holder.

    :param reason: why the agent does not serve the port
    """
    holder = holder_kind(busy)
    if holder in ("daemon", "unknown") and isinstance(reason, AgentDenied | SettingsError):
        doubt = "If the agent holds it: " if holder == "unknown" else ""
        busy.hint = f"{doubt}{reason.message}. {reason.hint}"
    elif holder == "daemon":
        busy.hint = (
            f"The modemagent daemon holds it, but {reason.message}. Name the state directory of "
            "that daemon with --state-dir DIR, or its settings with modemagent --config FILE."
        )
    elif holder == "command":
        busy.hint = "Another modemagent command uses it. Try again when that command has ended."
    return busy


def holder_kind(busy: PortBusy) -> Literal["daemon", "command", "other", "unknown"]:
    """Classify the holder of a port by its command line."""
    try:
        line = Path(f"/proc/{busy.holder_pid}/cmdline").read_bytes()
    except OSError:
        return "unknown"
    words = line.decode("utf-8", "replace").split("\0")
    names = [word.rpartition("/")[2] for word in words]
    if "modemagent" not in names:
        return "other"
    arguments = words[names.index("modemagent") + 1 :]
    return "daemon" if "run" in arguments or "demo" in arguments else "command"
