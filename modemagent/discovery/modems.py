"""Cellular modems that are plugged in, each with its ports in the order to try them."""

from collections.abc import Iterable
from typing import NamedTuple

from modemagent.dialects.usb_ids import layout_of
from modemagent.discovery.candidate import PURPOSES, Candidate, Role
from modemagent.errors import NotAModem


def best_at_port(ports: Iterable[Candidate]) -> Candidate | None:
    """Return the AT port to use, preferably one that data calls leave free; None without one."""
    at_ports = [port for port in ports if port.role is Role.AT]
    return min(at_ports, key=lambda port: not port.secondary, default=None)


def siblings_of(port: Candidate, ports: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the other ports of the same device."""
    return tuple(
        each
        for each in ports
        if port.modem_id and each.modem_id == port.modem_id and each.port_id != port.port_id
    )


def role_error(name: str, port: Candidate, ports: Iterable[Candidate]) -> NotAModem:
    """Return the error for a port that is known to take no AT commands.

    :param name: the port as the user named it
    :param ports: what a scan has found; the hint names the AT port of the same modem
    """
    best = best_at_port(siblings_of(port, ports))
    return NotAModem(
        f"{name} is {PURPOSES[port.role]} and takes no AT commands: {port.why}",
        port=name,
        hint="Try the other ports of the device: modemagent list."
        if best is None
        else f"Use {best.path} ({best.port_id}), the AT port of the same modem.",
    )


class ModemCandidate(NamedTuple):
    """One physical device with at least one port.

    :param device_id: ``usb:1-1.4``, ``pci:0000:01:00.0`` or ``wwan:wwan0at``
    :param ports: all ports of the device, ordered by port id
    """

    device_id: str
    ports: tuple[Candidate, ...]

    @property
    def ranked(self) -> tuple[Candidate, ...]:
        """Ports that may take AT commands, best first.

        AT ports by udev's marks, the table of USB ids or the interface protocol; the one that data
        calls leave free comes first. Ports of unknown purpose (audio, logs, a console) count only
        if no AT port is known.
        """
        at_ports = [port for port in self.ports if port.role is Role.AT]
        if at_ports:
            return tuple(sorted(at_ports, key=lambda port: not port.secondary))
        return tuple(port for port in self.ports if port.role is Role.UNKNOWN)

    @property
    def awaits_at_port(self) -> bool:
        """True if the table lists AT ports for this product and none has appeared yet."""
        first = self.ports[0]
        layout = layout_of(first.usb_vid, first.usb_pid)
        return (
            layout is not None
            and Role.AT in layout.roles.values()
            and all(port.role is not Role.AT for port in self.ports)
        )


def find_modems(ports: Iterable[Candidate]) -> tuple[ModemCandidate, ...]:
    """Group the ports of cellular modems by physical device.

    Devices that wait to be flashed are left out.
    """
    devices: dict[str, list[Candidate]] = {}
    for port in ports:
        if port.cellular and port.modem_id is not None and not port.is_recovery:
            devices.setdefault(port.modem_id, []).append(port)
    return tuple(ModemCandidate(device, tuple(group)) for device, group in devices.items())
