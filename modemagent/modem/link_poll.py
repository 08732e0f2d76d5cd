"""Repeated readings of registration and signal, as for aiming an antenna."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from modemagent.at.steps import Command, Plan, Response
from modemagent.explain import explain

#: The decisive registration of LTE and 5G comes first. Of the signal lines those with RSRP come
#: first, because the RSSI of AT+CSQ includes interference.
_REGISTRATION = ("AT+CEREG?", "AT+C5GREG?", "AT+CREG?")
_SIGNAL = ("AT+QCSQ", "AT^HCSQ?", "AT+CESQ", "AT+CSQ")
_COMMAND_S = 3.0

Explained = Mapping[str, Any]


class LinkReading(NamedTuple):
    """Explanations of the registration and the signal, None if the modem reports none."""

    registration: Explained | None = None
    signal: Explained | None = None


class LinkPoll:
    """Readings of one modem; the commands that give a value are tried first the next time."""

    def __init__(self) -> None:
        self._registration: tuple[str, ...] = _REGISTRATION
        self._signal: tuple[str, ...] = _SIGNAL

    def plan(self) -> Plan[LinkReading]:
        """Read both once."""
        self._registration, registration = yield from _first(self._registration, _is_registered)
        self._signal, signal = yield from _first(self._signal, _is_measured)
        return LinkReading(registration, signal)


def _first(
    lines: tuple[str, ...], is_wanted: Callable[[Explained], bool]
) -> Plan[tuple[tuple[str, ...], Explained | None]]:
    """Send commands until one gives what is wanted; return the order for the next time."""
    other = None
    for line in lines:
        response = yield Command(line, _COMMAND_S)
        assert isinstance(response, Response)  # noqa: S101 - the outcome of a Command
        for text in response.lines if response.ok else ():
            found = explain(line, text)
            if found is not None and is_wanted(found):
                return (line, *(each for each in lines if each != line)), found
            other = other or found
    return lines, other


def _is_registered(found: Explained) -> bool:
    return found.get("fields", {}).get("registered") is True


def _is_measured(found: Explained) -> bool:
    return "level" in found.get("fields", {})
