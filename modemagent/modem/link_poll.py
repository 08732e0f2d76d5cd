"""Repeated readings of registration and signal, for example while an antenna is aimed."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from modemagent.at.steps import Command, Plan, Response
from modemagent.dialects.diagnostic_reads import SIGNAL
from modemagent.explain import explain

#: The decisive registration of LTE and 5G comes first.
_REGISTRATION = ("AT+CEREG?", "AT+C5GREG?", "AT+CREG?")
#: Signal in the standard's commands; the RSSI of AT+CSQ includes interference.
_STANDARD_SIGNAL = ("AT+CESQ", "AT+CSQ")
_COMMAND_S = 3.0
#: CME errors of a command that the modem does not have: not supported, unknown.
_UNSUPPORTED = (4, 100)

Explained = Mapping[str, Any]


class LinkReading(NamedTuple):
    """Explanations of the registration and the signal, None if the modem reports none."""

    registration: Explained | None = None
    signal: Explained | None = None


class LinkPoll:
    """Readings of one modem: the maker's signal command first, then those of the standard.

    The next reading begins with the command that gave a value, without those that were refused.

    :param dialect: name of the modem's dialect
    """

    def __init__(self, dialect: str = "") -> None:
        self._registration: tuple[str, ...] = _REGISTRATION
        # of two commands of a maker, the later one reports the signal alone
        self._signal = (*reversed(SIGNAL.get(dialect, ())), *_STANDARD_SIGNAL)

    def plan(self) -> Plan[LinkReading]:
        """Read both once."""
        self._registration, registration = yield from _first(self._registration, _is_registered)
        self._signal, signal = yield from _first(self._signal, _is_measured)
        return LinkReading(registration, signal)


def _first(
    lines: tuple[str, ...], is_wanted: Callable[[Explained], bool]
) -> Plan[tuple[tuple[str, ...], Explained | None]]:
    """Send commands until one gives what is wanted; return the commands for the next time.

    If all were refused, the next time begins with all of them: the modem may be starting.
    """
    other = None
    refused: list[str] = []
    for line in lines:
        response = yield Command(line, _COMMAND_S)
        assert isinstance(response, Response)  # noqa: S101 - the outcome of a Command
        if _is_refused(response):
            refused.append(line)
        for text in response.lines if response.ok else ():
            found = explain(line, text)
            if found is not None and is_wanted(found):
                others = (each for each in lines if each != line and each not in refused)
                return (line, *others), found
            other = other or found
    return tuple(each for each in lines if each not in refused) or lines, other


def _is_refused(response: Response) -> bool:
    final = response.final
    if final is None or final.kind in ("error", "refused"):
        return True
    return final.kind == "cme" and final.code in _UNSUPPORTED


def _is_registered(found: Explained) -> bool:
    return found.get("fields", {}).get("registered") is True


def _is_measured(found: Explained) -> bool:
    return "level" in found.get("fields", {})
