"""Hubs of the bays: what they were, what they are, and the hold of the bays of a moved one."""

from __future__ import annotations

import pytest

from modemagent.provisioning.events import HubsJudged
from modemagent.provisioning.hubs import hubs_of, misplaced_bays
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
