"""The limits and waits in ``docs/durability.md`` are those of the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modemagent.report.delivery import courier, retry_delay
from modemagent.report.delivery.sinks import http
from modemagent.report.outbox import database, memory, outbox, storage
from modemagent.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs/durability.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| ([^|]+?) \| (\d+) \|$", PAGE, re.MULTILINE))


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ("reports on disk (`outbox_limit`), MiB, compressed", Settings().outbox_limit),
        ("reports on disk (`outbox_limit`), MiB, compressed", outbox.LIMIT_BYTES // 1024 // 1024),
        ("reports on disk, rows", database.MAX_REPORTS),
        ("reports in memory while the disk is full", memory.MAX_BUFFERED),
        ("dead letters", database.MAX_DEAD_LETTERS),
        ("quarantined files", storage.MAX_QUARANTINED),
        ("first wait after a failure, at most", courier.BASE_S),
        ("longest wait", courier.CAP_S),
        (
            "longest `Retry-After` of a registry with a verified certificate",
            retry_delay.MAX_RETRY_AFTER_S,
        ),
        ("longest `Retry-After` without TLS", retry_delay.MAX_RETRY_AFTER_UNAUTHENTICATED_S),
        ("connecting to one address, and the TLS handshake, at most", http.LIMITS.connect_s),
        ("between two pieces of an answer, at most", http.LIMITS.idle_s),
        (
            "a whole exchange, from connecting to the end of the answer, at most",
            http.LIMITS.total_s,
        ),
        ("an answer, KiB, at most", http.LIMITS.body_bytes // 1024),
        ("after a boot (`boot_spread`), at most", courier.SPREAD_AFTER_BOOT_S),
        ("after a boot (`boot_spread`), at most", Settings().boot_spread),
        ("between two full batches", courier.BETWEEN_FULL_BATCHES_S),
    ],
)
def test_documented_figure_matches_the_program(row: str, value: float) -> None:
    assert int(ROWS[row]) == value


def test_every_documented_figure_is_checked() -> None:
    assert len(ROWS) == 15
