"""``python -m modemagent`` and the ``modemagent`` script."""

from __future__ import annotations

import gc
import sys

#: Commands that stay; everything else is over before there is garbage worth looking for.
_LASTING = frozenset(("run", "serve", "demo", "simulate"))
_ONE_SHOT_THRESHOLD = 20_000


def main() -> None:
    """Run the command line and leave with its exit status."""
    if _LASTING.isdisjoint(sys.argv[1:]):
        # Looking for cyclic garbage while modules load costs a one-shot command some 10 ms.
        gc.set_threshold(_ONE_SHOT_THRESHOLD)
    from modemagent.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
