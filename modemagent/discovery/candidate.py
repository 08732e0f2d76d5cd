"""One serial port as sysfs describes it, before it is opened."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from modemagent.errors import NotAModem

#: How long to listen at a port of unknown purpose before the first byte is written to it: NMEA 0183
#: receivers repeat their sentences every second, and must not be written to.
LISTEN_S = 1.1


class Role(StrEnum):
    """Purpose of a port, derived from USB ids, interface protocol or udev properties."""

    AT = "at"
    DATA = "data"
    NMEA = "nmea"
    DIAG = "diag"
    UNKNOWN = "unknown"


#: Purpose of each role that is not for AT commands alone, as part of a sentence.
PURPOSES: Mapping[Role, str] = {
    Role.DATA: "for data calls",
    Role.NMEA: "for positions (NMEA)",
    Role.DIAG: "for diagnostics",
}


class Candidate(NamedTuple):
    """One port.

    :param path: device file, such as ``/dev/ttyUSB2``
    :param port_id: stable id, the same after a reboot: ``usb:1-1.4:1.2`` (bus and hub ports,
        configuration and interface), ``pci:0000:01:00.0:wwan0at0``, or ``tty:ttyAMA0`` for a UART
        on the board
    :param modem_id: id of the physical device, ``usb:1-1.4``; None for a UART on the board, because
        sysfs does not describe what is wired to it
    :param usb_vid: four hexadecimal digits in lower case; None if the port is not a USB port
    :param interface: USB interface number; None if the port is not a USB port
    :param driver: kernel driver, such as ``option`` or ``cdc_acm``
    :param why: source of the role
    :param cellular: the ids belong to a manufacturer of cellular modems
    :param secondary: udev's rules mark this AT port as the one that data calls and ModemManager
        leave free
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
        """Kernel name of the device, such as ``ttyUSB2``."""
        return self.path.rpartition("/")[2]

    @property
    def takes_no_at(self) -> bool:
        """True for a port that is known to take no AT commands: NMEA or diagnostics."""
        return self.role in (Role.NMEA, Role.DIAG)

    @property
    def is_uart(self) -> bool:
        """True for a UART on the board and for a bridge to one, whose speed has an effect."""
        on_board = self.port_id.startswith("tty:")
        is_bridge = self.name.startswith("ttyUSB") and not (self.cellular or self.is_recovery)
        return on_board or is_bridge

    def to_json(self) -> dict[str, object]:
        """Return what ``list`` shows of a port; the ids are those of its device."""
        return {
            "path": self.path,
            "port_id": self.port_id,
            "interface": self.interface,
            "driver": self.driver,
            "role": str(self.role),
            "why": self.why,
            "links": list(self.links),
        }


def recovery_error(port: str, candidate: Candidate) -> NotAModem:
    """Return the error for a device that waits to be recovered or flashed.

    :param port: the name given by the user, or the port or id of the device
    """
    return NotAModem(
        f"{port} ({candidate.usb_vid}:{candidate.usb_pid}): the module is in flashing mode and is "
        "never written to",
        port=port,
        hint="Disconnect the module's power for ten seconds and connect it again. If it comes back "
        "in this state, check that no boot or download pin is pulled, then flash its firmware with "
        "the manufacturer's tool.",
    )


def refuse_recovery(port: str, candidate: Candidate | None) -> None:
    """Raise an error if the device waits to be recovered or flashed.

    Such a device takes received bytes for a part of its firmware, or hangs.

    :param port: the name given by the user
    :param candidate: the port as discovery describes it, if it does
    :raises NotAModem: the device waits to be recovered or flashed
    """
    if candidate is not None and candidate.is_recovery:
        raise recovery_error(port, candidate)
