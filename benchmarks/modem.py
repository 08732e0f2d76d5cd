"""A byte-level modem on PTYs for the benchmarks, in a process of its own.

    python benchmarks/modem.py COUNT THINK_MS

prints COUNT device paths, one a line, then ``ready``. It answers the questions of an
identification as a Quectel EG25-G does (echo on) and thinks THINK_MS before each answer.
Independent of the package, so that it measures and does not share a mistake.
"""

from __future__ import annotations

import heapq
import os
import selectors
import sys
import time
import tty


def _imei(number: int) -> str:
    body = f"86528404{number:06d}"
    total = 0
    for place, digit in enumerate(body):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return body + str(-total % 10)


def answers(number: int) -> dict[bytes, bytes]:
    """Return command -> information lines and final result of modem ``number``."""
    ok = b"\r\n\r\nOK\r\n"
    return {
        b"AT": b"\r\nOK\r\n",
        b"ATE0": b"\r\nOK\r\n",
        b"AT+CGMI": b"\r\nQuectel" + ok,
        b"AT+CGMM": b"\r\nEG25" + ok,
        b"AT+CGMR": b"\r\nEG25GGBR07A08M2G" + ok,
        b"AT+CGSN": b"\r\n" + _imei(number).encode() + ok,
        b"AT+CPIN?": b"\r\n+CPIN: READY" + ok,
        b"AT+QCCID": b"\r\n+QCCID: 8901260000000000014F" + ok,
        b"AT+CIMI": b"\r\n31026000000%04d" % (number + 1) + ok,
    }


def serve(count: int, think_s: float) -> None:
    """Open COUNT PTYs and answer until the process is ended."""
    chooser = selectors.DefaultSelector()
    slaves = []
    for number in range(count):
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        slaves.append(slave)
        chooser.register(master, selectors.EVENT_READ, (answers(number), bytearray()))
        print(os.ttyname(slave))
    print("ready", flush=True)
    due: list[tuple[float, int, bytes]] = []
    while True:
        timeout = max(0.0, due[0][0] - time.monotonic()) if due else None
        for key, _ in chooser.select(timeout):
            table, waiting = key.data
            waiting += os.read(key.fd, 4096)
            while b"\r" in waiting:
                line, _, rest = waiting.partition(b"\r")
                waiting[:] = rest
                reply = table.get(bytes(line).upper(), b"\r\nERROR\r\n")
                heapq.heappush(
                    due, (time.monotonic() + think_s, key.fd, bytes(line) + b"\r" + reply)
                )
        now = time.monotonic()
        while due and due[0][0] <= now:
            _, fd, reply = heapq.heappop(due)
            os.write(fd, reply)


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]) / 1000)
