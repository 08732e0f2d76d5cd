"""Modems that no table lists, recognized by the drivers that the kernel has bound to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemagent.discovery.candidate import Candidate, Role
from modemagent.discovery.modems import find_modems
from modemagent.discovery.sysfs import find_flashing, scan
from tests.conftest import Machine

#: An id that no table lists, and that no maker has.
VID, PID = "f0f0", "0001"
#: The protocol byte of CDC ACM for AT commands (V.250).
AT_PROTOCOL = {0: "02/02/01"}


def ports_of(machine: Machine) -> list[Candidate]:
    return list(scan(machine.root))


@pytest.mark.parametrize("driver", ["option", "qcserial", "sierra", "hso"])
def test_driver_for_modems_identifies_an_unlisted_modem(machine: Machine, driver: str) -> None:
    machine.usb_modem("1-2", VID, PID, {0: "ttyUSB0", 2: "ttyUSB1"}, driver=driver)
    ports = ports_of(machine)
    assert [(port.cellular, port.role) for port in ports] == [(True, Role.UNKNOWN)] * 2
    assert f"the driver {driver} serves only cellular modems" in ports[0].why
    (modem,) = find_modems(ports)
    assert modem.ranked == tuple(ports)


@pytest.mark.parametrize(
    "beside",
    [
        "qmi_wwan usbmisc/cdc-wdm0",
        "cdc_mbim net/wwan0",
        "GobiNet usbmisc/cdc-wdm3",
        "vendor wwan/wwan0/wwan0qmi0",
        "cdc_ether net/usb0",
        "rndis_host",
        "vendor net/eth1",
    ],
)
def test_acm_port_counts_beside_an_interface_of_a_modem(machine: Machine, beside: str) -> None:
    machine.usb_modem(
        "1-2", VID, PID, {2: "ttyACM0"}, driver="cdc_acm", kinds={2: "02/02/01"}, beside={0: beside}
    )
    (port,) = ports_of(machine)
    assert (port.cellular, port.role) == (True, Role.UNKNOWN)


def test_port_of_another_driver_does_not_count_beside_a_network(machine: Machine) -> None:
    machine.usb_modem(
        "1-2", VID, PID, {2: "ttyUSB0"}, driver="ftdi_sio", beside={0: "cdc_ether net/usb0"}
    )
    assert not ports_of(machine)[0].cellular


def test_protocols_of_qualcomm_give_the_roles_of_unlisted_ports(machine: Machine) -> None:
    kinds = {0: "ff/ff/30", 1: "ff/ff/40", 2: "ff/ff/60", 3: "ff/00/00"}
    machine.usb_modem("1-2", VID, PID, {n: f"ttyUSB{n}" for n in kinds}, kinds=kinds)
    roles = [port.role for port in ports_of(machine)]
    assert roles == [Role.DIAG, Role.AT, Role.NMEA, Role.UNKNOWN]


@pytest.mark.parametrize(
    ("vid", "pid", "beside"),
    [
        pytest.param("2341", "0043", {}, id="Arduino Uno"),
        pytest.param("2341", "025b", {2: "cdc_ether net/usb0"}, id="Arduino Portenta"),
        pytest.param("0483", "374b", {2: "usb-storage"}, id="ST-Link V2-1"),
        pytest.param("1546", "01a8", {}, id="u-blox M8 GNSS receiver"),
        pytest.param("1546", "01a9", {}, id="u-blox M9 GNSS receiver"),
        pytest.param("1366", "0105", {2: "usbfs"}, id="J-Link"),
        pytest.param("1366", "1020", {2: "rndis_host net/usb0"}, id="J-Link with IP over USB"),
        pytest.param("1d6b", "0104", {2: "rndis_host net/usb0"}, id="single-board computer"),
        pytest.param("1cf1", "0030", {}, id="Zigbee stick"),
        pytest.param("1915", "520f", {}, id="Nordic Bluetooth dongle"),
    ],
)
def test_acm_port_of_a_stranger_never_counts(
    machine: Machine, vid: str, pid: str, beside: dict[int, str]
) -> None:
    machine.usb_modem(
        "1-2", vid, pid, {0: "ttyACM0"}, driver="cdc_acm", kinds=AT_PROTOCOL, beside=beside
    )
    assert not find_modems(ports_of(machine))


@pytest.mark.parametrize(("vid", "pid"), [("1915", "910a"), ("2cd2", "0001"), ("1bc7", "0036")])
def test_acm_port_counts_by_its_row_or_that_of_its_vendor(
    machine: Machine, vid: str, pid: str
) -> None:
    machine.usb_modem("1-2", vid, pid, {1: "ttyACM0"}, driver="cdc_acm")
    assert ports_of(machine)[0].cellular


def test_modules_in_flashing_mode_are_found_without_a_port(machine: Machine) -> None:
    machine.usb_modem("1-2", "18d1", "d00d", {})
    machine.usb_modem("1-3", "05c6", "9008", {0: "ttyUSB0"}, driver="qcserial")
    machine.usb_modem("1-4", "2c7c", "0125", {0: "ttyUSB1"}, product="QHSUSB__BULK")
    machine.usb_modem("1-5", "2c7c", "0125", {2: "ttyUSB2"}, product="EG25-G")
    ports = ports_of(machine)
    flashing = find_flashing(ports, machine.root)
    assert [(each.modem_id, Path(each.path).name) for each in flashing] == [
        ("usb:1-3", "ttyUSB0"),
        ("usb:1-4", "ttyUSB1"),
        ("usb:1-2", "usb:1-2"),
    ]
    assert [modem.device_id for modem in find_modems(ports)] == ["usb:1-5"]
