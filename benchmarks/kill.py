"""Kill -9 of the daemon at random moments while reports are delivered to a real registry.

    python benchmarks/kill.py --kills 500

The SIM cards of three simulated modems are swapped without pause, the uplink is cut in the middle
of answers, and the registry is killed too. In the end the registry must have every sequence number
of the stream once, without a gap, in order; otherwise the exit status is 3.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.process.conftest import Process
from tests.process.kill_loop import kill_repeatedly, summary


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    running: list[Process] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def start(kind: type[Process], *words: str) -> Any:
            process = kind.__new__(kind)
            running.append(process)
            process.__init__(folder, *words)  # type: ignore[misc]
            return process

        start_s = time.monotonic()

        def progress(done: int) -> None:
            if done % 25 == 0:
                print(f"{done} kills, {time.monotonic() - start_s:.0f} s", file=sys.stderr)

        try:
            outcome = kill_repeatedly(
                start, folder, kills=options.kills, seed=options.seed, progress=progress
            )
        finally:
            for process in running:
                if hasattr(process, "popen"):
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
    print(summary(outcome))
    return 3 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
