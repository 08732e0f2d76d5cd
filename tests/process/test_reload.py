"""SIGHUP: new settings are taken over, and a modem that is named before and after hears nothing."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modemagent.simulator.bench import played
from tests.process.conftest import Agent, call, until

pytestmark = pytest.mark.timeout(120)
Start = Callable[..., Any]
EG25 = "quectel-eg25-g"


def begun(started: Start, file: Path, text: str) -> Agent:
    file.write_text(text)
    agent: Agent = started(Agent)
    agent.kill()
    agent.log.write_text("")
    agent.words = ("--config", str(file), *agent.words)
    agent.start()
    until(agent.status)
    return agent


def reload(agent: Agent, file: Path, text: str, said: str) -> None:
    """Write the file, send the signal, and wait for the word in the log."""
    before = agent.log.read_text().count(said)
    file.write_text(text)
    agent.popen.send_signal(signal.SIGHUP)
    until(lambda: agent.log.read_text().count(said) > before)


def test_a_port_that_stays_hears_nothing_while_others_come_and_go(
    started: Start, tmp_path: Path
) -> None:
    file, sent = tmp_path / "agent.toml", tmp_path / "reports"
    with played(EG25) as stays, played(EG25) as goes, played(EG25) as comes:
        agent = begun(
            started, file, f'port = ["{stays.path}", "{goes.path}"]\npoll_interval = 3600\n'
        )
        until(lambda: agent.is_watching(stays.path, goes.path))
        heard = len(stays.lines_received)
        assert heard
        reload(
            agent,
            file,
            f'port = ["{stays.path}", "{comes.path}"]\npoll_interval = 1800\n'
            f'registry = "file://{sent}"\nheartbeat_interval = 600\n',
            "settings_taken_over",
        )
        until(lambda: agent.is_watching(stays.path, comes.path))
        until(agent.is_empty)
        assert goes.path not in agent.ports()
        assert len(stays.lines_received) == heard
        assert [r for r in agent.outbox() if r["reason"] == "removed"] == []
        # the shorter interval is in force: the next look comes by it
        reload(
            agent, file, f'port = ["{stays.path}"]\npoll_interval = 0.1\n', "settings_taken_over"
        )
        until(lambda: len(stays.lines_received) > heard)
        assert agent.status()["uplink"]["state"] == "off"


def test_a_broken_file_leaves_everything_as_it_was_and_says_so(
    started: Start, tmp_path: Path
) -> None:
    file = tmp_path / "agent.toml"
    with played(EG25) as modem:
        good = f'port = ["{modem.path}"]\npoll_interval = 3600\n'
        agent = begun(started, file, good)
        until(lambda: agent.is_watching(modem.path))
        heard = len(modem.lines_received)
        reload(agent, file, "port = []\nbaud = 1\npol_interval = 3\n", "pol_interval")
        log = agent.log.read_text()
        assert log.count('"event": "settings_refused"') == 2
        assert "line 2" in log and "line 3" in log
        until(lambda: agent.status()["settings"]["trouble"])
        assert "stay in force" in call("status", "--state-dir", str(agent.state_dir)).stdout
        reload(agent, file, f'{good}token_file = "/nowhere"\nregistry = "http://x"\n', "/nowhere")
        reload(agent, file, f'{good}state_dir = "/elsewhere"\n', "settings_taken_over")
        assert agent.is_watching(modem.path)
        assert agent.status()["settings"]["trouble"] is None
        assert len(modem.lines_received) == heard
