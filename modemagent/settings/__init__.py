"""One TOML file, the environment and the call -> frozen :class:`Settings`.

``kinds`` and ``addresses`` check values, ``table`` holds every key, ``file`` takes a file apart and
names its mistakes, ``sources`` puts file, environment and options over each other, and
``surroundings`` holds the settings against this machine.
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
