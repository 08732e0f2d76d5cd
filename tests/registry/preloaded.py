"""Registry processes that need no imports: forked from a process that has imported the registry.

Most of the time a registry needs to start is that of its imports, and the tests start hundreds of
them. Each pytest process keeps one process that has imported everything (:func:`start` runs it at
first use) and forks for each command. What is forked is a process like any other, with arguments,
environment, working directory, stderr and signals of its own.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Thread

_SERVER = Path(__file__).with_name("fork_server.py")


class Forked:
    """A forked process; has what tests use of :class:`subprocess.Popen`."""

    def __init__(self, pid: int, stderr: int, status: int) -> None:
        self.pid = pid
        self.stderr: io.TextIOWrapper = os.fdopen(stderr, encoding="utf-8")
        self.returncode: int | None = None
        self._status = status

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None while the process runs."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.returncode = int(os.read(self._status, 16))
            os.close(self._status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process and return its exit status.

        :raises subprocess.TimeoutExpired: it still runs after the timeout
        """
        if self.returncode is None:
            select.select([self._status], [], [], timeout)
        if (status := self.poll()) is None:
            raise subprocess.TimeoutExpired("forked registry", timeout or 0)
        return status

    def communicate(self, timeout: float | None = None) -> tuple[None, str]:
        """Read stderr to its end, wait for the end of the process, and return the text.

        :raises subprocess.TimeoutExpired: it still runs after the timeout
        """
        text: list[str] = []
        # A thread: the process may write more than the pipe holds before it ends.
        reading = Thread(target=lambda: text.append(self.stderr.read()), daemon=True)
        reading.start()
        reading.join(timeout)
        if reading.is_alive():
            raise subprocess.TimeoutExpired("forked registry", timeout or 0)
        self.wait(timeout)
        self.stderr.close()
        return None, text[0]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(words: Sequence[str]) -> Forked:
    """Run ``modemagent WORDS`` in a forked process."""
    request = {"words": words, "directory": str(Path.cwd()), "environment": {**os.environ}}
    stderr, its_stderr = os.pipe()
    status, its_status = os.pipe()
    control = _preloaded()
    socket.send_fds(control, [json.dumps(request).encode()], [its_stderr, its_status])
    os.close(its_stderr)
    os.close(its_status)
    return Forked(int(control.recv(16)), stderr, status)


@cache
def _preloaded() -> socket.socket:
    """Return the socket to this process's preloaded process, which ends when it is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(
            [sys.executable, "-P", str(_SERVER), str(theirs.fileno())], pass_fds=[theirs.fileno()]
        )

    @atexit.register
    def end() -> None:
        ours.close()
        server.wait()

    return ours
