"""The daemon takes its options from the call, the environment and the file, in that order."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.process.conftest import COMMAND, ENVIRONMENT, Agent, until

pytestmark = pytest.mark.timeout(60)


def refusal(*words: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=30,
        env=ENVIRONMENT | environment,
    )  # fmt: skip
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


def test_a_mistake_in_the_file_is_one_line_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('\nregistry = "http://x"\npol_interval = 3\n')
    status, said = refusal("--config", str(file), "run")
    assert status == 2
    assert f"{file}, line 3" in said and "poll_interval" in said


@pytest.mark.parametrize(
    "line", ['proxy = "proxy:3128"', 'registry = "https://r:99999"', 'port = ["imei:86"]']
)
def test_an_address_that_nothing_can_use_ends_the_start_with_its_place(
    tmp_path: Path, line: str
) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(f'state_dir = "{tmp_path}"\n{line}\n')
    status, said = refusal("--config", str(file), "run", "--registry", "http://127.0.0.1:9")
    assert (status, f"{file}, line 2" in said) == (2, True), said


def test_a_port_may_be_named_from_here_and_no_name_is_guessed_at(tmp_path: Path) -> None:
    words = ("run", "--no-discovery", "--state-dir", str(tmp_path), "--registry", "gopher://x")
    status, said = refusal(*words, "--port", "./ttySIM0")
    assert (status, "gopher" in said) == (2, True)
    status, said = refusal(*words, "--port", "ttyUSB2")
    assert (status, '"ttyUSB2" is none of them' in said) == (2, True)


def test_the_environment_counts_as_given(tmp_path: Path) -> None:
    status, said = refusal(
        "run", MODEMAGENT_RUN_REGISTRY="gopher://x", MODEMAGENT_RUN_STATE_DIR=str(tmp_path)
    )
    assert (status, "gopher://x" in said) == (2, True)


def test_a_token_file_that_is_not_there_ends_the_start(tmp_path: Path) -> None:
    missing = str(tmp_path / "token")
    words = ("run", "--state-dir", str(tmp_path), "--registry", "http://127.0.0.1:9")
    status, said = refusal(*words, "--token-file", missing)
    assert status == 2
    assert missing in said and "registry token create" in said


def test_nothing_to_watch_is_a_usage_error(tmp_path: Path) -> None:
    status, said = refusal("run", "--no-discovery", "--state-dir", str(tmp_path))
    assert (status, "--port" in said) == (2, True)


def test_a_state_directory_that_can_not_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, said = refusal("run", "--port", "/x", "--state-dir", f"{tmp_path}/file/state")
    assert status == 1
    assert "--state-dir" in said
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_of_reports_without_its_directory_is_said_and_reports_wait(
    started: Callable[..., Any], tmp_path: Path
) -> None:
    words = ("--port", "/nowhere/tty", "--registry", f"file://{tmp_path}/no/out.jsonl")
    agent: Agent = started(Agent, *words)
    until(agent.status)
    assert f"mkdir -p {tmp_path}/no" in agent.log.read_text()


def test_variables_are_taken_as_config_show_says_and_unknown_ones_named(
    tmp_path: Path, started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, said = refusal(
        "run", "--state-dir", str(tmp_path / "state"), MODEMAGENT_RUN_NO_DISCOVERY="1"
    )
    assert (status, "--port" in said) == (2, True)
    monkeypatch.setitem(ENVIRONMENT, "MODEMAGENT_RUN_POL_INTERVAL", "5")
    agent: Agent = started(Agent, "--port", "/nowhere/tty")
    until(agent.status)
    assert "Did you mean MODEMAGENT_RUN_POLL_INTERVAL?" in agent.log.read_text()
