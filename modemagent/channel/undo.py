"""What a session has changed at a modem, and the lines that put it back.

Plans put back what they changed as their last steps. This is the net below them: when the time
is over, the port is given up or the program is interrupted, the owner of the port writes what is
still owed before it closes. A logical channel to the card must never stay open, because a card
has few of them.
"""

from __future__ import annotations

import re
import select
from time import monotonic
from typing import TYPE_CHECKING, Final

from modemagent.errors import PortVanished

if TYPE_CHECKING:
    from modemagent.at.plan import Answer
    from modemagent.channel.port import Port

#: A line that changes the session -> the one that puts it back. Both are only sent when the
#: modem was found in the other state, so the second is the modem's own.
_PAIRS: Final = {"AT+CMEE=1": "AT+CMEE=0", "ATV1": "ATV0"}
_OPENS: Final = "AT+CCHO="
#: Lines that concern one logical channel.
_CHANNEL: Final = re.compile(r"AT\+(?:CGLA|CCHC)=([0-9A-F]+)")
_WAIT_S: Final = 0.25
"""For the answer to each line: a modem drops a line that comes before the last was answered."""


class Undo:
    """The changes that are owed to one port.

    >>> undo = Undo()
    >>> undo.sent("AT+CMEE=1")
    >>> undo.owed, undo.sent("AT+CMEE=0"), undo.owed
    (['AT+CMEE=0'], None, [])
    """

    def __init__(self) -> None:
        self.owed: list[str] = []
        """Lines that put back what was changed, the newest change first."""

    def sent(self, line: str) -> None:
        """Take note of a line that is being written."""
        upper = line.strip().upper()
        if upper in self.owed:
            self.owed.remove(upper)
        elif (back := _PAIRS.get(upper)) is not None:
            self.owed.insert(0, back)

    def answered(self, answer: Answer) -> None:
        """Take note of the channel that an answer says is open now."""
        if answer.line.upper().startswith(_OPENS) and (session := session_of(answer)):
            self.owed.insert(0, f"AT+CCHC={session}")

    def concerns_other(self, line: str) -> bool:
        """Tell whether a line speaks to a logical channel that was not opened here."""
        closing = closing_of(line)
        return closing is not None and closing not in self.owed


def closing_of(line: str) -> str | None:
    """Return the line that closes the logical channel a line speaks to, None when to none.

    >>> closing_of("AT+CGLA=1,10,00A4"), closing_of("AT+CSQ")
    ('AT+CCHC=1', None)
    """
    match = _CHANNEL.match(line.strip().upper())
    return f"AT+CCHC={match[1]}" if match else None


def session_of(answer: Answer) -> str | None:
    """Return the session id of an answer to ``AT+CCHO``, upper case; None when there is none.

    With its label or bare, decimal, or a long hexadecimal handle (Sierra EM7455).

    >>> from modemagent.at.plan import Answer, Final
    >>> session_of(Answer("AT+CCHO=", ("+CCHO: 00000000038aa32f",), Final("ok", None, "OK")))
    '00000000038AA32F'
    """
    if not answer.ok and not answer.timed_out:
        return None
    for line in answer.lines:
        match = re.fullmatch(r'(?:\+CCHO\s*:)?\s*"?([0-9A-F]{1,16})"?', line.upper())
        if match is not None:
            return match[1]
    return None


def put_back(port: Port, lines: list[str]) -> None:
    """Write what is owed and give the modem a moment for each line; blocks that long at most."""
    poll = select.poll()
    poll.register(port.fileno(), select.POLLIN)
    try:
        for line in lines:
            port.write(line.encode("ascii") + b"\r")
            until, heard = monotonic() + _WAIT_S, b""
            while (left_s := until - monotonic()) > 0 and not _is_final(heard):
                if poll.poll(left_s * 1000):
                    heard += port.read()
    except PortVanished:
        pass  # with the port went the session


def _is_final(heard: bytes) -> bool:
    return b"OK\r" in heard or b"ERROR" in heard or b"\r0\r" in heard or heard[-2:] == b"0\r"
