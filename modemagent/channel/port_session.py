"""AT session of one port with its deadlines: the part shared by both ways to run a plan.

Sans-I/O: the owner of the port writes what :meth:`PortSession.start` returns, passes on the bytes
it reads, calls :meth:`PortSession.on_timer` at :attr:`PortSession.due`, and supplies the time.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import Final, TypeVar

from modemagent.at.connection import GRACE_S, AtConnection
from modemagent.at.steps import Command, Listen, Outcome, Response, Step
from modemagent.at.urcs import is_urc
from modemagent.channel.restore import FinalRestore, RestoreList
from modemagent.dialects.allowlist import is_allowed
from modemagent.dialects.refusals import refusal, require_allowed
from modemagent.errors import ModemAgentError, ProtocolError

T = TypeVar("T")

_QUERY_S: Final = 5.0
#: Number of stray final results kept: only that there is one counts.
_STRAYS = 4


class PortSession:
    """The step in progress on one port, its outcome, and the lines received beside it.

    :ivar due: monotonic seconds at which :meth:`on_timer` is due; infinity between steps
    :ivar outcome: the outcome of the last step started, None while it is in progress
    :ivar urcs: unsolicited lines since the owner last cleared this list
    :ivar restore_list: what the session has changed; see :meth:`detach`
    """

    def __init__(self) -> None:
        self.due = inf
        self.outcome: Outcome | None = None
        self.urcs: list[str] = []
        self.restore_list = RestoreList()
        self._connection = AtConnection()
        self._listen: Listen | None = None
        self._strays: deque[str] = deque(maxlen=_STRAYS)
        self._unanswered = 0
        self._interruptible = False
        self._started = 0.0
        self._deadline = inf

    def query_before(self, step: Step) -> Command | None:
        """Return the query to run before a step that changes a setting for the first time.

        Without the original value the setting could not be restored.
        """
        if not isinstance(step, Command) or not is_allowed(step.line):
            return None
        query = self.restore_list.query_before(step.line)
        return None if query is None else Command(query, min(step.timeout_s, _QUERY_S))

    def start(self, step: Step, now: float) -> bytes:
        """Start a step and return the bytes to write, b"" for listening.

        Read the bytes waiting at the port first: they are not part of a response, and listening
        for no time at all takes exactly those.

        :raises LineRefused: the line is not on the allow-list
        :raises ProtocolError: a step is already in progress
        """
        if self.due < inf:
            raise ProtocolError("one step at a time")
        data = b""
        self._interruptible = isinstance(step, Command) and step.interruptible
        if isinstance(step, Command):
            data = _encode(self._connection, step.line, self.restore_list)
            self.restore_list.on_sent(step.line)
            self._deadline = self.due = now + step.timeout_s
        else:
            self._listen = step
            self._strays.clear()
            self._deadline = now + step.limit_s
            self.due = min(self._deadline, now + step.quiet_s)
        self._started = now
        self.outcome = None
        if not data and self.due <= now:
            self._end(now)
        return data

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the port."""
        self.restore_list.on_data(data)
        for event in self._connection.receive_data(data):
            if isinstance(event, Response):
                self._on_response(event, now)
            elif event.kind == "urc":
                self.urcs.append(event.line)
            elif event.kind == "final":
                self._unanswered = max(0, self._unanswered - 1)
                if self._listen is None:
                    self._strays.append(event.line)
        if self.due == inf:
            return
        if now >= self._deadline:
            self._end(now)
        elif self._listen is not None:
            self.due = min(self._deadline, now + self._listen.quiet_s)
        elif self._connection.awaiting_echo:
            # a final result has arrived but not its echo: do not wait for the whole deadline
            self.due = min(self._deadline, now + GRACE_S)
        else:
            self.due = self._deadline

    def on_timer(self, now: float) -> None:
        """End the step if its time is up."""
        if now >= self.due:
            self._end(now)

    def interrupt(self, now: float) -> bool:
        """End the wait for a response as at its deadline; False if the step does not permit it."""
        if not self._interruptible or self.due == inf:
            return False
        self._end(now)
        return True

    def cancel(self) -> None:
        """Abandon the step in progress; a late response will be recognized as such."""
        if self._connection.in_flight:
            self._record(self._connection.expire())
        self._listen = None
        self.due = inf

    def detach(self) -> FinalRestore | None:
        """Return the work left before the port is closed, None if there is none.

        The result shares no state with this session and may run in another thread.
        """
        restore_list, self.restore_list = self.restore_list, RestoreList()
        connection, self._connection = self._connection, AtConnection()
        self._listen = None
        self.due = inf
        if not restore_list.is_dirty:
            return None
        return FinalRestore(restore_list, connection, unanswered=self._unanswered)

    def _end(self, now: float) -> None:
        if self._connection.in_flight:
            self._on_response(self._connection.expire(), now)
        elif self._listen is not None:
            received = self._connection.take_unsolicited()
            self._listen = None
            self.due = inf
            self.outcome = received._replace(elapsed_s=now - self._started)

    def _on_response(self, response: Response, now: float) -> None:
        # lines received within a response are for the owner of the port as well as for the plan
        self.urcs += [line for line in response.foreign if is_urc(line)]
        self._record(response)
        self.due = inf
        self.outcome = response._replace(elapsed_s=now - self._started, strays=tuple(self._strays))
        self._strays.clear()

    def _record(self, response: Response) -> None:
        self.restore_list.on_response(response)
        self._unanswered = self._unanswered + 1 if response.timed_out else 0


def _encode(connection: AtConnection, line: str, restore_list: RestoreList) -> bytes:
    """Start a command and return its bytes: the only place where bytes for a modem are made.

    A logical channel of the SIM is used and closed only by the session that opened it.
    """
    if restore_list.is_foreign_channel(line):
        raise refusal(line)
    require_allowed(line)
    return connection.send(line)


def internal_error(cause: Exception) -> ModemAgentError:
    """Return the error that represents an internal error met on one port."""
    error = ModemAgentError(
        f"internal error: {type(cause).__name__}: {cause}",
        hint="Please report this error of modemagent.",
    )
    error.__cause__ = cause
    return error
