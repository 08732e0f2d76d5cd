"""Child processes that end with the block, whatever ends it."""

from __future__ import annotations

import contextlib
import ctypes
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from modemagent.errors import ModemAgentError

_LOOK_EVERY_S = 0.02
_STOP_WITHIN_S = 10.0
_PR_SET_PDEATHSIG = 1  # prctl(2)

_libc = ctypes.CDLL(None)


class Child:
    """One command of the program; what it says goes to a file, so that no pipe can fill up."""

    def __init__(self, name: str, words: Sequence[str], folder: Path, *, logs: str) -> None:
        self.name = name
        self._said = folder / f"{name}.out"
        self._log = folder / f"{name}.log"
        with self._said.open("wb") as said, self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this program itself
                [sys.executable, "-m", "modemagent", "--log-level", logs, *words],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=log,
                # Ctrl-C is for the demo alone: it ends its children in order.
                process_group=0,
                preexec_fn=_end_with_parent,
            )

    def wait_for(self, pattern: str, *, deadline: float) -> str:
        """Return everything said so far, as soon as a line fits.

        :raises ModemAgentError: the process ended first, or the deadline passed
        """
        line = re.compile(pattern, re.MULTILINE)
        while True:
            text = self._said.read_text("utf-8", "replace") + self.log
            if line.search(text):
                return text
            self.must_live()
            if time.monotonic() > deadline:
                raise ModemAgentError(f"{self.name} did not start in time")
            time.sleep(_LOOK_EVERY_S)

    def must_live(self) -> None:
        """Raise ModemAgentError with its last words if the process has ended."""
        if self._process.poll() is not None:
            last = self.log.strip().rpartition("\n")[2].removeprefix("modemagent: ")
            raise ModemAgentError(f"the demo's {self.name} ended: {last}")

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def tell(self, line: str) -> None:
        """Write one line to its stdin."""
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """End it: ask first, insist later."""
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
    """Starts children in a folder; the last one started is stopped first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[Child] = []
        self._before: signal.Handlers | object = None

    def __enter__(self) -> Processes:
        # SIGTERM would skip every cleanup; as an exception it takes the same way out as Ctrl-C.
        self._before = signal.signal(signal.SIGTERM, _leave)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._children:
            self._children.pop().stop()
        signal.signal(signal.SIGTERM, self._before)  # type: ignore[arg-type]

    def start(self, name: str, *words: str, logs: str = "info") -> Child:
        child = Child(name, words, self._folder, logs=logs)
        self._children.append(child)
        return child


def answer_of(*words: str) -> str:
    """Run one command to its end and return what it printed.

    :raises ModemAgentError: it failed; the message is its own
    """
    done = subprocess.run(  # noqa: S603 - this program itself
        [sys.executable, "-m", "modemagent", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().rpartition("\n")[2]
        raise ModemAgentError(said.removeprefix("modemagent: ") or f"{words[0]} failed")
    return done.stdout


def _end_with_parent() -> None:
    # Also when this process is killed in a way it can not notice (SIGKILL).
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _leave(number: int, _: object) -> None:
    raise SystemExit(128 + number)
