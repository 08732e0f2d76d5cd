"""What the drivers that the kernel has bound to a USB device say about it.

A driver binds by ids that were added for one product at a time, so that the drivers for cellular
modems identify products that are missing in the table. The class CDC ACM says nothing: boards,
debug probes and GNSS receivers also have it, and send the protocol byte for AT commands (01).
"""

from __future__ import annotations

import os

from modemagent.discovery.usb import driver_of, names

#: Drivers of serial ports that only cellular modems have.
_SERIAL_DRIVERS = frozenset(("option", "qcserial", "sierra", "hso"))
#: Drivers of interfaces for QMI, MBIM and the like.
_WWAN_DRIVERS = frozenset(("qmi_wwan", "cdc_mbim", "cdc_wdm", "huawei_cdc_ncm", "sierra_net"))
#: Ports of the same kind, by class and beginning of the name; the driver may be its maker's own.
_WWAN_PORTS = (("usbmisc", "cdc-wdm"), ("wwan", "wwan"))
_NETWORK_DRIVERS = frozenset(("cdc_ether", "cdc_ncm", "rndis_host"))
#: Vendors of boards, debug probes and USB gadgets that also have serial ports beside a network
#: interface; usb.ids.
_BOARDS = {
    "03eb": "Atmel",
    "0483": "STMicroelectronics",
    "04b4": "Cypress",
    "04d8": "Microchip",
    "0525": "NetChip, Linux gadgets",
    "1209": "pid.codes",
    "1366": "SEGGER",
    "15a2": "Freescale",
    "16c0": "Van Ooijen, Teensy",
    "1d6b": "Linux Foundation, Linux gadgets",
    "1fc9": "NXP",
    "2341": "Arduino",
    "239a": "Adafruit",
    "2a03": "dog hunter, Arduino",
    "2e8a": "Raspberry Pi",
    "2fe3": "NordicSemiconductor, Zephyr",
    "303a": "Espressif",
}


def modem_evidence(device: str, vid: str, driver: str | None) -> str | None:
    """Return why a USB device is a cellular modem, None if no driver shows that it is.

    :param device: directory of the device
    :param vid: its vendor id
    :param driver: driver of the port in question
    """
    prefix = f"{os.path.basename(device)}:"
    interfaces = [f"{device}/{name}" for name in names(device) if name.startswith(prefix)]
    drivers = {driver, *map(driver_of, interfaces)}
    for name in sorted(filter(None, drivers & (_SERIAL_DRIVERS | _WWAN_DRIVERS))):
        return f"the driver {name} serves only cellular modems"
    for interface in interfaces:
        for kind, beginning in _WWAN_PORTS:
            for port in names(f"{interface}/{kind}"):
                if port.startswith(beginning):
                    return f"the device has the port {port}"
    if driver != "cdc_acm" or vid in _BOARDS:
        return None
    if drivers & _NETWORK_DRIVERS or any(names(f"{each}/net") for each in interfaces):
        return "the device has a network interface"
    return None
