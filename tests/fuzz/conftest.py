"""Makes ``from fuzz import engine`` work here as it does in ``scripts/fuzz``."""

import sys
from pathlib import Path

TESTS = str(Path(__file__).parents[1])
if TESTS not in sys.path:
    sys.path.append(TESTS)
