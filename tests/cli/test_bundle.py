"""diagnose --bundle: one zip with everything that support needs, masked, never overwritten."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from modemagent.discovery.candidate import Candidate
from modemagent.discovery.kernel_log import select_lines
from tests.simulated import simulated

EG25 = "quectel-eg25-g"
IMEI, ICCID, IMSI = "865284040000014", "8901260000000000014", "310260000000011"


def test_bundle_is_complete_and_masked(call: Any, tmp_path: Path) -> None:
    file = tmp_path / "support.zip"
    with simulated(EG25) as sim:
        done = call("diagnose", sim.path, "--bundle", str(file), "--state-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert IMEI in done.stdout
    with zipfile.ZipFile(file) as bundle:
        members = {name: bundle.read(name).decode() for name in bundle.namelist()}
    for name in ("versions.json", "list.json", "diagnosis.json", "settings.json"):
        json.loads(members[name])
    assert {"diagnosis.txt", "trace.txt", "contents.txt"} <= set(members)
    assert "> AT" in members["trace.txt"]
    assert "865284*****0014" in members["diagnosis.txt"]
    for name, content in members.items():
        for number in (IMEI, ICCID, IMSI):
            assert number not in content, name
    assert "left out: status.json: no agent is running" in members["contents.txt"]
    assert "left out of the bundle: status.json" in done.stderr
    assert file.stat().st_mode & 0o077 == 0


def test_bundle_is_overwritten_only_with_force(call: Any, tmp_path: Path) -> None:
    file = tmp_path / "support.zip"
    file.write_text("mine")
    words = ("--bundle", str(file), "--state-dir", str(tmp_path))
    with simulated(EG25) as sim:
        refused = call("diagnose", sim.path, *words)
        assert sim.lines_received == []
        assert (refused.returncode, file.read_text()) == (2, "mine")
        assert "--force" in refused.stderr
        assert call("diagnose", sim.path, *words, "--force", "--json").returncode == 0
    assert zipfile.is_zipfile(file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["support.zip"]


def test_bundle_in_a_missing_directory_is_refused(call: Any, tmp_path: Path) -> None:
    done = call("diagnose", "/dev/no-such-port", "--bundle", str(tmp_path / "no/such.zip"))
    assert done.returncode == 2


def test_bundle_of_a_missing_port_has_no_trace(call: Any, tmp_path: Path) -> None:
    file = tmp_path / "support.zip"
    done = call(
        "diagnose", "/dev/no-such-port", "--bundle", str(file), "--state-dir", str(tmp_path)
    )
    assert done.returncode == 4
    with zipfile.ZipFile(file) as bundle:
        assert "left out: trace.txt: no port was opened" in bundle.read("contents.txt").decode()


LOG = """\
usb 1-2: new high-speed USB device number 7 using xhci_hcd
usb 1-2: GSM modem (1-port) converter now attached to ttyUSB2
option 1-2:1.2: GSM modem (1-port) converter detected
usb 1-2.1: new device
usb 11-2: new device
eth0: link up
option1 ttyUSB2: GSM modem (1-port) converter now disconnected from ttyUSB2
option1 ttyUSB20: other
"""


@pytest.mark.parametrize("is_known", [True, False])
def test_kernel_lines_are_those_of_the_device(is_known: bool) -> None:
    candidate = Candidate(path="/dev/ttyUSB2", port_id="usb:1-2:1.2", modem_id="usb:1-2")
    found = select_lines(LOG, [candidate] if is_known else [])
    all_lines = LOG.splitlines()
    expected = [0, 1, 2, 6] if is_known else [0, 1, 2, 3, 4, 6, 7]
    assert found == tuple(all_lines[at] for at in expected)
