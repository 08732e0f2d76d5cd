"""Entry point of the service: the program of the running installation, checked and quoted."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import modemagent
from modemagent.installation.target_root import InstallError

_HOMES = ("/home/", "/root/", "/run/user/")
_TEMPORARY = ("/tmp/", "/var/tmp/")  # noqa: S108 - rejected, never used
_CHECK_TIMEOUT_S = 30
#: The program in the unit as shipped.
_SHIPPED = "/usr/bin/modemagent"
_VENV_HINT = "Install into a virtual environment: python3 -m venv /opt/modemagent"


def running() -> tuple[str, ...]:
    """Return the command that starts the running installation, independent of ``PATH``."""
    called = Path(sys.argv[0])
    script = Path(sysconfig.get_path("scripts")) / "modemagent"
    for path in (called, script):
        if path.name == "modemagent" and path.is_absolute() and path.is_file():
            return (str(path),)
    return (sys.executable, "-m", "modemagent")


def check(words: tuple[str, ...], temporary: tuple[str, ...] = ()) -> None:
    """Check that a command starts this version in an empty environment.

    :param temporary: directories it runs from that are emptied at boot
    :raises InstallError: it does not, or not after the next boot
    """
    if temporary:
        raise InstallError(
            f"a service cannot run from {temporary[0]}, which is emptied at boot", hint=_VENV_HINT
        )
    try:
        done = subprocess.run(  # noqa: S603 - the program of this installation
            [*words, "--version"],
            capture_output=True,
            text=True,
            cwd="/",
            env={},
            timeout=_CHECK_TIMEOUT_S,
        )
        output = done.stdout.strip() or done.stderr.strip().rpartition("\n")[2]
    except (OSError, subprocess.TimeoutExpired) as error:
        output = str(error)
    if output != f"modemagent {modemagent.__version__}":
        raise InstallError(
            f"{' '.join(words)} does not start modemagent {modemagent.__version__}: {output}",
            hint=_VENV_HINT,
        )


def folders(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the directories of this installation: program, interpreter, package."""
    package = Path(modemagent.__file__).parent.parent
    places = {Path(words[0]).parent, Path(sys.prefix), Path(sys.base_prefix), package}
    places |= {place.resolve() for place in places}
    return tuple(sorted(map(str, places)))


def hidden(places: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the directories that ``ProtectHome`` hides from a service, and temporary ones.

    >>> hidden(("/usr/bin", "/home/pi/venv", "/home/pi/venv/bin", "/tmp/v"))
    (('/home/pi/venv',), ('/tmp/v',))
    """
    homes = [place for place in places if f"{place}/".startswith(_HOMES)]
    outer = [p for p in homes if not any(p.startswith(f"{other}/") for other in homes)]
    return tuple(outer), tuple(p for p in places if f"{p}/".startswith(_TEMPORARY))


def unit(text: str, words: tuple[str, ...], visible: tuple[str, ...]) -> str:
    """Return the unit with this command; ``visible`` are home directories it must still see.

    >>> print(unit("ExecStart=/usr/bin/modemagent run", ("/opt/my modem/bin/modemagent",), ()))
    ExecStart="/opt/my modem/bin/modemagent" run
    """
    start = " ".join(_quoted(word.replace("$", "$$")) for word in words)
    text = re.sub(rf"(?m)^(Exec\w+=){_SHIPPED}(?= )", lambda line: line[1] + start, text)
    if visible:
        binds = "\n".join(f"BindReadOnlyPaths={_quoted(place)}" for place in visible)
        note = "# modemagent is installed in a home directory: only that one stays visible."
        text = text.replace("ProtectHome=yes", f"{note}\nProtectHome=tmpfs\n{binds}")
    return text


def _quoted(word: str) -> str:
    word = word.replace("%", "%%")
    if re.fullmatch(r"[\w/.@:+=,%$-]+", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
