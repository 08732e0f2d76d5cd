"""Ports and hot-plug events from the real libudev and its netlink socket."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modemagent.discovery import udev
from modemagent.discovery.candidate import Role
from modemagent.discovery.udev import UdevMonitor, hints, is_secondary, role_of
from tests.discovery.conftest import Bed
from tests.discovery.trees import Kind, Sockets, device, hub, marked

Ports = dict[str, dict[str, Any]]

LISTEN = """
import select
from modemagent.discovery.udev import UdevMonitor
events = UdevMonitor()
print("listening", flush=True)
while select.select([events.fileno()], [], [], 20)[0]:
    if events.take():
        print("event", flush=True)
"""
LOOK = """
import json
from modemagent.discovery.sysfs import scan
from modemagent.discovery.udev import hints
print(json.dumps([[c.path, str(c.role), c.cellular, c.secondary] for c in scan(hints=hints)]))
"""


def seen(bed: Bed) -> dict[str, tuple[str, bool, bool]]:
    """Path -> role, cellular, secondary, as a process on this machine finds them."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        env=bed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return {path: tuple(rest) for path, *rest in json.loads(done.stdout)}  # type: ignore[misc]


def test_table_gives_roles_without_udev_properties(bed: Bed) -> None:
    bed.add("quectel-eg25-g")
    assert {path: role for path, (role, *_) in seen(bed).items()} == {
        "/dev/ttyUSB0": "diag",
        "/dev/ttyUSB1": "nmea",
        "/dev/ttyUSB2": "at",
        "/dev/ttyUSB3": "at",
    }


def test_modemmanagers_rules_take_precedence_over_the_table(bed: Bed) -> None:
    bed.add("modemmanager-hints")
    roles = seen(bed)
    assert any(secondary for _, _, secondary in roles.values())
    assert {role for role, *_ in roles.values()} >= {"at"}
    for role, _, secondary in roles.values():
        assert role == "at" or not secondary


def test_list_shows_roles_of_modemmanagers_rules(bed: Bed) -> None:
    bed.add("modemmanager-hints")
    done = subprocess.run(
        [sys.executable, "-m", "modemagent", "list", "--json"],
        env=bed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    (modem,) = json.loads(done.stdout)["modems"]
    roles = [(port["interface"], port["role"]) for port in modem["ports"]]
    assert roles == [(2, "at"), (3, "at"), (4, "nmea"), (5, "diag"), (6, "data")]


def test_hints_are_read_from_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udev, "_DATABASE", str(tmp_path))
    assert hints(["tty", "no-such-port"]) == {"tty": {}, "no-such-port": {}}
    database = "S:serial/x\nI:1234\nE:ID_MM_PORT_TYPE_GPS=1\nE:ID_VENDOR=x\nG:systemd\nV:1\n"
    (tmp_path / "c5:0").write_text(database)  # /dev/tty
    assert hints(["tty"]) == {"tty": {"ID_MM_PORT_TYPE_GPS": "1"}}


def test_hints_are_read_without_libudev(bed: Bed) -> None:
    bed.add("modemmanager-hints")
    program = f"{LOOK}\nimport sys; print('pyudev' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=bed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found, loaded = done.stdout.splitlines()
    assert "nmea" in found
    assert loaded == "False"


def test_ignored_port_of_unknown_use_is_not_secondary(bed: Bed, tmp_path: Path) -> None:
    """ModemManager's rules mark debug ports to be ignored."""
    tree = hub("1-2") + device("1-2", Kind("2c7c", "0900", (2, 3)), {2: 0, 3: 1})
    file = tmp_path / "tree.umockdev"
    file.write_text(marked(tree, "ttyUSB0", "ID_MM_PORT_IGNORE"))
    bed.add(str(file))
    assert seen(bed)["/dev/ttyUSB0"] == ("unknown", True, False)


@pytest.mark.parametrize(
    ("kind", "roles"),
    [
        pytest.param(
            Kind("12d1", "1506", (0, 1, 2), kinds=("ff/02/10", "ff/02/12", "ff/02/13")),
            ["data", "at", "diag"],
            id="a vendor without numbers",
        ),
        pytest.param(
            Kind("2c7c", "fffe", (0, 1, 2, 3), kinds=("ff/ff/40", "ff/00/00", "ff/ff/30", "")),
            ["at", "nmea", "diag", "at"],
            id="before the row for the rest of a vendor",
        ),
        pytest.param(
            Kind("2cb7", "01a2", (2, 3, 4, 6), kinds=("ff/ff/30", "ff/ff/40", "", "ff/ff/30")),
            ["at", "at", "diag", "diag"],
            id="after the product's own row",
        ),
        pytest.param(
            Kind("1bc7", "fffe", (0, 1), kinds=("08/06/50", "ff/00/00")),
            ["unknown", "unknown"],
            id="no protocol",
        ),
    ],
)
def test_interface_protocol_gives_the_role(
    bed: Bed, tmp_path: Path, kind: Kind, roles: list[str]
) -> None:
    Sockets(bed, tmp_path).plug("1-2", kind)
    assert [role for role, *_ in seen(bed).values()] == roles


def test_interface_protocol_is_read_from_uevent(bed: Bed, tmp_path: Path) -> None:
    tree = hub("1-2") + device("1-2", Kind("1bc7", "fffe", (0,)), {0: 0})
    interface = "E: DEVTYPE=usb_interface\n"
    assert interface in tree
    file = tmp_path / "tree.umockdev"
    file.write_text(tree.replace(interface, f"{interface}E: INTERFACE=255/255/64\n"))
    bed.add(str(file))
    assert [role for role, *_ in seen(bed).values()] == ["at"]


def test_other_devices_are_not_modems(bed: Bed) -> None:
    bed.add("strangers")
    found = seen(bed)
    assert found
    assert not any(cellular for _, cellular, _ in found.values())


def test_identical_sticks_are_two_modems(bed: Bed) -> None:
    bed.add("two-identical-sticks")
    done = subprocess.run(
        [sys.executable, "-m", "modemagent", "list", "--json"],
        env=bed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    modems = json.loads(done.stdout)["modems"]
    assert len(modems) == len({modem["id"] for modem in modems}) == 2
    assert [len(modem["ports"]) for modem in modems] == [3, 3]
    assert set(bed.written().values()) == {0}


def test_port_events_arrive_over_netlink(bed: Bed) -> None:
    bed.add("wwan-pcie")
    listener = subprocess.Popen(
        [sys.executable, "-c", LISTEN], env=bed.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "listening\n"
        bed.add("quectel-eg25-g")
        assert listener.stdout.readline() == "event\n"
        bed.remove("quectel-eg25-g")
        assert listener.stdout.readline() == "event\n"
    finally:
        listener.kill()
        listener.wait()
        listener.stdout.close()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("marks", "role"),
    [
        ({}, None),
        ({"ID_MM_PORT_TYPE_AT_PRIMARY": "1"}, Role.AT),
        ({"ID_MM_PORT_TYPE_AT_SECONDARY": "1"}, Role.AT),
        ({"ID_MM_PORT_TYPE_AT_PPP": "1"}, Role.DATA),
        ({"ID_MM_PORT_TYPE_AT_PPP": "1", "ID_MM_PORT_TYPE_AT_SECONDARY": "1"}, Role.AT),
        ({"ID_MM_PORT_TYPE_GPS": "1"}, Role.NMEA),
        ({"ID_MM_PORT_TYPE_QCDM": "1"}, Role.DIAG),
        ({"ID_MM_PORT_TYPE_QCDM": "0"}, None),
        ({"ID_MM_PORT_IGNORE": "1"}, None),
        ({"ID_MM_CANDIDATE": "1"}, None),
    ],
)
def test_role_from_properties(marks: dict[str, str], role: Role | None) -> None:
    found = role_of(marks)
    assert (found and found[0]) == role
    free = {"ID_MM_PORT_TYPE_AT_SECONDARY", "ID_MM_PORT_IGNORE"}
    assert is_secondary(marks) == bool(free & marks.keys())


def test_lost_events_count_as_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    results = [OSError(errno.ENOBUFS, "No buffer space available"), BlockingIOError()]

    def read(*_: int) -> bytes:
        raise results.pop(0)

    events = UdevMonitor()
    monkeypatch.setattr("modemagent.discovery.udev.os.read", read)
    assert events.take()
    assert not results
