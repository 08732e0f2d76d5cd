"""A modem managed by ModemManager, with its SIM slots, as ModemManager describes it."""

from collections.abc import Mapping
from typing import NamedTuple

#: Property -> value, such as ``Modem.Manufacturer``.
Properties = Mapping[str, object]


class MmSim(NamedTuple):
    """A SIM slot of a modem managed by ModemManager.

    :param slot: counted from 1
    :param active: True for the slot in use
    :param properties: property -> value, such as ``Sim.SimIdentifier``; empty for a slot without a
        SIM, only ``Sim.Active`` for a SIM whose properties are not available
    """

    slot: int
    active: bool
    properties: Properties


class MmModem(NamedTuple):
    """A modem managed by ModemManager.

    :param path: its object on the bus, ``/org/freedesktop/ModemManager1/Modem/0``
    :param device: its USB or PCI device in sysfs
    :param ports: names of its ports, such as ``ttyUSB2``, the primary port first
    :param properties: property -> value, such as ``Modem.Manufacturer``
    :param bearers: the properties of each data connection, such as ``Bearer.Connected``; only in a
        detailed reading
    """

    path: str
    device: str
    ports: tuple[str, ...]
    properties: Properties
    sims: tuple[MmSim, ...]
    bearers: tuple[Properties, ...] = ()

    @property
    def bus_id(self) -> str:
        """The id on its bus: ``1-1.4`` of a USB device, ``0000:01:00.0`` of a PCI device."""
        return self.device.rpartition("/")[2]
