"""Several worker processes behind one listening socket, each with its own event loop."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

_RESTART_AFTER_S = 1.0

Work = Callable[[int, Callable[[], None]], object]


def run_workers(count: int, work: Work, announce: str, *, died: Callable[[int], None]) -> bool:
    """Run a function in forked processes until SIGTERM or SIGINT; one that dies is replaced.

    :param work: gets the number of the worker, from 0, and a function that it calls when it is
        ready; a worker that replaces another has its number
    :param announce: printed to stderr when all are ready
    :param died: gets the number of a worker that ended, before it is replaced
    :returns: True if stopped by SIGINT
    """
    return _Workers(count, work, announce, died).run()


class _Workers:
    def __init__(self, count: int, work: Work, announce: str, died: Callable[[int], None]) -> None:
        self._count = count
        self._work = work
        self._announce = announce
        self._died = died
        self._pids: dict[int, int] = {}  # number of each worker by its process
        self._stopped_by: int | None = None

    def run(self) -> bool:
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self._stop)
        signal.signal(signal.SIGHUP, self._forward)
        ready, told = os.pipe()
        for number in range(self._count):
            self._fork(number, told)
        seen = 0
        while seen < self._count and self._stopped_by is None:
            try:
                seen += len(os.read(ready, self._count))
            except InterruptedError:
                continue
            if seen == 0:
                break
        if self._stopped_by is None:
            print(self._announce, file=sys.stderr, flush=True)  # noqa: T201
        while self._pids:
            try:
                pid, _ = os.wait()
            except InterruptedError:
                continue
            number = self._pids.pop(pid)
            if self._stopped_by is None:
                self._died(number)
                time.sleep(_RESTART_AFTER_S)
            if self._stopped_by is None:
                self._fork(number, told)
        return self._stopped_by == signal.SIGINT

    def _fork(self, worker: int, told: int) -> None:
        pid = os.fork()
        if pid:
            self._pids[pid] = worker
            if self._stopped_by is not None:
                os.kill(pid, signal.SIGTERM)
            return
        status = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            self._work(worker, lambda: _tell(told))
            status = 0
        except KeyboardInterrupt:
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stopped_by = self._stopped_by or number
        for pid in self._pids:
            os.kill(pid, signal.SIGTERM)

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        for pid in self._pids:
            os.kill(pid, number)


def _tell(told: int) -> None:
    os.write(told, b".")
