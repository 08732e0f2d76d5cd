"""``python -m modemagent`` and the ``modemagent`` script."""

from __future__ import annotations

import gc
import signal
import sys

#: Commands that stay; everything else is over before there is garbage worth looking for.
_LASTING = frozenset(("run", "serve", "demo", "simulate"))
_ONE_SHOT_THRESHOLD = 20_000


def _end_in_order(number: int, _: object) -> None:
    """Let SIGTERM end a command as Ctrl-C does, so that modems are left as they were found.

    A second one ends it at once. Commands that stay have handlers of their own.
    """
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)


def main() -> None:
    """Run the command line and leave with its exit status."""
    is_lasting = not _LASTING.isdisjoint(sys.argv[1:])
    if not is_lasting:
        # Looking for cyclic garbage while modules load costs a one-shot command some 10 ms.
        gc.set_threshold(_ONE_SHOT_THRESHOLD)
        signal.signal(signal.SIGTERM, _end_in_order)
    from modemagent.cli.main import run

    status = run(sys.argv[1:])
    if not is_lasting:
        # So does the last look before the end: what is frozen is not looked at.
        gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    main()
