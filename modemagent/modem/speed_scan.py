"""The speed of a UART: the first usual one at which a modem answers ``AT``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modemagent.at.lines import BINARY_MINIMUM, stream_kind
from modemagent.at.results import ends_a_command
from modemagent.at.steps import Command, Listen, Plan, Received, Response
from modemagent.errors import ModemAgentError, NoAnswer, NotAModem

#: The speeds that are tried, the most frequent ones of modems first.
SPEEDS: Final = (115200, 9600, 57600, 38400, 19200, 230400, 460800, 921600)
#: The first command at a new speed may complete the noise of the last one, and is then rejected.
_ATTEMPTS: Final = 2
_ANSWER_S: Final = 0.5
#: Wait for the late OK of a slow modem, which has echoed ``AT`` at this speed.
_LATE_S: Final = 2.5
SCAN_S: Final = len(SPEEDS) * (_ATTEMPTS * _ANSWER_S + 0.5)
"""Seconds that a scan without an answer takes at most, if it does not listen first."""


def speeds_to_try(known: int | None = None) -> tuple[int, ...]:
    """Return the speeds in the order to try them, the known one first.

    >>> speeds_to_try(9600)[:3]
    (9600, 115200, 57600)
    """
    return tuple(dict.fromkeys((known, *SPEEDS) if known else SPEEDS))


def answers(listen_s: float) -> Plan[bool]:
    """Return True if the port answers ``AT`` with a clean OK at its speed, or sends NMEA.

    Nothing is written to a device that sends by itself at another speed: it may be a GNSS receiver.

    :param listen_s: how long to listen before the first byte is written
    """
    received = (yield Listen(listen_s, listen_s)).raw
    if stream_kind(received) == "binary" and len(received) >= BINARY_MINIMUM:
        return False
    for _ in range(_ATTEMPTS):
        if stream_kind(received) == "nmea":  # readable, so the identification rejects this port
            return True
        response = yield Command("AT", _ANSWER_S)
        if isinstance(response, Response) and response.ok and not response.lines:
            return True
        if isinstance(response, Response) and response.timed_out and response.echoed:
            late = yield Listen(_LATE_S, _LATE_S)
            return isinstance(late, Received) and any(map(ends_a_command, late.lines))
        received += response.raw
    return False


def no_answer(port: str, tried: Iterable[int], setting: str) -> NoAnswer:
    """Return the error for a UART without an answer at any speed.

    :param setting: how to name a speed, ``--baud N``
    """
    return NoAnswer(
        f"no answer to AT on {port} at any speed that was tried",
        port=port,
        hint=f"Check power and cable, or give another speed with {setting}. Tried "
        f"{', '.join(map(str, tried))} baud.",
    )


def name_scan(error: ModemAgentError, baud: int, setting: str) -> None:
    """Name the scan in the hint of a UART that is silent or sends bytes of another speed.

    :param baud: the speed that was used
    :param setting: how to request the scan, ``--baud auto``
    """
    if isinstance(error, NoAnswer) or (isinstance(error, NotAModem) and error.is_binary):
        error.hint = (
            f"Check power and cable, or find the speed of the modem with {setting} "
            f"({baud} baud was used)."
        )
