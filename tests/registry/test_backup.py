"""Backup of a database that is served, and restoring it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import call_in_process
from tests.registry.conftest import IMEI, OTHER_IMEI, Client, Gateway, PostgresServer, Registry


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Registry]:
    found = Registry(tmp_path / "state")
    found.start()
    yield found
    if found.process is not None and found.process.poll() is None:
        found.stop()


def run(name: str, file: Path, registry: Registry) -> tuple[int, str]:
    done = call_in_process("registry", name, str(file), *registry.where)
    return done.returncode, done.stderr


def modems(registry: Registry) -> list[str]:
    reader: Client = registry.client("--scope", "read", "--full-ids")
    return [one["imei"] for one in reader.get("modems")["modems"]]


def test_backup_is_restored_and_the_replaced_file_kept(served: Registry, tmp_path: Path) -> None:
    gateway, copy = Gateway(), tmp_path / "copy.db"
    client = served.client("--scope", "gateway", "--gateway-id", "gw-1")
    client.post(gateway.report())
    assert run("backup", copy, served) == (0, "")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob("copy.db?*")) == []
    client.post(gateway.report(imei=OTHER_IMEI))
    code, error = run("restore", copy, served)
    assert code != 0
    assert "another process has the database" in error
    assert modems(served) == [IMEI, OTHER_IMEI]
    served.stop()
    code, error = run("restore", copy, served)
    (kept,) = served.state_dir.glob("registry.db.before-*")
    assert (code, error) == (0, f"the replaced database is {kept}\n")
    served.start()
    assert modems(served) == [IMEI]


def test_existing_backup_is_not_overwritten(served: Registry, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("other")
    assert run("backup", copy, served)[0] == 2
    assert copy.read_text() == "other"
    code, error = run("backup", tmp_path / "none" / "copy.db", served)
    assert (code, f"the directory {tmp_path / 'none'} does not exist" in error) == (2, True)
    code, error = run("restore", served.state_dir, served)
    assert (code, "[Errno" in error) == (2, False)


@pytest.mark.parametrize("damage", [lambda _: b"text", lambda found: found[:-4096], lambda _: b""])
def test_damaged_backup_is_not_restored(
    served: Registry, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    copy = tmp_path / "copy.db"
    assert run("backup", copy, served)[0] == 0
    copy.write_bytes(damage(copy.read_bytes()))
    served.stop()
    before = (served.state_dir / "registry.db").read_bytes()
    code, error = run("restore", copy, served)
    assert code != 0
    assert "cannot be restored" in error
    assert (served.state_dir / "registry.db").read_bytes() == before


def test_postgresql_names_its_own_tools(tmp_path: Path, postgres: PostgresServer) -> None:
    registry = Registry(tmp_path, database=postgres.new_database())
    copy = tmp_path / "copy.db"
    copy.touch()
    for name in ("backup", "restore"):
        code, error = run(name, copy, registry)
        assert code == 2
        assert "pg_basebackup" in error
