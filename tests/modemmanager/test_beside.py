"""The daemon and the command line beside a real ModemManager that has the modem."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.discovery.conftest import Bed
from tests.modemmanager.conftest import Bench, Bus, Neighbour, marked, unknown
from tests.process.conftest import until
from tests.process.plugging import Discovering, reports

Start = Callable[[], Neighbour]
PORT, PLACE = "/dev/ttyUSB2", "usb:1-2:1.2"


@pytest.fixture
def agent(bed: Bed, bus: Bus, tmp_path: Path) -> Iterator[Callable[..., Discovering]]:
    made: list[Discovering] = []

    def start(*words: str) -> Discovering:
        made.append(
            Discovering(
                tmp_path, *words, bed=bed, environment={"DBUS_SYSTEM_BUS_ADDRESS": bus.address}
            )
        )
        until(made[-1].status)
        return made[-1]

    yield start
    for each in made:
        each.stop()
        print(each.log.read_text()[-6000:])


def run(neighbour: Neighbour, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modemagent", *words],
        capture_output=True,
        text=True,
        timeout=40,
        env=neighbour.environment,
    )


def test_the_command_reads_through_it_what_it_would_read_from_the_port(
    bed: Bed, neighbour: Start, modem: tuple[Bench, str], tmp_path: Path
) -> None:
    bench, tree = modem
    bed.add(tree, ttyUSB2=path_of(bench))
    own = json.loads(run_plain("identify", path_of(bench), "--json"))["modems"][0]
    other = neighbour()
    until(lambda: other.has(1))
    state = ("--state-dir", str(tmp_path / "nobody"))
    held = run(other, "identify", PORT, "--json", *state, "--via", "port")
    assert held.returncode == 5
    holder = {"pid": other.pid, "name": "ModemManager"}
    assert json.loads(held.stdout)["error"]["holder"] == holder
    for way in (("--via", "modemmanager"), ()):
        found = run(other, "identify", PORT, "--json", *state, *way)
        assert found.returncode == 0, found.stderr
        theirs = json.loads(found.stdout)["modems"][0]
        assert (theirs["dialect"], theirs["commands"]) == ("modemmanager", 0)
        for key in ("imei", "manufacturer", "model", "firmware"):
            assert theirs["modem"][key] == own["modem"][key]
        for key in ("iccid", "imsi", "mcc", "mnc", "state"):
            assert theirs["sims"][0][key] == own["sims"][0][key]


def test_a_modem_that_it_takes_is_reported_without_touching_a_port(
    bed: Bed, neighbour: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str]
) -> None:
    bench, tree = modem
    other = neighbour()
    until(other.is_up)
    daemon = agent()
    bed.add(tree, ttyUSB2=path_of(bench))
    until(lambda: reports(daemon) == [("identified", PLACE)])
    [report] = daemon.outbox()
    assert report["modem"]["imei"] and report["sims"][0]["iccid"]
    assert {each["command"].split()[0] for each in report["evidence"]} == {"modemmanager"}
    shown = daemon.ports()[PORT]
    assert (shown["state"], shown["message"]) == (
        "watching", "read through ModemManager, which has it",
    )  # fmt: skip
    assert "wire" not in daemon.log.read_text()
    # a line can not be sent through it, and the answer says who has the port
    said = run(other, "at", PORT, "AT+CGSN", "--state-dir", str(daemon.state_dir))
    assert said.returncode == 5 and f"ModemManager (pid {other.pid})" in said.stderr
    bed.remove(tree)
    until(lambda: reports(daemon)[-1] == ("removed", PLACE))


def test_when_it_ends_the_port_is_taken_over_and_given_back_when_it_returns(
    bed: Bed, neighbour: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str]
) -> None:
    bench, tree = modem
    other = neighbour()
    bed.add(tree, ttyUSB2=path_of(bench))
    until(lambda: other.has(1))
    daemon = agent()
    until(lambda: daemon.is_watching(PORT))
    assert "which has it" in daemon.ports()[PORT]["message"]
    other.stop()
    # for the time it takes to start again, the port is left to it
    until(lambda: daemon.ports()[PORT]["state"] == "standby")
    until(lambda: daemon.is_watching(PORT))
    assert "message" not in daemon.ports()[PORT]
    again = neighbour()
    until(lambda: again.has(1))
    until(lambda: "which has it" in daemon.ports()[PORT].get("message", ""))
    assert {imei for _, imei in numbers(daemon)} == {numbers(daemon)[0][1]}
    assert "removed" not in {reason for reason, _ in numbers(daemon)}


def test_a_restart_of_it_costs_no_byte_at_the_port(
    bed: Bed, neighbour: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str]
) -> None:
    bench, tree = modem
    other = neighbour()
    bed.add(tree, ttyUSB2=path_of(bench))
    until(lambda: other.has(1))
    daemon = agent()
    until(lambda: daemon.is_watching(PORT))
    other.stop()
    again = neighbour()
    until(lambda: daemon.ports()[PORT]["state"] == "standby")
    until(lambda: again.has(1))
    until(lambda: "which has it" in daemon.ports()[PORT].get("message", ""))
    assert {each["command"].split()[0] for r in daemon.outbox() for each in r["evidence"]} == {
        "modemmanager"
    }
    log = daemon.log.read_text()
    assert "port_released" not in log and "modemmanager_not_used" not in log


def test_what_it_is_told_to_ignore_is_opened_at_once(
    bed: Bed, neighbour: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str],
    tmp_path: Path,
) -> None:  # fmt: skip
    bench, _ = modem
    other = neighbour()
    until(other.is_up)
    daemon = agent()
    bed.add(marked(tmp_path, ID_MM_DEVICE_IGNORE="1"), ttyUSB2=path_of(bench))
    until(lambda: daemon.is_watching(PORT))
    assert "message" not in daemon.ports()[PORT]
    assert [reason for reason, _ in reports(daemon)] == ["identified"]
    assert "standby" not in daemon.log.read_text()


def test_the_settings_may_say_that_ports_are_opened_whoever_else_is_there(
    bed: Bed, neighbour: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str],
) -> None:  # fmt: skip
    bench, tree = modem
    other = neighbour()
    until(other.is_up)
    daemon = agent("--via", "port")
    bed.add(tree, ttyUSB2=path_of(bench))
    until(lambda: daemon.is_watching(PORT))
    assert "message" not in daemon.ports()[PORT]


def test_a_modem_that_only_it_knows_is_read_through_it_and_never_opened(
    bed: Bed, neighbour: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str],
    tmp_path: Path,
) -> None:  # fmt: skip
    bench, _ = modem
    other = neighbour()
    until(other.is_up)
    daemon = agent()
    bed.add(unknown(tmp_path), ttyUSB2=path_of(bench))
    until(lambda: numbers(daemon), deadline_s=40)
    [report] = daemon.outbox()
    assert report["modem"]["imei"] and report["port"]["usb_vid"] == "1209"
    assert report["port"]["id"].startswith("usb:1-2:")
    port = report["port"]["path"]
    other.stop()
    until(lambda: daemon.ports()[port]["state"] == "broken", deadline_s=30)
    assert daemon.ports()[port]["reason"] == "neighbour_away"
    assert [reason for reason, _ in numbers(daemon)] == ["identified"]
    assert not [each for each in daemon.open_files() if "tty" in each]
    bed.remove(unknown(tmp_path))
    until(lambda: [reason for reason, _ in numbers(daemon)] == ["identified", "removed"])


def path_of(bench: Bench) -> str:
    [path] = bench.paths.values()
    return path


def numbers(daemon: Discovering) -> list[tuple[str, str]]:
    return [(report["reason"], report["modem"]["imei"]) for report in daemon.outbox()]


def run_plain(*words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "modemagent", *words],
        capture_output=True, text=True, timeout=40, check=True,
    ).stdout  # fmt: skip
