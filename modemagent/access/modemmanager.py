"""Readings of the modems that ModemManager holds: one connection to D-Bus per command."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from modemagent.access.target import TargetPort
from modemagent.errors import ModemAgentError, ModemManagerUnavailable, PortNotFound
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.modemmanager import snapshot_of
from modemagent.modemmanager.client import NAME, ModemManager
from modemagent.modemmanager.managed_modem import MmModem

_LIST = "List its modems with: mmcli --list-modems"


class ManagedReading(NamedTuple):
    """A modem that ModemManager has: its identity, and everything else that is known of it."""

    snapshot: Snapshot
    modem: MmModem


def read_managed(
    ports: Iterable[TargetPort] | None,
) -> list[tuple[TargetPort, ManagedReading | ModemAgentError]]:
    """Read the modems behind some ports.

    :param ports: None for every modem that ModemManager has
    :raises ModemManagerUnavailable: no ports are given, and D-Bus or ModemManager is not available
    :raises PortNotFound: no ports are given, and ModemManager has no modem
    """
    try:
        modems = asyncio.run(_modems())
    except ModemManagerUnavailable as error:
        if ports is None:
            raise
        return [(port, error) for port in ports]
    if ports is None:
        if not modems:
            raise PortNotFound(f"{NAME} has no modem", port="auto", hint=_LIST)
        ports = [TargetPort(_port_of(modem)) for modem in modems]
    return [(port, _read(port, modems)) for port in ports]


async def _modems() -> tuple[MmModem, ...]:
    link = await ModemManager.connect()
    try:
        if not await link.is_running():
            raise ModemManagerUnavailable(
                f"{NAME} is not running",
                hint="Start it with systemctl start ModemManager, or omit --via.",
            )
        return await link.modems(is_detailed=True)
    finally:
        link.close()


def _read(port: TargetPort, modems: Iterable[MmModem]) -> ManagedReading | ModemAgentError:
    name = port.path.rpartition("/")[2]
    device = (port.port_id or "").partition(":")[2].rpartition(":")[0]
    for modem in modems:
        is_same_device = device and device == modem.bus_id
        if name in modem.ports or is_same_device or _port_of(modem) == port.path:
            snapshot = snapshot_of(modem, port=port.path, port_id=port.port_id)
            return ManagedReading(snapshot, modem)
    return PortNotFound(
        f"{NAME} has no modem with the port {port.path}", port=port.path, hint=_LIST
    )


def _port_of(modem: MmModem) -> str:
    return f"/dev/{modem.ports[0]}" if modem.ports else modem.path
