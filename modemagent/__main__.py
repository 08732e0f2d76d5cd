"""``python -m modemagent`` and the ``modemagent`` script."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit status."""
    from modemagent.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
