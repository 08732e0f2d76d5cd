"""Imports: one-shot commands load nothing of the daemon, the daemon no optional packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modemagent.extras import install_command

HEAVY = ("asyncio", "structlog", "urllib3", "serial", "rich")


@pytest.mark.parametrize(
    "words",
    [["status"], ["outbox", "list"], ["outbox", "export"], ["run", "--help"], ["status", "--help"]],
    ids=" ".join,
)
def test_request_to_the_daemon_imports_none_of_its_packages(
    tmp_path: Path, words: list[str]
) -> None:
    tail = [] if "--help" in words else ["--state-dir", str(tmp_path)]
    program = (
        "import sys; from modemagent.cli.main import run; run(sys.argv[1:]);"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words, *tail], capture_output=True, text=True
    )
    assert done.stderr.splitlines()[-1] == "[]"


def test_daemon_does_not_load_optional_packages() -> None:
    program = (
        "import sys, modemagent.agent.daemon\n"
        "print([name for name in ('prometheus_client', 'rich', 'fastapi') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_missing_metrics_extra_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "prometheus_client.py").write_text("raise ModuleNotFoundError(name=__name__)\n")
    config = tmp_path / "agent.toml"
    config.write_text('metrics_listen = "127.0.0.1:0"\n')
    words = ["--config", str(config), "run", "--state-dir", str(tmp_path / "state")]
    done = subprocess.run(
        [sys.executable, "-m", "modemagent", *words],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert f"Install it with: {install_command('metrics')}" in done.stderr
    assert "Traceback" not in done.stderr


def test_extra_is_installed_into_an_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = "/bin/pip install 'modemagent[live]'"
    monkeypatch.setattr(sys, "prefix", "/srv/agent")
    assert install_command("live") == f"/srv/agent{wanted}"
    monkeypatch.setattr(sys, "base_prefix", "/srv/agent")
    assert install_command("live") == f"/opt/modemagent{wanted}"
