"""The daemon without a registry: modems that appear, disappear, are silent or in use elsewhere."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.process.conftest import Agent, Bench, call, until

Start = Callable[..., Any]


def reasons(agent: Agent, path: str) -> list[str]:
    return [r["reason"] for r in agent.outbox() if r["port"] and r["port"]["path"] == path]


def test_reports_stay_in_the_outbox_without_a_registry(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g", "telit-ge910-quad")
    paths = list(bench.paths.values())
    agent = started(Agent, "--port-glob", f"{bench.links}/ttySIM*")
    until(lambda: agent.is_watching(*paths))
    reports = agent.outbox()
    assert [report["sequence"] for report in reports] == [1, 2]
    assert {report["reason"] for report in reports} == {"identified"}
    assert {report["port"]["path"] for report in reports} == set(paths)
    assert all(report["modem"]["imei"] for report in reports)
    assert agent.status()["uplink"]["state"] == "off"
    listed = call("outbox", "list", "--json", "--state-dir", str(agent.state_dir))
    assert [r["sequence"] for r in json.loads(listed.stdout)["reports"]] == [1, 2]
    assert agent.stop() < 2
    assert agent.popen.returncode == 0
    alone = call("outbox", "list", "--json", "--state-dir", str(agent.state_dir))
    assert alone.stdout == listed.stdout


def test_unplug_and_replug_are_reported_once_each(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path)
    until(lambda: agent.is_watching(path))
    for _ in range(2):
        bench.do(f"unplug {name}")
        until(lambda: agent.state(path) == "absent")
        bench.do(f"replug {name}")
        until(lambda: agent.is_watching(path))
    assert reasons(agent, path) == ["identified", "removed", "identified", "removed", "identified"]
    removed = agent.outbox()[1]
    assert removed["modem"]["imei"] == agent.outbox()[0]["modem"]["imei"]
    assert removed["sims"][0]["iccid"] == agent.outbox()[0]["sims"][0]["iccid"]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_removal_during_downtime_is_reported_once(started: Start, how: str) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port-glob", f"{bench.links}/*")
    until(lambda: agent.is_watching(path))
    getattr(agent, how)()
    bench.do(f"unplug {name}")
    for _ in range(2):
        agent.start()
        until(lambda: "removed" in (reasons(agent, path) if agent.status() else ()))
        getattr(agent, how)()
    agent.start()
    bench.do(f"replug {name}")
    until(lambda: agent.is_watching(path))
    assert reasons(agent, path) == ["identified", "removed", "identified"]


def test_restart_reports_a_refresh_or_the_swap_that_happened(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path)
    until(lambda: agent.is_watching(path))
    agent.kill()
    agent.start()
    until(lambda: agent.is_watching(path))
    agent.kill()
    bench.do(f"swap-silent {name}")
    agent.start()
    until(lambda: agent.is_watching(path))
    assert reasons(agent, path) == ["identified", "refresh", "sim_changed"]


def test_sim_removal_and_insertion_are_reported_on_urcs(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path, "--poll-interval", "3600")
    until(lambda: agent.is_watching(path))
    bench.do(f"sim-out {name}")
    out = until(lambda: [r for r in agent.outbox() if r["sims"][0]["state"] == "absent"])
    assert (out[0]["reason"], out[0]["sims"][0]["iccid"]) == ("sim_changed", None)
    bench.do(f"sim-in {name}")
    back = until(lambda: agent.outbox()[2:])
    assert back[-1]["sims"][0]["iccid"] == agent.outbox()[0]["sims"][0]["iccid"]


def test_poll_detects_a_silent_swap(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path, "--poll-interval", "0.3")
    until(lambda: agent.is_watching(path))
    bench.do(f"swap-silent {name}")
    until(lambda: reasons(agent, path) == ["identified", "sim_changed"])
    first, second = agent.outbox()
    assert first["modem"] == second["modem"]
    assert first["sims"][0]["iccid"] != second["sims"][0]["iccid"]


def test_poll_detects_another_imsi_on_the_same_sim(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path, "--poll-interval", "0.3")
    until(lambda: agent.is_watching(path))
    iccid = agent.outbox()[0]["sims"][0]["iccid"]
    bench.do(f"swap-silent {name} {iccid} 262010000000019")
    until(lambda: reasons(agent, path) == ["identified", "sim_changed"])
    second = agent.outbox()[1]["sims"][0]
    assert (second["iccid"], second["imsi"]) == (iccid, "262010000000019")


def test_unchanged_modem_is_reported_once(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    agent = started(Agent, "--port", path, "--poll-interval", "0.1")
    until(lambda: agent.is_watching(path))
    for _ in range(5):
        bench.do(f"urc {name} +CPIN: READY")
    bench.do(f"urc {name} RING")
    started_at = time.monotonic()
    until(lambda: time.monotonic() - started_at > 1.5)
    assert agent.is_watching(path)
    assert reasons(agent, path) == ["identified"]


def test_refreshes_and_heartbeats_are_periodic(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g")
    (path,) = bench.paths.values()
    agent = started(Agent, "--port", path, "--refresh-interval", "1", "--heartbeat-interval", "1")
    until(lambda: agent.status() and "refresh" in reasons(agent, path))
    until(lambda: [report for report in agent.outbox() if report["reason"] == "heartbeat"])


def test_busy_port_names_its_holder_and_is_opened_once_free(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g")
    (path,) = bench.paths.values()
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    agent = started(Agent, "--port", path)
    broken = until(lambda: (p := agent.ports().get(path, {})).get("state") == "broken" and p)
    assert broken["reason"] == "busy"
    assert broken["holder"]["pid"] == os.getpid()
    shown = call("status", "--state-dir", str(agent.state_dir))
    assert str(os.getpid()) in shown.stdout
    os.close(descriptor)
    until(lambda: agent.is_watching(path))


def test_mute_port_is_broken_and_uses_little_cpu(started: Start, tmp_path: Path) -> None:
    master, slave = pty.openpty()
    link = tmp_path / "mute"
    link.symlink_to(os.ttyname(slave))
    os.close(slave)
    agent = started(Agent, "--port", str(link))
    broken = until(lambda: (p := agent.ports().get(str(link), {})).get("reason") and p)
    assert broken["state"] == "broken"
    assert broken["reason"] == "no_answer"
    ticks = sum(map(int, Path(f"/proc/{agent.popen.pid}/stat").read_text().split()[13:15]))
    begun = time.monotonic()
    until(lambda: time.monotonic() - begun > 2)
    after = sum(map(int, Path(f"/proc/{agent.popen.pid}/stat").read_text().split()[13:15]))
    assert (after - ticks) / os.sysconf("SC_CLK_TCK") < 0.3
    os.close(master)


def test_port_that_appears_later_is_opened(started: Start, tmp_path: Path) -> None:
    later = tmp_path / "ports" / "ttySIM0"
    agent = started(Agent, "--port", str(later))
    until(lambda: agent.state(str(later)) == "absent")
    started(Bench, "quectel-eg25-g")
    until(lambda: agent.is_watching(str(later)))


def test_tcp_port_is_watched_like_a_local_one(started: Start, tmp_path: Path) -> None:
    from tests.simulated import simulated

    with simulated("quectel-eg25-g", tcp=True) as modem:
        agent = started(Agent, "--port", modem.path)
        until(lambda: agent.is_watching(modem.path))
        modem.unplug()
        until(lambda: "removed" in reasons(agent, modem.path))
        modem.replug()
        until(lambda: agent.is_watching(modem.path))
        assert reasons(agent, modem.path) == ["identified", "removed", "identified"]


def test_second_agent_on_a_state_directory_exits_with_1(started: Start) -> None:
    agent = started(Agent, "--port", "/nowhere/tty")
    until(agent.status)
    second = call(
        "run", "--no-discovery", "--port", "/nowhere/tty", "--state-dir", str(agent.state_dir)
    )
    assert second.returncode == 1
    assert f"process {agent.popen.pid}" in second.stderr
    assert agent.status()


def test_status_without_an_agent_explains_how_to_start_one(tmp_path: Path) -> None:
    done = call("status", "--state-dir", str(tmp_path))
    assert done.returncode == 4
    assert "modemagent run" in done.stderr and done.stderr.count("\n") == 1
    done = call("status", "--json", "--state-dir", str(tmp_path))
    assert json.loads(done.stdout)["error"]["code"] == "agent_not_running"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_agent_shuts_down_within_two_seconds(started: Start, number: signal.Signals) -> None:
    bench = started(Bench, "quectel-eg25-g", "--count", "5", "--fault", "latency-ms=150")
    agent = started(Agent, "--port-glob", f"{bench.links}/*")
    until(lambda: len(agent.ports()) == 5)
    begun = time.monotonic()
    agent.popen.send_signal(number)
    assert agent.popen.wait(120) == 0
    assert time.monotonic() - begun < 2
    assert not (agent.state_dir / "agent.sock").exists()


def test_log_contains_no_identifier(started: Start) -> None:
    bench = started(Bench, "quectel-eg25-g", "telit-ge910-quad")
    agent = started(Agent, "--port-glob", f"{bench.links}/*", "--poll-interval", "0.2")
    agent.kill()
    agent.words = ("--log-level", "debug", *agent.words)
    agent.start()
    paths = list(bench.paths.values())
    until(lambda: agent.is_watching(*paths))
    bench.do("swap quectel-eg25-g")
    until(lambda: agent.outbox()[-1]["reason"] == "sim_changed")
    agent.stop()
    # a random hexadecimal number may consist of decimal digits alone
    log = re.sub(r'"stream_id": "[0-9a-f]+"', "", agent.log.read_text())
    assert "report_stored" in log
    assert re.findall(r"(?<![\d.:TZ-])\d{14,20}(?![\d.])", log) == []


def test_agent_uses_less_than_42_mb(started: Start, tmp_path: Path) -> None:
    """Without the extra ``live``, as on a gateway: structlog loads rich where it is installed."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['rich'] = None\n")
    bench = started(Bench, "quectel-eg25-g", "telit-ge910-quad")
    agent = started(Agent, "--port-glob", f"{bench.links}/*", "--registry", "https://127.0.0.1:9")
    agent.stop()
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    agent.environment = {**agent.environment, "PYTHONPATH": path}
    agent.start()
    until(lambda: agent.is_watching(*bench.paths.values()))
    until(lambda: agent.status()["uplink"]["attempts"])
    text = Path(f"/proc/{agent.popen.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    assert found
    print("resident KiB:", found.group(1))
    assert int(found.group(1)) * 1024 < 42_000_000
