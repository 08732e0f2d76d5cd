"""A printer that takes ZPL and may report its status, over TCP or as a device file."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Final, Protocol

from modemagent.labels.layout import LabelLayout
from modemagent.labels.zpl import zpl
from modemagent.provisioning.label_job import JobResult
from modemagent.provisioning.printer_status import (
    QUERY,
    PrinterState,
    is_complete,
    parse_status,
)

#: Longest time for one label, for one response to a status query, and between two queries.
DEADLINE_S: Final = 15.0
_STATUS_S: Final = 2.0
_POLL_S: Final = 0.1


class ZplPrinter:
    """A printer that takes ZPL and may report its status."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._reports_status = False

    def state(self) -> PrinterState | None:
        try:
            with self._lock, self._connect() as line:
                return self._queried(line, time.monotonic() + _STATUS_S)
        except OSError as error:
            return PrinterState((problem_of(error),))

    def print(self, layout: LabelLayout, name: str) -> JobResult:
        deadline, is_begun = time.monotonic() + DEADLINE_S, False
        try:
            with self._lock, self._connect() as line:
                before = self._queried(line, time.monotonic() + _STATUS_S)
                if before is not None and before.problems:
                    return JobResult("failed", str(before))
                is_begun = True
                line.write(zpl(layout), deadline)
                return JobResult("unconfirmed") if before is None else self._end(line, deadline)
        except OSError as error:
            return JobResult("unconfirmed") if is_begun else JobResult("failed", problem_of(error))

    def _end(self, line: PrinterLine, deadline: float) -> JobResult:
        """Wait until the printer has printed what it received.

        A label that waits in its memory for paper is unconfirmed, not failed: it prints later.
        """
        while time.monotonic() < deadline:
            state = self._queried(line, min(deadline, time.monotonic() + _STATUS_S))
            if state is not None and state.problems:
                break
            if state is not None and not state.waiting:
                return JobResult("printed")
            time.sleep(_POLL_S)
        return JobResult("unconfirmed")

    def _queried(self, line: PrinterLine, deadline: float) -> PrinterState | None:
        """Return the state; a printer that once reported one and is silent now has a problem."""
        line.write(QUERY, deadline)
        response = b""
        while not is_complete(response):
            piece = line.read(deadline)
            if not piece:
                break
            response += piece
        found = parse_status(response)
        if found is None and self._reports_status:
            return PrinterState(("no answer: paper, head?",))
        self._reports_status = found is not None
        return found


class PrinterLine:
    """A connection to a printer with deadlines."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes, deadline: float) -> None:
        while data:
            self._wait(select.POLLOUT, deadline, "printer takes no data")
            data = data[os.write(self._descriptor, data) :]

    def read(self, deadline: float) -> bytes:
        """Return what has arrived, b"" at the deadline or the end."""
        try:
            self._wait(select.POLLIN, deadline, "")
            return os.read(self._descriptor, 4096)
        except (TimeoutError, BlockingIOError):
            return b""

    def _wait(self, event: int, deadline: float, what: str) -> None:
        poll = select.poll()
        poll.register(self._descriptor, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError(what)


class Connect(Protocol):
    def __call__(self) -> contextlib.AbstractContextManager[PrinterLine]: ...


def to_host(host: str, port: int) -> Connect:
    """Return a function that connects to a printer in the network."""

    @contextlib.contextmanager
    def connect() -> Iterator[PrinterLine]:
        try:
            connection = socket.create_connection((host, port), timeout=_STATUS_S)
        except UnicodeError:  # a name with an empty label, such as a..b
            raise OSError(errno.EINVAL, "invalid host name") from None
        with connection:
            connection.setblocking(False)
            yield PrinterLine(connection.fileno())

    return connect


def to_device(path: str) -> Connect:
    """Return a function that opens the device file of a printer."""

    @contextlib.contextmanager
    def connect() -> Iterator[PrinterLine]:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            yield PrinterLine(descriptor)
        finally:
            os.close(descriptor)

    return connect


def problem_of(error: OSError) -> str:
    """Return the problem of a connection or file in at most 30 characters."""
    if isinstance(error, TimeoutError) and not error.strerror:
        return str(error)[:30] or "printer does not answer"
    return (error.strerror or "printer not reachable").lower()[:30]
