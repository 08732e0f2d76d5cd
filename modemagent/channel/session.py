"""One port's dialogue with its deadlines: the part both doors share.

Sans-I/O: the owner of the port writes what :meth:`PortSession.start` returns, hands over what it
reads, calls :meth:`PortSession.on_timer` when :attr:`PortSession.due` has come, and tells the time.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING, Final, TypeVar

from modemagent.at.connection import GRACE_S, AtConnection, Urc
from modemagent.at.steps import Command, Listen, Outcome, Plan, Received, Response, Step
from modemagent.at.urcs import is_urc
from modemagent.channel.undo import RestoreList
from modemagent.dialects.allowlist import is_allowed
from modemagent.errors import LineRefused, ModemAgentError, ProtocolError

if TYPE_CHECKING:
    from modemagent.channel.farewell import FinalRestore

T = TypeVar("T")

_QUESTION_S: Final = 2.0
#: Final results that came while nothing was asked: that there is one is what counts.
_STRAYS = 4


class PortSession:
    """What is going on at one port.

    :ivar due: monotonic seconds at which :meth:`on_timer` is due; infinity when nothing is awaited
    :ivar outcome: what the step that was started last has come to, None while it goes on
    :ivar urcs: unsolicited lines since the owner last cleared this list
    :ivar lines_sent: command lines begun so far
    :ivar undo: what is owed to the modem; see :meth:`detach`
    """

    def __init__(self) -> None:
        self.due = inf
        self.outcome: Outcome | None = None
        self.urcs: list[str] = []
        self.lines_sent = 0
        self.undo = RestoreList()
        self._dialogue = AtConnection()
        self._listen: Listen | None = None
        self._strays: deque[str] = deque(maxlen=_STRAYS)
        self._unanswered = 0
        self._begun = 0.0
        self._deadline = inf

    def question_before(self, step: Step) -> Command | None:
        """Return the step that comes before this one, None as a rule.

        A setting that is changed for the first time is asked for, or it could not be put back.
        """
        if not isinstance(step, Command) or not is_allowed(step.line):
            return None
        question = self.undo.question_before(step.line)
        return None if question is None else Command(question, min(step.timeout_s, _QUESTION_S))

    def start(self, step: Step, now: float) -> bytes:
        """Begin a step and return the bytes to write, b"" for listening.

        Read what is waiting at the port first: it is not part of an answer, and listening for
        no time at all takes exactly that.

        :raises LineRefused: the line is not on the allow-list
        :raises ProtocolError: a step is going on already
        """
        if self.due < inf:
            raise ProtocolError("one step at a time")
        data = b""
        if isinstance(step, Command):
            data = _permitted(self._dialogue, step.line, self.undo)
            self.undo.sent(step.line)
            self.lines_sent += 1
            self._deadline = self.due = now + step.timeout_s
        else:
            self._listen = step
            self._strays.clear()
            self._deadline = now + step.limit_s
            self.due = min(self._deadline, now + step.quiet_s)
        self._begun = now
        self.outcome = None
        if not data and self.due <= now:
            self._end(now)
        return data

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the port."""
        self.undo.heard(data)
        for event in self._dialogue.receive_data(data):
            if isinstance(event, Response):
                self._answered(event, now)
            elif isinstance(event, Urc):
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
        elif self._dialogue.awaiting_echo:
            # a final result is there but not its echo: not worth the whole deadline
            self.due = min(self._deadline, now + GRACE_S)
        else:
            self.due = self._deadline

    def on_timer(self, now: float) -> None:
        """End the step if its time is up."""
        if now >= self.due:
            self._end(now)

    def cancel(self) -> None:
        """Nobody waits any more; a late answer will be known as one."""
        if self._dialogue.in_flight:
            self._note(self._dialogue.expire())
        self._listen = None
        self.due = inf

    def detach(self) -> FinalRestore | None:
        """Return what is to be said at the port before it is closed, None for nothing.

        It stands alone from then on, and may be said in another thread.
        """
        undo, self.undo = self.undo, RestoreList()
        dialogue, self._dialogue = self._dialogue, AtConnection()
        self._listen = None
        self.due = inf
        if not undo.is_dirty:
            return None
        from modemagent.channel.farewell import FinalRestore

        return FinalRestore(undo, dialogue, unanswered=self._unanswered)

    def _end(self, now: float) -> None:
        if self._dialogue.in_flight:
            self._answered(self._dialogue.expire(), now)
        elif self._listen is not None:
            heard = self._dialogue.take_unsolicited()
            self._listen = None
            self.due = inf
            self.outcome = Received(heard.lines, heard.raw, now - self._begun)

    def _answered(self, answer: Response, now: float) -> None:
        # what came in between is for the owner of the port as well as for the plan
        self.urcs += [line for line in answer.foreign if is_urc(line)]
        self._note(answer)
        self.due = inf
        self.outcome = Response(
            line=answer.line,
            lines=answer.lines,
            final=answer.final,
            echoed=answer.echoed,
            foreign=answer.foreign,
            raw=answer.raw,
            elapsed_s=now - self._begun,
            strays=tuple(self._strays),
        )
        self._strays.clear()

    def _note(self, answer: Response) -> None:
        self.undo.answered(answer)
        self._unanswered = self._unanswered + 1 if answer.timed_out else 0


def _permitted(dialogue: AtConnection, line: str, undo: RestoreList) -> bytes:
    """Begin a command: the one place where bytes for a modem come into being.

    A logical channel of the card is only spoken to, and closed, by who has opened it.
    """
    sound = line.isascii() and line.isprintable()
    if not (sound and is_allowed(line) and not undo.is_foreign_channel(line)):
        raise LineRefused(
            f"{line!r} was not sent: it is not on the list of lines that only read",
            hint="modemagent never changes a modem, a SIM card or a setting; "
            "use a terminal program for that",
        )
    return dialogue.send(line)


def throw_into_plan(plan: Plan[T], error: ModemAgentError) -> T:
    """Throw an error into a plan that can not go on; return the result it makes of it.

    :raises ModemAgentError: it makes none; a plan that asks for yet another step gets no more
    """
    try:
        plan.throw(error)
    except StopIteration as done:
        result: T = done.value
        return result
    plan.close()
    raise error


def internal_error(fault: Exception) -> ModemAgentError:
    """Return the error that stands for a fault of this program at one port."""
    error = ModemAgentError(
        f"a fault of modemagent: {type(fault).__name__}: {fault}", hint="please report it"
    )
    error.__cause__ = fault
    return error
