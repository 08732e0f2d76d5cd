"""The words between a plan and whoever drives it: steps out, outcomes back.

A plan is a plain generator. It yields :class:`SystemCommand` and :class:`Listen`, is sent an
:class:`Response` or a :class:`HostLine`, and returns its result. It owns no clock and no port, so
the daemon drives it over asyncio, the one-shot command over a blocking loop, a test over a list.

Named tuples, not data classes: making five of those costs a one-shot command 3 ms at its start.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal, NamedTuple, TypeVar

FinalKind = Literal["ok", "error", "cme", "cms", "refused", "call"]


class FinalResult(NamedTuple):
    """The final result code that closed an answer.

    :param kind: ``ok``; ``error`` (bare ERROR and unknown error texts); ``cme`` and ``cms``
        (``+CME ERROR:``, ``+CMS ERROR:``); ``refused`` (``COMMAND NOT SUPPORT``, ``NA``);
        ``call`` (``NO CARRIER``, ``BUSY``, ``ABORTED`` and the like)
    :param code: the number behind a CME or CMS error; known verbose texts are translated to
        their number (3GPP TS 27.007 clause 9.2, TS 27.005 clause 3.2.5); None when unknown
    :param text: the line as it came, without line ends
    """

    kind: FinalKind
    code: int | None
    text: str

    @property
    def ok(self) -> bool:
        return self.kind == "ok"


class Command(NamedTuple):
    """Send one command line and collect its answer.

    :param line: the complete line, without the carriage return, as ``AT+CGSN``
    :param timeout_s: seconds from the write until the answer is given up
    """

    line: str
    timeout_s: float


class Listen(NamedTuple):
    """Send nothing; read on until ``quiet_s`` of silence, ``limit_s`` at most.

    With ``quiet_s`` 0 take only what is already waiting.
    """

    quiet_s: float
    limit_s: float


class Response(NamedTuple):
    """What came back for one command line.

    :param line: the line that was asked
    :param lines: every information line in the order it came: stripped of line ends, control
        characters and surrounding blanks, blank lines left out, the exact echo taken out.
        Lines that are surely not for this command (known URCs with another prefix, echoes and
        answers of another command) are not here but in ``foreign``
    :param final: what closed it; None when the deadline passed first
    :param echoed: the whole exact echo of this line was seen, so this answer is surely ours
    :param foreign: lines that came in between and are not ours: URCs, other echoes, noise
    :param raw: every byte received from the write on (bounded), as evidence
    :param elapsed_s: seconds from the write to the final result, or to the deadline
    :param strays: final results that came between the last step and this one, when nothing was
        asked: an answer before this one was not the answer to its question
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
    """What came while nothing was asked.

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
