"""Entry point of ``python -m modemagent`` and of the ``modemagent`` script."""

from __future__ import annotations

import gc
import os
import signal
import sys

#: Commands that handle SIGTERM themselves, and are killed by it until they do.
_SERVICES = frozenset(("run", "serve", "worker", "demo", "simulate"))
#: Commands that run until they are stopped. Any other command ends before it leaves much garbage.
_LASTING = _SERVICES | {"watch", "provision"}
#: Allocations between two garbage collections of a one-shot command: more than its imports make.
_ONE_SHOT_THRESHOLD = 100_000
_INTERRUPTED = 128 + signal.SIGINT


def _terminate(number: int, _: object) -> None:
    """Exit on SIGTERM as on Ctrl-C, so that modems are left as they were found.

    A second SIGTERM kills the process.
    """
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)


def _run() -> int:
    try:
        from modemagent.cli.main import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:  # during the import
        return _INTERRUPTED


def main() -> None:
    """Run the command line and exit with its status."""
    words = sys.argv[1:]
    is_lasting = not _LASTING.isdisjoint(words)
    if not is_lasting:
        # Garbage collections during the imports cost a one-shot command some 10 ms.
        gc.set_threshold(_ONE_SHOT_THRESHOLD)
    if _SERVICES.isdisjoint(words):
        signal.signal(signal.SIGTERM, _terminate)
    status = _run()
    if not is_lasting:
        # The end of the interpreter would cost 2 ms: run() has flushed stdout, and a one-shot
        # command has closed what it opened.
        os._exit(status)
    if status == _INTERRUPTED:
        # If KeyboardInterrupt leaves exec() or eval() of a string, such as in the definition of a
        # dataclass or named tuple, CPython kills itself with SIGINT at exit, whatever the status
        # is. The next exec() clears its flag (run_eval_code_obj in Python/pythonrun.c).
        exec("")  # noqa: S102
    sys.exit(status)


if __name__ == "__main__":
    main()
