"""Which modems are watched: named ports, patterns and discovery, each device once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modemagent.settings import Settings
from modemagent.watching.selection import Selection
from tests.discovery.conftest import Bed
from tests.discovery.conftest import bed as bed_fixture
from tests.discovery.trees import Kind, device, hub, marked

bed = bed_fixture


def test_device_with_several_paths_is_listed_once(tmp_path: Path) -> None:
    for name in ("ttyA", "ttyB"):
        (tmp_path / name).touch()
    link = tmp_path / "by-id"
    link.symlink_to(tmp_path / "ttyA")
    selection = Selection(
        Settings(discovery=False, port=(str(link),), port_glob=(f"{tmp_path}/tty*",))
    )
    assert list(selection.current_modems()) == [str(link), str(tmp_path / "ttyB")]
    assert selection.named_paths == (str(link),)


def test_port_is_selected_while_it_exists(tmp_path: Path) -> None:
    port, dangling = tmp_path / "ttyA", tmp_path / "link"
    dangling.symlink_to(tmp_path / "nothing")
    selection = Selection(Settings(discovery=False, port=(str(port), str(dangling))))
    assert selection.current_modems() == {}
    port.touch()
    assert list(selection.current_modems()) == [str(port)]
    port.unlink()
    assert selection.current_modems() == {}


@pytest.mark.parametrize("port", ["/dev/" + "x" * 300, "/dev/tty\0"])
def test_invalid_path_does_not_exist(port: str) -> None:
    assert Selection(Settings(discovery=False, port=(port,))).current_modems() == {}


def test_unreadable_path_does_not_exist(tmp_path: Path) -> None:
    """Run as an unprivileged process, because the test often is a privileged one."""
    (tmp_path / "tty").touch()
    tmp_path.chmod(0o700)
    program = (
        "import os, sys; from modemagent.watching.selection import Selection;"
        "from modemagent.settings import Settings;"
        "os.geteuid() or os.seteuid(65534);"
        "print(Selection(Settings(discovery=False, port=(sys.argv[1],))).current_modems())"
    )
    if os.geteuid():
        tmp_path.chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "tty")],
        capture_output=True,
        text=True,
        check=False,
    )
    tmp_path.chmod(0o700)
    assert (done.stdout, done.returncode) == ("{}\n", 0), done.stderr


def test_remote_port_is_always_selected() -> None:
    selection = Selection(Settings(discovery=False, port=("socket://192.0.2.7:4001",)))
    assert list(selection.current_modems()) == ["socket://192.0.2.7:4001"]


SOCKETS = "pci0000:00/0000:00:14.0/usb2/"
UNLISTED = Kind("1bc7", "1206", (0, 1, 2), kinds=("ff/ff/30", "", ""))
SELECT = """
import json, sys
from modemagent.watching.selection import Selection
from modemagent.settings import Settings
discovery, port, port_glob = json.loads(sys.argv[1])
settings = Settings(discovery=discovery, port=tuple(port), port_glob=tuple(port_glob))
modems = Selection(settings).current_modems()
print(json.dumps({key: [each.path for each in modem.places] for key, modem in modems.items()}))
"""
EG25 = Kind("2c7c", "0125", (0, 1, 2, 3, 4))


def selected(
    bed: Bed, port: list[str], port_glob: list[str], *, discovery: bool = False
) -> dict[str, list[str]]:
    """Return the modems that a process on this machine selects, with their ports in order.

    Sockets are returned as device ids, because all devices are on bus 1.
    """
    done = subprocess.run(
        [sys.executable, "-c", SELECT, json.dumps([discovery, port, port_glob])],
        env=bed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return {
        key.removeprefix("/dev/").replace(SOCKETS, "usb:1-"): [
            path.removeprefix("/dev/") for path in paths
        ]
        for key, paths in found.items()
    }


@pytest.mark.parametrize(
    ("port", "port_glob", "expected"),
    [
        (
            [],
            ["/dev/ttyUSB*"],
            {
                "usb:1-1": ["ttyUSB12", "ttyUSB13"],
                "usb:1-2": ["ttyUSB21", "ttyUSB22"],
                "usb:1-3": ["ttyUSB32"],
            },
        ),
        (
            [],
            ["/dev/ttyUSB*[023]"],
            {
                "usb:1-1": ["ttyUSB12", "ttyUSB13"],
                "usb:1-2": ["ttyUSB22"],
                "usb:1-3": ["ttyUSB32"],
            },
        ),
        ([], ["/dev/ttyA*"], {"ttyAMA0": ["ttyAMA0"]}),
        (
            ["/dev/ttyUSB10"],
            ["/dev/ttyUSB1*"],
            {"usb:1-1": ["ttyUSB10", "ttyUSB12", "ttyUSB13"]},
        ),
        (
            ["/dev/ttyUSB40", "/dev/ttyACM0"],
            [],
            {"ttyUSB40": ["ttyUSB40"], "ttyACM0": ["ttyACM0"]},
        ),
    ],
)
def test_pattern_selects_modems_and_a_name_any_port(
    bed: Bed, tmp_path: Path, port: list[str], port_glob: list[str], expected: dict[str, list[str]]
) -> None:
    """The tree has an EG25 with an audio port, a modem of unknown layout, and a marked one."""
    tree = hub("1-1") + device("1-1", EG25, {n: 10 + n for n in EG25.ttys})
    tree += device("1-2", UNLISTED, {0: 20, 1: 21, 2: 22})
    tree += device("1-3", Kind("0403", "6011", (0, 1, 2), driver="ftdi_sio"), {0: 30, 1: 31, 2: 32})
    tree = marked(tree, "ttyUSB32", "ID_MM_PORT_TYPE_AT_PRIMARY")
    tree += device("1-4", Kind("05c6", "9008", (0,)), {0: 40})
    tree += device("1-5", Kind("0403", "6001", (0,), driver="ftdi_sio"), {0: 50})
    tree += device("1-6", Kind("1546", "01a8", (0,), driver="cdc_acm"), {0: 0})
    tree += "P: /devices/platform/uart/tty/ttyAMA0\nN: ttyAMA0\nE: SUBSYSTEM=tty\n\n"
    file = tmp_path / "tree.umockdev"
    file.write_text(tree)
    bed.add(str(file))
    assert selected(bed, port, port_glob) == expected


@pytest.mark.parametrize("name", ["wwan:wwan0at:wwan0at0", "wwan:wwan0at"])
def test_wwan_port_is_found_by_its_id(bed: Bed, tmp_path: Path, name: str) -> None:
    file = tmp_path / "tree.umockdev"
    path = "P: /devices/platform/soc/wwan/wwan0"
    file.write_text(
        f"{path}\nE: SUBSYSTEM=wwan\n\n{path}/wwan0at0\nN: wwan0at0\nE: SUBSYSTEM=wwan\n\n"
    )
    bed.add(str(file))
    assert selected(bed, [name], []) == {"wwan:wwan0at": ["wwan0at0"]}


def test_port_that_appears_after_the_scan_waits_for_the_next(bed: Bed) -> None:
    bed.add("strangers")
    program = (
        "from modemagent.watching import selection;"
        "from modemagent.settings import Settings;"
        "selection.scan = lambda **_: ();"
        "made = selection.Selection(Settings(discovery=False, port_glob=('/dev/ttyUSB*',)));"
        "print(made.current_modems())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=bed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "{}\n"


@pytest.mark.parametrize(
    ("port", "ttys", "expected"),
    [
        ("usb:1-1", (0,), {}),  # its AT port has not appeared yet
        ("usb:1-1", (0, 1, 4), {}),
        ("usb:1-1", (0, 1, 2, 3, 4), {"usb:1-1": ["ttyUSB2", "ttyUSB3"]}),
        ("usb:1-1:1.0", (0, 1, 2, 3, 4), {"usb:1-1": ["ttyUSB0"]}),
        ("usb:1-3", (0, 2), {"ttyUSB7": ["ttyUSB7"]}),  # a bridge that a modem may be wired to
    ],
)
def test_id_of_a_modem_selects_its_at_ports(
    bed: Bed, tmp_path: Path, port: str, ttys: tuple[int, ...], expected: dict[str, list[str]]
) -> None:
    tree = hub("1-1") + device("1-1", EG25._replace(ttys=ttys), {n: n for n in ttys})
    tree += device("1-3", Kind("0403", "6001", (0,), driver="ftdi_sio"), {0: 7})
    file = tmp_path / "tree.umockdev"
    file.write_text(tree)
    bed.add(str(file))
    assert selected(bed, [port], []) == expected
    found = selected(bed, [port], [], discovery=True)
    discovered = [f"ttyUSB{n}" for n in (2, 3) if n in ttys]
    assert found.get("usb:1-1", []) == list(
        dict.fromkeys([*expected.get("usb:1-1", []), *discovered])
    )
