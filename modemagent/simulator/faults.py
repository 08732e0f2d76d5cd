"""Faults of a simulated modem: the table of all, and those given to one modem.

A fault is written ``NAME`` or ``NAME=VALUE``; all can be combined. The value of a fault that
concerns one command is a number (the n-th command line, counted from 1) or the beginning of a
command (``AT+CGSN``).
"""

import codecs
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from modemagent.errors import UsageError


class Fault(NamedTuple):
    """One fault: the value if none is given, which has the type of all its values; its effect."""

    default: float | str
    summary: str


#: Values of the fault ``lie``: the false values a modem can send.
LIES = (
    "imei-5000", "imei-zeros", "imei-check-digit",
    "model-ansi", "model-sql", "model-html", "model-bytes",
)  # fmt: skip
FAULTS: dict[str, Fault] = {
    # wire
    "latency-ms": Fault(20, "each response takes N ms"),
    "chunk": Fault(1, "output is sent N bytes at a time, 1 ms apart"),
    "baud": Fault(9600, "output is paced as by a line of N baud"),
    "lf-only": Fault(1, "lines end in LF alone"),
    "cr-only": Fault(1, "lines end in CR alone"),
    "lose": Fault(1, "the first N bytes sent to the modem are lost"),
    "garbage": Fault(8, "N bytes with the high bit set before each response"),
    "nul": Fault(2, "N NUL bytes before each response"),
    # echo
    "echo-on": Fault(1, "echo is on after power-up, whatever the transcript says"),
    "echo-off": Fault(1, "echo is off after power-up, whatever the transcript says"),
    "echo-stays": Fault(1, "echo is on, and ATE0 is answered OK without effect"),
    "echo-crlf": Fault(1, "the echo ends in CR LF"),
    # start-up
    "boot-silent": Fault(3, "ignores all input for N seconds after power-up"),
    "boot-error": Fault(3, "answers ERROR for N seconds after power-up"),
    "boot-lag": Fault(3, "answers one command behind for N seconds after power-up"),
    "boot-urcs": Fault(0.1, "sends its start-up URCs, spread over N seconds"),
    "stale": Fault(r"\r\n001010123456063\r\n\r\nOK\r\n", "bytes wait when the port is opened"),
    # SIM
    "sim-busy": Fault(3, "the SIM is busy for N seconds (+CME ERROR: 14)"),
    "sim-out": Fault(1, "no SIM is inserted"),
    "sim-pin": Fault(1, "the SIM requires its PIN"),
    "sim-puk": Fault(1, "the SIM requires its PUK"),
    "sim-failure": Fault(1, "the SIM fails (+CME ERROR: 13)"),
    # commands and responses
    "mute": Fault(1, "reads everything, answers nothing"),
    "nmea": Fault(20, "GPS port: a sentence every N ms, commands ignored"),
    "nmea-mixed": Fault(20, "a sentence every N ms between the responses"),
    "binary": Fault(20, "diagnostic port: a binary frame every N ms, commands ignored"),
    "urc": Fault("+CREG: 1", "this line precedes each response"),
    "urc-once": Fault("+CREG: 1", "this line precedes the first response"),
    "urc-prefix": Fault("1", "a line with this value and the command's prefix comes first"),
    "urc-flood": Fault(5, "a URC every N ms"),
    "late": Fault("3", "the response to this command comes before the next one's"),
    "late-after": Fault("3", "the response to this command comes after the next one's"),
    "silent": Fault("AT+CGSN", "this command never gets a response"),
    "refuse": Fault("AT+CGMR", "this command always gets ERROR"),
    "vanish": Fault("3", "unplugged in the middle of the response to this command"),
    "vanish-byte": Fault(64, "unplugged after N bytes of output"),
    "cmee-fixed": Fault(0, "AT+CMEE=n is answered OK, the error format stays N"),
    "cme-storm": Fault(100, "every command but AT gets 20 lines of +CME ERROR: N"),
    "endless": Fault(1, "after the first command a line starts that never ends"),
    # false values
    "lie": Fault("imei-5000", ", ".join(LIES)),
}  # fmt: skip


class Given(NamedTuple):
    """A fault with its value."""

    name: str
    value: float | str


def parse(text: str) -> Given:
    """Parse ``NAME`` or ``NAME=VALUE``; texts may hold the escapes ``\\r``, ``\\n`` and ``\\xNN``.

    :raises UsageError: unknown fault, or a value of the wrong type

    >>> parse("latency-ms=5")
    Given(name='latency-ms', value=5.0)
    """
    name, has_value, value = text.partition("=")
    name = name.strip().lower().replace("_", "-")
    fault = FAULTS.get(name)
    if fault is None:
        near = get_close_matches(name, FAULTS, n=1)
        hint = f"Did you mean {near[0]}?" if near else "See: modemagent simulate --help"
        raise UsageError(f"unknown fault {name!r}", hint=hint)
    if not has_value:
        value = str(fault.default)
    if name == "lie" and value not in LIES:
        raise UsageError(f"unknown lie {value!r}", hint=f"Known: {', '.join(LIES)}")
    if isinstance(fault.default, str):
        # latin-1 with escapes: any byte can be written
        raw = value.encode("latin-1", "backslashreplace")
        return Given(name, codecs.decode(raw, "unicode_escape"))
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise UsageError(
            f"fault {name} needs a number, not {value!r}", hint=f"Meaning: {fault.summary}."
        )
    return Given(name, number)


class Faults:
    """The faults of one modem by name; of several with one name the last number counts.

    :param given: as ``["latency-ms=5", "urc=+CREG: 1"]``; lies and URCs may be repeated
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

    def number(self, name: str) -> float:
        """Return the value of a fault, 0 if it is not given."""
        return next((float(f.value) for f in reversed(self._given) if f.name == name), 0.0)

    def texts(self, name: str) -> list[str]:
        return [str(fault.value) for fault in self._given if fault.name == name]

    def applies(self, name: str, line: str, count: int = -1) -> bool:
        """Return True if a fault of one command concerns this line, the ``count``-th."""
        return any(
            text == str(count) if text.isdigit() else line.upper().startswith(text.upper())
            for text in self.texts(name)
        )
