"""Recognition of command lines, which modems send back as echoes (ITU-T V.250 clause 5.2)."""

from __future__ import annotations

from modemagent.at.fields import SIGILS, command_name
from modemagent.at.lines import BROKEN

_BASIC = "EVIQXZHLMOASPTN"


def looks_like_command(line: str) -> bool:
    """Return True if a line has the form of an AT command line, so that it must be an echo.

    A ``T`` in front is the rest of another echo (``TATE0``).

    >>> [looks_like_command(line) for line in ("AT+CREG?", "TATE0", "ate0q0v1", "AT")]
    [True, True, True, True]
    >>> [looks_like_command(line) for line in ("AT&T", "ATLAS", "AT command set 2", "OK")]
    [False, False, False, False]
    """
    upper = line.upper()
    if upper.startswith("TAT"):
        upper = upper[1:]
    if not upper.startswith("AT"):
        return False
    body = upper[2:]
    if not body:
        return True
    if body[0] == "&":
        return body[1:2].isalpha() and not body[2:].strip("0123456789") and body != "&T"
    if body[0] in SIGILS:
        name = command_name(body)
        return name[1:2].isalpha() and body[len(name) :][:1] in ("", "=", "?", ";", ",")
    if body[0] == "D":
        return bool(body[1:]) and not body[1:].strip("0123456789*#+,;TP")
    return is_basic(upper)


def is_basic(line: str) -> bool:
    """Return True if a line has only basic commands, such as ``AT``, ``ATI`` or ``ATE0Q0V1``."""
    body = line.upper().removeprefix("AT")
    before = "0"
    for char in body:
        if char not in _BASIC and not char.isdecimal():
            return False
        if char.isalpha() and before.isalpha():
            return False
        before = char
    return True


def setting_value(line: str, letter: str) -> bool | None:
    """Return the value that a line of basic commands sets E or V to, None if it sets neither.

    >>> setting_value("ATE0Q0V1", "E"), setting_value("ATE0Q0V1", "V")
    (False, True)
    >>> setting_value("ATE", "E"), setting_value("AT+CREG?", "E")
    (False, None)
    """
    upper = line.upper()
    if not upper.startswith("AT") or not is_basic(upper):
        return None
    _, found, behind = upper[2:].partition(letter)
    return behind[:1] == "1" if found else None


def is_truncated_echo(line: str, command: str) -> bool:
    """Return True if an upper-case line is a command's echo without its beginning, or garbled.

    At least half of the command must be left, or at most its first two characters be missing.
    The rest must contain a letter, so that no number is taken for an echo.
    """
    if not line or line == command:
        return False
    lost = len(command) - len(line)
    if lost == 0:
        return (
            BROKEN in line
            and len(line.replace(BROKEN, "")) * 2 > len(line)
            and all(ours in (theirs, BROKEN) for ours, theirs in zip(line, command, strict=True))
        )
    return (
        lost > 0
        and command.endswith(line)
        and (lost <= 2 or len(line) * 2 >= len(command))
        and any(char.isalpha() for char in line)
    )
