"""Rapid plugging and unplugging: resets without a pause, replugged hubs, ports that appear late.

In the end exactly the plugged modems are watched, and the reports are consistent with that.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.discovery.conftest import Bed
from tests.discovery.conftest import bed as bed_fixture
from tests.discovery.trees import Kind, Sockets
from tests.process.conftest import Bench, call, until
from tests.process.conftest import started as started_fixture
from tests.process.plugging import Discovering, place, present, reports

bed, started = bed_fixture, started_fixture

EG25 = Kind("2c7c", "0125", (0, 1, 2, 3), maker="Quectel", product="EG25-G")
A7670 = Kind("1e0e", "9011", (2, 3, 4, 5))
SARA = Kind("1546", "1102", (0, 2, 4, 8), driver="cdc_acm")
EM7455 = Kind("413c", "81b6", (0, 2, 3), driver="qcserial")
MF627 = Kind("19d2", "0031", (0, 1, 2, 3))
OTHER_DEVICES = (
    Kind("2341", "0043", (0,), driver="cdc_acm", product="Arduino Uno"),
    Kind("1546", "01a8", (0,), driver="cdc_acm", product="u-blox GNSS receiver"),
    Kind("10c4", "ea60", (0,), driver="cp210x", product="Zigbee stick"),
    Kind("0403", "6011", (0, 1, 2, 3), driver="ftdi_sio", product="Quad RS232-HS"),
    Kind("05c6", "9008", (0,), driver="qcserial", product="QUSB__BULK"),
)
#: Place -> transcript, USB device, and the interface at which the modem responds.
HUB = {
    "1-1.1": ("quectel-eg25-g", EG25, 2),
    "1-1.2": ("zte-mf627", MF627, 1),
    "1-1.3": ("ublox-sara-g350", SARA, 0),
    "1-1.4": ("sierra-em7455b", EM7455, 3),
}


@pytest.fixture
def agent(bed: Bed, tmp_path: Path) -> Iterator[Discovering]:
    found = Discovering(tmp_path, bed=bed)
    until(found.status)
    yield found
    found.stop()
    log = found.log.read_text()
    print(*log.splitlines()[-60:], sep="\n")
    assert "Traceback" not in log
    assert '"level": "error"' not in log


def imeis(bench: Bench) -> dict[str, str]:
    """Read the IMEI of each simulated modem; return them by name."""
    return {
        name: call("identify", path, "--field", "imei").stdout.strip()
        for name, path in bench.paths.items()
    }


#: Random sequences to play, half a minute each. ``STORMS=20`` plays more of them.
STORMS = int(os.environ.get("STORMS", "1"))


def at_rest(agent: Discovering) -> Callable[[], bool]:
    """Return a condition: open files and threads of the agent do not exceed those of now.

    They may be fewer, as the connection of a status request may be open now.
    """
    files, threads = Counter(agent.open_files()), agent.threads()
    return lambda: not Counter(agent.open_files()) - files and agent.threads() <= threads


def reasons_after_reset(away_s: float) -> set[str]:
    """Return the right reasons of reports about a modem that was away for some seconds.

    On a busy machine a reset takes longer than the agent waits (2.5 s): the modem is then reported
    as removed.
    """
    return {"identified", "refresh"} | ({"removed"} if away_s > 1 else set())


@pytest.mark.parametrize("seed", [1])
def test_thirty_resets_in_a_row_report_no_removal(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path, seed: int
) -> None:
    bench = started(Bench, "quectel-eg25-g")
    ((name, path),) = bench.paths.items()
    expected = {"usb:1-1.2:1.2": imeis(bench)[name]}
    sockets = Sockets(bed, tmp_path, Random(seed))
    sockets.plug("1-1.2", EG25, {2: path})
    until(lambda: agent.watched() == expected)
    rests = at_rest(agent)
    longest_s = 0.0
    for _ in range(30):
        begun = time.monotonic()
        bench.do(f"unplug {name}")
        sockets.unplug("1-1.2")
        bench.do(f"replug {name}")
        node = sockets.plug("1-1.2", EG25, {2: path})[2]
        longest_s = max(longest_s, time.monotonic() - begun)
    until(lambda: agent.is_watching(f"/dev/{node}") and agent.watched() == expected)
    until(rests)
    assert len(agent.ports()) == 1
    assert {reason for reason, _ in reports(agent)} <= reasons_after_reset(longest_s)
    assert present(agent.outbox()) == {"usb:1-1.2": expected["usb:1-1.2:1.2"]}
    assert agent.outbox()[-1]["port"]["path"] == f"/dev/{node}"
    assert not any(bed.written().values())


@pytest.mark.parametrize("seed", range(STORMS))
def test_hub_replugged_at_any_moment_is_reported_consistently(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path, seed: int
) -> None:
    bench = started(Bench, *(transcript for transcript, _, _ in HUB.values()))
    numbers = imeis(bench)
    ids = {where: f"usb:{where}:1.{interface}" for where, (_, _, interface) in HUB.items()}
    random, sockets = Random(seed), Sockets(bed, tmp_path)
    plugged: set[str] = set()

    def plug(where: str) -> None:
        transcript, kind, interface = HUB[where]
        sockets.plug(where, kind, {interface: bench.paths[transcript]})
        plugged.add(where)

    def unplug(where: str) -> None:
        plugged.discard(where)
        bench.do(f"unplug {HUB[where][0]}")
        sockets.unplug(where)
        bench.do(f"replug {HUB[where][0]}")

    def is_settled() -> bool:
        expected = {ids[where]: numbers[HUB[where][0]] for where in plugged}
        return agent.watched() == expected and present(agent.outbox()) == {
            place(port_id): imei for port_id, imei in expected.items()
        }

    def at_some_moment() -> None:
        """Wait until the agent has logged a random number of bytes or has settled."""
        least = agent.log.stat().st_size + random.choice((0, 500, 3000, 10000, 30000, 10**9))
        until(lambda: agent.log.stat().st_size >= least or is_settled())

    for where in HUB:
        plug(where)
    until(is_settled)
    rests = at_rest(agent)
    for _ in range(4):
        for where in random.sample(sorted(plugged), random.randint(1, len(plugged))):
            unplug(where)
            if random.random() < 0.2:
                at_some_moment()
        at_some_moment()
        for where in random.sample(sorted(HUB.keys() - plugged), len(HUB) - len(plugged)):
            plug(where)
            if random.random() < 0.2:
                at_some_moment()
        at_some_moment()
    until(is_settled)
    until(rests)
    assert len(agent.ports()) == len(HUB)
    unplug("1-1.3")
    until(is_settled)
    assert len(agent.ports()) == len(HUB) - 1
    assert not any(bed.written().values()), bed.written()


@pytest.mark.parametrize(
    ("kind", "transcript", "answering", "order"),
    [
        (EG25, "quectel-eg25-g", (2, 3), (3, 2, 1, 0)),
        (EG25, "quectel-eg25-g", (2, 3), (1, 3, 0, 2)),
        (EG25, "quectel-eg25-g", (2, 3), (0, 1, 2, 3)),
        (A7670, "simcom-a7670", (4,), (2, 3, 5, 4)),
        (A7670, "simcom-a7670", (4,), (4, 2, 5, 3)),
    ],
)
def test_ports_that_appear_one_by_one_are_one_modem(
    bed: Bed,
    agent: Discovering,
    started: Any,
    tmp_path: Path,
    kind: Kind,
    transcript: str,
    answering: tuple[int, ...],
    order: tuple[int, ...],
) -> None:
    bench = started(Bench, transcript, "fibocom-fm350-gl")
    imei = imeis(bench)[transcript]
    sockets = Sockets(bed, tmp_path)
    for interface in order:
        answers = dict.fromkeys(answering, bench.paths[transcript])
        sockets.plug("1-2", kind, answers, only=(interface,))
        if interface in answering:
            until(lambda: set(agent.watched().values()) == {imei})
    chosen = next(interface for interface in order if interface in answering)
    # once a second modem is watched, the agent has rescanned
    bed.add("wwan-pcie", wwan0at0=bench.paths["fibocom-fm350-gl"])
    until(lambda: len(agent.watched()) == 2)
    assert agent.watched()[f"usb:1-2:1.{chosen}"] == imei
    assert [reason for reason, _ in reports(agent)] == ["identified"] * 2
    assert not any(bed.written().values()), bed.written()


@pytest.mark.parametrize("after", [1, 90, 320])
def test_port_that_vanishes_during_identification_leaks_nothing(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path, after: int
) -> None:
    bench = started(Bench, "quectel-eg25-g", "--fault", f"vanish-byte={after}")
    ((name, path),) = bench.paths.items()
    sockets = Sockets(bed, tmp_path)
    rests = at_rest(agent)
    sockets.plug("1-1", EG25, {2: path})
    until(lambda: "port_removed" in agent.log.read_text())
    assert reports(agent) == []
    sockets.unplug("1-1")
    until(lambda: not agent.ports())
    until(rests)
    bench.do(f"fault {name} none")
    bench.do(f"replug {name}")
    sockets.plug("1-1", EG25, {2: path})
    until(lambda: len(agent.watched()) == 1)
    assert reports(agent) == [("identified", "usb:1-1:1.2")]


@pytest.mark.parametrize("seed", range(2))
def test_identical_modems_that_exchange_tty_names_stay_distinct(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path, seed: int
) -> None:
    bench = started(Bench, "quectel-eg25-g", "--count", "2")
    modems = dict(zip(("1-3.2", "1-3.4.1"), bench.paths.items(), strict=True))
    numbers = imeis(bench)
    expected = {f"usb:{where}:1.2": numbers[name] for where, (name, _) in modems.items()}
    assert len(set(expected.values())) == 2
    random, sockets = Random(seed), Sockets(bed, tmp_path)
    others = random.sample(OTHER_DEVICES, 4)
    places = ["1-3.1", "1-3.3", "1-3.4.2", "1-4"]
    whole = {**dict(zip(places, others, strict=True)), **dict.fromkeys(modems, EG25)}
    names: dict[str, str] = {}
    for where in random.sample(sorted(whole), len(whole)):
        answers = {2: modems[where][1]} if where in modems else {}
        names[where] = list(sockets.plug(where, whole[where], answers).values())[-1]
    until(lambda: agent.watched() == expected)
    first = {where: names[where] for where in modems}
    # replug in the opposite order: each modem gets the tty names of the other
    order = sorted(modems, key=lambda where: first[where])
    begun = time.monotonic()
    for where, (name, _) in modems.items():
        bench.do(f"unplug {name}")
        sockets.unplug(where)
        bench.do(f"replug {name}")
    for where in reversed(order):
        names[where] = list(sockets.plug(where, EG25, {2: modems[where][1]}).values())[-1]
    allowed = reasons_after_reset(time.monotonic() - begun)
    until(lambda: agent.watched() == expected)
    until(lambda: present(agent.outbox()) == {place(key): imei for key, imei in expected.items()})
    assert {reason for reason, _ in reports(agent)} <= allowed
    assert not any(bed.written().values()), bed.written()


@pytest.mark.parametrize("meanwhile", ["watching", "killed"])
def test_removal_is_reported_though_another_modem_has_the_tty(
    bed: Bed, agent: Discovering, started: Any, tmp_path: Path, meanwhile: str
) -> None:
    bench = started(Bench, "quectel-eg25-g", "--count", "2")
    (one, _), (other, _) = bench.paths.items()
    numbers = imeis(bench)
    sockets = Sockets(bed, tmp_path)
    first = sockets.plug("1-1.1", EG25, {2: bench.paths[one]})
    sockets.plug("1-1.2", EG25, {2: bench.paths[other]})
    until(lambda: len(agent.watched()) == 2)
    if meanwhile == "killed":
        agent.kill()
    for name, where in ((one, "1-1.1"), (other, "1-1.2")):
        bench.do(f"unplug {name}")
        sockets.unplug(where)
    bench.do(f"replug {other}")
    assert sockets.plug("1-1.2", EG25, {2: bench.paths[other]}) == first
    if meanwhile == "killed":
        agent.start()
        until(agent.status)
    until(lambda: agent.watched() == {"usb:1-1.2:1.2": numbers[other]})
    until(lambda: present(agent.outbox()) == {"usb:1-1.2": numbers[other]})
    assert sorted(reason for reason, _ in reports(agent)) == [
        "identified", "identified", "refresh", "removed"
    ]  # fmt: skip
    assert len(agent.ports()) == 1
    assert not any(bed.written().values())
