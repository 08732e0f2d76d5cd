"""Kill -9 of the daemon at random moments: every report arrives once, in order, none is missing.

``benchmarks/kill.py`` does the same some hundreds of times.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.process.killing import in_words, kill_again_and_again

pytest.importorskip("fastapi", reason="the registry's packages are not installed")
pytestmark = pytest.mark.timeout(180)


def test_ten_kills_lose_nothing_and_double_nothing(
    started: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = kill_again_and_again(started, tmp_path, kills=10, seed=8, registry_every=5)
    print(in_words(outcome))
    assert outcome.faults == []
    assert outcome.next_sequence > 5
    assert outcome.registry_kills == 2
