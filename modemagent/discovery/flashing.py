"""Modules that wait to be flashed; some of them have no serial port."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from modemagent.dialects.usb_ids import recovery_of
from modemagent.discovery.candidate import Candidate
from modemagent.discovery.usb import text


def find_flashing(ports: Iterable[Candidate], root: Path = Path("/")) -> tuple[Candidate, ...]:
    """Return the first port of each module in flashing mode.

    The path of a module without a serial port is its id, ``usb:1-1.4``.

    :param ports: what a scan has found
    :param root: directory that holds ``sys``
    """
    found: dict[str, Candidate] = {}
    for port in ports:
        if port.is_recovery and port.modem_id is not None:
            found.setdefault(port.modem_id, port)
    for device in sorted((root / "sys/bus/usb/devices").glob("*-*")):
        if ":" in device.name:
            continue  # an interface
        vid, pid, product = (text(device / name) for name in ("idVendor", "idProduct", "product"))
        mode = recovery_of(vid and vid.lower(), pid and pid.lower(), product)
        if mode is not None:
            device_id = f"usb:{device.name}"
            portless = Candidate(
                path=device_id,
                port_id=device_id,
                modem_id=device_id,
                usb_vid=vid,
                usb_pid=pid,
                why=mode,
                manufacturer=text(device / "manufacturer"),
                product=product,
                is_recovery=True,
            )
            found.setdefault(device_id, portless)
    return tuple(found.values())
