"""Refused calls do not mean that ModemManager has ended: only its leaving the bus does.

The bus is real. A service with ModemManager's name refuses calls as ModemManager does while it is
being stopped, or when a SIM is removed while its properties are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from modemagent.logs import NullLog
from modemagent.modemmanager.client import SERVICE, ModemManager
from modemagent.modemmanager.managed_modem import MmModem
from modemagent.report.message import PortPlace
from modemagent.watching.modemmanager_arbiter import ModemManagerArbiter
from tests.modemmanager.conftest import Bus

ROOT = "/org/freedesktop/ModemManager1"
ICCID = "8988303000000000010"
PLACE = PortPlace(path="/dev/ttyUSB2", id="usb:1-9:1.2", usb_vid="2c7c", usb_pid="0125")


class Service:
    """ModemManager's D-Bus service with one modem that has two SIM slots."""

    def __init__(self) -> None:
        self.refused: tuple[str, ...] = ()
        self.is_mute = False
        self.called = asyncio.Event()

    async def start(self) -> None:
        self.bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        self.bus.add_message_handler(self._answer)
        await self.bus.request_name(SERVICE)

    async def stop(self) -> None:
        self.bus.disconnect()
        await self.bus.wait_for_disconnect()

    def _answer(self, call: Message) -> Message | bool | None:
        if call.message_type is not MessageType.METHOD_CALL:
            return None
        self.called.set()
        if self.is_mute:
            return True
        if call.member in self.refused or call.path in self.refused:
            name = "org.freedesktop.DBus.Error.UnknownObject"
            return Message.new_error(call, name, "there is no such object")
        if call.member == "GetManagedObjects":
            modem = {
                "Device": Variant("s", "/sys/devices/usb1/1-2"),
                "EquipmentIdentifier": Variant("s", "867698040000013"),
                "UnlockRequired": Variant("u", 1),
                "SimSlots": Variant("ao", [f"{ROOT}/SIM/0", f"{ROOT}/SIM/1"]),
                "PrimarySimSlot": Variant("u", 1),
            }
            objects = {f"{ROOT}/Modem/0": {f"{SERVICE}.Modem": modem}}
            return Message.new_method_return(call, "a{oa{sa{sv}}}", [objects])
        if call.member == "GetAll":
            return Message.new_method_return(
                call, "a{sv}", [{"SimIdentifier": Variant("s", ICCID)}]
            )
        return None

    async def signal(self, member: str) -> None:
        """Send the signal that a modem was added or removed."""
        await self.bus.send(
            Message(
                path=ROOT,
                interface="org.freedesktop.DBus.ObjectManager",
                member=member,
                message_type=MessageType.SIGNAL,
                signature="oas",
                body=[f"{ROOT}/Modem/0", [f"{SERVICE}.Modem"]],
            )
        )


class Observer:
    """Runs an arbiter and queues each change of its state."""

    def __init__(self) -> None:
        self.turns: asyncio.Queue[tuple[bool, int]] = asyncio.Queue()
        self.arbiter = ModemManagerArbiter(NullLog(), changed=self._note)
        self.task = asyncio.create_task(self.arbiter.run())

    def _note(self) -> None:
        self.turns.put_nowait((self.arbiter.running, len(self.arbiter.modems)))

    async def next(self) -> tuple[bool, int]:
        return await asyncio.wait_for(self.turns.get(), 20)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    bus = Bus()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
    yield
    bus.close()


@pytest.mark.usefixtures("address")
async def test_a_restart_is_detected_despite_unanswered_calls() -> None:
    service = Service()
    await service.start()
    observer = Observer()
    assert await observer.next() == (True, 1)
    # it is being stopped: sends a signal, stops answering, leaves the bus
    service.is_mute = True
    service.called.clear()
    await service.signal("InterfacesRemoved")
    await service.called.wait()
    await service.stop()
    assert await observer.next() == (False, 0)
    assert observer.arbiter.probe_grace_s(PLACE, float("-inf")) > 0, "it may be restarting"
    again = Service()
    await again.start()
    assert await observer.next() == (True, 0)
    assert observer.arbiter.probe_grace_s(PLACE, float("-inf")) > 10, "it probes every port"
    assert await observer.next() == (True, 1)
    await observer.end()
    await again.stop()


@pytest.mark.usefixtures("address")
async def test_the_state_is_kept_while_calls_are_refused() -> None:
    service = Service()
    await service.start()
    observer = Observer()
    assert await observer.next() == (True, 1)
    service.refused = ("GetManagedObjects",)
    service.called.clear()
    await service.signal("InterfacesAdded")
    await service.called.wait()
    service.refused = (f"{ROOT}/SIM/0", f"{ROOT}/SIM/1")
    # the next change is the answer to the second call
    assert await observer.next() == (True, 1)
    assert not any("Sim.SimIdentifier" in sim.properties for sim in observer.arbiter.modems[0].sims)
    await observer.end()
    await service.stop()


@pytest.mark.usefixtures("address")
async def test_refusing_for_long_counts_as_ended_and_is_retried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modemagent.watching.modemmanager_arbiter._RETRY_S", 0.01)
    service = Service()
    await service.start()
    observer = Observer()
    assert await observer.next() == (True, 1)
    service.refused = ("GetManagedObjects",)
    await service.signal("InterfacesAdded")
    assert await observer.next() == (False, 0)
    service.refused = ()
    assert await observer.next() == (True, 1)
    await observer.end()
    await service.stop()


@pytest.mark.usefixtures("address")
async def test_a_sim_removed_during_the_read_has_no_properties() -> None:
    service = Service()
    await service.start()
    service.refused = (f"{ROOT}/SIM/1",)
    client = await ModemManager.connect()
    [modem] = await client.modems()
    first, second = modem.sims
    assert first.properties["Sim.SimIdentifier"] == ICCID
    # not empty, which would be a slot without a SIM
    assert second.properties == {"Sim.Active": False}
    client.close()
    await client.ended()
    await service.stop()


@pytest.mark.usefixtures("address")
async def test_a_reconnect_does_not_repeat_the_probe_grace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modemagent.report.origin.uptime_ms", lambda: 3_600_000)
    connections: list[ModemManager] = []
    connect = ModemManager.connect

    async def recorded() -> ModemManager:
        connections.append(await connect())
        return connections[-1]

    monkeypatch.setattr(ModemManager, "connect", recorded)
    service = Service()
    await service.start()
    observer = Observer()
    assert await observer.next() == (True, 1)
    connections[0].close()
    assert await observer.next() == (False, 0)
    assert await observer.next() == (True, 1)
    assert isinstance(observer.arbiter.modem_of(AT_DEVICE), MmModem)
    assert observer.arbiter.probe_grace_s(PLACE, float("-inf")) == 0
    await observer.end()
    await service.stop()


AT_DEVICE = PortPlace(path="/dev/ttyUSB7", id="usb:1-2:1.3")
