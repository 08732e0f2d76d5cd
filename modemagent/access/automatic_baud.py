"""``--baud auto``: the speed of a UART is the first common one at which a modem answers ``AT``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modemagent.access.options import AccessOptions
from modemagent.access.target import TargetPort
from modemagent.channel.runner import run_plans
from modemagent.discovery.sysfs import is_uart
from modemagent.errors import ModemAgentError
from modemagent.modem.speed_scan import SPEEDS, answers, no_answer

#: Limit for one speed, with opening and closing the port.
_LIMIT_S: Final = 4.0


def find_speeds(
    ports: Iterable[TargetPort], found: dict[str, int], options: AccessOptions
) -> dict[str, ModemAgentError]:
    """Find the speed of each UART that is not yet in ``found``, all ports side by side.

    A port that cannot be opened is left to the reading that follows, which tries other routes.

    :param found: port to speed; the scan adds to it
    :return: the error of each UART without an answer at any speed
    """
    unknown = [each for each in ports if each.path not in found]
    waiting = [each for each in unknown if is_uart(each.path, options.root)]
    silent: dict[str, ModemAgentError] = {}
    tried: list[int] = []
    for speed in SPEEDS:
        if not waiting or options.is_over:
            break
        tried.append(speed)
        for port in waiting:
            _note(port.path, f"trying {speed} baud", options)
        plans = {port.path: answers(port.listen_s) for port in waiting}
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
        silent[port.path] = no_answer(port.path, tried, "--baud N")
    return silent


def _note(path: str, text: str, options: AccessOptions) -> None:
    if options.trace is not None:
        options.trace.note_route(path, text)
