"""Reading a modem that ModemManager has, for a command: connect, ask once, go."""

from __future__ import annotations

import asyncio

from modemagent.errors import ModemAgentError, ModemManagerUnavailable, PortBusy, PortNotFound
from modemagent.identity.snapshot import Snapshot
from modemagent.modemmanager.client import NAME, MmModem, ModemManager, has_library


def everything() -> list[Snapshot]:
    """Return a reading of each modem that ModemManager has.

    :raises NeighbourAway: it can not be asked
    :raises PortNotFound: it has none
    """
    modems = _modems()
    if not modems:
        raise PortNotFound(f"{NAME} has no modem", port="auto", hint="See: mmcli --list-modems")
    return [_snapshot(modem, _port_of(modem), None) for modem in modems]


def one(port: str, port_id: str | None) -> Snapshot:
    """Return the reading of the modem behind a port.

    :raises NeighbourAway: ModemManager can not be asked
    :raises PortNotFound: it has no such modem
    """
    name = port.rpartition("/")[2]
    device = (port_id or "").partition(":")[2].rpartition(":")[0]
    for modem in _modems():
        if name in modem.ports or (device and modem.place == device):
            return _snapshot(modem, port, port_id)
    raise PortNotFound(
        f"{NAME} has no modem with the port {port}", port=port, hint="See: mmcli --list-modems"
    )


def fallback(port: str, port_id: str | None, busy: PortBusy) -> Snapshot | ModemAgentError:
    """Return the reading of a modem whose port is held by ModemManager, else why it stays busy."""
    if busy.holder_name not in (NAME, None) or not has_library():
        return busy
    try:
        return one(port, port_id)
    except (ModemManagerUnavailable, PortNotFound):
        return busy


def _modems() -> tuple[MmModem, ...]:
    return asyncio.run(_ask())


async def _ask() -> tuple[MmModem, ...]:
    link = await ModemManager.connect()
    try:
        if not await link.is_running():
            raise ModemManagerUnavailable(
                f"{NAME} is not running", hint="Leave --via out, or: systemctl start ModemManager"
            )
        return await link.modems()
    finally:
        link.close()


def _snapshot(modem: MmModem, port: str, port_id: str | None) -> Snapshot:
    from modemagent.modem.modemmanager import snapshot_of

    return snapshot_of(modem, port=port, port_id=port_id)


def _port_of(modem: MmModem) -> str:
    return f"/dev/{modem.ports[0]}" if modem.ports else modem.path
