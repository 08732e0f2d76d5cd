"""A GNSS receiver on a pseudo terminal: sends NMEA once a second and must not be written to."""

from __future__ import annotations

import os
import select
import threading
import time
import tty

_SENTENCES = (
    b"$GPGGA,120000.00,,,,,0,00,99.99,,,,,,*68\r\n$GPRMC,120000.00,V,,,,,,,201126,,,N*70\r\n"
)
_PERIOD_S = 1.0


class Receiver:
    """GNSS port that sends only while it is open: a driver discards what arrives before.

    :ivar path: path of the terminal
    :ivar received: every byte that was written to the port
    :ivar opened: number of times the port was opened
    """

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        self.path = os.ttyname(slave)
        tty.setraw(slave)
        os.close(slave)
        self.received = b""
        self.opened = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ends.set()
        self._thread.join(10)
        os.close(self._master)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        is_open, due = False, 0.0
        while not self._ends.is_set():
            for _, event in poll.poll(5):
                if event & select.POLLIN:
                    self.received += os.read(self._master, 4096)
                if event & select.POLLHUP:
                    is_open = False
                    self._ends.wait(0.005)
                    break
            else:
                now = time.monotonic()
                if not is_open:
                    is_open, due = True, now + 0.9 * _PERIOD_S
                    self.opened += 1
                if now >= due:
                    os.write(self._master, _SENTENCES)
                    due += _PERIOD_S
