"""Readiness of the registry: what must work before it can take reports."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from modemagent.registry.ingest import Ingest
from modemagent.registry.store.database.engine import Database

#: Free space below which the database may not be able to store what it acknowledges.
LEAST_FREE_BYTES = 64 * 1024 * 1024
_VALID_FOR_S = 1.0


class Readiness:
    """Checks of the database, its schema, the disk and the queue; made at most once a second."""

    def __init__(self, database: Database, ingest: Ingest) -> None:
        self._database = database
        self._ingest = ingest
        self._checks: dict[str, Callable[[], str | None]] = {
            "database": self._check_database,
            "disk": self._check_disk,
            "queue": self._check_queue,
        }
        self._until = 0.0
        self._found: dict[str, str | None] = {}

    def check(self) -> dict[str, str | None]:
        """Return for each check None, or a sentence about what is wrong."""
        if time.monotonic() >= self._until:
            self._found = {name: check() for name, check in self._checks.items()}
            self._until = time.monotonic() + _VALID_FOR_S
        return self._found

    def _check_database(self) -> str | None:
        return self._database.problem()

    def _check_disk(self) -> str | None:
        folder = self._database.folder
        if folder is None:
            return None
        free = _free_bytes(folder)
        if free >= LEAST_FREE_BYTES:
            return None
        return f"{free // 2**20} MiB are free for the database, {LEAST_FREE_BYTES // 2**20} needed"

    def _check_queue(self) -> str | None:
        if self._ingest.retry_after_s() is None:
            return None
        return f"{self._ingest.pending} batches of reports wait to be stored"


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
