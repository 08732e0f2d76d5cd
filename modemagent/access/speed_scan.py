"""``--baud auto``: the speed of a UART is the first usual one at which a modem answers ``AT``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from modemagent.access.options import AccessOptions
from modemagent.access.target import TargetPort
from modemagent.at import DEFAULT_BAUD
from modemagent.at.lines import stream_kind
from modemagent.at.steps import Command, Listen, Plan, Response
from modemagent.channel.runner import run_plans
from modemagent.discovery.sysfs import describe
from modemagent.errors import ModemAgentError, NoAnswer

#: The speeds that are tried, the most frequent ones of modems first.
SPEEDS: Final = (115200, 9600, 57600, 38400, 19200, 230400, 460800, 921600)
#: The first command at a new speed may complete the noise of the last one, and is then rejected.
_ATTEMPTS: Final = 2
_ANSWER_S: Final = 0.5
#: Limit for one speed, with opening and closing the port.
_LIMIT_S: Final = 4.0
SCAN_S: Final = len(SPEEDS) * (_ATTEMPTS * _ANSWER_S + 0.5)
"""Seconds that a scan without an answer takes at most."""


def find_speeds(
    ports: Iterable[TargetPort], found: dict[str, int], options: AccessOptions
) -> dict[str, ModemAgentError]:
    """Find the speed of each UART that is not yet in ``found``, all ports side by side.

    A port that cannot be opened is left to the reading that follows, which tries other routes.

    :param found: port to speed; the scan adds to it
    :return: the error of each UART without an answer at any speed
    """
    waiting = [each for each in ports if each.path not in found and is_uart(each.path, options)]
    silent: dict[str, ModemAgentError] = {}
    tried: list[int] = []
    for speed in SPEEDS:
        if not waiting or options.is_over:
            break
        tried.append(speed)
        for port in waiting:
            _note(port.path, f"{speed} baud is tried", options)
        plans = {port.path: _answers(port.listen_s) for port in waiting}
        limit_s = min(_LIMIT_S, options.left_s)
        results = run_plans(plans, timeout_s=limit_s, baud=speed, trace=options.trace)
        for path, result in results.items():
            if result is True:
                found[path] = speed
                _note(path, f"the modem answers at {speed} baud", options)
                if options.notify is not None:
                    options.notify(f"modemagent: {path}: the modem answers at {speed} baud")
        waiting = [port for port in waiting if results[port.path] is False]
    for port in waiting:
        silent[port.path] = _no_answer(port.path, tried)
    return silent


def is_uart(path: str, options: AccessOptions) -> bool:
    """Return True if a port has a speed: a UART on the board or a bridge, not a USB modem."""
    candidate = None if "://" in path else describe(path, Path(options.root))
    return candidate is not None and candidate.is_uart


def name_scan(error: ModemAgentError, path: str, options: AccessOptions) -> None:
    """Add ``--baud auto`` to the hint of a silent UART that was opened at the default speed."""
    is_default = options.speeds is None and options.baud == DEFAULT_BAUD
    if is_default and isinstance(error, NoAnswer) and is_uart(path, options):
        error.hint = (
            "Check power and cable, or find the speed of the modem with --baud auto "
            f"({DEFAULT_BAUD} baud was used)."
        )


def _answers(listen_s: float) -> Plan[bool]:
    """Return True if the port answers ``AT`` with a clean OK at its speed, or sends NMEA."""
    received = (yield Listen(listen_s, listen_s)).raw
    for _ in range(_ATTEMPTS):
        if stream_kind(received) == "nmea":  # readable, so the identification rejects this port
            return True
        response = yield Command("AT", _ANSWER_S)
        if isinstance(response, Response) and response.ok and not response.lines:
            return True
        received += response.raw
    return False


def _note(path: str, text: str, options: AccessOptions) -> None:
    if options.trace is not None:
        options.trace.note_route(path, text)


def _no_answer(path: str, tried: Iterable[int]) -> NoAnswer:
    return NoAnswer(
        f"no answer to AT on {path} at any speed that was tried",
        port=path,
        hint=f"Check power and cable, or give another speed with --baud N. Tried "
        f"{', '.join(map(str, tried))} baud.",
    )
