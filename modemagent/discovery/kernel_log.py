"""Lines of the kernel log about a modem: connected, reset, driver bound, port removed."""

import re
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from modemagent.discovery.candidate import Candidate

_COMMANDS = (
    ("journalctl", "--dmesg", "--boot", "--no-pager", "--quiet", "--output=short-iso"),
    ("dmesg", "--time-format", "iso"),
)
_LIMIT_S = 10.0
_MOST_LINES = 400
#: Lines about any modem: used if the place of the modem on the bus is not known.
_ANY_MODEM = r"ttyUSB|ttyACM|ttyHS|cdc[-_]|qmi_wwan|\boption\b|qcserial|\bsierra\b|wwan|\busb \d"


class KernelLines(NamedTuple):
    """Lines about some modems.

    :param error: why the log could not be read, else ``""``
    """

    lines: tuple[str, ...]
    error: str = ""


def kernel_lines(candidates: Sequence[Candidate]) -> KernelLines:
    """Return the newest lines about the devices of some ports; without ports, about any modem."""
    text, error = read_kernel_log()
    return KernelLines(select_lines(text, candidates), error)


def read_kernel_log() -> tuple[str, str]:
    """Return the log since the start of the system, and why it could not be read, else "".

    Each line begins with its time in ISO 8601.
    """
    reasons = []
    for command in _COMMANDS:
        try:
            done = subprocess.run(  # noqa: S603 - fixed words
                command, capture_output=True, timeout=_LIMIT_S, check=False
            )
        except FileNotFoundError:
            reasons.append(f"{command[0]} is not installed")
            continue
        except (OSError, subprocess.TimeoutExpired) as error:
            reasons.append(f"{command[0]}: {error}")
            continue
        text = done.stdout.decode("utf-8", "replace")
        if done.returncode == 0 and text.strip():
            return text, ""
        complaint = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reasons.append(complaint[-1] if complaint else f"{command[0]} printed no line")
    return "", "; ".join(reasons)


def select_lines(text: str, candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Return the lines of a kernel log that name a port or the place of its device on the bus."""
    names = set()
    for each in candidates:
        names.add(re.escape(each.path.rpartition("/")[2]))
        if each.modem_id and each.modem_id.startswith("usb:"):
            names.add(re.escape(each.modem_id.removeprefix("usb:")))
    place = rf"(?<![\w.-])({'|'.join(sorted(names))})(?![\w-]|\.\d)"
    wanted = re.compile(place if names else _ANY_MODEM)
    return tuple(line for line in text.splitlines() if wanted.search(line))[-_MOST_LINES:]
