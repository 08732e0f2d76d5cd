"""One step of a plan in progress on one port: what is written, when it is over, what came of it.

Shared by the blocking and the asynchronous side, so that there is one place in the whole program
where bytes for a modem are made, and that place knows the allow-list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from modemagent.at.dialogue import GRACE_S, Dialogue, Urc
from modemagent.at.plan import Answer, Ask, Outcome, Step
from modemagent.at.urcs import is_urc
from modemagent.dialects.readonly import permits
from modemagent.errors import LineRefused

OnUrc = Callable[[str], None]


class Turn:
    """One :class:`Ask` or :class:`Listen` from its start to its outcome.

    :param now: the owner's monotonic clock, seconds
    :ivar outgoing: the bytes to write, b"" when there is nothing to say
    :ivar due: when to call :meth:`expire` if nothing has ended the turn before
    :raises LineRefused: the line is not on the allow-list; nothing may be written
    """

    __slots__ = ("_begun", "_dialogue", "_end", "_on_urc", "_quiet_s", "due", "outgoing")

    def __init__(
        self, step: Step, dialogue: Dialogue, now: float, on_urc: OnUrc | None = None
    ) -> None:
        self._dialogue = dialogue
        self._begun = now
        self._on_urc = on_urc
        if isinstance(step, Ask):
            if not permits(step.line):
                raise LineRefused(
                    f"{step.line!r} was not sent: it is not on the list of lines that only read"
                )
            self.outgoing = dialogue.begin(step.line)
            self._end = self.due = now + step.timeout_s
            self._quiet_s: float | None = None
        else:
            self.outgoing = b""
            self._end = now + step.limit_s
            self._quiet_s = step.quiet_s
            self.due = min(self._end, now + step.quiet_s)

    def receive(self, data: bytes, now: float) -> Outcome | None:
        """Take bytes; return the outcome when they complete it."""
        answer: Answer | None = None
        for event in self._dialogue.receive(data):
            if isinstance(event, Answer):
                answer = event
            elif isinstance(event, Urc):
                self._tell(event.line)
        if answer is not None:
            return self._answered(answer, now)
        if self._quiet_s is not None:
            self.due = min(self._end, now + self._quiet_s)
            return self.expire(now) if now >= self._end else None
        self.due = min(self._end, now + GRACE_S) if self._dialogue.holds else self._end
        return None

    def expire(self, now: float) -> Outcome:
        """The time is up: return what there is."""
        if self._quiet_s is None:
            return self._answered(self._dialogue.expire(), now)
        return replace(self._dialogue.heard(), elapsed_s=now - self._begun)

    def _answered(self, answer: Answer, now: float) -> Answer:
        for line in answer.foreign:
            if is_urc(line):
                self._tell(line)
        return replace(answer, elapsed_s=now - self._begun)

    def _tell(self, line: str) -> None:
        if self._on_urc is not None:
            self._on_urc(line)
