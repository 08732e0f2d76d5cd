"""Which agent a command asks, and what to do about a port that it can not be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from modemagent.cli.options import Globals
from modemagent.errors import AgentDenied, ModemAgentError, PortBusy, SettingsError

if TYPE_CHECKING:
    from pathlib import Path


class AgentLocator(NamedTuple):
    """The words that say which agent is meant; nothing is looked up before it is needed.

    :param given: ``--state-dir``, None when it was not given
    :param config: the settings file named before the command, None for the usual place
    """

    given: str | None = None
    config: str | None = None

    @property
    def state_dir(self) -> Path:
        """The agent's state directory: as given, else by the environment, the settings, as usual.

        Another mistake in the settings is no reason not to ask: the agent goes on with the
        settings from before, and so does this.

        :raises SettingsError: the settings file that was named can not be read
        """
        from pathlib import Path

        if self.given:
            return Path(self.given).expanduser()
        import os

        from modemagent.settings.precedence import PREFIX, read
        from modemagent.settings.table import DEFAULT_FILE, DEFAULT_STATE_DIR
        from modemagent.settings.toml_file import values_of

        if words := os.environ.get(f"{PREFIX}STATE_DIR", "").strip():
            return Path(words).expanduser()
        try:
            text = read(Path(self.config or DEFAULT_FILE), must=self.config is not None)
        except SettingsError:
            if self.config:
                raise
            text = None  # not for this user's eyes
        found: Path = values_of(text or "")[0].get("state_dir", DEFAULT_STATE_DIR)
        return found


def whose(context: click.Context, state_dir: str | None) -> AgentLocator:
    """Return which agent this call means."""
    named = context.obj if isinstance(context.obj, Globals) else Globals(None, None)
    return AgentLocator(state_dir, named.config)


Holding = Literal["daemon", "command", "another", "unknown"]


def busy_with_hint(busy: PortBusy, error: ModemAgentError) -> PortBusy:
    """Return a busy port's error with the remedy that fits who holds it.

    :param error: why the agent did not answer for the port
    """
    holding = what_holds(busy)
    if isinstance(error, AgentDenied) and holding in ("daemon", "unknown"):
        doubt = "" if holding == "daemon" else "If it is the agent: "
        busy.hint = f"{doubt}{error.message}. {error.hint}"
    elif isinstance(error, SettingsError) and holding in ("daemon", "unknown"):
        busy.hint = f"{error.message}. {error.hint}"
    elif holding == "daemon":
        busy.hint = (
            f"It is modemagent's daemon, but {error.message}: name its state directory with "
            "--state-dir DIR, or its settings with modemagent --config FILE"
        )
    elif holding == "command":
        busy.hint = "Another modemagent command is at it: try again when that has ended"
    return busy


def what_holds(busy: PortBusy) -> Holding:
    """Tell modemagent's own processes from others, by their command line."""
    if busy.holder_pid is None:
        return "unknown"
    try:
        with open(f"/proc/{busy.holder_pid}/cmdline", "rb") as file:  # noqa: PTH123 - start-up
            line = file.read()
    except OSError:
        return "unknown"
    words = line.decode("utf-8", "replace").split("\0")
    names = [word.rpartition("/")[2] for word in words]
    if "modemagent" not in names:
        return "another"
    after = words[names.index("modemagent") + 1 :]
    return "daemon" if "run" in after or "demo" in after else "command"
