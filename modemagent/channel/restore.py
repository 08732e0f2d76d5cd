"""Restoring what a session changed in a modem: settings, and open logical channels to the SIM.

Plans undo their own changes in their last steps. This module is the safety net: after a timeout,
an interrupt or an error, the owner of the port writes the restore commands before it closes the
port. A logical channel must never stay open, because a SIM has few of them. No module saves these
settings, but they last until it is switched off, and other programs then see them.
"""

import re
import select
from collections.abc import Iterator
from math import ceil
from time import monotonic
from typing import Final, NamedTuple

from modemagent.at.connection import AtConnection
from modemagent.at.steps import Response
from modemagent.channel.port import Port
from modemagent.errors import PortVanished

#: Wait for a response in progress; with one restore command it fits into the time of a close.
_LATE_S: Final = 0.5
#: Wait for the response to each restore command.
_WAIT_S: Final = 0.25


class SessionSetting(NamedTuple):
    """One setting that an allowed command can change.

    :param query: the command whose response shows its value
    :param default: its value after power-up, assumed if the modem does not show it
    """

    query: str
    default: str


#: The settings by the command that sets them, without the value.
SESSION_SETTINGS: Final = {
    "ATE": SessionSetting("AT", "1"),  # echo: V.250 clause 6.2.4; shown by the echo
    "ATV": SessionSetting("AT", "1"),  # verbose results: V.250 clause 6.2.6; shown by "OK" or "0"
    # error format: TS 27.007 clause 9.1 has the default 0; many firmwares have 1 or 2
    "AT+CMEE=": SessionSetting("AT+CMEE?", "0"),
}
# Patterns are compiled at their first use, which most commands never reach.
_CHANGE: Final = r"(E|V|\+CMEE=)([0-2])"
_CMEE_VALUE: Final = r"\+CMEE\s*:+\s*([0-2])"

_OPEN_CHANNEL: Final = "AT+CCHO="
_USE_CHANNEL: Final = r"AT\+(?:CGLA|CCHC)=([0-9A-F]+)"
#: A session id in a late response. Without its label it counts only if no command was sent since.
_LABELLED: Final = rb'(?i)(?:\A|[\r\n])\+CCHO ?: ?"?([0-9A-F]{1,16})"?[\r\n]'
_BARE: Final = rb'(?i)(?:\A|[\r\n])(?:\+CCHO ?: ?)?"?([0-9A-F]{1,16})"?\s*[\r\n](?:OK|0)[\r\n]'
_LATE_LIMIT: Final = 4096


class RestoreList:
    """The restore commands for one port: one for each changed setting and each open channel.

    A setting returns to its value before the session, as far as the responses showed it.

    >>> restore = RestoreList()
    >>> restore.on_sent("AT+CMEE=1")
    >>> restore.pending, restore.on_sent("AT+CMEE=0"), restore.pending
    (['AT+CMEE=0'], None, [])

    :ivar pending: the restore commands, newest change first
    """

    def __init__(self) -> None:
        self.pending: list[str] = []
        self._original: dict[str, str] = {}
        self._queries: set[str] = set()
        self._opening = False
        self._late: bytearray | None = None
        self._sent_since = False

    @property
    def is_dirty(self) -> bool:
        """True if a command is pending, or a channel may be open whose id is not known yet."""
        return bool(self.pending) or self._opening

    def query_before(self, line: str) -> str | None:
        """Return the query to send before a setting of unknown value is changed, once each.

        >>> restore = RestoreList()
        >>> restore.query_before("AT+CMEE=2"), restore.query_before("AT+CMEE=2")
        ('AT+CMEE?', None)
        """
        for name in changes(line):
            query = SESSION_SETTINGS[name].query
            if name not in self._original and query not in self._queries:
                self._queries.add(query)
                return query
        return None

    def on_sent(self, line: str) -> None:
        """Record a command line that is being written."""
        upper = line.strip().upper()
        self._sent_since = self._late is not None
        if upper.startswith(_OPEN_CHANNEL):
            self._opening, self._late, self._sent_since = True, None, False
        for name, value in changes(upper).items():
            self._set(name, value)
        if upper in self.pending:
            self.pending.remove(upper)

    def on_response(self, response: Response) -> None:
        """Record what a response shows: an opened channel, the values of settings."""
        self._observe(response)
        if response.line.strip().upper().startswith(_OPEN_CHANNEL):
            session = channel_session_id(response)
            if session is not None:
                self._add_channel(session)
            elif response.timed_out:
                self._late = bytearray(response.raw)
                return
        if not response.timed_out:  # modems respond in order: an earlier response cannot follow
            self._opening, self._late = False, None

    def on_data(self, data: bytes) -> None:
        """Search received bytes for the late response of a command that opened a channel."""
        if self._late is None or len(self._late) > _LATE_LIMIT:
            return
        self._late += data
        pattern = _LABELLED if self._sent_since else _BARE
        match = re.search(_LABELLED, self._late) or re.search(pattern, self._late)
        if match is not None:
            self._add_channel(match[1].decode("ascii").upper())

    def is_foreign_channel(self, line: str) -> bool:
        """Return True if a command uses a logical channel that this session did not open."""
        closing = closing_command(line)
        return closing is not None and closing not in self.pending

    def _observe(self, response: Response) -> None:
        changed = changes(response.line)
        for name, value in observed_values(response).items():
            if name in changed:
                if name not in self._original:
                    self._original[name] = value
                    self._set(name, changed[name])
            elif not any(line.startswith(name) for line in self.pending):
                self._original[name] = value  # else it is the value set by this session

    def _set(self, name: str, value: str) -> None:
        original = self._original.get(name, SESSION_SETTINGS[name].default)
        self.pending = [line for line in self.pending if not line.startswith(name)]
        if value != original:
            self.pending.insert(0, name + original)

    def _add_channel(self, session: str) -> None:
        self.pending.insert(0, f"AT+CCHC={session}")
        self._opening, self._late = False, None


class FinalRestore:
    """The restore commands sent before a port is closed.

    A modem drops a line that arrives while it still responds to the previous one, and the late OK
    of that response would pass for this one's. So the response in progress is read to its end
    first. The port is closed in another thread than the one that served it: this object takes all
    that it needs from the session when closing begins.

    :param connection: with its response in progress, if any
    :param unanswered: commands given up whose final result is still to come
    """

    def __init__(
        self, restore_list: RestoreList, connection: AtConnection, *, unanswered: int
    ) -> None:
        self._restore_list = restore_list
        self._connection = connection
        self._unanswered = unanswered

    def run(self, port: Port) -> None:
        """Wait for the response in progress, then send the commands; blocks for about a second."""
        try:
            for data in _chunks(port, _LATE_S) if self._expects_more else ():
                self._receive(data)
                if not self._expects_more:
                    break
            if self._connection.in_flight:
                self._restore_list.on_response(self._connection.expire())
            for line in self._restore_list.pending:
                _send(port, line)
        except PortVanished:
            pass  # the session ended with the port

    @property
    def _expects_more(self) -> bool:
        if self._connection.in_flight:
            return not self._connection.awaiting_echo
        return self._unanswered > 0

    def _receive(self, data: bytes) -> None:
        self._restore_list.on_data(data)
        for event in self._connection.receive_data(data):
            if isinstance(event, Response):
                self._restore_list.on_response(event)
                self._unanswered = 0
            elif event.kind == "final":
                self._unanswered -= 1


def _send(port: Port, line: str) -> None:
    port.write(line.encode("ascii") + b"\r")
    received = b""
    for data in _chunks(port, _WAIT_S):
        received += data
        if re.search(rb"OK\r|ERROR|\r0\r|0\r\Z", received):
            return


def _chunks(port: Port, limit_s: float) -> Iterator[bytes]:
    """Yield received bytes until the time is over."""
    poll = select.poll()
    poll.register(port.fileno(), select.POLLIN)
    until = monotonic() + limit_s
    while (left_s := until - monotonic()) > 0:
        if poll.poll(ceil(left_s * 1000)):
            yield port.read()


def changes(line: str) -> dict[str, str]:
    """Return the settings that a command line sets, with their values.

    >>> changes("ate0"), changes("AT+CMEE=2;+CSQ"), changes("AT+CMEE?")
    ({'ATE': '0'}, {'AT+CMEE=': '2'}, {})
    """
    parts = line.strip().upper().removeprefix("AT").split(";")
    found = (re.fullmatch(_CHANGE, part.strip()) for part in parts)
    return {f"AT{match[1]}": match[2] for match in found if match is not None}


def observed_values(response: Response) -> dict[str, str]:
    """Return the values that a response shows, as they were before its command changed any.

    >>> from modemagent.at.steps import FinalResult
    >>> ok = FinalResult("ok", None, "OK")
    >>> observed_values(Response("AT+CMEE?", ("+CMEE: 2",), ok, echoed=True))
    {'ATE': '1', 'ATV': '1', 'AT+CMEE=': '2'}
    """
    if response.final is None:
        return {}
    values = {"ATE": "1" if response.echoed else "0"}
    if "ATV" not in changes(response.line):  # that command's own result is in the new format
        values["ATV"] = "0" if response.final.text.strip().isdigit() else "1"
    if "+CMEE?" in response.line.upper():
        for line in response.lines:
            if (match := re.match(_CMEE_VALUE, line.upper())) is not None:
                values["AT+CMEE="] = match[1]
    return values


def closing_command(line: str) -> str | None:
    """Return the command that closes the logical channel a command uses, None if it uses none.

    >>> closing_command("AT+CGLA=1,10,00A4"), closing_command("AT+CSQ")
    ('AT+CCHC=1', None)
    """
    match = re.match(_USE_CHANNEL, line.strip().upper())
    return f"AT+CCHC={match[1]}" if match else None


def channel_session_id(response: Response) -> str | None:
    """Return the session id in a response to ``AT+CCHO``, in upper case, or None.

    The id has a label or not, is decimal or a long hexadecimal handle (Sierra EM7455).

    >>> from modemagent.at.steps import FinalResult
    >>> ok = FinalResult("ok", None, "OK")
    >>> channel_session_id(Response("AT+CCHO=", ("+CCHO: 00000000038aa32f",), ok))
    '00000000038AA32F'
    """
    if not response.ok and not response.timed_out:
        return None
    for line in response.lines:
        match = re.fullmatch(r'(?:\+CCHO\s*:)?\s*"?([0-9A-F]{1,16})"?', line.upper())
        if match is not None:
            return match[1]
    return None
