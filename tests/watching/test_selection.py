"""Which ports are watched: named ones, patterns, and no device twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modemagent.report.message import PortPlace
from modemagent.settings import Settings
from modemagent.watching.selection import Selection, modem_id
from tests.discovery.conftest import Bed
from tests.discovery.conftest import bed as bed_fixture
from tests.discovery.trees import Kind, device, hub, marked

bed = bed_fixture


def test_a_named_port_a_pattern_and_a_link_are_one_device_once(tmp_path: Path) -> None:
    for name in ("ttyA", "ttyB"):
        (tmp_path / name).touch()
    link = tmp_path / "by-id"
    link.symlink_to(tmp_path / "ttyA")
    presence = Selection(
        Settings(discovery=False, port=(str(link),), port_glob=(f"{tmp_path}/tty*",))
    )
    assert list(presence.current_modems()) == [str(link), str(tmp_path / "ttyB")]
    assert presence.named(str(link)) and not presence.named(str(tmp_path / "ttyB"))


def test_what_is_not_there_is_not_seen_until_it_is(tmp_path: Path) -> None:
    port, dangling = tmp_path / "ttyA", tmp_path / "link"
    dangling.symlink_to(tmp_path / "nothing")
    presence = Selection(Settings(discovery=False, port=(str(port), str(dangling))))
    assert presence.current_modems() == {}
    port.touch()
    assert list(presence.current_modems()) == [str(port)]
    port.unlink()
    assert presence.current_modems() == {}


@pytest.mark.parametrize("port", ["/dev/" + "x" * 300, "/dev/tty\0"])
def test_what_is_no_path_is_not_there(port: str) -> None:
    assert Selection(Settings(discovery=False, port=(port,))).current_modems() == {}


def test_what_may_not_be_looked_at_is_not_there(tmp_path: Path) -> None:
    """As an unprivileged process, which the test's own often is not."""
    (tmp_path / "tty").touch()
    tmp_path.chmod(0o700)
    look = (
        "import os, sys; from modemagent.watching.selection import Selection;"
        "from modemagent.settings import Settings;"
        "os.geteuid() or os.seteuid(65534);"
        "print(Selection(Settings(discovery=False, port=(sys.argv[1],))).current_modems())"
    )
    if os.geteuid():
        tmp_path.chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", look, str(tmp_path / "tty")],
        capture_output=True,
        text=True,
        check=False,
    )
    tmp_path.chmod(0o700)
    assert (done.stdout, done.returncode) == ("{}\n", 0), done.stderr


def test_a_remote_port_is_always_worth_a_try() -> None:
    presence = Selection(Settings(discovery=False, port=("socket://192.0.2.7:4001",)))
    assert list(presence.current_modems()) == ["socket://192.0.2.7:4001"]


def test_the_modem_of_a_usb_port_is_its_device() -> None:
    assert modem_id(PortPlace(path="/dev/ttyUSB2", id="usb:1-1.4:1.2")) == "usb:1-1.4"
    assert modem_id(PortPlace(path="/dev/ttyAMA0", id="tty:ttyAMA0")) is None
    assert modem_id(PortPlace(path="/dev/pts/3")) is None


UNLISTED = Kind("1bc7", "1206", (0, 1, 2), kinds=("ff/ff/30", "", ""))
LOOK = """
import json, sys
from modemagent.watching.selection import Selection
from modemagent.settings import Settings
discovery, port, port_glob = json.loads(sys.argv[1])
settings = Settings(discovery=discovery, port=tuple(port), port_glob=tuple(port_glob))
print(json.dumps(sorted(Selection(settings).current_modems())))
"""


@pytest.mark.parametrize(
    ("port", "port_glob", "meant"),
    [
        ([], ["/dev/ttyUSB*"], ["ttyUSB12", "ttyUSB13", "ttyUSB21", "ttyUSB32"]),
        ([], ["/dev/ttyUSB*[023]"], ["ttyUSB12", "ttyUSB13", "ttyUSB22", "ttyUSB32"]),
        ([], ["/dev/tty[AU]*"], ["ttyAMA0", "ttyUSB12", "ttyUSB13", "ttyUSB21", "ttyUSB32"]),
        (["/dev/ttyUSB10"], ["/dev/ttyUSB1*"], ["ttyUSB10", "ttyUSB12", "ttyUSB13"]),
        (["/dev/ttyUSB40", "/dev/ttyACM0"], [], ["ttyACM0", "ttyUSB40"]),
    ],
)
def test_a_pattern_means_ports_of_modems_and_a_name_what_it_names(
    bed: Bed, tmp_path: Path, port: list[str], port_glob: list[str], meant: list[str]
) -> None:
    """An EG25 with an audio port, a modem of unknown layout, one that marks call a modem alone."""
    eg25 = Kind("2c7c", "0125", (0, 1, 2, 3, 4))
    tree = hub("1-1") + device("1-1", eg25, {n: 10 + n for n in eg25.ttys})
    tree += device("1-2", UNLISTED, {0: 20, 1: 21, 2: 22})
    tree += device("1-3", Kind("05c6", "9215", (0, 1, 2)), {0: 30, 1: 31, 2: 32})
    tree = marked(tree, "ttyUSB32", "ID_MM_PORT_TYPE_AT_PRIMARY")
    tree += device("1-4", Kind("05c6", "9008", (0,)), {0: 40})
    tree += device("1-5", Kind("0403", "6001", (0,), driver="ftdi_sio"), {0: 50})
    tree += device("1-6", Kind("1546", "01a8", (0,), driver="cdc_acm"), {0: 0})
    tree += "P: /devices/platform/uart/tty/ttyAMA0\nN: ttyAMA0\nE: SUBSYSTEM=tty\n\n"
    file = tmp_path / "tree.umockdev"
    file.write_text(tree)
    bed.add(str(file))
    done = subprocess.run(
        [sys.executable, "-c", LOOK, json.dumps([False, port, port_glob])],
        env=bed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [f"/dev/{name}" for name in meant]


@pytest.mark.parametrize("name", ["wwan:wwan0at:wwan0at0", "wwan:wwan0at"])
def test_a_port_of_the_kernels_own_kind_is_found_by_its_id(
    bed: Bed, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "tree.umockdev"
    place = "P: /devices/platform/soc/wwan/wwan0"
    file.write_text(
        f"{place}\nE: SUBSYSTEM=wwan\n\n{place}/wwan0at0\nN: wwan0at0\nE: SUBSYSTEM=wwan\n\n"
    )
    bed.add(str(file))
    done = subprocess.run(
        [sys.executable, "-c", LOOK, json.dumps([False, [name], []])],
        env=bed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == ["/dev/wwan0at0"]


def test_a_port_that_came_after_the_scan_is_looked_up_before_it_is_meant(bed: Bed) -> None:
    bed.add("strangers")
    look = (
        "from modemagent.watching import selection;"
        "from modemagent.settings import Settings;"
        "selection.scan = lambda **_: ();"
        "made = selection.Selection(Settings(discovery=False, port_glob=('/dev/ttyUSB*',)));"
        "print(made.current_modems(), made.renewed)"
    )
    done = subprocess.run(
        [sys.executable, "-c", look],
        env=bed.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "{} True\n"


@pytest.mark.parametrize(
    ("port", "ttys", "meant"),
    [
        ("usb:1-1", (0,), []),  # its AT port is still to come
        ("usb:1-1", (0, 1, 4), []),
        ("usb:1-1", (0, 1, 2, 3, 4), ["ttyUSB2"]),
        ("usb:1-1:1.0", (0, 1, 2, 3, 4), ["ttyUSB0"]),
        ("usb:1-3", (0, 2), ["ttyUSB7"]),  # a bridge, to which a modem may be wired
    ],
)
def test_the_id_of_a_modem_means_its_at_port(
    bed: Bed, tmp_path: Path, port: str, ttys: tuple[int, ...], meant: list[str]
) -> None:
    tree = hub("1-1") + device("1-1", Kind("2c7c", "0125", ttys), {n: n for n in ttys})
    tree += device("1-3", Kind("0403", "6001", (0,), driver="ftdi_sio"), {0: 7})
    file = tmp_path / "tree.umockdev"
    file.write_text(tree)
    bed.add(str(file))
    for discovery in (False, True):
        done = subprocess.run(
            [sys.executable, "-c", LOOK, json.dumps([discovery, [port], []])],
            env=bed.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found = {path.removeprefix("/dev/") for path in json.loads(done.stdout)}
        assert found == {*meant, *(["ttyUSB2"] if discovery and 2 in ttys else [])}
