"""The watch over a modem that ModemManager has: what is reported, and when it ends.

The neighbour is the real one; what ModemManager says is put in where the bus would put it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from modemagent.errors import PortError
from modemagent.identity.snapshot import Snapshot
from modemagent.modemmanager.client import MmModem, MmSim
from modemagent.report.message import PortPlace, Reason
from modemagent.watching.modemmanager import LOOKS_S, ModemManagerArbiter
from modemagent.watching.modemmanager_monitor import ModemManagerMonitor
from modemagent.watching.watch_only import NullLog

PLACE = PortPlace(path="/dev/ttyUSB2", id="usb:1-2:1.2", usb_vid="2c7c", usb_pid="0125")
IMEI, ICCID, OTHER = "867698040000013", "8988303000000000010", "8988303000000000028"


def modem(iccid: str = ICCID, *, device: str = "/sys/devices/usb1/1-2", **told: int) -> MmModem:
    """Return a modem with a card; keyword arguments are properties of ``Modem``."""
    properties: Mapping[str, object] = {
        "Modem.Device": device,
        "Modem.EquipmentIdentifier": IMEI,
        "Modem.UnlockRequired": 1,
        **{f"Modem.{name}": value for name, value in told.items()},
    }
    card = MmSim(1, True, {"Sim.SimIdentifier": iccid, "Sim.Imsi": "901288000000001"})
    return MmModem("/Modem/0", device, ("ttyUSB2", "ttyUSB3"), properties, (card,))


class Watched:
    """A modem that is being watched; what was reported is kept."""

    def __init__(self, refresh_interval_s: float = 0.0) -> None:
        self.stirred = 0
        self.neighbour = ModemManagerArbiter(NullLog(), changed=self._stir)
        self.neighbour._take((modem(),), running=True)
        self.told: asyncio.Queue[tuple[str | None, Reason | None]] = asyncio.Queue()
        self.vigil = ModemManagerMonitor(
            self.neighbour,
            place=lambda: PLACE,
            report=self._report,
            refresh_interval_s=refresh_interval_s,
        )

    def _stir(self) -> None:
        self.stirred += 1

    def _report(self, reading: Snapshot, otherwise: Reason | None) -> Reason | None:
        sim = reading.active_sim
        self.told.put_nowait((sim.iccid if sim else None, otherwise))
        return otherwise or Reason.SIM_CHANGED

    async def run(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.vigil.run(await self.vigil.ask()))


async def test_another_card_is_reported_and_the_same_again_is_not() -> None:
    watched = Watched()
    task = await watched.run()
    await asyncio.sleep(0)
    watched.neighbour._take((modem(State=8),), running=True)  # it has registered
    watched.neighbour._take((modem(OTHER, State=8),), running=True)
    assert await watched.told.get() == (OTHER, None)
    assert watched.told.empty()
    watched.neighbour._take((), running=True)
    await task


async def test_it_ends_when_the_modem_is_no_longer_there() -> None:
    watched = Watched()
    task = await watched.run()
    watched.neighbour._take((), running=False)
    await task
    with pytest.raises(PortError, match="has lost the modem"):
        await watched.vigil.ask()


async def test_a_full_report_is_made_when_it_is_time() -> None:
    watched = Watched(refresh_interval_s=0.01)
    task = await watched.run()
    assert await watched.told.get() == (ICCID, Reason.REFRESH)
    watched.vigil.retime(60.0, 86400.0)
    task.cancel()


async def test_other_intervals_count_at_once() -> None:
    watched = Watched(refresh_interval_s=86400.0)
    task = await watched.run()
    await asyncio.sleep(0)
    watched.vigil.retime(60.0, 0.01)
    assert await watched.told.get() == (ICCID, Reason.REFRESH)
    task.cancel()


async def test_a_port_is_left_to_it_for_a_while_after_either_has_come() -> None:
    neighbour = ModemManagerArbiter(NullLog(), changed=lambda: None)
    now = asyncio.get_running_loop().time()
    assert neighbour.probe_grace_s(PLACE, now) == 0, "it does not run"
    neighbour._take((), running=True)
    assert 0 < neighbour.probe_grace_s(PLACE, now) <= LOOKS_S
    assert neighbour.probe_grace_s(PLACE, now - LOOKS_S) == 0, "it has had its time"
    uart = PortPlace(path="/dev/ttyAMA0", id="tty:ttyAMA0")
    assert neighbour.probe_grace_s(uart, now) == 0, "it does not look at these by itself"
    neighbour._take((), running=False)
    assert neighbour.probe_grace_s(PLACE, now - LOOKS_S) > 0, "it may be starting again"


async def test_modems_without_a_port_of_their_own_stay_while_their_device_is_there(
    tmp_path: Path,
) -> None:
    neighbour = ModemManagerArbiter(NullLog(), changed=lambda: None)
    device = tmp_path / "1-3"
    device.mkdir()
    (device / "idVendor").write_text("1199\n")
    found = modem(device=str(device))._replace(ports=("cdc-wdm0", "wwan0"))
    other = PortPlace(path="/dev/ttyUSB0", id="usb:1-9:1.0")
    neighbour._take((found,), running=True)
    [place] = neighbour.portless([other]).values()
    assert (place.path, place.id, place.usb_vid) == ("/dev/cdc-wdm0", "usb:1-3:cdc-wdm0", "1199")
    neighbour._take((), running=False)
    assert list(neighbour.portless([other])) == ["/dev/cdc-wdm0"]
    (device / "idVendor").unlink()
    device.rmdir()
    assert not neighbour.portless([other])


async def test_a_modem_whose_port_is_watched_is_not_watched_twice(tmp_path: Path) -> None:
    neighbour = ModemManagerArbiter(NullLog(), changed=lambda: None)
    device = tmp_path / "1-2"
    device.mkdir()
    neighbour._take((modem(device=str(device)),), running=True)
    assert not neighbour.portless([PLACE])
    assert not neighbour.portless([]), "nor while its port goes a moment before it does"


@pytest.mark.parametrize(
    ("place", "is_it"),
    [
        (PLACE, True),
        (PortPlace(path="/dev/ttyUSB9", id="usb:1-2:1.9"), True),  # another port of the same device
        (PortPlace(path="/dev/ttyUSB3"), True),  # nothing known but its name
        (PortPlace(path="/dev/ttyUSB4", id="usb:1-20:1.2"), False),
        (PortPlace(path="/dev/ttyAMA0", id="tty:ttyAMA0"), False),
        (PortPlace(path="socket://192.0.2.7:2000"), False),
    ],
)
async def test_whose_port_it_is(place: PortPlace, is_it: bool) -> None:
    neighbour = ModemManagerArbiter(NullLog(), changed=lambda: None)
    neighbour._take((modem(),), running=True)
    assert (neighbour.modem_of(place) is not None) is is_it
