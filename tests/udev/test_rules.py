"""Links and roles of modem ports by the real udev, and no effect on other devices."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from modemagent.dialects.usb_ids import layout_of, recovery_modes
from tests.udev.conftest import ROOT, RULES, TREES, Judge

# tree -> port -> (port id, role, secondary AT port)
EXPECTED: Mapping[str, Mapping[str, tuple[str, str, bool]]] = {
    "quectel-eg25-g": {
        "ttyUSB0": ("usb:1-2:1.0", "diag", False),
        "ttyUSB1": ("usb:1-2:1.1", "nmea", False),
        "ttyUSB2": ("usb:1-2:1.2", "at", False),
        "ttyUSB3": ("usb:1-2:1.3", "at", True),
    },
    "simcom-a7670": {
        "ttyUSB0": ("usb:1-1.4:1.2", "unknown", False),
        "ttyUSB1": ("usb:1-1.4:1.3", "unknown", False),
        "ttyUSB2": ("usb:1-1.4:1.4", "at", False),
        "ttyUSB3": ("usb:1-1.4:1.5", "data", False),
    },
    "sierra-em7455": {
        "ttyUSB0": ("usb:1-3:1.0", "diag", False),
        "ttyUSB1": ("usb:1-3:1.2", "nmea", False),
        "ttyUSB2": ("usb:1-3:1.3", "at", False),
    },
    "two-identical-sticks": {
        "ttyUSB0": ("usb:1-1.1:1.0", "unknown", False),
        "ttyUSB1": ("usb:1-1.1:1.1", "at", False),
        "ttyUSB2": ("usb:1-1.1:1.2", "at", True),
        "ttyUSB3": ("usb:1-1.2:1.0", "unknown", False),
        "ttyUSB4": ("usb:1-1.2:1.1", "at", False),
        "ttyUSB5": ("usb:1-1.2:1.2", "at", True),
    },
    "quectel-rm500u": {
        "ttyUSB0": ("usb:1-4:1.2", "unknown", False),
        "ttyUSB1": ("usb:1-4:1.3", "unknown", False),
        "ttyUSB2": ("usb:1-4:1.4", "unknown", False),
    },
    "modemmanager-hints": {
        "ttyUSB2": ("usb:1-2:1.2", "at", True),
        "ttyUSB3": ("usb:1-2:1.3", "at", False),
        "ttyUSB4": ("usb:1-2:1.4", "nmea", False),
        "ttyUSB5": ("usb:1-2:1.5", "diag", False),
        "ttyUSB6": ("usb:1-2:1.6", "unknown", False),
    },
    "eight-makers": {
        "ttyUSB0": ("usb:1-1.1:1.0", "diag", False),
        "ttyUSB1": ("usb:1-1.1:1.1", "nmea", False),
        "ttyUSB2": ("usb:1-1.1:1.2", "at", False),
        "ttyUSB3": ("usb:1-1.1:1.3", "at", True),
        "ttyUSB4": ("usb:1-1.2:1.2", "unknown", False),
        "ttyUSB5": ("usb:1-1.2:1.3", "unknown", False),
        "ttyUSB6": ("usb:1-1.2:1.4", "at", False),
        "ttyUSB7": ("usb:1-1.2:1.5", "data", False),
        "ttyUSB8": ("usb:1-1.3:1.0", "diag", False),
        "ttyUSB9": ("usb:1-1.3:1.3", "nmea", False),
        "ttyUSB10": ("usb:1-1.3:1.4", "at", False),
        "ttyUSB11": ("usb:1-1.3:1.5", "at", True),
        "ttyACM0": ("usb:1-1.4:1.0", "at", False),
        "ttyACM1": ("usb:1-1.4:1.2", "at", True),
        "ttyACM2": ("usb:1-1.4:1.4", "at", True),
        "ttyACM3": ("usb:1-1.4:1.6", "unknown", False),
        "ttyACM4": ("usb:1-1.4:1.8", "diag", False),
        "ttyACM5": ("usb:1-1.4:1.10", "diag", False),
        "ttyUSB12": ("usb:1-2.1:1.0", "unknown", False),
        "ttyUSB13": ("usb:1-2.1:1.1", "unknown", False),
        "ttyUSB14": ("usb:1-2.1:1.2", "unknown", False),
        "ttyUSB15": ("usb:1-2.2:1.0", "diag", False),
        "ttyUSB16": ("usb:1-2.2:1.2", "nmea", False),
        "ttyUSB17": ("usb:1-2.2:1.3", "at", False),
        "ttyUSB18": ("usb:1-2.3.1:1.0", "unknown", False),
        "ttyUSB19": ("usb:1-2.3.1:1.1", "at", False),
        "ttyUSB20": ("usb:1-2.3.1:1.2", "unknown", False),
        "ttyUSB21": ("usb:1-2.3.1:1.3", "at", True),
        "wwan0at0": ("pci:0000:01:00.0:wwan0at0", "at", False),
    },
    "unlisted-modem": {
        "ttyUSB0": ("usb:1-2:1.0", "unknown", False),
        "ttyUSB1": ("usb:1-2:1.1", "unknown", False),
    },
    "wwan-pcie": {
        "wwan0at0": ("pci:0000:01:00.0:wwan0at0", "at", False),
        "wwan0qcdm0": ("pci:0000:01:00.0:wwan0qcdm0", "diag", False),
    },
}


@pytest.mark.parametrize("tree", EXPECTED)
def test_each_port_has_link_and_role(judged: Judge, tree: str) -> None:
    ports = judged(tree)
    given = {
        name: (port.ours["MODEMAGENT_PORT_ID"], port.role, "MODEMAGENT_SECONDARY" in port.ours)
        for name, port in ports.items()
        if port.ours
    }
    assert given == EXPECTED[tree]
    for name, port in ports.items():
        assert port.links == ({EXPECTED[tree][name][0]} if port.ours else set())
        assert not port.warnings


@pytest.mark.parametrize("tree", [*EXPECTED, "strangers"])
def test_links_are_the_port_ids_that_list_prints(tree: str) -> None:
    if shutil.which("umockdev-run") is None:
        pytest.skip("umockdev-run is not installed (apt-get install umockdev)")
    done = subprocess.run(
        ["umockdev-run", "-d", str(TREES / f"{tree}.umockdev"), "--",
         sys.executable, "-m", "modemagent", "list", "--json"],
        capture_output=True, text=True, timeout=50,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    listed = {
        Path(port["path"]).name: port["port_id"]
        for modem in json.loads(done.stdout)["modems"]
        if modem["cellular"]
        for port in modem["ports"]
    }
    assert listed == {name: port_id for name, (port_id, _, _) in EXPECTED.get(tree, {}).items()}


@pytest.mark.parametrize("tree", EXPECTED)
def test_only_at_and_unknown_ports_start_the_daemon(judged: Judge, tree: str) -> None:
    for name, port in judged(tree).items():
        wakes = port.role in ("at", "unknown")
        assert (port.properties.get("SYSTEMD_WANTS") == "modemagent.service") is wakes, name
        assert not wakes or "systemd" in port.tags
        assert "uaccess" not in port.tags


def test_other_devices_are_not_affected(judged: Judge) -> None:
    ports = judged("strangers")
    assert set(ports) == {"ttyACM0", "ttyACM1", "ttyACM2", "ttyUSB0", "ttyUSB1", "ttyUSB2"}
    for name, port in ports.items():
        assert port.properties["SUBSYSTEM"] == "tty"  # processed by udev
        assert (name, port.ours, port.links) == (name, {}, frozenset())
        assert "SYSTEMD_WANTS" not in port.properties
        assert "uaccess" not in port.tags


def test_binary_wwan_ports_are_not_affected(judged: Judge) -> None:
    ports = judged("wwan-pcie")
    assert not ports["wwan0qmi0"].ours and not ports["wwan0mbim0"].ours


def test_the_coexistence_rules_for_modemmanager_work(judged: Judge, tmp_path: Path) -> None:
    text = (RULES / "79-modemagent-ports.rules").read_text()
    lines = [line[1:] for line in text.splitlines() if re.match(r"#(ENV|SUBSYSTEMS?)", line)]
    assert len(lines) == 3
    for number, wanted in ((0, {"ttyUSB3"}), (2, {"ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3"})):
        rules = tmp_path / "79-modemagent-share.rules"
        rules.write_text(lines[number] + "\n")
        ports = judged("quectel-eg25-g", more_rules=rules)
        marked = {
            name
            for name, port in ports.items()
            if "1" in (port.properties.get(f"ID_MM_{what}_IGNORE") for what in ("PORT", "DEVICE"))
        }
        assert marked == wanted
        assert ports["ttyUSB3"].role == "at"


def test_the_rules_hold_the_table_of_layouts() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/udev-rules"), "--check"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_no_rule_admits_unknown_devices_or_recovery_modes() -> None:
    text = (RULES / "71-modemagent-access.rules").read_text()
    allowed = [
        name
        for names in re.findall(r'USB}=="([^"]+)", GOTO="modemagent_access"', text)
        for name in names.split("|")
    ]
    assert len(allowed) > 100
    for name in allowed:
        vid, _, pid = name.partition(":")
        assert re.fullmatch("[0-9a-f]{4}", vid)
        assert layout_of(vid, "ffff" if pid == "*" else pid), name
    assert not {f"{vid}:{pid}" for vid, pid in recovery_modes()} & set(allowed)


def test_access_of_the_local_user_is_commented_out() -> None:
    lines = (RULES / "71-modemagent-access.rules").read_text().splitlines()
    assert [line for line in lines if "TAG+=" in line] == ['#TAG+="uaccess"']


def test_no_rule_runs_a_program() -> None:
    for file in RULES.glob("*.rules"):
        rules = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        assert rules
        assert not [line for line in rules if re.search(r"\b(RUN|PROGRAM|IMPORT)\b", line)]


def test_every_tree_has_expectations() -> None:
    assert {file.stem for file in TREES.glob("*.umockdev")} == {*EXPECTED, "strangers"}


def test_udevadm_verify_reports_no_error() -> None:
    helped = subprocess.run(["udevadm", "--help"], capture_output=True, text=True)
    if "verify" not in helped.stdout:
        pytest.skip("udevadm verify comes with systemd 254")
    done = subprocess.run(
        ["udevadm", "verify", *map(str, sorted(RULES.glob("*.rules")))],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
