"""SIGKILL of the daemon at random moments: each report arrives once and in order.

``benchmarks/kill.py`` repeats this hundreds of times.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.process.kill_loop import kill_repeatedly, summary

pytest.importorskip("fastapi", reason="the registry's packages are not installed")


def test_ten_kills_lose_and_duplicate_no_report(
    started: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = kill_repeatedly(started, tmp_path, kills=10, seed=8, registry_every=5)
    print(summary(outcome))
    assert outcome.violations == []
    assert outcome.next_sequence > 5
    assert outcome.registry_kills == 2
