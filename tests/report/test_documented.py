"""The bounds and waits in ``docs/durability.md`` are those of the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modemagent.report import courier, held, outbox, queue_file, set_aside, uplink
from modemagent.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs/durability.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| ([^|]+?) \| (\d+) \|$", PAGE, re.MULTILINE))


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ("reports on disk (`outbox_limit`), MiB, compressed", Settings().outbox_limit),
        ("reports on disk (`outbox_limit`), MiB, compressed", outbox.LIMIT_BYTES // 1024 // 1024),
        ("reports on disk, rows", queue_file.ROWS_MOST),
        ("reports in memory while the disk is full", held.HELD_MOST),
        ("reports refused by the registry that are kept", queue_file.DEAD_MOST),
        ("damaged files that are kept", set_aside.SET_ASIDE_MOST),
        ("first wait after a failure, at most", courier.BASE_S),
        ("longest wait", courier.CAP_S),
        ("longest wait a registry may ask for", uplink.LONGEST_ASKED_S),
        ("after a boot (`boot_spread`), at most", courier.SPREAD_AFTER_BOOT_S),
        ("after a boot (`boot_spread`), at most", Settings().boot_spread),
        ("between two full batches", courier.BETWEEN_FULL_BATCHES_S),
    ],
)
def test_a_documented_figure_is_the_programs(row: str, value: float) -> None:
    assert int(ROWS[row]) == value


def test_every_documented_figure_is_looked_at() -> None:
    assert len(ROWS) == 10
