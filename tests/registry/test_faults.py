"""Acknowledged reports survive SIGKILL and full disks, and give the same history."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry.conftest import PostgresServer, Registry
from tests.registry.faults import (
    FaultyRegistry,
    KillablePostgres,
    fill_disk,
    kill_registry,
    kill_worker,
    repeat_fault,
    small_disk,
)


@pytest.fixture
def killable() -> Iterator[KillablePostgres]:
    folder = Path(tempfile.mkdtemp(prefix="modemagent-pg-"))  # entered by another user
    server = KillablePostgres(folder)
    yield server
    server.close()


def stop(registry: Registry) -> None:
    assert registry.stop()[0] == 0


def test_killed_registry_has_what_it_acknowledged(tmp_path: Path) -> None:
    registry = FaultyRegistry(tmp_path, None)
    registry.start()
    found, load = repeat_fault(registry, tmp_path, lambda _: kill_registry(registry), times=1)
    assert found == []
    assert load.repeated > 0
    stop(registry)


def test_killed_worker_loses_nothing(tmp_path: Path, postgres: PostgresServer) -> None:
    registry = FaultyRegistry(tmp_path, postgres.new_database(), "--workers", "2")
    registry.start()
    chance = random.Random(1)
    found, _ = repeat_fault(registry, tmp_path, lambda _: kill_worker(registry, chance), times=1)
    assert found == []
    stop(registry)


def test_killed_database_loses_nothing(tmp_path: Path, killable: KillablePostgres) -> None:
    registry = FaultyRegistry(tmp_path, killable.uri)
    registry.start()
    found, load = repeat_fault(registry, tmp_path, lambda _: killable.kill(), times=1)
    assert found == []
    assert load.repeated > 0
    stop(registry)


def test_full_disk_loses_nothing(tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path, 24) as disk:
            registry = FaultyRegistry(disk, None)
            registry.start()
            found, _ = repeat_fault(registry, tmp_path, lambda load: fill_disk(disk, load), times=1)
            assert found == []
            stop(registry)
    except PermissionError as error:
        pytest.skip(str(error))
