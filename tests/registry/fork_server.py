"""A process that has imported the registry and forks for each command; see ``preloaded.py``."""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any, NoReturn

import modemagent.cli.registry
import modemagent.registry.server
import modemagent.registry.store.migrations  # noqa: F401
from modemagent import __main__ as entry_point

_LARGEST = 256 * 1024  # of a request: arguments and environment


class _Preloaded:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._statuses: dict[int, int] = {}

    def serve(self) -> None:
        woken, wakes = os.pipe()
        os.set_blocking(wakes, False)
        signal.set_wakeup_fd(wakes)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            ready, _, _ = select.select([self._control, woken], [], [])
            if woken in ready:
                os.read(woken, 4096)
                self._report_ended()
            elif not self._fork():
                return

    def _fork(self) -> bool:
        request, files, _, _ = socket.recv_fds(self._control, _LARGEST, 2)
        if not request:
            return False
        stderr, status = files
        pid = os.fork()
        if not pid:
            for other in (self._control.fileno(), status, *self._statuses.values()):
                os.close(other)
            _run(json.loads(request), stderr)
        self._statuses[pid] = status
        os.close(stderr)
        self._control.send(str(pid).encode())
        return True

    def _report_ended(self) -> None:
        while self._statuses:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            there = self._statuses.pop(pid)
            os.write(there, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(there)


def _run(request: dict[str, Any], stderr: int) -> NoReturn:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(stderr, 2)
    os.close(stderr)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["modemagent", *request["words"]]
    status: object = 1
    try:
        entry_point.main()
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001 - as at the end of a process
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    gc.freeze()
    _Preloaded(socket.socket(fileno=int(sys.argv[1]))).serve()
