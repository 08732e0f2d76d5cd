"""A port that has been seen and not been opened."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from modemagent.errors import NotAModem


class Role(StrEnum):
    """What a port is for, as far as the USB ids tell."""

    AT = "at"
    DATA = "data"
    NMEA = "nmea"
    DIAG = "diag"
    UNKNOWN = "unknown"


class Candidate(NamedTuple):
    """One port.

    :param path: the device file, as ``/dev/ttyUSB2``
    :param port_id: where it is plugged in, the same after a reboot: ``usb:1-1.4:1.2``
        (bus and hub ports, configuration and interface), ``pci:0000:01:00.0:wwan0at0``, or
        ``tty:ttyAMA0`` for a UART on the board
    :param modem_id: the physical device the port belongs to, ``usb:1-1.4``; None for a UART,
        which does not say what is wired to it
    :param usb_vid: four hexadecimal digits in lower case; None when the port is not USB
    :param interface: USB interface number, None when the port is not USB
    :param driver: the kernel driver, as ``option`` or ``cdc_acm``
    :param cellular: the ids are those of a maker of cellular modems
    :param secondary: the AT port that data calls and ModemManager leave free, as udev's rules say
    :param is_recovery: the device waits to be flashed or recovered; nothing may be written to it
    """

    path: str
    port_id: str
    modem_id: str | None = None
    usb_vid: str | None = None
    usb_pid: str | None = None
    interface: int | None = None
    driver: str | None = None
    role: Role = Role.UNKNOWN
    why: str = ""
    cellular: bool = False
    manufacturer: str | None = None
    product: str | None = None
    links: tuple[str, ...] = ()
    secondary: bool = False
    is_recovery: bool = False

    @property
    def name(self) -> str:
        """The name of its device, ``ttyUSB2``."""
        return self.path.rpartition("/")[2]

    def to_json(self) -> dict[str, object]:
        return {
            "path": self.path,
            "port_id": self.port_id,
            "interface": self.interface,
            "driver": self.driver,
            "role": str(self.role),
            "why": self.why,
            "links": list(self.links),
        }


def refuse_recovery(port: str, candidate: Candidate | None) -> None:
    """Let no port be asked whose device waits to be recovered or flashed, whoever names it.

    A flashing device takes what it is sent for a part of its firmware, or hangs.

    :param port: as the user named it
    :param candidate: what discovery knows of it
    :raises NotAModem: it is such a device's
    """
    if candidate is None or not candidate.is_recovery:
        return
    ids = f"{candidate.usb_vid}:{candidate.usb_pid}"
    raise NotAModem(
        f"{port} ({ids}) waits to be recovered or flashed, and is never written to",
        port=port,
        hint="Cut the modem's power and connect it again; if it comes back like this, its "
        "firmware has to be written anew with its maker's tool.",
    )
