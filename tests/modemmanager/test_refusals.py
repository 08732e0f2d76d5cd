"""A call that ModemManager refuses is no sign that it is away: only the end of the bus is.

The bus is a real one. On it is a service of ModemManager's name that refuses as ModemManager does
when it is being stopped, or when a card is taken out while it is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from modemagent.logs import NullLog
from modemagent.modemmanager.client import SERVICE, MmModem, ModemManager
from modemagent.report.message import PortPlace
from modemagent.watching.modemmanager import ModemManagerArbiter
from tests.modemmanager.conftest import Bus

ROOT = "/org/freedesktop/ModemManager1"
ICCID = "8988303000000000010"
PLACE = PortPlace(path="/dev/ttyUSB2", id="usb:1-9:1.2", usb_vid="2c7c", usb_pid="0125")


class Service:
    """What ModemManager says of one modem with two card slots."""

    def __init__(self) -> None:
        self.refused: tuple[str, ...] = ()
        self.is_mute = False
        self.asked = asyncio.Event()

    async def come(self) -> None:
        self.bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        self.bus.add_message_handler(self._answer)
        await self.bus.request_name(SERVICE)

    async def leave(self) -> None:
        self.bus.disconnect()
        await self.bus.wait_for_disconnect()

    def _answer(self, call: Message) -> Message | bool | None:
        if call.message_type is not MessageType.METHOD_CALL:
            return None
        self.asked.set()
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

    async def tell(self, member: str) -> None:
        """Send the signal that a modem is there, or is there no longer."""
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


class Followed:
    """A neighbour that is being followed, and what became known of it."""

    def __init__(self) -> None:
        self.turns: asyncio.Queue[tuple[bool, int]] = asyncio.Queue()
        self.neighbour = ModemManagerArbiter(NullLog(), changed=self._note)
        self.task = asyncio.create_task(self.neighbour.run())

    def _note(self) -> None:
        self.turns.put_nowait((self.neighbour.running, len(self.neighbour.modems)))

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
async def test_a_restart_is_followed_over_the_answers_it_owes() -> None:
    service = Service()
    await service.come()
    followed = Followed()
    assert await followed.next() == (True, 1)
    # it is being stopped: says so, answers no more, leaves the bus
    service.is_mute = True
    service.asked.clear()
    await service.tell("InterfacesRemoved")
    await service.asked.wait()
    await service.leave()
    assert await followed.next() == (False, 0)
    assert followed.neighbour.probe_grace_s(PLACE, float("-inf")) > 0, "it may be starting again"
    again = Service()
    await again.come()
    assert await followed.next() == (True, 0)
    assert followed.neighbour.probe_grace_s(PLACE, float("-inf")) > 10, "it looks at every port"
    assert await followed.next() == (True, 1)
    await followed.end()
    await again.leave()


@pytest.mark.usefixtures("address")
async def test_what_is_known_of_it_stays_while_it_refuses_to_answer() -> None:
    service = Service()
    await service.come()
    followed = Followed()
    assert await followed.next() == (True, 1)
    service.refused = ("GetManagedObjects",)
    service.asked.clear()
    await service.tell("InterfacesAdded")
    await service.asked.wait()
    service.refused = (f"{ROOT}/SIM/0", f"{ROOT}/SIM/1")
    # the next that becomes known is the answer to the second call
    assert await followed.next() == (True, 1)
    assert not any("Sim.SimIdentifier" in card.told for card in followed.neighbour.modems[0].cards)
    await followed.end()
    await service.leave()


@pytest.mark.usefixtures("address")
async def test_one_that_refuses_for_long_is_away_and_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modemagent.watching.modemmanager._RETRY_S", 0.01)
    service = Service()
    await service.come()
    followed = Followed()
    assert await followed.next() == (True, 1)
    service.refused = ("GetManagedObjects",)
    await service.tell("InterfacesAdded")
    assert await followed.next() == (False, 0)
    service.refused = ()
    assert await followed.next() == (True, 1)
    await followed.end()
    await service.leave()


@pytest.mark.usefixtures("address")
async def test_a_card_that_goes_while_it_is_asked_for_is_untold() -> None:
    service = Service()
    await service.come()
    service.refused = (f"{ROOT}/SIM/1",)
    link = await ModemManager.connect()
    [modem] = await link.modems()
    first, second = modem.cards
    assert first.told["Sim.SimIdentifier"] == ICCID
    # not empty, which would be a slot without a card
    assert second.told == {"Sim.Active": False}
    link.close()
    await link.ended()
    await service.leave()


@pytest.mark.usefixtures("address")
async def test_after_a_broken_link_its_ports_are_not_given_up_to_one_that_has_seen_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("modemagent.report.origin.uptime_ms", lambda: 3_600_000)
    links: list[ModemManager] = []
    connect = ModemManager.connect

    async def noted() -> ModemManager:
        links.append(await connect())
        return links[-1]

    monkeypatch.setattr(ModemManager, "connect", noted)
    service = Service()
    await service.come()
    followed = Followed()
    assert await followed.next() == (True, 1)
    links[0].close()
    assert await followed.next() == (False, 0)
    assert await followed.next() == (True, 1)
    assert isinstance(followed.neighbour.modem_of(AT_IT), MmModem)
    assert followed.neighbour.probe_grace_s(PLACE, float("-inf")) == 0
    await followed.end()
    await service.leave()


AT_IT = PortPlace(path="/dev/ttyUSB7", id="usb:1-2:1.3")
