"""The conversation with one modem: sending commands, waking the port, resynchronizing.

Every method that talks to the modem is a generator of :mod:`modemagent.at.steps` steps.
"""

from __future__ import annotations

from collections.abc import Generator

from modemagent.at.results import ends_a_command, parse_final
from modemagent.at.steps import Command, Listen, Outcome, Received, Response, Step
from modemagent.errors import NoAnswer, ProtocolError
from modemagent.modem.background import NOTHING, Background
from modemagent.modem.start_up import Age, StartUp, is_start_up_urc
from modemagent.modem.sync import SyncEvent, SyncTracker

#: Draining the input: silence that ends it, and its limit.
_QUIET_S, _DRAIN_LIMIT_S = 0.2, 2.0
#: Timeout of an ``AT`` that only wakes or resynchronizes the port, until the modem proves slower.
WAKE_STEP_S = 0.5
#: Longest wait for the OK of an ``AT``, and the same in listens of :data:`_QUIET_S` after
#: :data:`WAKE_STEP_S`.
_LATEST_S, _LATEST_LISTENS = 5.0, 23
#: A modem that sends OK within this time after another OK is not slow: a slow one takes longer than
#: :data:`WAKE_STEP_S` for each ``AT``.
_PROMPT_S = 0.4
#: Factors from the time a slow modem takes for ``AT`` to its deadline, and to silence.
_DEADLINE_FACTOR, _SILENCE_FACTOR = 2.0, 1.2
_RESYNC_ATTEMPTS = 6
#: Timeout once the modem has proven to be silent on commands it does not have.
IMPATIENT_S = 3.0


class Conversation:
    """Commands to one modem and its responses.

    :param port: as the user named it, for error messages
    :param age: returns the age of the modem when it is needed
    :ivar commands: number of command lines sent
    :ivar elapsed_s: seconds spent in steps
    :ivar start_up: whether the modem may still be starting
    :ivar sync: the synchronization of commands and responses
    :ivar restore: session settings to restore, the newest last
    :ivar background: lines that belong to no command
    :ivar answered_s: command line to when its last response was complete
    """

    def __init__(self, port: str, age: Age = lambda: None) -> None:
        self.port = port
        self.commands = 0
        self.elapsed_s = 0.0
        self.start_up = StartUp(age)
        self.sync = SyncTracker()
        self.restore: list[str] = []
        self.background = Background()
        self.answered_s: dict[str, float] = {}
        self._slowest_s = 0.0
        self._due_since_s: list[float] = []
        self._awaits_late = True

    # -- single steps ---------------------------------------------------------------------

    def send(self, line: str, timeout_s: float) -> Generator[Step, Outcome, Response]:
        """Send one line and return its response.

        :param timeout_s: deadline, unless the modem has proven to be slower
        """
        self.commands += 1
        deadline_s = min(_LATEST_S, _DEADLINE_FACTOR * self._slowest_s)
        outcome = yield Command(line, max(timeout_s, deadline_s))
        if not isinstance(outcome, Response):
            raise ProtocolError("the outcome of a Command must be a Response")
        self.elapsed_s += outcome.elapsed_s
        self.answered_s[line] = self.elapsed_s
        self.start_up.observe(outcome.foreign, self.elapsed_s)
        if outcome.echoed:
            self.sync.echoing = True
        if line == NOTHING:
            self.background.learn(outcome)
        return self.background.removed_from(outcome)

    def query(self, line: str, timeout_s: float) -> Generator[Step, Outcome, Response]:
        """Send one line and return its response; resynchronize if it timed out.

        :raises NoAnswer: the modem no longer responds
        """
        response = yield from self.send(line, timeout_s)
        if response.timed_out:
            yield from self.resync()
        return response

    def listen(self, quiet_s: float, limit_s: float) -> Generator[Step, Outcome, Received]:
        """Send nothing and return what was received."""
        outcome = yield Listen(quiet_s, limit_s)
        if not isinstance(outcome, Received):
            raise ProtocolError("the outcome of a Listen must be a Received")
        self.elapsed_s += outcome.elapsed_s
        self.start_up.observe(outcome.lines, self.elapsed_s)
        self.background.note_unsolicited(outcome.lines)
        return outcome

    def drain(self) -> Generator[Step, Outcome, Received]:
        """Listen until nothing more is received and return what was."""
        quiet_s = max(_QUIET_S, _SILENCE_FACTOR * self._slowest_s)
        return (yield from self.listen(quiet_s, max(_DRAIN_LIMIT_S, 2 * quiet_s)))

    def restore_settings(self) -> Generator[Step, Outcome, None]:
        """Restore what was changed for the session, the newest change first."""
        while self.restore:
            yield from self.send(self.restore.pop(), IMPATIENT_S)

    # -- waking ----------------------------------------------------------------------------

    def wake(self) -> Generator[Step, Outcome, Response]:
        """Send ``AT`` and return its response, which may be later than the deadline.

        An ``AT`` that is echoed has been received, so its OK is awaited before another one is
        sent. Without an echo, the OK that follows an ``AT`` without response may be that of an
        earlier one: then all OKs that are due are awaited. Every later deadline is longer.
        """
        sent_s = self.elapsed_s
        response = yield from self.send(NOTHING, WAKE_STEP_S)
        if response.timed_out:
            self._due_since_s.append(sent_s)
            has_late = any(map(ends_a_command, response.foreign))
            if response.echoed and (self._awaits_late or has_late):
                response = yield from self._await_late(response, sent_s)
        elif response.ok and self._due_since_s and not response.echoed:
            response = yield from self._await_all(response)
        if response.echoed and response.ok:
            self._due_since_s.clear()
        return response

    def _await_late(self, response: Response, sent_s: float) -> Generator[Step, Outcome, Response]:
        """Await the final result of an ``AT`` that was echoed, unless the modem restarts."""
        self._awaits_late = False
        lines: tuple[str, ...] = ()
        for _ in range(_LATEST_LISTENS):
            received = yield from self.listen(_QUIET_S, _QUIET_S)
            if any(map(is_start_up_urc, received.lines)):
                break
            finals = [line for line in received.lines if ends_a_command(line, numeric=True)]
            lines += tuple(line for line in received.lines if line not in finals)
            if finals:
                late_s = self.elapsed_s - sent_s
                self._slowest_s = max(self._slowest_s, late_s)
                return response._replace(
                    final=parse_final(finals[-1], numeric=True),
                    foreign=(*response.foreign, *lines),
                    elapsed_s=late_s,
                )
        return response

    def _await_all(self, response: Response) -> Generator[Step, Outcome, Response]:
        """Await the OKs of all ``AT`` that were sent, then send another one.

        :param response: the first OK
        """
        waited_s = self.elapsed_s - self._due_since_s[0]
        again = yield from self.send(NOTHING, _PROMPT_S)
        if again.ok:  # The earlier ones were lost while the modem was starting.
            self._due_since_s.clear()
            return again
        self.sync.apply(SyncEvent.ANOMALY)
        due = len(self._due_since_s) + again.timed_out
        self._due_since_s.clear()
        silent_s = 0.0
        while due > 0 and silent_s < min(_LATEST_S, _SILENCE_FACTOR * waited_s):
            received = yield from self.listen(_QUIET_S, _QUIET_S)
            finals = sum(ends_a_command(line, numeric=True) for line in received.lines)
            due -= finals
            silent_s = 0.0 if finals else silent_s + _QUIET_S
        response = yield from self.send(NOTHING, _LATEST_S)
        self._slowest_s = max(self._slowest_s, response.elapsed_s)
        return response

    # -- resynchronizing -------------------------------------------------------------------

    def resync(self) -> Generator[Step, Outcome, None]:
        """Drain the input, then send ``AT`` until a clean OK comes.

        :raises NoAnswer: the modem no longer responds
        """
        self.sync.apply(SyncEvent.ANOMALY)
        for attempt in range(1, _RESYNC_ATTEMPTS + 1):
            yield from self.drain()
            response = yield from self.wake()
            # A port that is never quiet: no late response is left after so many OKs.
            is_last = attempt == _RESYNC_ATTEMPTS
            if response.ok and (is_last or not response.lines):
                self.sync.apply(SyncEvent.RESYNC)
                return
        raise NoAnswer(
            f"{self.port} stopped answering",
            port=self.port,
            hint="The modem may be restarting. Try again in a minute.",
        )
