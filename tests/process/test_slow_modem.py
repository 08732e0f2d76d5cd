"""Modems that need 0.6 or 1.5 s for each line: every command reads them as any other."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.preloaded import Preloaded
from tests.process.conftest import ENVIRONMENT, Agent, until
from tests.process.conftest import started as started_fixture
from tests.process.test_sim_urcs import Watch
from tests.simulated import simulated

started = started_fixture

MODEM = "quectel-eg25-g"
NUMBERS = ("865284040000014", "8901260000000000014", "310260000000011")
LATENCIES_MS = (600, 1500)
Slow = dict[tuple[str, ...], str]


@pytest.fixture
def slow() -> Iterator[Slow]:
    """Slow modems by their faults, with and without echo, each with the path of its port."""
    with ExitStack() as stack:
        modems = {}
        for latency_ms in LATENCIES_MS:
            for echo in ((), ("echo-off",)):
                faults = (f"latency-ms={latency_ms}", *echo)
                modems[faults] = stack.enter_context(simulated(MODEM, faults=faults)).path
        yield modems


def numbers_of(entry: dict[str, Any]) -> tuple[str, ...]:
    sim = entry["sims"][0]
    return entry["modem"]["imei"], sim["iccid"], sim["imsi"]


def run_all(words: tuple[str, ...], ports: Slow) -> dict[tuple[str, ...], tuple[int, Any]]:
    """Run a command for each port, side by side; return the status and document of each."""
    started = {
        faults: Preloaded(
            (*words, "--json", port), stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        for faults, port in ports.items()
    }
    texts = {faults: process.communicate()[0] for faults, process in started.items()}
    return {faults: (started[faults].returncode, json.loads(texts[faults])) for faults in texts}


def test_identify_reads_slow_modems(slow: Slow) -> None:
    for faults, (status, document) in run_all(("identify",), slow).items():
        assert status == 0, (faults, document)
        assert [numbers_of(entry) for entry in document["modems"]] == [NUMBERS], faults


def test_diagnose_finds_nothing_wrong_with_slow_modems(slow: Slow) -> None:
    for faults, (status, document) in run_all(("diagnose", "--all"), slow).items():
        found = {each["check"]: each for each in document["modems"][0]["findings"]}
        assert (status, found["answers"]["state"]) == (0, "ok"), (faults, document)
        assert NUMBERS[0] in json.dumps(found["identity"]), faults


def test_watch_and_daemon_read_slow_modems(started: Any, slow: Slow) -> None:
    words = [word for port in slow.values() for word in ("--port", port)]
    agent = started(Agent, *words, "--poll-interval", "5")
    until(lambda: agent.is_watching(*slow.values()))
    reports = agent.outbox()
    assert {report["port"]["path"] for report in reports} == set(slow.values())
    for report in reports:
        assert numbers_of(report) == NUMBERS
        assert report["reader"] == "at"
        assert {"registration", "reject_cause"} <= report["network"].keys()
    watch = started(Watch)
    until(lambda: watch.has("watch.started"))
    assert agent.is_watching(*slow.values()), "a poll has found nothing wrong"


def test_watch_reads_a_slow_modem_by_itself(started: Any, slow: Slow) -> None:
    watch = started(Watch, *list(slow.values())[2:4])
    for port in list(slow.values())[2:4]:
        until(
            lambda port=port: any(  # type: ignore[misc]
                event["event"] == "port.state"
                and event["port"] == port
                and event["data"]["state"] == "watching"
                for event in watch.events()
            )
        )
