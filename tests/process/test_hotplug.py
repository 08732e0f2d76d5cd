"""The daemon on a machine whose devices come and go: real udev news, real terminals behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.discovery.conftest import TREES, Bed
from tests.discovery.conftest import bed as bed_fixture
from tests.process.conftest import Agent, Bench, Process, until
from tests.process.conftest import started as started_fixture

bed, started = bed_fixture, started_fixture
MODEM = "quectel-eg25-g"


class Discovering(Agent):
    """``modemagent run`` that finds its modems by itself, on a machine of the test's making."""

    def __init__(self, folder: Path, *words: str, bed: Bed) -> None:
        self.environment = {
            key: value for key, value in bed.environment.items() if "MODEMAGENT" not in key
        }
        self.state_dir = folder / "state"
        Process.__init__(
            self, "--log-level", "debug", "run", "--state-dir", str(self.state_dir),
            "--gateway-id", "gw-1", *words, log=folder / "agent.log",
        )  # fmt: skip


@pytest.fixture
def agent(bed: Bed, tmp_path: Path) -> Iterator[Discovering]:
    found = Discovering(tmp_path, bed=bed)
    until(found.status)
    yield found
    found.stop()
    print(found.log.read_text()[-6000:])


def reports(agent: Agent) -> list[tuple[str, str]]:
    """Reason and port id of each report, oldest first."""
    return [(report["reason"], report["port"]["id"]) for report in agent.outbox()]


def renamed(tree: str, folder: Path, shift: int) -> str:
    """Return a copy of a tree whose ttys have other numbers, as after a reset."""
    text = (TREES / f"{tree}.umockdev").read_text()
    text = re.sub(r"ttyUSB(\d+)", lambda found: f"ttyUSB{int(found[1]) + shift}", text)
    path = folder / f"{tree}-{shift}.umockdev"
    path.write_text(re.sub(r"MINOR=(\d)\n", lambda n: f"MINOR={int(n[1]) + shift}\n", text))
    return str(path)


def test_a_modem_that_is_plugged_in_is_reported_and_nobody_else_hears_a_byte(
    bed: Bed, agent: Discovering, started: Any
) -> None:
    bed.add("strangers")
    bench = started(Bench, MODEM)
    bed.add("wwan-pcie")
    bed.add(renamed(MODEM, agent.state_dir.parent, 10), ttyUSB12=bench.paths[MODEM])
    until(lambda: ("identified", "usb:1-2:1.2") in reports(agent))
    until(lambda: agent.is_watching("/dev/ttyUSB12"))
    written = bed.written()
    assert len(written) > 12
    assert {node for node, size in written.items() if size} <= {"wwan0at0"}


def test_two_identical_sticks_stay_apart_by_their_place(
    bed: Bed, agent: Discovering, started: Any
) -> None:
    bench = started(Bench, MODEM, "--count", "2")
    one, other = bench.paths.values()
    bed.add("two-identical-sticks", ttyUSB1=one, ttyUSB2=one, ttyUSB4=other, ttyUSB5=other)
    until(lambda: len(agent.outbox()) == 2)
    seen = {report["port"]["id"]: report["modem"]["imei"] for report in agent.outbox()}
    assert len(set(seen.values())) == 2
    assert {port_id.rpartition(":")[0] for port_id in seen} == {"usb:1-1.1", "usb:1-1.2"}


def test_a_modem_that_comes_back_under_another_number_is_the_same(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path
) -> None:
    bench = started(Bench, MODEM)
    bed.add(MODEM, ttyUSB2=bench.paths[MODEM])
    until(lambda: agent.is_watching("/dev/ttyUSB2"))
    bed.remove(MODEM)
    bed.add(renamed(MODEM, tmp_path, 4), ttyUSB6=bench.paths[MODEM])
    until(lambda: agent.is_watching("/dev/ttyUSB6"))
    # it was not taken out; the new name of its port is told
    assert [reason for reason, _ in reports(agent)] == ["identified", "refresh"]
    assert agent.outbox()[-1]["port"]["path"] == "/dev/ttyUSB6"
    bed.remove(renamed(MODEM, tmp_path, 4))
    until(lambda: reports(agent)[-1] == ("removed", "usb:1-2:1.2"))
    assert len(reports(agent)) == 3


def test_the_other_at_port_is_asked_when_the_first_is_mute(
    bed: Bed, agent: Discovering, started: Any
) -> None:
    mute = started(Bench, MODEM, "--fault", "mute")
    talks = agent.state_dir.parent / "second"
    talks.mkdir()
    bench = Bench(talks, MODEM)
    try:
        bed.add(MODEM, ttyUSB2=mute.paths[MODEM], ttyUSB3=bench.paths[MODEM])
        until(lambda: agent.is_watching("/dev/ttyUSB3"))
        assert reports(agent) == [("identified", "usb:1-2:1.3")]
        assert {node: size for node, size in bed.written().items() if size} == {}
    finally:
        bench.stop()
        bench.popen.communicate()
