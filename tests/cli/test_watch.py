"""watch, as a process: SIM cards that are inserted again, ports with errors."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from modemagent.cli.watch import Screen
from modemagent.cli.watch_live import LivePage
from modemagent.explain import explain
from modemagent.modem.link_poll import LinkReading
from tests.preloaded import Preloaded
from tests.process.conftest import Agent, Bench, until

EG25 = "quectel-eg25-g"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, EG25)
    yield bench
    bench.kill()
    for pipe in (bench.popen.stdin, bench.popen.stdout):
        assert pipe
        pipe.close()


@contextmanager
def watching(environment: dict[str, str], *words: str) -> Iterator[Iterator[str]]:
    with Preloaded(
        ("watch", *words), stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        try:
            yield iter(process.stdout)
        finally:
            process.kill()


@pytest.mark.parametrize("through", ["port", "agent"])
def test_reinserted_sim_is_shown(
    environment: dict[str, str], tmp_path: Path, bench: Bench, through: str
) -> None:
    (path,) = bench.paths.values()
    agent = (
        Agent(tmp_path, "--port", path, "--poll-interval", "3600") if through == "agent" else None
    )
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    try:
        if agent:
            until(lambda: agent.is_watching(path))
        with watching(environment, path, "--state-dir", str(state)) as lines:
            if not agent:
                assert any("SIM found: iccid" in line for line in lines)
            next(lines)
            bench.do(f"sim-out {EG25}")
            gone = next(line for line in lines if "SIM removed" in line)
            bench.do(f"sim-in {EG25}")
            back = next(line for line in lines if "SIM inserted again" in line)
    finally:
        if agent:
            agent.kill()
    assert back.split("iccid ")[1] == gone.split("iccid ")[1]


@pytest.mark.parametrize("through", ["port", "agent"])
def test_missing_port_is_shown_as_absent(
    environment: dict[str, str], tmp_path: Path, through: str
) -> None:
    path = "/dev/no-such-port"
    state = tmp_path / "state"
    state.mkdir()
    agent = Agent(tmp_path, "--port", path) if through == "agent" else None
    try:
        if agent:
            until(lambda: path in agent.ports())
        with watching(environment, path, "--json", "--state-dir", str(state)) as lines:
            started, absent = json.loads(next(lines)), json.loads(next(lines))
    finally:
        if agent:
            agent.kill()
    assert (started["event"], absent["event"], absent["port"]) == (
        "watch.started", "port.state", path,
    )  # fmt: skip
    assert absent["data"]["state"] == "absent"
    assert absent["data"]["message"].startswith("the port ")


@pytest.mark.parametrize("through", ["port", "agent"])
def test_csv_has_events_and_signal(
    environment: dict[str, str], tmp_path: Path, bench: Bench, through: str
) -> None:
    (path,) = bench.paths.values()
    agent = Agent(tmp_path, "--port", path) if through == "agent" else None
    state_dir = tmp_path / "state"
    state_dir.mkdir(exist_ok=True)
    try:
        if agent:
            until(lambda: agent.is_watching(path))
        words = (path, "--csv", "--signal-interval", "0.2", "--state-dir", str(state_dir))
        with watching(environment, *words) as lines:
            rows = csv.DictReader(lines)
            started = next(rows)
            signal = next(row for row in rows if row["event"] == "signal")
            bench.do(f"sim-out {EG25}")
            gone = next(row for row in rows if row["event"] == "sim.removed")
    finally:
        if agent:
            agent.kill()
    assert started["event"] == "watch.started"
    assert (signal["port"], signal["rssi_dbm"], signal["level"]) == (path, "-79", "good")
    assert "signal -79 dBm, good" in signal["text"]
    assert (gone["port"], gone["text"].startswith("SIM removed: iccid 89")) == (path, True)


def test_csv_and_json_exclude_each_other(call: Any) -> None:
    assert call("watch", "--csv", "--json").returncode == 2


def test_live_page_shows_modem_signal_and_events() -> None:
    pages: list[str] = []
    page = LivePage(pages.append)
    entry = {
        "port": "/dev/ttyUSB2",
        "state": "watching",
        "modem": {"manufacturer": "Quectel", "model": "EG25", "imei": "865284040000014"},
        "sims": [{"active": True, "state": "ready", "iccid": "8901260000000000014"}],
    }
    page.show(state("watching", port="/dev/ttyUSB2"))
    for rsrp in (20, 40, 60):
        signal = explain("AT+CESQ", f"+CESQ: 99,99,255,255,20,{rsrp}")
        registration = explain("AT+CEREG?", "+CEREG: 0,1")
        page.show_link(entry, LinkReading(registration, signal))
    assert "Quectel EG25" in pages[-1]
    assert "registered, home network" in pages[-1]
    assert "▁▄█" in pages[-1]
    assert "now -81, best -81, worst -121 dBm" in pages[-1]
    assert "watching" in pages[-1]


def state(word: str, message: str = "", port: str = "/dev/ttyS0") -> dict[str, Any]:
    data = {"state": word, "message": message} if message else {"state": word}
    return {
        "schema": 1,
        "event": "port.state",
        "at": "",
        "port": port,
        "port_id": None,
        "data": data,
    }


def test_persistent_error_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    show = Screen(as_json=False).show
    for message in ("no permission", "no permission", "it is held", "it is held"):
        show(state("opening"))
        show(state("broken", message))
    show(state("broken", "no permission", port="/dev/ttyS1"))
    show(state("opening"))
    show(state("watching"))
    show(state("opening"))
    show(state("broken", "it is held"))
    said = [line.split("  ")[-1] for line in capsys.readouterr().out.splitlines()]
    assert said == [
        "opening", "broken: no permission.", "broken: it is held.", "broken: no permission.",
        "watching", "opening", "broken: it is held.",
    ]  # fmt: skip
