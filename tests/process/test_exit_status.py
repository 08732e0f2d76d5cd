"""Exit statuses of real processes; most tests run commands within the test process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.process.conftest import call

pytest.importorskip("fastapi", reason="the registry's packages are not installed")
IMEI = "867698040000013"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (2, "registry token create --scope gateway --state-dir {folder}"),
        (2, "registry token revoke one --state-dir {folder}"),
        (3, "validate imei 867698040000014"),
        (6, "registry modems --url http://127.0.0.1:1 --token-file {folder}/token"),
    ],
)
def test_failure_exits_with_its_status(tmp_path: Path, status: int, words: str) -> None:
    (tmp_path / "token").write_text("mma_x\n")
    done = call(*words.format(folder=tmp_path).split())
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr


def test_registry_commands_share_a_database(tmp_path: Path) -> None:
    place = ("--state-dir", str(tmp_path))
    token = call("registry", "token", "create", "--scope", "read", *place)
    assert (token.returncode, token.stderr) == (0, "")
    assert len(token.stdout.strip()) >= 43 and token.stdout.count("\n") == 1
    assert call("registry", "token", "revoke", "1", *place).returncode == 0
    assert call("registry", "lookup", IMEI, *place).returncode == 4
