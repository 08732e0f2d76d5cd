"""Steps and outcomes: the interface between a plan and its driver.

A plan is a generator. It yields a :class:`Command` or a :class:`Listen`, is sent a
:class:`Response` or a :class:`Received`, and returns its result. It owns no clock and no port, so
the daemon drives it with asyncio, a one-shot command with a blocking loop, a test with a list.

Named tuples, because five data classes would cost 3 ms at the start of a one-shot command.
"""

from collections.abc import Generator
from typing import Literal, NamedTuple, TypeVar

from modemagent.errors import ModemAgentError

FinalKind = Literal["ok", "error", "cme", "cms", "refused", "call"]


class FinalResult(NamedTuple):
    """The final result code of a response.

    :param kind: ``ok``; ``error`` (bare ERROR and unknown error texts); ``cme`` and ``cms``
        (``+CME ERROR:``, ``+CMS ERROR:``); ``refused`` (``COMMAND NOT SUPPORT``, ``NA``);
        ``call`` (``NO CARRIER``, ``BUSY``, ``ABORTED`` and the like)
    :param code: the number of a CME or CMS error, also of a known text (3GPP TS 27.007 clause
        9.2, TS 27.005 clause 3.2.5); None if it is unknown
    :param text: the line as received, without line ends
    """

    kind: FinalKind
    code: int | None
    text: str

    @property
    def ok(self) -> bool:
        return self.kind == "ok"


class Command(NamedTuple):
    """Send one command line and wait for its response.

    :param line: the complete line without the carriage return, such as ``AT+CGSN``
    :param timeout_s: seconds from the write to the deadline
    :param interruptible: Ctrl-C ends the wait, as the deadline does, and not the program
    """

    line: str
    timeout_s: float
    interruptible: bool = False


class Listen(NamedTuple):
    """Send nothing; read until ``quiet_s`` of silence, at most ``limit_s``.

    With ``quiet_s`` 0 take only what has already been received.
    """

    quiet_s: float
    limit_s: float


class Response(NamedTuple):
    """The response to one command line.

    :param line: the line that was sent
    :param lines: the information lines in order, without line ends, control characters,
        surrounding spaces, empty lines and the exact echo
    :param final: the final result code, None if the deadline passed first
    :param echoed: the complete echo of the line was received, so the response belongs to it
    :param foreign: received lines that do not belong to the command: URCs with another prefix,
        echoes of and responses to other commands, noise
    :param raw: every byte received since the write (bounded), as evidence
    :param elapsed_s: seconds from the write to the final result, or to the deadline
    :param strays: final results received between the last step and this one, while no command
        was pending: an earlier response did not belong to its command
    """

    line: str
    lines: tuple[str, ...]
    final: FinalResult | None
    echoed: bool = False
    foreign: tuple[str, ...] = ()
    raw: bytes = b""
    elapsed_s: float = 0.0
    strays: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.final is not None and self.final.ok

    @property
    def timed_out(self) -> bool:
        return self.final is None


class Received(NamedTuple):
    """Lines received while no command was pending.

    :param lines: complete lines, as in :class:`Response`
    :param raw: the bytes (bounded)
    """

    lines: tuple[str, ...]
    raw: bytes
    elapsed_s: float = 0.0


Step = Command | Listen
Outcome = Response | Received
T = TypeVar("T")
Plan = Generator[Step, Outcome, T]


#: Steps that a plan may yield after an error, each of which gets the error again.
_STEPS_AFTER_ERROR = 4


def throw_into_plan(plan: Plan[T], error: ModemAgentError) -> T:
    """Throw an error into a plan that cannot continue, and return the result it makes of it.

    A plan made of several parts may begin the next part after the error: its first step fails with
    the same error.

    :raises ModemAgentError: the plan returns no result; a plan that yields more steps is closed
    """
    try:
        for _ in range(1 + _STEPS_AFTER_ERROR):
            plan.throw(error)
    except StopIteration as done:
        result: T = done.value
        return result
    plan.close()
    raise error
