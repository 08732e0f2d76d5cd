"""The table of moods and faults a simulated modem can be given, all of them combinable.

A fault is written ``NAME`` or ``NAME=VALUE``. Those that concern one command take a number (the
n-th command line, counted from 1) or the beginning of a command (``AT+CGSN``) as their value.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from modemagent.errors import UsageError


class Fault(NamedTuple):
    """One row: how its value is read, the value when none is given, and what it does."""

    kind: type[float] | type[str]
    default: float | str
    summary: str


FAULTS: dict[str, Fault] = {
    # the wire
    "latency-ms": Fault(float, 20, "each answer takes N ms"),
    "chunk": Fault(float, 1, "output arrives N bytes at a time, 1 ms apart"),
    "baud": Fault(float, 9600, "output paced as by a line of N baud"),
    "lf-only": Fault(float, 1, "lines end in LF alone"),
    "cr-only": Fault(float, 1, "lines end in CR alone"),
    "lose": Fault(float, 1, "the first N bytes sent to the modem are lost"),
    "garbage": Fault(float, 8, "N bytes with the high bit set before each answer"),
    "nul": Fault(float, 2, "N NUL bytes before each answer"),
    # echo
    "echo-on": Fault(float, 1, "echo is on at the start, whatever the transcript says"),
    "echo-off": Fault(float, 1, "echo is off at the start, whatever the transcript says"),
    "echo-stays": Fault(float, 1, "echo is on and ATE0 is answered OK without effect"),
    "echo-crlf": Fault(float, 1, "the echo ends in CR LF"),
    # start
    "boot-silent": Fault(float, 3, "hears nothing for N seconds after the start"),
    "boot-error": Fault(float, 3, "answers ERROR for N seconds after the start"),
    "boot-lag": Fault(float, 3, "answers one command behind for N seconds after the start"),
    "boot-urcs": Fault(float, 0.1, "sends its start-up lines, spread over N seconds"),
    "stale": Fault(str, r"\r\n001010123456063\r\n\r\nOK\r\n", "bytes wait when it is opened"),
    # the card
    "sim-busy": Fault(float, 3, "the card is busy for N seconds (+CME ERROR: 14)"),
    "sim-out": Fault(float, 1, "no card"),
    "sim-pin": Fault(float, 1, "the card wants its PIN"),
    "sim-puk": Fault(float, 1, "the card wants its PUK"),
    "sim-failure": Fault(float, 1, "the card fails (+CME ERROR: 13)"),
    # the dialogue
    "mute": Fault(float, 1, "takes everything, answers nothing"),
    "nmea": Fault(float, 20, "a GPS port: a sentence every N ms, commands unheard"),
    "nmea-mixed": Fault(float, 20, "a sentence every N ms between the answers"),
    "binary": Fault(float, 20, "a diagnostic port: binary frames every N ms, commands unheard"),
    "urc": Fault(str, "+CREG: 1", "this line comes between each command and its answer"),
    "urc-once": Fault(str, "+CREG: 1", "this line comes between the first command and its answer"),
    "urc-prefix": Fault(str, "1", "a line with the asked prefix and this value comes in between"),
    "urc-flood": Fault(float, 5, "an unsolicited line every N ms"),
    "late": Fault(str, "3", "the answer to this command comes before the next one's"),
    "late-after": Fault(str, "3", "the answer to this command comes after the next one's"),
    "silent": Fault(str, "AT+CGSN", "this command, whenever it comes, gets no answer"),
    "refuse": Fault(str, "AT+CGMR", "this command, whenever it comes, gets ERROR"),
    "vanish": Fault(str, "3", "unplugged in the middle of the answer to this command"),
    "vanish-byte": Fault(float, 64, "unplugged after N bytes of output"),
    "cmee-fixed": Fault(float, 0, "AT+CMEE=n is answered OK, the error format stays N"),
    "cme-storm": Fault(float, 100, "every command but AT gets a heap of +CME ERROR: N"),
    "endless": Fault(float, 1, "after the first command a line begins that never ends"),
    # lies
    "lie": Fault(
        str,
        "imei-5000",
        "imei-5000, imei-zeros, imei-check-digit, model-ansi, model-sql, model-html, model-bytes",
    ),
}


class Given(NamedTuple):
    """A fault with its value."""

    name: str
    value: float | str

    @property
    def number(self) -> float:
        return float(self.value)

    @property
    def text(self) -> str:
        return str(self.value)


def parse(text: str) -> Given:
    """Read ``NAME`` or ``NAME=VALUE``; in texts ``\\r``, ``\\n`` and ``\\xNN`` are understood.

    :raises UsageError: no such fault, or its value is not a number where one is needed

    >>> parse("latency-ms=5")
    Given(name='latency-ms', value=5.0)
    """
    name, given, value = text.partition("=")
    name = name.strip().lower().replace("_", "-")
    fault = FAULTS.get(name)
    if fault is None:
        near = get_close_matches(name, FAULTS, n=1)
        hint = f"Did you mean {near[0]}?" if near else "See: modemagent simulate --help"
        raise UsageError(f"there is no fault {name!r}", hint=hint)
    if not given:
        return Given(name, _typed(fault, str(fault.default), name))
    return Given(name, _typed(fault, value, name))


def _typed(fault: Fault, value: str, name: str) -> float | str:
    if fault.kind is str:
        # latin-1 with escapes: any byte may be written
        return codecs.decode(value.encode("latin-1", "backslashreplace"), "unicode_escape")
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise UsageError(f"fault {name} needs a number, not {value!r}", hint=fault.summary)
    return number


class Faults:
    """The faults one modem has, looked up by name; the last of equal names counts.

    :param given: as ``["latency-ms=5", "urc=+CREG: 1"]``; several lies and URCs may be given
    """

    def __init__(self, given: Iterable[str] = ()) -> None:
        self._given = [parse(text) for text in given]

    def __contains__(self, name: str) -> bool:
        return any(fault.name == name for fault in self._given)

    def add(self, text: str) -> Given:
        fault = parse(text)
        self._given.append(fault)
        return fault

    def clear(self) -> None:
        self._given.clear()

    def drop(self, name: str) -> None:
        self._given = [fault for fault in self._given if fault.name != name]

    def number(self, name: str, absent: float = 0.0) -> float:
        values = [fault.number for fault in self._given if fault.name == name]
        return values[-1] if values else absent

    def texts(self, name: str) -> list[str]:
        return [fault.text for fault in self._given if fault.name == name]

    def strikes(self, name: str, line: str, count: int) -> bool:
        """Say whether a fault about one command is about this one, the ``count``-th line."""
        for text in self.texts(name):
            if text == str(count) if text.isdigit() else line.upper().startswith(text.upper()):
                return True
        return False
