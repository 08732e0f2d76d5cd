"""The daemon and the command line beside a real ModemManager that manages the modem."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import preloaded
from tests.discovery.conftest import Bed
from tests.modemmanager.conftest import Bench, Bus, ModemManagerProcess, unknown, with_hints
from tests.process.conftest import call, until
from tests.process.plugging import Discovering, reports

Start = Callable[[], ModemManagerProcess]
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


def run(process: ModemManagerProcess, *words: str) -> subprocess.CompletedProcess[str]:
    return preloaded.run(words, env=process.environment)


def test_identify_reads_the_same_through_modemmanager(
    bed: Bed, start_mm: Start, modem: tuple[Bench, str], tmp_path: Path
) -> None:
    bench, tree = modem
    bed.add(tree, ttyUSB2=path_of(bench))
    own = json.loads(run_plain("identify", path_of(bench), "--json"))["modems"][0]
    other = start_mm()
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


def test_a_managed_modem_is_reported_without_opening_a_port(
    bed: Bed, start_mm: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str]
) -> None:
    bench, tree = modem
    other = start_mm()
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
    # commands cannot be sent through ModemManager, and the error names the holder
    said = run(other, "at", PORT, "AT+CGSN", "--state-dir", str(daemon.state_dir))
    assert said.returncode == 5 and f"ModemManager (pid {other.pid})" in said.stderr
    bed.remove(tree)
    until(lambda: reports(daemon)[-1] == ("removed", PLACE))


def test_the_port_is_taken_over_while_modemmanager_is_stopped(
    bed: Bed, start_mm: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str]
) -> None:
    bench, tree = modem
    other = start_mm()
    bed.add(tree, ttyUSB2=path_of(bench))
    until(lambda: other.has(1))
    daemon = agent()
    until(lambda: daemon.is_watching(PORT))
    assert "which has it" in daemon.ports()[PORT]["message"]
    other.stop()
    # the port stays reserved for the time of a restart
    until(lambda: daemon.ports()[PORT]["state"] == "standby")
    until(lambda: daemon.is_watching(PORT))
    assert "message" not in daemon.ports()[PORT]
    again = start_mm()
    until(lambda: again.has(1))
    until(lambda: "which has it" in daemon.ports()[PORT].get("message", ""))
    assert {imei for _, imei in numbers(daemon)} == {numbers(daemon)[0][1]}
    assert "removed" not in {reason for reason, _ in numbers(daemon)}


def test_a_restart_of_modemmanager_sends_nothing_to_the_port(
    bed: Bed, start_mm: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str]
) -> None:
    bench, tree = modem
    other = start_mm()
    bed.add(tree, ttyUSB2=path_of(bench))
    until(lambda: other.has(1))
    daemon = agent()
    until(lambda: daemon.is_watching(PORT))
    other.stop()
    again = start_mm()
    until(lambda: daemon.ports()[PORT]["state"] == "standby")
    until(lambda: again.has(1))
    until(lambda: "which has it" in daemon.ports()[PORT].get("message", ""))
    assert {each["command"].split()[0] for r in daemon.outbox() for each in r["evidence"]} == {
        "modemmanager"
    }
    log = daemon.log.read_text()
    assert "port_released" not in log and "modemmanager_not_used" not in log


def test_a_modem_ignored_by_modemmanager_is_opened_at_once(
    bed: Bed, start_mm: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str],
    tmp_path: Path,
) -> None:  # fmt: skip
    bench, _ = modem
    other = start_mm()
    until(other.is_up)
    daemon = agent()
    bed.add(with_hints(tmp_path, ID_MM_DEVICE_IGNORE="1"), ttyUSB2=path_of(bench))
    until(lambda: daemon.is_watching(PORT))
    assert "message" not in daemon.ports()[PORT]
    assert [reason for reason, _ in reports(daemon)] == ["identified"]
    assert "standby" not in daemon.log.read_text()


def test_via_port_opens_the_port_beside_modemmanager(
    bed: Bed, start_mm: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str],
) -> None:  # fmt: skip
    bench, tree = modem
    other = start_mm()
    until(other.is_up)
    daemon = agent("--via", "port")
    bed.add(tree, ttyUSB2=path_of(bench))
    until(lambda: daemon.is_watching(PORT))
    assert "message" not in daemon.ports()[PORT]


def test_a_modem_of_an_unknown_vendor_is_never_opened(
    bed: Bed, start_mm: Start, agent: Callable[..., Discovering], modem: tuple[Bench, str],
    tmp_path: Path,
) -> None:  # fmt: skip
    bench, _ = modem
    other = start_mm()
    until(other.is_up)
    daemon = agent()
    bed.add(unknown(tmp_path), ttyUSB2=path_of(bench))
    until(lambda: numbers(daemon))
    [report] = daemon.outbox()
    assert report["modem"]["imei"] and report["port"]["usb_vid"] == "1209"
    assert report["port"]["id"].startswith("usb:1-2:")
    port = report["port"]["path"]
    other.stop()
    until(lambda: daemon.ports()[port]["state"] == "broken")
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
    return call(*words).stdout
