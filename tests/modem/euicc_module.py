"""A simulated module with an eUICC that has three logical channels."""

from __future__ import annotations

import os
import re
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from select import select
from typing import NamedTuple

EID = "89049032000000000000000000000163"
ISD_R, ECASD = "A0000005591010FFFFFFFF8900000100", "A0000005591010FFFFFFFF8900000200"
#: EUICCInfo2 of a consumer eUICC, and with [20] IoTSpecificInfo of an IoT eUICC
INFO2 = "810302030182030202058303010203840D8101008204000186A0830206F7"
IOT = INFO2 + "B407A0058203010200"


class Manner(NamedTuple):
    """Behaviour of the eUICC and its module.

    :param kind: ``consumer``, ``iot``, ``m2m``, ``plain`` (no eUICC), ``none`` (no AT+CCHO)
    :param session: session id of a channel by its number
    :param bare: answers come without label and quotes
    :param chained: the data is fetched with GET RESPONSE, at most so many bytes at once
    :param response_class: ``0``: only with an interindustry class byte, ``8``: only with the own
    :param channel: the logical channel that the class byte has to carry, 0: the session's number
    :param on_apdu: what goes wrong with the first APDU: ``error``, ``silence``, ``urc``, ``vanish``
    """

    kind: str = "consumer"
    session: str = "{}"
    bare: bool = False
    lower: bool = False
    chained: int = 0
    response_class: str = "0"
    channel: int = 0
    on_apdu: str = ""


class Module:
    """The module's end of the line.

    :ivar open: session id -> application of each open channel
    :ivar lines: what it was sent
    :ivar iccid: of the profile in use
    :ivar eid: of the chip
    """

    def __init__(self, manner: Manner, echo: bool = True) -> None:
        self.manner = manner
        self.open: dict[str, str] = {}
        self.lines: list[str] = []
        self.iccid, self.eid = "8901260000000000014", EID
        self.asked = threading.Event()
        self._echo = echo
        self._rest = ""
        self._disturbed = False
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._ends = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ends = True
        self._thread.join(5)
        for descriptor in (self._master, self._slave):
            if descriptor >= 0:
                os.close(descriptor)

    def _serve(self) -> None:
        waiting = b""
        while not self._ends:
            if not select([self._master], [], [], 0.02)[0]:
                continue
            try:
                waiting += os.read(self._master, 4096)
            except OSError:
                return
            while b"\r" in waiting:
                line, _, waiting = waiting.partition(b"\r")
                self.lines.append(line.decode())
                answer = self._answer(line.decode())
                if answer is None:
                    return
                echo = line + b"\r" if self._echo else b""
                os.write(self._master, echo + answer.encode())

    def _answer(self, line: str) -> str | None:
        usual = {
            "AT": "",
            "AT+CGMI": "ACME",
            "AT+CGMM": "E1",
            "AT+CGMR": "R1",
            "AT+CGSN=1": '+CGSN: "865284040000014"',
            "AT+CPIN?": "+CPIN: READY",
            "AT+CIMI": "310260000000011",
            "AT+CCID": f"+CCID: {self.iccid}",
        }
        if line in usual:
            text = usual[line]
            return f"\r\n{text}\r\n\r\nOK\r\n" if text else "\r\nOK\r\n"
        if (match := re.fullmatch(r'AT\+CCHO="(\w+)"', line)) is not None:
            return self._open(match[1])
        if (match := re.fullmatch(r"AT\+CCHC=(\w+)", line)) is not None:
            closed = self.open.pop(match[1].lower(), None)
            return "\r\nOK\r\n" if closed else "\r\n+CME ERROR: 50\r\n"
        if (match := re.fullmatch(r'AT\+CGLA=(\w+),(\d+),"(\w+)"', line)) is not None:
            self.asked.set()
            assert int(match[2]) == len(match[3])
            return self._apdu(match[1].lower(), match[3])
        return "\r\nERROR\r\n"

    def _open(self, application: str) -> str:
        kind = self.manner.kind
        if kind == "none":
            return "\r\nERROR\r\n"
        if kind == "plain" or len(self.open) >= 3:
            return "\r\n+CME ERROR: 22\r\n"
        session = self.manner.session.format(len(self.open) + 1)
        self.open[session.lower()] = application
        label = "" if self.manner.bare else "+CCHO: "
        return f"\r\n{label}{session}\r\n\r\nOK\r\n"

    def _apdu(self, session: str, apdu: str) -> str | None:
        if session not in self.open:
            return "\r\n+CME ERROR: 50\r\n"
        disturbed, self._disturbed = self._disturbed, True
        if not disturbed and self.manner.on_apdu == "error":
            return "\r\nERROR\r\n"
        if self.manner.on_apdu == "silence":
            return ""
        if not disturbed and self.manner.on_apdu == "vanish":
            os.close(self._master)
            self._master = -1
            return None
        data = self._response(session, apdu)
        text = data.lower() if self.manner.lower else data
        urc = "\r\n+CREG: 1\r\n" if self.manner.on_apdu == "urc" else ""
        body = text if self.manner.bare else f'+CGLA: {len(text)},"{text}"'
        return f"{urc}\r\n{body}\r\n\r\nOK\r\n"

    def _response(self, session: str, apdu: str) -> str:
        manner = self.manner
        channel = int(apdu[:2], 16) & 3
        number = int(session) if session.isdigit() and len(session) == 1 else 1
        if channel != (manner.channel or number):
            return "6881"
        if apdu[2:6] == "C000":
            if apdu[0] != manner.response_class:
                return "6E00"
            return self._piece(self._rest)
        is_isd_r = self.open[session] == ISD_R
        if apdu[2:] == "E2910006BF3E035C015A" and is_isd_r and manner.kind != "m2m":
            return self._piece(f"BF3E125A10{self.eid}")
        if apdu[2:] == "E2910003BF2200" and is_isd_r and manner.kind != "m2m":
            value = IOT if manner.kind == "iot" else INFO2
            return self._piece(f"BF22{len(value) // 2:02X}{value}")
        if apdu[2:] == "CA005A12" and not is_isd_r and manner.kind == "m2m":
            return self._piece(f"5A10{self.eid}")
        return "6985"

    def _piece(self, data: str) -> str:
        size = self.manner.chained * 2
        if not size:
            return data + "9000"
        if data is not self._rest:
            self._rest = data
            return f"61{min(len(data) // 2, self.manner.chained):02X}"
        piece, self._rest = data[:size], data[size:]
        left = len(self._rest) // 2
        return piece + (f"61{min(left, self.manner.chained):02X}" if left else "9000")


@contextmanager
def module(manner: Manner, *, echo: bool = True) -> Iterator[Module]:
    made = Module(manner, echo)
    try:
        yield made
    finally:
        made.close()
