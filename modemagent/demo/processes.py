"""Child processes of the demo, which end together with it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from modemagent.errors import ModemAgentError

_POLL_S = 0.02
_STOP_WITHIN_S = 10.0
_STOPPING = (signal.SIGINT, signal.SIGTERM)
_PR_SET_PDEATHSIG = 1  # prctl(2)

_libc = ctypes.CDLL(None)


class Child:
    """One command of this program; its output goes to files, since a pipe could fill up."""

    def __init__(self, name: str, words: Sequence[str], folder: Path) -> None:
        self.name = name
        self._output = folder / f"{name}.out"
        self._log = folder / f"{name}.log"
        with self._output.open("wb") as output, self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this program itself
                [sys.executable, "-m", "modemagent", "--log-level", "info", *words],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=log,
                # Ctrl-C reaches the demo only, which stops its children.
                process_group=0,
                preexec_fn=partial(_end_with_parent, os.getpid()),
            )

    def wait_for(self, pattern: str, *, deadline: float) -> str:
        """Return the whole output once a line of it matches a pattern.

        :raises ModemAgentError: the process ended first, or the deadline passed
        """
        line = re.compile(pattern, re.MULTILINE)
        while True:
            text = self._output.read_text("utf-8", "replace") + self._log_text()
            if line.search(text):
                return text
            self.check_running()
            if time.monotonic() > deadline:
                raise ModemAgentError(f"{self.name} did not start in time")
            time.sleep(_POLL_S)

    def check_running(self) -> None:
        """Raise ModemAgentError with the last line of the log if the process has ended."""
        if self._process.poll() is not None:
            last = self._log_text().strip().rpartition("\n")[2].removeprefix("modemagent: ")
            raise ModemAgentError(f"the demo's {self.name} ended: {last}")

    def _log_text(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def send_line(self, line: str) -> None:
        """Write one line to the standard input of the process."""
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """Terminate the process, and kill it if it does not end in time."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Processes:
    """Starts child processes with output in a folder."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack

    def start(self, name: str, *words: str) -> Child:
        # A signal waits until the child can be stopped. Its exception would be lost if it was
        # raised in a hook of fork (logging has some).
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        try:
            child = Child(name, words, self._folder)
            self._stack.callback(child.stop)
            return child
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def processes_in(folder: Path) -> Iterator[Processes]:
    """Return a starter of processes; at the end, the last one started is stopped first."""
    # SIGTERM would skip the cleanup; as an exception it causes the same one as Ctrl-C.
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        with ExitStack() as stack:
            yield Processes(folder, stack)
    finally:
        signal.signal(signal.SIGTERM, before)


def output_of(*words: str) -> str:
    """Run one command of this program and return its output.

    :raises ModemAgentError: the command failed; the message is that of the command
    """
    done = subprocess.run(  # noqa: S603 - this program itself
        [sys.executable, "-m", "modemagent", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise ModemAgentError(last.removeprefix("modemagent: ") or f"{words[0]} failed")
    return done.stdout


def _end_with_parent(parent: int) -> None:
    """Prepare a child between fork and exec.

    It ends with the parent, also if that is killed by a signal it cannot handle (SIGKILL).
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was killed before prctl
        os._exit(1)


def _exit(number: int, _: object) -> None:
    raise SystemExit(128 + number)
