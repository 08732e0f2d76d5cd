"""Several worker processes behind one listening socket, each with its own event loop."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

_RESTART_AFTER_S = 1.0


def run_workers(count: int, work: Callable[[Callable[[], None]], object], announce: str) -> bool:
    """Run a function in forked processes until SIGTERM or SIGINT; one that dies is replaced.

    :param work: gets a function that it calls when it is ready
    :param announce: printed to stderr when all are ready
    :returns: True if stopped by SIGINT
    """
    return _Workers(count, work, announce).run()


class _Workers:
    def __init__(
        self, count: int, work: Callable[[Callable[[], None]], object], announce: str
    ) -> None:
        self._count = count
        self._work = work
        self._announce = announce
        self._pids: set[int] = set()
        self._stopped_by: int | None = None

    def run(self) -> bool:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._forward)
        ready, told = os.pipe()
        for _ in range(self._count):
            self._fork(told)
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
            self._pids.discard(pid)
            if self._stopped_by is None:
                time.sleep(_RESTART_AFTER_S)
                self._fork(told)
        return self._stopped_by == signal.SIGINT

    def _fork(self, told: int) -> None:
        pid = os.fork()
        if pid:
            self._pids.add(pid)
            return
        status = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            self._work(lambda: _tell(told))
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
