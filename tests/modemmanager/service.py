"""A D-Bus service that speaks ModemManager's published interface, for states of a real network.

Without PolicyKit on the bus a real ModemManager enables no modem, and a simulated modem has no
network. Names and signatures are those of ModemManager's D-Bus interface reference 1.20.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

SERVICE = "org.freedesktop.ModemManager1"
ROOT = "/org/freedesktop/ModemManager1"
SIGNATURES = {
    "Device": "s", "Ports": "a(su)", "PrimaryPort": "s", "Manufacturer": "s", "Model": "s",
    "Revision": "s", "EquipmentIdentifier": "s", "State": "i", "StateFailedReason": "u",
    "UnlockRequired": "u", "UnlockRetries": "a{uu}", "AccessTechnologies": "u", "PowerState": "u",
    "SignalQuality": "(ub)", "Sim": "o", "SimSlots": "ao", "PrimarySimSlot": "u", "Bearers": "ao",
    "Imei": "s", "RegistrationState": "u", "OperatorCode": "s", "OperatorName": "s",
    "PacketServiceState": "u", "NetworkRejection": "a{sv}", "Lte": "a{sv}", "Nr5g": "a{sv}",
    "SimIdentifier": "s", "Imsi": "s", "Eid": "s", "Active": "b", "OperatorIdentifier": "s",
    "Connected": "b", "Interface": "s", "ConnectionError": "(ss)", "Ip4Config": "a{sv}",
    "Ip6Config": "a{sv}", "Properties": "a{sv}",
}  # fmt: skip
Objects = Mapping[str, Mapping[str, Mapping[str, Any]]]


def variants(properties: Mapping[str, Any]) -> dict[str, Variant]:
    return {name: Variant(SIGNATURES[name], value) for name, value in properties.items()}


@contextmanager
def modemmanager(address: str, objects: Objects) -> Iterator[None]:
    """Serve objects on a bus: path -> interface, without the name of the service -> properties."""
    full = {
        path: {f"{SERVICE}.{name}": variants(each) for name, each in interfaces.items()}
        for path, interfaces in objects.items()
    }
    modems = {path: each for path, each in full.items() if path.startswith(f"{ROOT}/Modem/")}

    def answer(message: Message) -> Message | None:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        if (message.path, message.member) == (ROOT, "GetManagedObjects"):
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [modems])
        if message.member == "GetAll" and message.path in full:
            [interface] = message.body
            found = full[message.path].get(interface, {})
            return Message.new_method_return(message, "a{sv}", [found])
        return None

    started = threading.Event()
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        bus = await MessageBus(bus_address=address).connect()
        bus.add_message_handler(answer)
        await bus.request_name(SERVICE)
        stop.append((asyncio.get_running_loop(), asyncio.Event()))
        started.set()
        await stop[0][1].wait()
        bus.disconnect()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert started.wait(120)
        yield
    finally:
        for loop, end in stop:
            loop.call_soon_threadsafe(end.set)
        thread.join(10)
