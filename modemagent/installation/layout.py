"""Table of the files of an installation."""

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

PREFIXES = ("/usr/local", "/usr")
UNIT = "modemagent.service"


class FileKind(StrEnum):
    """The kind of an installed file.

    :cvar PROGRAM: updated unless it was edited
    :cvar SETTINGS: belongs to the administrator once it is installed
    :cvar SECRET: created empty; never read, shown or compared
    """

    PROGRAM = "program"
    SETTINGS = "settings"
    SECRET = "secret"  # noqa: S105 - the name of a kind


class InstalledFile(NamedTuple):
    """One file.

    :param source: the name of the shipped file, "" for an empty file
    :param target: the path of the installed file; ``{prefix}`` is one of :data:`PREFIXES`
    """

    source: str
    target: str
    kind: FileKind = FileKind.PROGRAM
    mode: int = 0o644


UNIT_FILE = f"{{prefix}}/lib/systemd/system/{UNIT}"
SYSUSERS = "{prefix}/lib/sysusers.d/modemagent.conf"
TMPFILES = "{prefix}/lib/tmpfiles.d/modemagent.conf"
SETTINGS = "/etc/modemagent/agent.toml"
TOKEN = "/etc/modemagent/token"  # noqa: S105 - a path
RULES = ("71-modemagent-access.rules", "79-modemagent-ports.rules")

ITEMS = (
    *(InstalledFile(name, f"{{prefix}}/lib/udev/rules.d/{name}") for name in RULES),
    InstalledFile(UNIT, UNIT_FILE),
    InstalledFile("modemagent.sysusers.conf", SYSUSERS),
    InstalledFile("modemagent.tmpfiles.conf", TMPFILES),
    InstalledFile("agent.toml", SETTINGS, FileKind.SETTINGS),
    InstalledFile("", TOKEN, FileKind.SECRET, 0o600),
)

#: The link that "systemctl enable" creates.
ENABLED = f"/etc/systemd/system/multi-user.target.wants/{UNIT}"
MANIFEST = "/etc/modemagent/installed.json"
#: State directory as systemd makes it for a dynamic user: a link, and the directory behind it.
STATE = ("/var/lib/modemagent", "/var/lib/private/modemagent")


def shipped(source: str) -> str:
    """Return the text of a shipped file, from the installed package or the checkout."""
    folder = Path(__file__).with_name("files")
    if not folder.is_dir():
        folder = Path(__file__).parents[2] / "udev"
    return (folder / source).read_text(encoding="utf-8") if source else ""
