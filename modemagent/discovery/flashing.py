"""Modules that wait to be flashed; some of them have no serial port."""

from __future__ import annotations

import os
from collections.abc import Iterable

from modemagent.dialects.usb_ids import recovery_of
from modemagent.discovery.candidate import Candidate
from modemagent.discovery.usb import names, text


def find_flashing(
    ports: Iterable[Candidate], root: str | os.PathLike[str] = "/"
) -> tuple[Candidate, ...]:
    """Return the first port of each module in flashing mode.

    The path of a module without a serial port is its id, ``usb:1-1.4``.

    :param ports: what a scan has found
    :param root: directory that holds ``sys``
    """
    found: dict[str, Candidate] = {}
    for port in ports:
        if port.is_recovery and port.modem_id is not None:
            found.setdefault(port.modem_id, port)
    devices = os.path.join(root, "sys/bus/usb/devices")
    for name in names(devices):
        if "-" not in name or ":" in name:
            continue  # a controller, an interface
        device = f"{devices}/{name}"
        vid, pid, product = (
            text(f"{device}/{key}") for key in ("idVendor", "idProduct", "product")
        )
        mode = recovery_of(vid and vid.lower(), pid and pid.lower(), product)
        if mode is not None:
            device_id = f"usb:{name}"
            portless = Candidate(
                path=device_id,
                port_id=device_id,
                modem_id=device_id,
                usb_vid=vid,
                usb_pid=pid,
                why=mode,
                manufacturer=text(f"{device}/manufacturer"),
                product=product,
                is_recovery=True,
            )
            found.setdefault(device_id, portless)
    return tuple(found.values())
