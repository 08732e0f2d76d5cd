"""Which program the service starts: the installation that runs now, and whether it can start."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import modemagent
from modemagent.installation.target_root import InstallError

_HOMES = ("/home/", "/root/", "/run/user/")
_VANISHING = ("/tmp/", "/var/tmp/")  # noqa: S108 - names to warn of
_CHECK_S = 30
#: What the unit calls as it is shipped.
_SHIPPED = "/usr/bin/modemagent"


def running() -> tuple[str, ...]:
    """Return the words that start this very installation, without a look at ``PATH``."""
    called = Path(sys.argv[0])
    script = Path(sysconfig.get_path("scripts")) / "modemagent"
    for path in (called, script):
        if path.name == "modemagent" and path.is_absolute() and path.is_file():
            return (str(path),)
    return (sys.executable, "-m", "modemagent")


def check(words: tuple[str, ...], vanishing: tuple[str, ...] = ()) -> None:
    """See that these words start this version when nothing of the caller's environment helps.

    :param vanishing: places it runs from that do not outlive a boot
    :raises InstallError: they do not, or not for long
    """
    if vanishing:
        raise InstallError(
            f"a service can not run from {vanishing[0]}, which is emptied at boot",
            hint="Install into an environment of its own: python3 -m venv /opt/modemagent",
        )
    try:
        done = subprocess.run(  # noqa: S603 - our own program, found by ourselves
            [*words, "--version"], capture_output=True, text=True, cwd="/", env={}, timeout=_CHECK_S
        )
        said = done.stdout.strip() or done.stderr.strip().rpartition("\n")[2]
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    if said != f"modemagent {modemagent.__version__}":
        raise InstallError(
            f"{' '.join(words)} does not start modemagent {modemagent.__version__}: {said}",
            hint="Install into an environment of its own: python3 -m venv /opt/modemagent",
        )


def folders(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the directories this installation runs from: program, interpreter, package."""
    package = Path(modemagent.__file__).parent.parent
    places = {Path(words[0]).parent, Path(sys.prefix), Path(sys.base_prefix), package}
    places |= {place.resolve() for place in places}
    return tuple(sorted(map(str, places)))


def hidden(places: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the places that ``ProtectHome`` hides from a service, and those of ``PrivateTmp``.

    >>> hidden(("/usr/bin", "/home/pi/venv", "/home/pi/venv/bin", "/tmp/v"))
    (('/home/pi/venv',), ('/tmp/v',))
    """
    homes = [place for place in places if f"{place}/".startswith(_HOMES)]
    outer = [p for p in homes if not any(p.startswith(f"{other}/") for other in homes)]
    return tuple(outer), tuple(p for p in places if f"{p}/".startswith(_VANISHING))


def unit(text: str, words: tuple[str, ...], visible: tuple[str, ...]) -> str:
    """Return the unit with this program in it; ``visible`` are homes it must still see.

    >>> print(unit("ExecStart=/usr/bin/modemagent run", ("/opt/my modem/bin/modemagent",), ()))
    ExecStart="/opt/my modem/bin/modemagent" run
    """
    start = " ".join(_quoted(word.replace("$", "$$")) for word in words)
    text = re.sub(rf"(?m)^(Exec\w+=){_SHIPPED}(?= )", lambda line: line[1] + start, text)
    if visible:
        binds = "\n".join(f"BindReadOnlyPaths={_quoted(place)}" for place in visible)
        why = "# modemagent is installed in a home directory: that alone stays to be seen."
        text = text.replace("ProtectHome=yes", f"{why}\nProtectHome=tmpfs\n{binds}")
    return text


def _quoted(word: str) -> str:
    word = word.replace("%", "%%")
    if re.fullmatch(r"[\w/.@:+=,%$-]+", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
