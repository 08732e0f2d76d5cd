"""A process that has imported modemagent and forks for each command; see ``preloaded.py``."""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import termios
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, NoReturn

import modemagent
from modemagent import __main__ as entry_point

#: By the kind of server, texts in the names of modules that are not imported.
_LEFT_OUT = {
    "registry": ("__main__", "migrations."),
    "agent": ("__main__", "registry", "demo"),
}
_LARGEST = 256 * 1024  # of a request: arguments and environment
_FILES = 4  # of a request: standard streams, and where the exit status is written


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
            elif not self._fork(woken, wakes):
                return

    def _fork(self, *own: int) -> bool:
        request, files, _, _ = socket.recv_fds(self._control, _LARGEST, _FILES)
        if not request:
            return False
        *streams, status = files
        pid = os.fork()
        if not pid:
            for other in (self._control.fileno(), status, *own, *self._statuses.values()):
                os.close(other)
            _run(json.loads(request), streams)
        self._statuses[pid] = status
        for stream in streams:
            os.close(stream)
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


def _run(request: dict[str, Any], streams: list[int]) -> NoReturn:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # terminals are buffered in another way than files
    sys.stdin = open(0, errors=sys.stdin.errors, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", errors=sys.stdout.errors, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    if request["session"]:
        os.setsid()
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    _show(request["arguments"])
    sys.argv = ["modemagent", *request["arguments"][3:]]
    status: object = 1
    try:
        entry_point.main()
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001 - as at the end of a process
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 0)


def _show(arguments: list[str]) -> None:
    """Show the arguments in /proc/PID/cmdline: they are written over those of this process."""
    begin, end = map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:47])
    shown = b"".join(os.fsencode(one) + b"\0" for one in arguments)
    ctypes.memmove(begin, shown[: end - begin - 1].ljust(end - begin, b"\0"), end - begin)


def _import_all(package: ModuleType, left_out: Sequence[str]) -> None:
    """Import a package with its modules, but those that have one of these texts in their name."""
    for each in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not any(part in each.name for part in left_out):
            module = importlib.import_module(each.name)
            if each.ispkg:
                _import_all(module, left_out)


def _warm_up() -> None:
    """Make an application, which fills the caches of libraries."""
    create_app = importlib.import_module("modemagent.registry.api.app").create_app
    api = importlib.import_module("modemagent.registry.api.routes").Api
    with TemporaryDirectory() as folder:
        app = create_app(f"sqlite:///{folder}/registry.db")
        api(app.state)
        app.state.database.close()


if __name__ == "__main__":
    # entry points and migrations run when they are imported
    _import_all(modemagent, _LEFT_OUT[sys.argv[2]])
    if sys.argv[2] == "registry":
        _warm_up()
    gc.freeze()
    _Preloaded(socket.socket(fileno=int(sys.argv[1]))).serve()
