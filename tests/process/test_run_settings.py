"""Settings of the daemon: options override environment variables, which override the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import preloaded
from tests.process.conftest import ENVIRONMENT, Agent, until


def refusal(*words: str, **environment: str) -> tuple[int, str]:
    done = preloaded.run(words, env=ENVIRONMENT | environment)
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


def test_mistake_in_the_file_is_one_line_with_its_position(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('\nregistry = "http://x"\npol_interval = 3\n')
    status, stderr = refusal("--config", str(file), "run")
    assert status == 2
    assert f"{file}, line 3" in stderr and "poll_interval" in stderr


@pytest.mark.parametrize(
    "line", ['proxy = "proxy:3128"', 'registry = "https://r:99999"', 'port = ["imei:86"]']
)
def test_unusable_address_fails_the_start_with_its_position(tmp_path: Path, line: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(f'state_dir = "{tmp_path}"\n{line}\n')
    status, stderr = refusal("--config", str(file), "run", "--registry", "http://127.0.0.1:9")
    assert (status, f"{file}, line 2" in stderr) == (2, True), stderr


def test_port_may_be_a_relative_path_but_not_a_bare_name(tmp_path: Path) -> None:
    words = ("run", "--no-discovery", "--state-dir", str(tmp_path), "--registry", "gopher://x")
    status, stderr = refusal(*words, "--port", "./ttySIM0")
    assert (status, "gopher" in stderr) == (2, True)
    status, stderr = refusal(*words, "--port", "ttyUSB2")
    assert (status, '"ttyUSB2" is none of these' in stderr) == (2, True)


def test_environment_variables_set_options(tmp_path: Path) -> None:
    status, stderr = refusal(
        "run", MODEMAGENT_RUN_REGISTRY="gopher://x", MODEMAGENT_RUN_STATE_DIR=str(tmp_path)
    )
    assert (status, "gopher://x" in stderr) == (2, True)


def test_missing_token_file_fails_the_start(tmp_path: Path) -> None:
    missing = str(tmp_path / "token")
    words = ("run", "--state-dir", str(tmp_path), "--registry", "http://127.0.0.1:9")
    status, stderr = refusal(*words, "--token-file", missing)
    assert status == 2
    assert missing in stderr and "registry token create" in stderr


def test_run_without_any_port_is_a_usage_error(tmp_path: Path) -> None:
    status, stderr = refusal("run", "--no-discovery", "--state-dir", str(tmp_path))
    assert (status, "--port" in stderr) == (2, True)


def test_unusable_state_directory_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, stderr = refusal("run", "--port", "/x", "--state-dir", f"{tmp_path}/file/state")
    assert status == 1
    assert "--state-dir" in stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_missing_directory_of_a_file_sink_is_logged(
    started: Callable[..., Any], tmp_path: Path
) -> None:
    words = ("--port", "/nowhere/tty", "--registry", f"file://{tmp_path}/no/out.jsonl")
    agent: Agent = started(Agent, *words)
    until(agent.status)
    assert f"mkdir -p {tmp_path}/no" in agent.log.read_text()


def test_unknown_environment_variables_are_logged(
    tmp_path: Path, started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, stderr = refusal(
        "run", "--state-dir", str(tmp_path / "state"), MODEMAGENT_RUN_NO_DISCOVERY="1"
    )
    assert (status, "--port" in stderr) == (2, True)
    monkeypatch.setitem(ENVIRONMENT, "MODEMAGENT_RUN_POL_INTERVAL", "5")
    agent: Agent = started(Agent, "--port", "/nowhere/tty")
    until(agent.status)
    assert "Did you mean MODEMAGENT_RUN_POLL_INTERVAL?" in agent.log.read_text()
