"""A small fuzzer guided by coverage: what reaches a new edge of the program is kept and mutated.

An edge is a step from one line to another inside the package. The number of steps is the measure
of work too: it does not depend on the machine, so an input that costs more than its length allows
is found by counting. What hides inside one call of a library (a regular expression that
backtracks) is found by :data:`SLOW_S` of processor time, in the long run only.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import CodeType, FrameType
from typing import Any, NamedTuple

import modemagent
from fuzz.mutators import mutate

PACKAGE = str(Path(modemagent.__file__).parent)
SLOW_S = 5.0
"""Seconds of processor time after which an input counts as hanging."""


class TooMuchWork(Exception):
    """An input took more steps than its length allows."""


class Hangs(Exception):
    """An input took more processor time than any should."""


class Work(NamedTuple):
    """How many steps an input may cost: ``fixed + per_byte * len(input)``."""

    fixed: int
    per_byte: int


class Target(NamedTuple):
    """What is fuzzed.

    :param run: takes an input; whatever it raises is a fault
    :param seeds: honest inputs to begin with
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    work: Work = Work(100_000, 400)


class Fault(NamedTuple):
    """An input that a target did not survive."""

    data: bytes
    error: BaseException

    @property
    def place(self) -> tuple[str, str, int]:
        """What the same fault has in common: kind, file and line of its last frame of ours."""
        name, line = "", 0
        trace = self.error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if file.startswith(PACKAGE) or not name:
                name, line = Path(file).name, trace.tb_lineno
            trace = trace.tb_next
        if isinstance(self.error, AssertionError):
            return "AssertionError", str(self.error)[:60], 0
        return type(self.error).__name__, name, line


class Coverage:
    """Counts steps inside the package and collects the edges they take."""

    def __init__(self) -> None:
        self.edges: set[int] = set()
        self.steps = 0
        self.limit = sys.maxsize
        self._bases: dict[CodeType, int] = {}

    def run(self, call: Callable[[bytes], None], data: bytes) -> set[int]:
        """Call the target and return the edges; what it raises comes through.

        :raises TooMuchWork: it took more than ``limit`` steps
        """
        self.edges = set()
        self.steps = 0
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            call(data)
        finally:
            sys.settrace(before)
        return self.edges

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        base = self._bases.get(code)
        if base is None:
            base = len(self._bases) + 1 if code.co_filename.startswith(PACKAGE) else 0
            self._bases[code] = base
        if not base:
            return None
        # a code object's edges: its number, the line before, the line now
        last = 0
        high = base << 32
        edges = self.edges

        def step(frame: FrameType, event: str, arg: Any) -> Any:
            nonlocal last
            if event == "line":
                line = frame.f_lineno
                edges.add(high | last << 16 | line)
                last = line
                self.steps += 1
                if self.steps > self.limit:
                    self.limit = sys.maxsize
                    raise TooMuchWork(f"more than {self.steps - 1} steps")
            return step

        return step


class Fuzzer:
    """Fuzzes one target.

    :ivar pool: inputs that reached something new, the honest ones first
    :ivar faults: one input for each place that failed
    """

    def __init__(self, target: Target, *, seed: int, kept: list[bytes] | None = None) -> None:
        self.target = target
        self.random = Random(seed)
        self.pool: list[bytes] = []
        self.faults: dict[tuple[str, str, int], Fault] = {}
        self.executions = 0
        self._seen: set[int] = set()
        self._coverage = Coverage()
        for data in (*target.seeds(), *(kept or [])):
            self.execute(data)

    @property
    def edges(self) -> int:
        return len(self._seen)

    def execute(self, data: bytes) -> bool:
        """Run one input; keep it when it reached a new edge."""
        self.executions += 1
        work = self.target.work
        self._coverage.limit = work.fixed + work.per_byte * len(data)
        edges: set[int] = set()
        try:
            with _guarded():
                edges = self._coverage.run(self.target.run, data)
        except Exception as error:  # noqa: BLE001 - any error that escapes is what is looked for
            fault = Fault(data, error)
            known = self.faults.get(fault.place)
            if known is None or len(data) < len(known.data):
                self.faults[fault.place] = fault
            return False
        new = not edges <= self._seen
        if new:
            self._seen |= edges
            self.pool.append(data)
        return new

    def step(self) -> bool:
        """Mutate an input of the pool and run it; return True if it reached a new edge."""
        if not self.pool:
            self.pool.append(b"")
        # the newest finds are the most promising
        recent = self.random.random() < 0.3
        base = self.random.choice(self.pool[-20:] if recent else self.pool)
        return self.execute(mutate(base, self.pool, self.random))


def survives(target: Target, data: bytes, limit_steps: int | None = None) -> None:
    """Run one input with its work counted; what it raises comes through."""
    coverage = Coverage()
    coverage.limit = limit_steps or target.work.fixed + target.work.per_byte * len(data)
    coverage.run(target.run, data)


def minimised(target: Target, fault: Fault, seconds: float = 10.0) -> Fault:
    """Take pieces out of an input as long as it fails at the same place."""
    best, size = fault, max(1, len(fault.data) // 2)
    end = time.monotonic() + seconds
    while size and time.monotonic() < end:
        at = 0
        while at < len(best.data) and time.monotonic() < end:
            data = best.data[:at] + best.data[at + size :]
            try:
                with _guarded():
                    survives(target, data)
            except Exception as error:  # noqa: BLE001
                found = Fault(data, error)
                if found.place == fault.place:
                    best = found
                    continue
            at += size
        size //= 2
    return best


@contextmanager
def _guarded() -> Iterator[None]:
    """Raise :class:`Hangs` in what takes too much processor time (in the main thread only)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hangs(f"more than {SLOW_S:g} s of processor time")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, SLOW_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def run_for(fuzzer: Fuzzer, seconds: float, tell: Callable[[str], None]) -> None:
    """Fuzz one target for a time, reporting the progress periodically."""
    end = time.monotonic() + seconds
    next_word = time.monotonic() + 10.0
    while (now := time.monotonic()) < end:
        fuzzer.step()
        if now >= next_word:
            next_word = now + 30.0
            tell(
                f"{fuzzer.executions} runs, {fuzzer.edges} edges, {len(fuzzer.pool)} inputs, "
                f"{len(fuzzer.faults)} faults"
            )
