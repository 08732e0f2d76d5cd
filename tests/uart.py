"""A modem that answers at one speed only, on a PTY in place of a UART."""

from __future__ import annotations

import os
import select
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

RESPONSES = {"AT": "", "AT+CGSN": "\r\n867698040000013\r\n", "AT+CGMM": "\r\nM1\r\n"}


class UartModem:
    """The far end of a terminal, which can see the speed that is set.

    :ivar path: the terminal
    :ivar seen: the speeds at which bytes have arrived, as constants of termios, in their order
    :ivar baud: the speed at which the modem answers; may be changed
    :param noise: what arrives in response to a line at another speed
    """

    def __init__(self, baud: int, noise: bytes = b"\xfe\x80") -> None:
        self.baud = baud
        self.seen: list[int] = []
        self._noise = noise
        self._near, self._terminal = os.openpty()
        tty.setraw(self._terminal)  # it would echo what is sent before a program opens it
        self.path = os.ttyname(self._terminal)
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def send(self, data: bytes) -> None:
        os.write(self._near, data)

    def close(self) -> None:
        os.write(self._waker, b"x")
        self._thread.join()
        for descriptor in (self._near, self._terminal, self._wake, self._waker):
            os.close(descriptor)

    def _serve(self) -> None:
        line = b""
        while self._wake not in select.select([self._near, self._wake], [], [])[0]:
            line += os.read(self._near, 4096)
            speed = termios.tcgetattr(self._near)[5]
            if speed not in self.seen:
                self.seen.append(speed)
            if not line.endswith(b"\r"):
                continue
            command, line = line.decode().strip(), b""
            if speed != getattr(termios, f"B{self.baud}", None):
                self.send(self._noise)
            elif command in RESPONSES:
                self.send(RESPONSES[command].encode() + b"\r\nOK\r\n")
            else:
                self.send(b"\r\nERROR\r\n")


@contextmanager
def modem_at(baud: int, noise: bytes = b"\xfe\x80") -> Iterator[UartModem]:
    """Yield a modem that answers at this speed."""
    modem = UartModem(baud, noise)
    try:
        yield modem
    finally:
        modem.close()
