"""Metrics from the listener and from the text file, read by the parser of prometheus-client."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modemagent.agent.metrics import METRICS
from modemagent.control.protocol import short_name, socket_path
from modemagent.report.outbox.state_dir import DB_NAME
from tests.process.conftest import Agent, Bench, until

Start = Callable[..., Any]
PAGE = Path(__file__).parents[2] / "docs/metrics.md"


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def served(started: Start, tmp_path: Path) -> tuple[Agent, Bench, str, Path]:
    bench = started(Bench, "quectel-eg25-g")
    (path,) = bench.paths.values()
    config, file = tmp_path / "agent.toml", tmp_path / "modemagent.prom"
    config.write_text(f'metrics_listen = "127.0.0.1:0"\nmetrics_file = "{file}"\n')
    agent = started(Agent, "--port", path, "--port", "/nowhere/tty", "--poll-interval", "3600")
    agent.kill()
    agent.words = ("--config", str(config), *agent.words)
    agent.start()
    until(lambda: agent.is_watching(path))
    address = until(lambda: re.findall(r"http://127\.0\.0\.1:\d+/metrics", agent.log.read_text()))
    return agent, bench, address[-1], file


def test_prometheus_parses_what_the_listener_serves(
    served: tuple[Agent, Bench, str, Path],
) -> None:
    agent, bench, address, _ = served

    def scraped() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            return samples(answer.read().decode())

    first = scraped()
    assert first["modemagent_ports", (("state", "watching"),)] == 1
    assert first["modemagent_ports", (("state", "absent"),)] == 1
    waiting = agent.status()["outbox"]["waiting"]
    assert first["modemagent_outbox_waiting", ()] == waiting > 0
    assert first["modemagent_identification_seconds_bucket", (("le", "+Inf"),)] >= 1
    bench.do("sim-out quectel-eg25-g")
    removed = ("modemagent_events_total", (("event", "sim.removed"),))
    assert first[removed] == 0
    assert until(lambda: scraped().get(removed)) == 1
    report = agent.outbox()[0]
    numbers = [report["modem"]["imei"], *(report["sims"][0][key] for key in ("iccid", "imsi"))]
    with urllib.request.urlopen(address, timeout=60) as answer:
        text = answer.read().decode()
    assert not [number for number in numbers if number in text]


def test_listener_serves_nothing_but_metrics(served: tuple[Agent, Bench, str, Path]) -> None:
    _, _, address, _ = served
    for url, data, status in ((address[:-7], None, 404), (address, b"x", 405)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url, data=data, timeout=10)
        assert refused.value.code == status
        refused.value.close()


def descriptors(agent: Agent) -> int:
    return len([*Path(f"/proc/{agent.popen.pid}/fd").iterdir()])


def test_idle_connections_leave_descriptors_for_modems(
    served: tuple[Agent, Bench, str, Path],
) -> None:
    agent, bench, address, _ = served
    (path,) = bench.paths.values()
    place = ("127.0.0.1", int(re.findall(r":(\d+)/", address)[0]))
    # in small, what a limit of 1024 leaves after 900 idle connections
    most = descriptors(agent) + 50
    resource.prlimit(agent.popen.pid, resource.RLIMIT_NOFILE, (most, most))
    with contextlib.ExitStack() as stack:
        for _ in range(3 * most):
            line = stack.enter_context(socket.socket())
            line.setblocking(False)
            line.connect_ex(place)
        bench.do("unplug quectel-eg25-g")
        until(lambda: agent.state(path) == "absent")
        bench.do("replug quectel-eg25-g")
        until(lambda: agent.is_watching(path))
        assert descriptors(agent) < most
    text = until(lambda: fetched(address))
    assert samples(text)["modemagent_port_watched", (("port", "/nowhere/tty"),)] == 0
    events = [json.loads(line)["event"] for line in agent.log.read_text().splitlines()]
    assert "uncaught_exception" not in events


def fetched(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def test_lack_of_descriptors_is_logged_a_few_times_only(
    served: tuple[Agent, Bench, str, Path],
) -> None:
    """asyncio itself logs a hundred tracebacks for each connection."""
    agent, _, _, _ = served
    before = resource.prlimit(agent.popen.pid, resource.RLIMIT_NOFILE)
    limit = descriptors(agent) // 2  # below the number of open ones: none can be opened
    resource.prlimit(agent.popen.pid, resource.RLIMIT_NOFILE, (limit, before[1]))
    with socket.socket(socket.AF_UNIX) as line, short_name(socket_path(agent.state_dir)) as name:
        line.connect(name)
        until(lambda: "out of system resource" in agent.log.read_text())
        resource.prlimit(agent.popen.pid, resource.RLIMIT_NOFILE, before)
        until(agent.status)
    events = [json.loads(line) for line in agent.log.read_text().splitlines()]
    logged = [event for event in events if event["event"] == "uncaught_exception"]
    assert 0 < len(logged) <= 5
    assert all("out of system resource" in event["where"] for event in logged)


def test_metrics_file_is_complete_and_moved_by_a_reload(
    served: tuple[Agent, Bench, str, Path],
) -> None:
    agent, _, _, file = served
    families = {family.name for family in text_string_to_metric_families(file.read_text())}
    assert families == {name.removesuffix("_total") for name in METRICS}
    other = file.with_name("other.prom")
    Path(agent.words[1]).write_text(f'metrics_file = "{other}"\n')
    agent.popen.send_signal(signal.SIGHUP)
    until(other.exists)
    assert samples(other.read_text())["modemagent_port_watched", (("port", "/nowhere/tty"),)] == 0
    assert files(file.parent) == ["other.prom"]
    Path(agent.words[1]).write_text("")
    agent.popen.send_signal(signal.SIGHUP)
    until(lambda: not files(file.parent))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if ".prom" in path.name)


def test_metrics_file_is_removed_on_shutdown(
    served: tuple[Agent, Bench, str, Path],
) -> None:
    agent, _, _, file = served
    Path(agent.words[1]).write_text(f'metrics_file = "{file}"\nmetrics_listen = "127.0.0.1:0"\n')
    agent.popen.send_signal(signal.SIGHUP)
    until(lambda: "settings_reloaded" in agent.log.read_text())
    until(file.exists)
    agent.stop()
    assert files(file.parent) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_unwritable_metrics_folder_is_logged_with_a_hint(started: Start, tmp_path: Path) -> None:
    """ProtectSystem=strict makes the folder read-only, as the mount here does."""
    folder, config = tmp_path / "textfile_collector", tmp_path / "agent.toml"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        config.write_text(f'metrics_file = "{folder}/modemagent.prom"\n')
        agent = started(Agent, "--port", "/nowhere/tty")
        agent.kill()
        agent.words = ("--config", str(config), *agent.words)
        agent.start()
        logged = until(lambda: re.search(r'.*"metrics_file_failed".*', agent.log.read_text()))
        assert logged and f"ReadWritePaths=-{folder}," in json.loads(logged[0])["hint"]
        config.write_text(f'metrics_file = "{tmp_path}/missing/modemagent.prom"\n')
        agent.popen.send_signal(signal.SIGHUP)
        until(lambda: f"Create the directory {tmp_path}/missing" in agent.log.read_text())
        assert agent.status()["settings"]["error"] is None
        assert agent.stop() < 5
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_metrics_are_neither_served_nor_loaded_by_default(started: Start) -> None:
    agent = started(Agent, "--port", "/nowhere/tty")
    until(agent.status)
    assert "metrics" not in agent.log.read_text()
    program = "import sys, modemagent.agent.daemon; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "modemagent.agent.daemon" in done.stdout.split()
    assert "modemagent.agent.metrics" not in done.stdout.split()


def test_quarantined_outbox_is_counted_in_the_metrics_file(
    served: tuple[Agent, Bench, str, Path],
) -> None:
    agent, _, _, file = served
    assert samples(file.read_text())["modemagent_outbox_quarantined_files", ()] == 0
    agent.stop()
    (agent.state_dir / DB_NAME).write_bytes(b"not a database" * 100)
    agent.start()
    until(file.exists)
    assert samples(file.read_text())["modemagent_outbox_quarantined_files", ()] == 1


def test_metrics_page_lists_every_metric() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [(name, metric.kind, metric.help) for name, metric in METRICS.items()]
