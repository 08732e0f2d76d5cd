"""Measuring for the benchmarks: simulated modems, whole processes, and cases in turn."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
FIELDS = ("imei", "imsi", "iccid")

_BYTECODE = tempfile.TemporaryDirectory(prefix="modemagent-benchmark-")

#: What measured processes see. Many build machines forbid Python to keep compiled modules; then a
#: program run from its sources compiles itself each time, some 40 ms that no installed one pays.
#: All tools alike keep theirs in a folder of this run, filled in the round that does not count.
SURROUNDINGS = {
    name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
} | {"PYTHONPYCACHEPREFIX": _BYTECODE.name}

Numbers = Mapping[str, str | None]


class Played(NamedTuple):
    """A simulated modem: its port, its kind, its expected numbers."""

    path: str
    name: str
    expected: Numbers


class Simulator:
    """A process of ``modem.py``; a context manager."""

    def __init__(self, kinds: list[str], think_ms: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "modem.py"), f"--think-ms={think_ms}", *kinds],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.modems: list[Played] = []
        while (line := self._readline()) != "ready":
            about = json.loads(line)
            self.modems.append(Played(about["path"], about["name"], about["expected"]))

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def reset(self) -> None:
        """Reset all modems to power-up and their counts to zero."""
        self._say("reset")

    def counts(self) -> dict[str, Any]:
        """Return ``modems`` (path to ``lines``, ``received``, ``sent``), lateness and CPU time."""
        counts: dict[str, Any] = json.loads(self._say("counts"))
        return counts

    def _say(self, order: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        return self._readline()

    def _readline(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the simulated modems have ended")
        return line.strip()


class Ended(NamedTuple):
    """The end of a process; ``status`` is None if it was stopped at its limit."""

    seconds: float
    status: int | None
    output: str


def whole(command: list[str], limit_s: float = 60.0) -> Ended:
    """Run a whole process."""
    begun = time.perf_counter()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,
        env=SURROUNDINGS,
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return Ended(time.perf_counter() - begun, None, output)
    return Ended(time.perf_counter() - begun, process.returncode, output)


class Times(NamedTuple):
    """Milliseconds of several runs: the median, and the fastest one."""

    median: float
    least: float


class Weight(NamedTuple):
    """Peak memory and total processor time of a process."""

    rss_mb: float
    cpu_s: float


def weigh(command: list[str]) -> Weight:
    """Run a whole process once for its memory and processor time."""
    reader, writer = os.pipe()
    launcher = [sys.executable, "-I", "-S", str(HERE / "launch.py"), str(writer)]
    with os.fdopen(reader) as report:
        subprocess.run(
            [*launcher, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(writer,),
            check=False,
            env=SURROUNDINGS,
        )
        os.close(writer)
        kilobytes, seconds = report.read().split()
    return Weight(int(kilobytes) / 1024, float(seconds))


def side_by_side(
    cases: Mapping[str, Callable[[], object]], runs: int, before: Callable[[], None]
) -> dict[str, Times]:
    """Run the cases in turn, A B C A B C ..., and return their times.

    :param before: called before each case, outside its time
    """
    times: dict[str, list[float]] = {name: [] for name in cases}
    for run in range(runs + 1):
        for name, call in cases.items():
            before()
            begun = time.perf_counter()
            call()
            if run:  # the first round fills caches
                times[name].append((time.perf_counter() - begun) * 1000)
    return {name: Times(statistics.median(ms), min(ms)) for name, ms in times.items()}


def judge(found: Numbers, expected: Numbers) -> dict[str, str]:
    """Return ``right``, ``wrong`` or ``none`` for each number of the modem.

    The filler F behind an ICCID is not held against anyone.
    """
    verdicts = {}
    for field in FIELDS:
        value, wanted = found.get(field), expected.get(field)
        if value and field == "iccid":
            value = value.upper().rstrip("F")
        if value:
            verdicts[field] = "right" if value == wanted else "wrong"
        elif wanted:
            verdicts[field] = "none"
    return verdicts
