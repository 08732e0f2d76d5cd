"""The settings of a session that a client may change: what changes them, what tells them.

These are the lines of the allow-list that set something. No module stores them by itself, but
they last until it is switched off, and so does what another program then sees.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from modemagent.at.steps import Response


class Setting(NamedTuple):
    """One setting.

    :param question: the line whose answer tells its value
    :param powered_up: its value after power-up where the modem does not tell
    """

    question: str
    powered_up: str


#: What sets it, without the value -> the setting.
SESSION_SETTINGS: Final = {
    "ATE": Setting("AT", "1"),  # echo: V.250 clause 6.2.4; seen by the echo
    "ATV": Setting("AT", "1"),  # verbose results: V.250 clause 6.2.6; seen by "OK" or "0"
    # error format: TS 27.007 clause 9.1, which has 0 for the default; many firmwares have 1 or 2
    "AT+CMEE=": Setting("AT+CMEE?", "0"),
}
_CHANGE: Final = re.compile(r"(E|V|\+CMEE=)([0-2])")
_SAYS_CMEE: Final = re.compile(r"\+CMEE\s*:+\s*([0-2])")


def changes(line: str) -> dict[str, str]:
    """Return what a line sets: what sets it -> the value.

    >>> changes("ate0"), changes("AT+CMEE=2;+CSQ"), changes("AT+CMEE?")
    ({'ATE': '0'}, {'AT+CMEE=': '2'}, {})
    """
    parts = line.strip().upper().removeprefix("AT").split(";")
    found = (_CHANGE.fullmatch(part.strip()) for part in parts)
    return {f"AT{match[1]}": match[2] for match in found if match is not None}


def observed_values(answer: Response) -> dict[str, str]:
    """Return the values that an answer tells, as they were before its line changed anything.

    >>> from modemagent.at.steps import Answer, Final
    >>> observed_values(Answer("AT+CMEE?", ("+CMEE: 2",), Final("ok", None, "OK"), echoed=True))
    {'ATE': '1', 'ATV': '1', 'AT+CMEE=': '2'}
    """
    if answer.final is None:
        return {}
    told = {"ATE": "1" if answer.echoed else "0"}
    if "ATV" not in changes(answer.line):  # that line's own result is in the new format
        told["ATV"] = "0" if answer.final.text.strip().isdigit() else "1"
    if "+CMEE?" in answer.line.upper():
        for line in answer.lines:
            if (match := _SAYS_CMEE.match(line.upper())) is not None:
                told["AT+CMEE="] = match[1]
    return told
