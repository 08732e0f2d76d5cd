"""Hubs of the bays: what they were, what they are, and the hold of the bays of a moved one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modemagent.provisioning.events import HubsJudged
from modemagent.provisioning.hubs import hubs_of, misplaced_bays
from modemagent.provisioning.usb_faults import usb_fault
from tests.discovery.usb_tree import CONTROLLER, UsbTree
from tests.provisioning.line import Line, unit_with

ROOT = f"{CONTROLLER}/usb2"
BAYS = {"01": f"{ROOT}/1.4.1", "02": f"{ROOT}/1.4.2", "03": f"{ROOT}/2.1", "04": "/dev/ttyS4"}


def tree(root, hubs: dict[str, str]) -> None:
    """Make hubs, given as name and ids with the number of ports, each with a device in port 1."""
    usb = UsbTree(root)
    usb.root_hub("1", 480)
    for name, text in hubs.items():
        usb.plug(f"{name}.1")
        folder = root / "sys/bus/usb/devices" / name
        ids, _, ports = text.partition(" ")
        vid, _, pid = ids.partition(":")
        for attribute, value in (("bDeviceClass", "09"), ("speed", "480"), ("maxchild", ports),
                                 ("idVendor", vid), ("idProduct", pid)):  # fmt: skip
            (folder / attribute).write_text(f"{value}\n")


@pytest.mark.parametrize(
    ("now", "wrong"),
    [
        ({"1-1": "05e3:0610 4", "1-1.4": "05e3:0610 4", "1-2": "0424:2514 4"}, {}),
        ({"1-1": "05e3:0610 4", "1-2": "0424:2514 4"},
         {"01": "hub 1.4 is missing", "02": "hub 1.4 is missing"}),
        ({"1-1": "05e3:0610 4", "1-1.4": "05e3:0610 7", "1-2": "05e3:0610 4"},
         {"01": "hub 1.4 is another one", "02": "hub 1.4 is another one",
          "03": "hub 2 is another one"}),
        ({"1-1": "05e3:0610 4", "1-1.4": "05e3:0610 4", "1-2": "0424:2514 4",
          "1-1.3": "05e3:0610 4"}, {}),
    ],
)  # fmt: skip
def test_bays_of_a_hub_that_is_not_as_it_was_are_named(tmp_path, now, wrong) -> None:
    tree(tmp_path / "a", {"1-1": "05e3:0610 4", "1-1.4": "05e3:0610 4", "1-2": "0424:2514 4"})
    hubs = hubs_of(BAYS.values(), tmp_path / "a")
    assert list(hubs) == [f"{ROOT}/1", f"{ROOT}/1.4", f"{ROOT}/2"]
    tree(tmp_path / "b", now)
    (tmp_path / "b/sys/bus/usb/devices/1-1/speed").write_text("unknown\n")  # it is coming up
    assert misplaced_bays(BAYS, hubs, tmp_path / "b") == wrong


def test_bay_of_a_moved_hub_is_on_hold_until_it_is_back() -> None:
    line = Line()
    line.post(HubsJudged({"01": "hub 1.4 is missing"}))
    assert (line.bay().state, line.bay().reason) == ("hold", "hub 1.4 is missing")
    line.plug("01", unit_with(1))
    line.plug("02", unit_with(2))
    assert line.shown() == ("hold", "", "station")
    assert line.shown("02")[0] == "pass"
    line.post(HubsJudged({}))
    assert line.shown()[0] == "pass"
    line.post(HubsJudged({"03": "hub 2 is another one"}))
    line.post(HubsJudged({}))
    assert line.bay("03").state == "waiting"


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (["11:00:00+0000 b2 kernel: hub 1-0:1.0: over-current condition on port 3"], "1-0:1.0"),
        (["11:00:00,123456+00:00 usb 1-1-port3: over-current condition"], "1-1-port3"),
        (["11:00:00+0000 b2 kernel: usb 1-1.4: reset high-speed USB device number 7 using xhci_hcd"]
         * 5, "USB 1-1.4 was reset 5 times"),
        (["11:00:00+0000 b2 kernel: usb 1-1.4: reset high-speed USB device number 7 using xhci_hcd"]
         * 4, ""),
        (["11:00:00+0000 b2 kernel: usb 1-1.4: new high-speed USB device number 7"] * 9, ""),
    ],
)  # fmt: skip
def test_faults_of_usb_ports_are_read_from_the_kernel_log(lines: list[str], fault: str) -> None:
    now = datetime(2026, 12, 1, 12, tzinfo=UTC)
    problem, remedy = usb_fault("\n".join(f"2026-12-01T{line}" for line in lines), now)
    assert fault in problem
    assert bool(problem) == bool(remedy) == bool(fault)
    before = "\n".join(f"2026-11-30T{line}" for line in lines)
    assert usb_fault(before, now) == ("", "")
    assert usb_fault("[12.345] usb 1-1-port3: over-current condition", now) == ("", "")
