"""What a session has changed at a modem, and the lines that put it back.

Plans put back what they changed as their last steps. This is the net below them: when the time
is over, the port is given up or the program is interrupted, the owner of the port writes what is
still owed before it closes. A logical channel to the card must never stay open, because a card
has few of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from modemagent.channel.volatile import SESSION_SETTINGS, changes, observed_values

if TYPE_CHECKING:
    from modemagent.at.steps import Response

_OPENS: Final = "AT+CCHO="
#: Lines that concern one logical channel.
_CHANNEL: Final = re.compile(r"AT\+(?:CGLA|CCHC)=([0-9A-F]+)")
#: A session id in an answer that comes late; without its label only when nothing was asked since.
_LABELLED: Final = re.compile(rb'(?:\A|[\r\n])\+CCHO ?: ?"?([0-9A-F]{1,16})"?[\r\n]', re.I)
_BARE: Final = re.compile(
    rb'(?:\A|[\r\n])(?:\+CCHO ?: ?)?"?([0-9A-F]{1,16})"?\s*[\r\n](?:OK|0)[\r\n]', re.I
)
_LATE_LIMIT: Final = 4096


class RestoreList:
    """The changes that are owed to one port: one line for each setting and each channel.

    A setting goes back to what it was found at, as far as the answers of this session tell.

    >>> undo = RestoreList()
    >>> undo.sent("AT+CMEE=1")
    >>> undo.pending, undo.sent("AT+CMEE=0"), undo.pending
    (['AT+CMEE=0'], None, [])
    """

    def __init__(self) -> None:
        self.pending: list[str] = []
        """Lines that put back what was changed, the newest change first."""
        self._found: dict[str, str] = {}
        self._questions: set[str] = set()
        self._opens = False
        self._late: bytearray | None = None
        self._asked_since = False

    @property
    def is_dirty(self) -> bool:
        """True when something is owed, or will be: a channel may be open that is not known yet."""
        return bool(self.pending) or self._opens

    def question_before(self, line: str) -> str | None:
        """Return the line to ask before a setting is changed of which nothing is known; once.

        >>> undo = RestoreList()
        >>> undo.question_before("AT+CMEE=2"), undo.question_before("AT+CMEE=2")
        ('AT+CMEE?', None)
        """
        for name in changes(line):
            question = SESSION_SETTINGS[name].question
            if name not in self._found and question not in self._questions:
                self._questions.add(question)
                return question
        return None

    def sent(self, line: str) -> None:
        """Take note of a line that is being written."""
        upper = line.strip().upper()
        self._asked_since = self._late is not None
        if upper.startswith(_OPENS):
            self._opens, self._late, self._asked_since = True, None, False
        for name, value in changes(upper).items():
            self._set(name, value)
        if upper in self.pending:
            self.pending.remove(upper)

    def answered(self, answer: Response) -> None:
        """Take note of what an answer tells: the channel that is open now, the settings found."""
        self._learn(answer)
        if answer.line.strip().upper().startswith(_OPENS):
            session = channel_session_id(answer)
            if session is not None:
                self._owe_channel(session)
            elif answer.timed_out:
                self._late = bytearray(answer.raw)
                return
        if not answer.timed_out:  # modems answer in order: what has not come by now never will
            self._opens, self._late = False, None

    def heard(self, data: bytes) -> None:
        """Take the bytes that come: the answer of a channel that was given up may be in them."""
        if self._late is None or len(self._late) > _LATE_LIMIT:
            return
        self._late += data
        pattern = _LABELLED if self._asked_since else _BARE
        match = _LABELLED.search(self._late) or pattern.search(self._late)
        if match is not None:
            self._owe_channel(match[1].decode("ascii").upper())

    def _learn(self, answer: Response) -> None:
        changed = changes(answer.line)
        for name, value in observed_values(answer).items():
            if name in changed:
                if name not in self._found:
                    self._found[name] = value
                    self._set(name, changed[name])
            elif not self._owes(name):  # else it tells what was set here
                self._found[name] = value

    def _set(self, name: str, value: str) -> None:
        found = self._found.get(name, SESSION_SETTINGS[name].powered_up)
        self.pending = [line for line in self.pending if not line.startswith(name)]
        if value != found:
            self.pending.insert(0, name + found)

    def _owes(self, name: str) -> bool:
        return any(line.startswith(name) for line in self.pending)

    def _owe_channel(self, session: str) -> None:
        self.pending.insert(0, f"AT+CCHC={session}")
        self._opens, self._late = False, None

    def is_foreign_channel(self, line: str) -> bool:
        """Tell whether a line speaks to a logical channel that was not opened here."""
        closing = closing_command(line)
        return closing is not None and closing not in self.pending


def closing_command(line: str) -> str | None:
    """Return the line that closes the logical channel a line speaks to, None when to none.

    >>> closing_command("AT+CGLA=1,10,00A4"), closing_command("AT+CSQ")
    ('AT+CCHC=1', None)
    """
    match = _CHANNEL.match(line.strip().upper())
    return f"AT+CCHC={match[1]}" if match else None


def channel_session_id(answer: Response) -> str | None:
    """Return the session id of an answer to ``AT+CCHO``, upper case; None when there is none.

    With its label or bare, decimal, or a long hexadecimal handle (Sierra EM7455).

    >>> from modemagent.at.steps import FinalResult, Response
    >>> ok = FinalResult("ok", None, "OK")
    >>> channel_session_id(Response("AT+CCHO=", ("+CCHO: 00000000038aa32f",), ok))
    '00000000038AA32F'
    """
    if not answer.ok and not answer.timed_out:
        return None
    for line in answer.lines:
        match = re.fullmatch(r'(?:\+CCHO\s*:)?\s*"?([0-9A-F]{1,16})"?', line.upper())
        if match is not None:
            return match[1]
    return None
