"""Power saving timers in registration reports: eight bits as text.

Three bits name the unit, five bits count it. 3GPP TS 24.008 clause 10.5.7.4 (GPRS timer 2: active
time T3324) and 10.5.7.4a (GPRS timer 3: extended periodic update T3412).
"""

from __future__ import annotations

_TIMER_2: dict[int, int] = {0: 2, 1: 60, 2: 360}
_TIMER_3: dict[int, int] = {0: 600, 1: 3600, 2: 36000, 3: 2, 4: 30, 5: 60, 6: 320 * 3600}
_DEACTIVATED = 7
_MINUTE = 60


def is_timer(bits: str) -> bool:
    """Return True if a field has the form of a timer: eight bits."""
    return len(bits) == 8 and not bits.strip("01")


def active_time(bits: str) -> int | None:
    """Return T3324 in seconds, None if the timer is deactivated or not eight bits.

    >>> active_time("00100110"), active_time("11100000"), active_time("")
    (360, None, None)
    """
    # The clause counts every other unit in minutes.
    return _seconds(bits, _TIMER_2)


def periodic_update(bits: str) -> int | None:
    """Return T3412 extended in seconds, None if the timer is deactivated or not eight bits.

    >>> periodic_update("01011111"), periodic_update("00000110"), periodic_update("11111111")
    (1116000, 3600, None)
    """
    return _seconds(bits, _TIMER_3)


def _seconds(bits: str, units: dict[int, int]) -> int | None:
    if not is_timer(bits):
        return None
    unit = int(bits[:3], 2)
    return None if unit == _DEACTIVATED else units.get(unit, _MINUTE) * int(bits[3:], 2)
