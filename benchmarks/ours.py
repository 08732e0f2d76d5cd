"""Cases in the benchmark's own process: the raw floor, and the package's plans."""

from __future__ import annotations

import os
import select
import tty
from collections.abc import Sequence

from measure import Numbers
from tools import numbers

#: The questions of a full identification, one per line.
EIGHT_LINES = ("AT", "AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN", "AT+CPIN?", "AT+QCCID", "AT+CIMI")

#: The three numbers alone, and the same in one line.
THREE_LINES = ("AT+CGSN", "AT+CIMI", "AT+QCCID")
ONE_LINE = ("AT+CGSN;+CIMI;+QCCID",)


def raw(path: str, lines: Sequence[str]) -> str:
    """Write a line, read until OK, and return the bytes without parsing them: the floor."""
    port = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    came = b""
    try:
        tty.setraw(port)
        poll = select.poll()
        poll.register(port, select.POLLIN)
        for line in lines:
            os.write(port, line.encode() + b"\r")
            answer = b""
            while not answer.endswith(b"OK\r\n"):
                poll.poll()
                answer += os.read(port, 4096)
            came += answer
    finally:
        os.close(port)
    return came.decode()


def in_process(paths: Sequence[str]) -> dict[str, Numbers]:
    """Identify all ports side by side, as the command does after its imports."""
    from modemagent.channel.runner import run_plans
    from modemagent.modem.identify import identify

    outcomes = run_plans({path: identify(path) for path in paths}, timeout_s=60)
    found: dict[str, Numbers] = {}
    for path, outcome in outcomes.items():
        if isinstance(outcome, Exception):
            found[path] = {}
            continue
        found[path] = numbers(outcome.to_json())
    return found
