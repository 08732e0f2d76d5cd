"""Acknowledged reports survive SIGKILL and full disks, and give the same history."""

from __future__ import annotations

import contextlib
import fcntl
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry.conftest import IMEI, Gateway, PostgresServer, Registry, quick_parent
from tests.registry.faults import (
    FaultyRegistry,
    KillablePostgres,
    Load,
    Reference,
    fill_disk,
    kill_registry,
    kill_worker,
    repeat_fault,
    small_disk,
)
from tests.registry.standby import Pair


@pytest.fixture
def pg_folder() -> Iterator[Path]:
    """A directory that another user can enter, as whom PostgreSQL runs."""
    with tempfile.TemporaryDirectory(prefix="modemagent-pg-", dir=quick_parent()) as found:
        Path(found).chmod(0o755)
        yield Path(found)


@pytest.fixture
def killable(pg_folder: Path) -> Iterator[KillablePostgres]:
    with contextlib.closing(KillablePostgres(pg_folder)) as server:
        yield server


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


def test_lost_database_is_a_temporary_failure(tmp_path: Path, killable: KillablePostgres) -> None:
    registry = Registry(tmp_path / "state", database=killable.uri)
    registry.start()
    gateway = Gateway()
    client = registry.client("--scope", "gateway", "--gateway-id", gateway.gateway_id)
    reader = registry.client("--scope", "read", "--full-ids")
    assert client.post(gateway.report("identified")) == ["accepted"]
    assert reader.get(f"lookup?id={IMEI}")
    killable.kill_all()
    body = json.dumps({"reports": [gateway.report()]}).encode()
    assert registry.process is not None and registry.process.stderr is not None
    fcntl.fcntl(registry.process.stderr, fcntl.F_SETPIPE_SZ, 4096)
    for _ in range(200):  # the messages fill the pipe of stderr, which is not read
        response = client.request("POST", "/api/v1/reports", body)
        assert (response.status, response.json["code"]) == (503, "database")
        assert int(response.headers["Retry-After"]) > 0
    response = reader.request("GET", f"/api/v1/lookup?id={IMEI}")
    assert (response.status, response.json["code"]) == (503, "database")
    killable.start()
    assert client.request("POST", "/api/v1/reports", body).status == 200
    assert reader.get(f"lookup?id={IMEI}")
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


def test_full_disk_of_the_database_loses_nothing(tmp_path: Path, pg_folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        try:
            disk = stack.enter_context(small_disk(pg_folder, 256))
        except PermissionError as error:
            pytest.skip(str(error))
        server = stack.enter_context(contextlib.closing(KillablePostgres(disk)))
        registry = FaultyRegistry(tmp_path, server.uri)
        registry.start()

        def fill(load: Load) -> None:
            fill_disk(disk, load)
            server.start()

        found, load = repeat_fault(registry, tmp_path, fill, times=1)
        assert found == []
        assert load.repeated > 0
        stop(registry)


def test_promoted_standby_has_what_was_acknowledged(tmp_path: Path, pg_folder: Path) -> None:
    with contextlib.closing(Pair(pg_folder)) as servers:
        registry = FaultyRegistry(tmp_path, servers.uri, "--workers", "2")
        registry.start()
        servers.add_standby()
        found, load = repeat_fault(registry, tmp_path, servers.fail_over, times=1)
        assert found == []
        assert load.repeated > 0
        copy = servers.back_up()
        with contextlib.closing(Reference(tmp_path / "copy")) as reference:
            assert reference.violations(load, copy) == []
        stop(registry)
