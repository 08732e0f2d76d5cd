"""Kill -9 of the daemon at random moments while reports flow to a real registry.

    python benchmarks/kill.py --kills 500

Three simulated modems whose cards are swapped without pause; an uplink that is cut in the middle of
answers; a registry that is killed too. In the end every sequence of the stream must stand in the
registry once, without a hole, in order. Ends with status 3 when it does not.
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
    wanted = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wanted.add_argument("--kills", type=int, default=500)
    wanted.add_argument("--seed", type=int, default=1)
    given = wanted.parse_args()
    running: list[Process] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def start(kind: type[Process], *words: str) -> Any:
            process = kind.__new__(kind)
            running.append(process)
            process.__init__(folder, *words)  # type: ignore[misc]
            return process

        begun = time.monotonic()

        def progress(done: int) -> None:
            if done % 25 == 0:
                print(f"{done} kills, {time.monotonic() - begun:.0f} s", file=sys.stderr)

        try:
            outcome = kill_repeatedly(
                start, folder, kills=given.kills, seed=given.seed, progress=progress
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
