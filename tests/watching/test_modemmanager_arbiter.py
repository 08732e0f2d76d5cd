"""Monitoring of a modem through ModemManager, and arbitration of ports with it.

The arbiter is the real one; the test supplies the data that the bus would deliver.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from modemagent.errors import PortError
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import NullLog
from modemagent.modemmanager.managed_modem import MmModem, MmSim
from modemagent.report.message import PortPlace, Reason
from modemagent.watching.modemmanager_arbiter import PROBES_WITHIN_S, ModemManagerArbiter
from modemagent.watching.modemmanager_monitor import ModemManagerMonitor

PLACE = PortPlace(path="/dev/ttyUSB2", id="usb:1-2:1.2", usb_vid="2c7c", usb_pid="0125")
IMEI, ICCID, OTHER = "867698040000013", "8988303000000000010", "8988303000000000028"


def modem(iccid: str = ICCID, *, device: str = "/sys/devices/usb1/1-2", **more: int) -> MmModem:
    """Return a modem with a SIM; keyword arguments are properties of ``Modem``."""
    properties: Mapping[str, object] = {
        "Modem.Device": device,
        "Modem.EquipmentIdentifier": IMEI,
        "Modem.UnlockRequired": 1,
        **{f"Modem.{name}": value for name, value in more.items()},
    }
    sim = MmSim(1, True, {"Sim.SimIdentifier": iccid, "Sim.Imsi": "901288000000001"})
    return MmModem("/Modem/0", device, ("ttyUSB2", "ttyUSB3"), properties, (sim,))


class Watched:
    """A monitored modem with its submitted readings."""

    def __init__(self, refresh_interval_s: float = 0.0) -> None:
        self.arbiter = ModemManagerArbiter(NullLog(), changed=lambda: None)
        self.arbiter._update((modem(),), running=True)
        self.submitted: asyncio.Queue[tuple[str | None, Reason | None]] = asyncio.Queue()
        self.monitor = ModemManagerMonitor(
            self.arbiter,
            place=lambda: PLACE,
            submit=self._submit,
            refresh_interval_s=refresh_interval_s,
        )

    def _submit(self, reading: Snapshot, default_reason: Reason | None) -> Reason | None:
        sim = reading.active_sim
        self.submitted.put_nowait((sim.iccid if sim else None, default_reason))
        return default_reason or Reason.SIM_CHANGED

    async def run(self) -> asyncio.Task[None]:
        return asyncio.create_task(self.monitor.run(await self.monitor.read_now()))


async def test_other_sim_is_submitted_once() -> None:
    watched = Watched()
    task = await watched.run()
    await asyncio.sleep(0)
    watched.arbiter._update((modem(State=8),), running=True)  # registered
    watched.arbiter._update((modem(OTHER, State=8),), running=True)
    assert await watched.submitted.get() == (OTHER, None)
    assert watched.submitted.empty()
    watched.arbiter._update((), running=True)
    await task


async def test_monitor_ends_when_modemmanager_loses_the_modem() -> None:
    watched = Watched()
    task = await watched.run()
    watched.arbiter._update((), running=False)
    await task
    with pytest.raises(PortError, match="has lost the modem"):
        await watched.monitor.read_now()


async def test_refresh_is_submitted_when_due() -> None:
    watched = Watched(refresh_interval_s=0.01)
    task = await watched.run()
    assert await watched.submitted.get() == (ICCID, Reason.REFRESH)
    watched.monitor.retime(60.0, 86400.0)
    task.cancel()


async def test_other_interval_applies_at_once() -> None:
    watched = Watched(refresh_interval_s=86400.0)
    task = await watched.run()
    await asyncio.sleep(0)
    watched.monitor.retime(60.0, 0.01)
    assert await watched.submitted.get() == (ICCID, Reason.REFRESH)
    task.cancel()


async def test_grace_after_modemmanager_or_a_port_appears() -> None:
    arbiter = ModemManagerArbiter(NullLog(), changed=lambda: None)
    now = asyncio.get_running_loop().time()
    assert arbiter.probe_grace_s(PLACE, now) == 0, "ModemManager does not run"
    arbiter._update((), running=True)
    assert 0 < arbiter.probe_grace_s(PLACE, now) <= PROBES_WITHIN_S
    assert arbiter.probe_grace_s(PLACE, now - PROBES_WITHIN_S) == 0, "its time to probe is over"
    uart = PortPlace(path="/dev/ttyAMA0", id="tty:ttyAMA0")
    assert arbiter.probe_grace_s(uart, now) == 0, "it does not probe UARTs by itself"
    arbiter._update((), running=False)
    assert arbiter.probe_grace_s(PLACE, now - PROBES_WITHIN_S) > 0, "it may be restarting"


async def test_portless_modem_is_listed_while_its_device_exists(
    tmp_path: Path,
) -> None:
    arbiter = ModemManagerArbiter(NullLog(), changed=lambda: None)
    device = tmp_path / "1-3"
    device.mkdir()
    (device / "idVendor").write_text("1199\n")
    found = modem(device=str(device))._replace(ports=("cdc-wdm0", "wwan0"))
    other = PortPlace(path="/dev/ttyUSB0", id="usb:1-9:1.0")
    arbiter._update((found,), running=True)
    [place] = arbiter.portless([other]).values()
    assert (place.path, place.id, place.usb_vid) == ("/dev/cdc-wdm0", "usb:1-3:cdc-wdm0", "1199")
    arbiter._update((), running=False)
    assert list(arbiter.portless([other])) == ["/dev/cdc-wdm0"]
    (device / "idVendor").unlink()
    device.rmdir()
    assert not arbiter.portless([other])


async def test_modem_with_a_selected_port_is_not_portless(tmp_path: Path) -> None:
    arbiter = ModemManagerArbiter(NullLog(), changed=lambda: None)
    device = tmp_path / "1-2"
    device.mkdir()
    arbiter._update((modem(device=str(device)),), running=True)
    assert not arbiter.portless([PLACE])
    assert not arbiter.portless([]), "nor when its port disappears before its device"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (PLACE, True),
        (PortPlace(path="/dev/ttyUSB9", id="usb:1-2:1.9"), True),  # another port of the same device
        (PortPlace(path="/dev/ttyUSB3"), True),  # only the name is known
        (PortPlace(path="/dev/ttyUSB4", id="usb:1-20:1.2"), False),
        (PortPlace(path="/dev/ttyAMA0", id="tty:ttyAMA0"), False),
        (PortPlace(path="socket://192.0.2.7:2000"), False),
    ],
)
async def test_modem_of_a_port(place: PortPlace, expected: bool) -> None:
    arbiter = ModemManagerArbiter(NullLog(), changed=lambda: None)
    arbiter._update((modem(),), running=True)
    assert (arbiter.modem_of(place) is not None) is expected
