"""How fast is an identification: ours beside the floor and a plain script, in one run.

    python benchmarks/identify.py [--runs 15] [--think-ms 5]

Everything talks to the same simulated modem (``benchmarks/modem.py``, a process of its own).
Prints medians in milliseconds and the ratios that are promised.
"""

from __future__ import annotations

import argparse
import os
import select
import statistics
import subprocess
import sys
import time
import tty
from collections.abc import Callable
from pathlib import Path

LINES = ("AT", "AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN", "AT+CPIN?", "AT+QCCID", "AT+CIMI")

PLAIN_SCRIPT = f"""
import sys, serial
port = serial.Serial(sys.argv[1], 115200, timeout=2)
for line in {LINES!r}:
    port.write(line.encode() + b"\\r")
    answer = port.read_until(b"OK\\r\\n")
    print(answer.decode().split())
"""


def raw(path: str) -> None:
    """The floor: the same lines by os.write and os.read, no think time, no reading of values."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(fd)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        for line in LINES:
            os.write(fd, line.encode() + b"\r")
            answer = b""
            while not answer.endswith(b"OK\r\n"):
                poll.poll()
                answer += os.read(fd, 4096)
    finally:
        os.close(fd)


def in_process(paths: list[str]) -> None:
    """Identify all the ports side by side, as the command does after its imports."""
    from modemagent.channel.blocking import run_plans
    from modemagent.modem.identify import identify

    outcomes = run_plans({path: identify(path) for path in paths}, timeout_s=30)
    for outcome in outcomes.values():
        if isinstance(outcome, Exception):
            raise outcome
        if outcome.modem.imei is None or outcome.sims[0].iccid is None:
            raise SystemExit(f"not identified: {outcome}")


def process(*words: str) -> Callable[[], None]:
    """Return a call that runs a whole process and throws its output away."""
    return lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL) and None


def side_by_side(cases: dict[str, Callable[[], None]], runs: int) -> dict[str, float]:
    """Run the cases in turn, A B C A B C ..., and return their medians in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    for run in range(runs + 1):
        for name, call in cases.items():
            begun = time.perf_counter()
            call()
            if run:
                times[name].append((time.perf_counter() - begun) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--think-ms", type=float, default=5.0)
    options = parser.parse_args()
    modems = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("modem.py")), "64", str(options.think_ms)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert modems.stdout is not None
        paths = [line.strip() for line in iter(modems.stdout.readline, "ready\n")]
        command = str(Path(sys.executable).with_name("modemagent"))
        medians = side_by_side(
            {
                "raw, 1 modem": lambda: raw(paths[0]),
                "in process, 1 modem": lambda: in_process(paths[:1]),
                "in process, 16 modems": lambda: in_process(paths[:16]),
                "in process, 64 modems": lambda: in_process(paths),
                "plain pyserial script": process(sys.executable, "-c", PLAIN_SCRIPT, paths[0]),
                "modemagent identify": process(command, "identify", paths[0], "--json"),
                "python -c 'import click'": process(sys.executable, "-c", "import click"),
                "modemagent --version": process(command, "--version"),
            },
            options.runs,
        )
    finally:
        modems.kill()
        modems.wait()
    print(f"medians of {options.runs} runs, modem thinks {options.think_ms:g} ms a command")
    for name, value in medians.items():
        print(f"  {name:28} {value:8.1f} ms")
    one = medians["in process, 1 modem"]
    for name, value, limit in (
        ("in process / raw", one / medians["raw, 1 modem"], 1.3),
        ("16 modems / 1 modem", medians["in process, 16 modems"] / one, 1.5),
        (
            "identify / plain script",
            medians["modemagent identify"] / medians["plain pyserial script"],
            2.0,
        ),
        (
            "--version / import click",
            medians["modemagent --version"] / medians["python -c 'import click'"],
            1.5,
        ),
        ("64 modems, seconds", medians["in process, 64 modems"] / 1000, 0.3),
    ):
        print(f"  {name:28} {value:8.2f}    at most {limit}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
