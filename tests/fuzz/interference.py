"""A correct modem on a bad line shared with other programs: the identity is right or unread.

Two bytes of the input are one step: the kind of interference with a response, and its parameter.
The modem's own responses are never changed, only lost, delayed, interrupted and mixed with those
to other programs. A modem that sends wrong but consistent values cannot be detected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from fuzz.wire import Said, driven, transcripts, true_answer
from modemagent.at.steps import Command, Step
from modemagent.at.transcript import Transcript
from modemagent.errors import ModemAgentError
from modemagent.identity.checkdigits import luhn_digit
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.identify import identify

URCS = (
    b"\r\nRDY\r\n", b'\r\n+CMTI: "SM",1\r\n', b"\r\n+CREG: 1\r\n", b"\r\n^RSSI: 19\r\n",
    b"\r\n+CPIN: READY\r\n", b"\r\n+QIND: SMS DONE\r\n", b"\r\nNO CARRIER\r\n",
    b"\r\nCall Ready\r\n", b'\r\n+CLIP: "+490000000001",145\r\n', b"\r\n$GPGGA,1,2*5B\r\n",
)  # fmt: skip


class Others:
    """Commands of other programs with the responses of another modem, each number used once."""

    def __init__(self) -> None:
        self._count = 100

    def number(self, kind: int) -> bytes:
        """A well-formed IMEI, ICCID or IMSI that is not this modem's."""
        self._count += 1
        if kind % 3 == 0:
            body = f"35265610{self._count:06d}"
        elif kind % 3 == 1:
            body = f"894900000000000{self._count:03d}"
        else:
            return f"90128800000{self._count:04d}".encode()
        return (body + luhn_digit(body)).encode()

    def exchange(self, kind: int) -> bytes:
        # commands that modemagent never sends: for its own, this modem returns its own number
        command = (b"AT+EGMR=0,7", b"AT+QICCID", b"AT+GETIMSI?")[kind % 3]
        return command + b"\r\r\n" + self.number(kind) + b"\r\n\r\nOK\r\n"


def _lines(answer: bytes) -> list[bytes]:
    return answer.splitlines(keepends=True)


Interference = Callable[[bytes, int, Others], Said]


def _fine(answer: bytes, how: int, others: Others) -> Said:
    return [(0.01, answer)]


def _urc_in_between(answer: bytes, how: int, others: Others) -> Said:
    lines = _lines(answer)
    at = how % (len(lines) + 1)
    return [(0.01, b"".join(lines[:at]) + URCS[how % len(URCS)] + b"".join(lines[at:]))]


def _lost(answer: bytes, how: int, others: Others) -> Said:
    return []


def _no_final(answer: bytes, how: int, others: Others) -> Said:
    return [(0.01, b"".join(_lines(answer)[:-1]))]


def _late(answer: bytes, how: int, others: Others) -> Said:
    return [(0.2 + how % 60 / 4, answer)]


def _halved(answer: bytes, how: int, others: Others) -> Said:
    at = how % (len(answer) + 1)
    return [(0.01, answer[:at]), (0.3 + how % 16 / 4, answer[at:])]


def _other_before(answer: bytes, how: int, others: Others) -> Said:
    return [(0.01, others.exchange(how)), (0.02, answer)]


def _other_behind(answer: bytes, how: int, others: Others) -> Said:
    return [(0.01, answer), (0.02, others.exchange(how))]


def _bare_number_before(answer: bytes, how: int, others: Others) -> Said:
    return [(0.01, b"\r\n" + others.number(how) + b"\r\n" + answer)]


def _bare_number_behind(answer: bytes, how: int, others: Others) -> Said:
    lines = _lines(answer)
    middle = b"\r\n" + others.number(how) + b"\r\n"
    return [(0.01, b"".join(lines[:-2]) + middle + b"".join(lines[-2:]))]


def _echo_damaged(answer: bytes, how: int, others: Others) -> Said:
    return [(0.01, answer[1 + how % 3 :] if answer[:2] == b"AT" else answer)]


def _twice(answer: bytes, how: int, others: Others) -> Said:
    return [(0.01, answer + answer)]


TROUBLES: tuple[Interference, ...] = (
    _fine, _urc_in_between, _late, _lost, _no_final, _halved, _other_before, _other_behind,
    _bare_number_before, _bare_number_behind, _echo_damaged, _twice,
)  # fmt: skip


@cache
def modems() -> tuple[tuple[Transcript, Snapshot], ...]:
    """Every transcript that can be identified, with its true reading."""
    found = []
    for modem in transcripts():
        truth = driven(identify("wire"), honest(modem))
        if isinstance(truth, Snapshot):
            found.append((modem, truth))
    return tuple(found)


def honest(modem: Transcript) -> Callable[[Step], Said]:
    def react(step: Step) -> Said:
        return [(0.01, true_answer(modem, step.line))] if isinstance(step, Command) else []

    return react


def identity_of(snapshot: Snapshot) -> dict[str, str | None]:
    """Return the identity of modem and SIM in a reading."""
    modem, sim = snapshot.modem, snapshot.sims[0]
    return {
        "imei": modem.imei,
        "imeisv": modem.imeisv,
        "meid": modem.meid,
        "serial_number": modem.serial_number,
        "iccid": sim.iccid,
        "imsi": sim.imsi,
        "eid": sim.eid,
    }


def right_or_silent(data: bytes) -> None:
    """Identify a modem on the wire the input describes; fails when a number is another's."""
    modem, truth = modems()[data[0] % len(modems()) if data else 0]
    troubles = zip(data[1::2], data[2::2], strict=False)
    outcome = driven(identify("wire"), _troubled(modem, troubles))
    if isinstance(outcome, ModemAgentError):
        return
    expected = identity_of(truth)
    for field, value in identity_of(outcome).items():
        assert value in (None, expected[field]) or _says(modem, field, value), f"{field} of another"


def _says(modem: Transcript, field: str, number: str) -> bool:
    """Some transcripts are of two units of a model: both units' numbers are right then."""
    # an IMEISV may have been put together from an IMEI and a version
    number = number[:14] if field == "imeisv" else rf"{number}(?!\d)"
    return any(
        re.search(rf"(?<!\d){number}".encode(), row.wire())
        for row in modem.exchanges
        if not row.state
    )


def _troubled(modem: Transcript, troubles: Iterator[tuple[int, int]]) -> Callable[[Step], Said]:
    others = Others()

    def react(step: Step) -> Said:
        if not isinstance(step, Command):
            return []
        what, how = next(troubles, (0, 0))
        # most answers are whole: half the numbers stand for none
        trouble = TROUBLES[what % len(TROUBLES)] if what < 128 else _fine
        return trouble(true_answer(modem, step.line), how, others)

    return react
