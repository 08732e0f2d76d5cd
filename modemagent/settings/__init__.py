"""Settings of the agent, read from one TOML file, the environment and the options.

``table`` holds every key, ``validators`` and ``addresses`` check values, ``toml_file`` parses a
file and reports its mistakes, ``precedence`` merges the sources, and ``preflight`` checks the
settings against this machine.
"""

from modemagent.settings.precedence import (
    Effective,
    FileRefused,
    Origin,
    effective,
    load,
    read,
    unknown_in,
    with_overrides,
)
from modemagent.settings.table import DEFAULT_FILE, DEFAULT_STATE_DIR, KEYS, TABLE, Key, Settings
from modemagent.settings.toml_file import Mistake, check, line_of

__all__ = [
    "DEFAULT_FILE",
    "DEFAULT_STATE_DIR",
    "KEYS",
    "TABLE",
    "Effective",
    "FileRefused",
    "Key",
    "Mistake",
    "Origin",
    "Settings",
    "check",
    "effective",
    "line_of",
    "load",
    "read",
    "unknown_in",
    "with_overrides",
]
