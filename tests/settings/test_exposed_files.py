"""Files that other users may change or read are named with a remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modemagent.settings import Settings
from modemagent.settings.preflight import exposed_files


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "agent.toml"
    file.touch(0o644)
    return file


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        (0o600, ""),
        (0o640, ""),  # root and the group of the service
        (0o644, "can be read by every user"),
        (0o660, "can be changed by other users"),
        (0o606, "can be changed by other users"),
    ],
)
def test_exposed_token_is_found(file: Path, mode: int, found: str) -> None:
    token = file.with_name("token")
    token.touch()
    token.chmod(mode)
    mistakes = exposed_files(Settings(token_file=token), file)
    assert [mistake.message for mistake in mistakes] == (
        [f"token_file: {token} {found}"] if found else []
    )
    assert all(mistake.remedy.startswith("Run: chmod ") for mistake in mistakes)


def test_exposed_settings_are_found(file: Path) -> None:
    assert exposed_files(Settings(), file) == ()
    file.chmod(0o666)
    (mistake,) = exposed_files(Settings(), file)
    assert (mistake.message, mistake.remedy) == (
        f"settings: {file} can be changed by other users",
        f"Run: chmod go-w {file}",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_settings_of_another_user_are_found(file: Path) -> None:
    os.chown(file, 65534, 65534)
    (mistake,) = exposed_files(Settings(), file)
    assert "belongs to another user" in mistake.message and "chown root" in mistake.remedy


def test_missing_files_are_not_exposed(tmp_path: Path) -> None:
    assert exposed_files(Settings(token_file=tmp_path / "none"), tmp_path / "none.toml") == ()
