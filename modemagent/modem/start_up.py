"""Start-up of a modem: its age, as far as that is known, and responses that are not final yet.

A modem that has just been switched on reports its SIM as absent or failed for some seconds, and
refuses commands that it has: SARA-U201, A7670, Air780E.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from modemagent.at.steps import Response

#: Seconds since the modem appeared, None if that is unknown.
Age = Callable[[], float | None]

#: Time between two readings of a bad state that agree, if the age of the modem is unknown.
_SECOND_READING_S = 6.0
#: URCs of a modem that starts: Quectel and SIMCom, Cinterion, Sequans, ASR, Neoway, TOBY-L4, Sony.
_START_UP = re.compile(
    r"(APP )?RDY|\+CFUN ?: ?1|\^SYSSTART.*|\+SYSSTART|\*ATREADY ?: ?1|MODEM ?: ?STARTUP"
    r"|\+AT ?: ?READY|%BOOTEV ?: ?0",
    re.IGNORECASE,
)
#: CME errors of a modem that is not ready for a command: operation not allowed or not supported,
#: SIM busy, memory failure, unknown.
_REFUSED_FOR_NOW = (3, 4, 14, 23, 100)


class StartUp:
    """The start-up of one modem, on the clock of the plan that reads it.

    :param age: called at most once, if the age is needed
    """

    def __init__(self, age: Age) -> None:
        self._age = age
        self._is_dated = False
        self._began_s: float | None = None

    def observe(self, lines: Iterable[str], now_s: float) -> None:
        """Look for a start-up URC in received lines."""
        if any(map(is_start_up_urc, lines)):
            self._is_dated, self._began_s = True, now_s

    def ends_s(self, now_s: float, duration_s: float) -> float:
        """Return when the start-up ends; a modem of unknown age starts with the plan.

        :param duration_s: the start-up time of the dialect
        """
        if not self._is_dated:
            self._is_dated = True
            age_s = self._age()
            self._began_s = None if age_s is None else now_s - age_s
        return (self._began_s or 0.0) + duration_s

    def is_over(self, now_s: float, duration_s: float, *, since_s: float) -> bool:
        """Return True if a bad state of the SIM is believed.

        :param since_s: when the state was read first; every reading since has agreed
        """
        ends_s = self.ends_s(now_s, duration_s)
        if self._began_s is None:
            return now_s - since_s >= _SECOND_READING_S
        return now_s >= ends_s


def is_start_up_urc(line: str) -> bool:
    """Return True if a line says that the modem has just started."""
    return _START_UP.fullmatch(line.strip()) is not None


def is_refused_for_now(response: Response) -> bool:
    """Return True if a modem that has just started may have more to say to this command."""
    final = response.final
    return final is None or (final.kind == "cme" and final.code in _REFUSED_FOR_NOW)
