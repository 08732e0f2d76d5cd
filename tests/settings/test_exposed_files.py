"""Files that other users may change or read are named with a remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modemagent.settings import Settings, preflight
from modemagent.settings.preflight import exposed_files

AGENT, OTHER = 65534, 65533


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
    mistakes = exposed_files(Settings(token_file=token, state_dir=file.parent), file)
    assert [mistake.message for mistake in mistakes] == (
        [f"token_file: {token} {found}"] if found else []
    )
    assert all(mistake.remedy == f"Run: chmod 600 {token}" for mistake in mistakes)


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
    os.chown(file, OTHER, OTHER)
    (mistake,) = exposed_files(Settings(), file)
    assert "belongs to another user" in mistake.message and "chown root" in mistake.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize(
    ("owner", "mode", "remedy"),
    [
        (AGENT, 0o600, None),
        (0, 0o640, None),
        (AGENT, 0o644, "Run: chmod 600 {}"),
        (0, 0o644, "Run: chown nobody {0} && chmod 600 {0}"),
        (OTHER, 0o600, "Run: chown nobody {0} && chmod 600 {0}"),
    ],
)
def test_agent_may_own_its_token(file: Path, owner: int, mode: int, remedy: str | None) -> None:
    """The user of the agent owns the state directory."""
    state, token = file.with_name("state"), file.with_name("token")
    state.mkdir()
    os.chown(state, AGENT, AGENT)
    token.touch()
    token.chmod(mode)
    os.chown(token, owner, owner)
    mistakes = exposed_files(Settings(token_file=token, state_dir=state), file)
    assert [each.remedy for each in mistakes] == ([remedy.format(token)] if remedy else [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_may_own_the_files_of_the_agent(file: Path) -> None:
    settings = Settings(ca_file=file, state_dir=file.parent)
    os.seteuid(AGENT)
    try:
        assert exposed_files(settings, file) == ()
    finally:
        os.seteuid(0)


def test_token_of_the_service_is_found(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd passes it without a setting, read by root."""
    token = file.with_name("token")
    token.touch(0o604)
    monkeypatch.setattr(preflight, "DEFAULT_FILE", file)
    monkeypatch.setattr(preflight, "SERVICE_TOKEN", token)
    for named in (None, token):
        (mistake,) = exposed_files(Settings(token_file=named, state_dir=file.parent), file)
        assert mistake.message == f"token_file: {token} can be read by every user"


def test_missing_files_are_not_exposed(tmp_path: Path) -> None:
    assert exposed_files(Settings(token_file=tmp_path / "none"), tmp_path / "none.toml") == ()
