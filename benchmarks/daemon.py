"""What the daemon costs a gateway that is left alone: memory, processor time, wake-ups.

    python benchmarks/daemon.py [--modems 1 4 16] [--seconds 60]

Real processes: simulated modems on pseudo terminals, a registry that nobody answers at, the daemon
with its usual settings (a poll a minute). After all modems have been identified it is watched for
the given time. Ends with status 3 if a limit is not met with four modems.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [sys.executable, "-m", "modemagent"]
#: with four modems: resident MiB, percent of one core, wake-ups a minute
LIMITS = (35.0, 0.2, 40.0)
TICKS = os.sysconf("SC_CLK_TCK")


def status(state_dir: str) -> dict[str, object]:
    words = [*COMMAND, "status", "--json", "--state-dir", state_dir]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def figures(pid: int) -> tuple[float, float, int]:
    """Return resident MiB, processor seconds so far, and voluntary switches of all threads."""
    process = Path("/proc", str(pid))
    rows = dict(row.split(":", 1) for row in (process / "status").read_text().splitlines())
    times = (process / "stat").read_text().rpartition(")")[2].split()
    switches = sum(
        int(row.split()[1])
        for task in (process / "task").iterdir()
        for row in (task / "status").read_text().splitlines()
        if row.startswith("voluntary")
    )
    return int(rows["VmRSS"].split()[0]) / 1024, (int(times[11]) + int(times[12])) / TICKS, switches


def measured(count: int, seconds: float) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        words = [*COMMAND, "simulate", "quectel-eg25-g", "--count", str(count)]
        bench = subprocess.Popen(
            [*words, "--link-dir", f"{folder}/ports"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert bench.stdout is not None
        paths = [row.split()[1] for row in iter(bench.stdout.readline, "ready\n")]
        ports = [word for path in paths for word in ("--port", path)]
        words = [*COMMAND, "run", "--state-dir", f"{folder}/state"]
        words += ["--registry", "http://127.0.0.1:9", *ports]
        daemon = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        try:
            while True:
                modems = status(f"{folder}/state").get("modems")
                states = [each["state"] for each in modems] if isinstance(modems, list) else []
                if len(states) == count and set(states) == {"watching"}:
                    break
                time.sleep(0.2)
            time.sleep(2)
            _, busy, switches = figures(daemon.pid)
            time.sleep(seconds)
            held, busy_then, switches_then = figures(daemon.pid)
        finally:
            for process in (daemon, bench):
                process.terminate()
                process.communicate()
    share = (busy_then - busy) / seconds * 100
    return held, share, (switches_then - switches) * 60 / seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modems", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    print("modems   resident MiB   % of a core   wake-ups a minute")
    met = True
    for count in options.modems:
        found = measured(count, options.seconds)
        print(f"{count:6}   {found[0]:12.1f}   {found[1]:11.2f}   {found[2]:17.0f}")
        if count == 4:
            met = all(value <= limit for value, limit in zip(found, LIMITS, strict=True))
    print("at most with 4: {:g} MiB, {:g} %, {:g} wake-ups".format(*LIMITS), end=": ")
    print("met" if met else "NOT MET")
    return 0 if met else 3


if __name__ == "__main__":
    raise SystemExit(main())
