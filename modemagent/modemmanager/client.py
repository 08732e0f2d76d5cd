"""ModemManager over D-Bus: which modems it has, and what it says of them. Reads properties only.

The only module that imports dbus-fast, and the only one that knows D-Bus. ModemManager is never
started by asking (the bus would start it for a call to its name): it would look into every port.

Source of names and numbers: ModemManager's D-Bus interface reference 1.20 and its header
``ModemManager-enums.h``.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modemagent.errors import ModemManagerUnavailable

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

NAME: Final = "ModemManager"
SERVICE: Final = "org.freedesktop.ModemManager1"
EXTRA: Final = "modemagent[modemmanager]"
_ROOT: Final = "/org/freedesktop/ModemManager1"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_BUS: Final = "org.freedesktop.DBus"
_SOCKETS: Final = ("/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket")
_TIMEOUT_S: Final = 5.0
_NO_OBJECT: Final = "/"

#: What is taken of each interface. A change of anything else is no news: signal quality changes
#: every few seconds.
_TAKEN: Final[Mapping[str, tuple[str, ...]]] = {
    "Modem": (
        "Device", "Ports", "PrimaryPort", "Manufacturer", "Model", "Revision",
        "EquipmentIdentifier", "State", "StateFailedReason", "UnlockRequired",
        "AccessTechnologies", "Sim", "SimSlots", "PrimarySimSlot",
    ),
    "Modem.Modem3gpp": ("Imei", "RegistrationState", "OperatorCode", "OperatorName"),
    "Modem.ModemCdma": ("Meid",),
    "Sim": ("Active", "SimIdentifier", "Imsi", "Eid", "OperatorIdentifier", "OperatorName"),
}  # fmt: skip
_RULES: Final = (
    f"type='signal',sender='{SERVICE}',interface='{_PROPERTIES}'",
    f"type='signal',sender='{SERVICE}',interface='{_BUS}.ObjectManager'",
    f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{SERVICE}'",
)

Told = Mapping[str, object]


class MmSim(NamedTuple):
    """A card slot of a modem that ModemManager has.

    :param slot: counted from 1
    :param active: the slot in use
    :param told: property -> value, as ``Sim.SimIdentifier``; empty for a slot without a card, only
        ``Sim.Active`` for a card of which nothing is told
    """

    slot: int
    active: bool
    told: Told


class MmModem(NamedTuple):
    """A modem that ModemManager has.

    :param path: its object on the bus, ``/org/freedesktop/ModemManager1/Modem/0``
    :param device: its USB or PCI device in sysfs
    :param ports: names of its ports, ``ttyUSB2``; the one it uses for control comes first
    :param told: property -> value, as ``Modem.Manufacturer``
    """

    path: str
    device: str
    ports: tuple[str, ...]
    told: Told
    cards: tuple[MmSim, ...]

    @property
    def place(self) -> str:
        """The device by its bus: ``1-1.4`` of a USB device, ``0000:01:00.0`` of a PCI one."""
        return self.device.rpartition("/")[2]


def has_bus() -> bool:
    """Tell whether this machine has a system bus; opens nothing, loads nothing."""
    address = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
    return bool(address) or any(map(os.path.exists, _SOCKETS))


def has_library() -> bool:
    """Tell whether the library that speaks D-Bus is installed; does not load it."""
    return importlib.util.find_spec("dbus_fast") is not None


class ModemManager:
    """A connection to the bus that ModemManager is on, or may come to."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus

    @classmethod
    async def connect(cls) -> ModemManager:
        """Connect to the system bus.

        :raises NeighbourAway: there is none, it can not be spoken to, or the library is missing
        """
        if not has_library():
            raise ModemManagerUnavailable(
                "asking ModemManager needs a D-Bus library", hint=f"pip install '{EXTRA}'"
            )
        if not has_bus():
            raise ModemManagerUnavailable("there is no D-Bus system bus, so no ModemManager to ask")
        from dbus_fast import BusType
        from dbus_fast.aio import MessageBus
        from dbus_fast.errors import AuthError, InvalidAddressError

        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return cls(await MessageBus(bus_type=BusType.SYSTEM).connect())
        except (OSError, EOFError, TimeoutError, AuthError, InvalidAddressError) as error:
            raise _away(f"no way to the D-Bus system bus: {_words(error)}") from error

    def close(self) -> None:
        if self._bus.connected:
            self._bus.disconnect()

    async def ended(self) -> None:
        """Wait until the connection has ended, by whichever side."""
        with contextlib.suppress(EOFError, OSError):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    async def is_running(self) -> bool:
        """Tell whether ModemManager is on the bus; does not start it.

        :raises NeighbourAway: the bus does not answer
        """
        reply = await self._call(_BUS, "/org/freedesktop/DBus", _BUS, "NameHasOwner", "s", SERVICE)
        return reply[:1] == [True]

    async def owner(self) -> str | None:
        """Return who is ModemManager on the bus: another word after each start; None for nobody.

        A bus counts its connections, and a new bus from the beginning, so its id belongs to it.

        :raises NeighbourAway: the bus does not answer, or it has gone this moment
        """
        if not await self.is_running():
            return None
        words = []
        for member, about in (("GetId", ()), ("GetNameOwner", (SERVICE,))):
            signature = "s" * len(about)
            words += await self._call(
                _BUS, "/org/freedesktop/DBus", _BUS, member, signature, *about
            )
        return " ".join(map(str, words))

    async def modems(self) -> tuple[MmModem, ...]:
        """Return the modems it has; () when it is not running.

        :raises NeighbourAway: it does not answer, which may be over in a moment
        """
        if not await self.is_running():
            return ()
        reply = await self._call(SERVICE, _ROOT, f"{_BUS}.ObjectManager", "GetManagedObjects")
        objects = reply[0] if reply and isinstance(reply[0], dict) else {}
        found = []
        for path, interfaces in sorted(objects.items()):
            told = dict(_taken(interfaces))
            if "Modem.Device" in told:
                cards = tuple([card async for card in self._cards(told)])
                primary = told.get("Modem.PrimaryPort")
                names = _port_names(told.get("Modem.Ports"))
                ports = tuple(sorted(names, key=lambda name: name != primary))
                found.append(MmModem(path, str(told["Modem.Device"]), ports, told, cards))
        return tuple(found)

    async def _cards(self, told: Told) -> Any:
        slots = told.get("Modem.SimSlots")
        paths = [str(path) for path in slots] if isinstance(slots, list) else []
        in_use = told.get("Modem.PrimarySimSlot")
        if not paths or not isinstance(in_use, int):
            paths, in_use = [str(told.get("Modem.Sim", _NO_OBJECT))], 1
        for number, path in enumerate(paths, 1):
            card: Told = {}
            active = number == (in_use or 1)
            if path != _NO_OBJECT:
                reply = await self._ask(SERVICE, path, _PROPERTIES, "GetAll", "s", f"{SERVICE}.Sim")
                if (why := _refusal(reply)) is None and reply.body:
                    card = dict(_taken({f"{SERVICE}.Sim": _plain(reply.body[0])}))
                if why or not card:
                    # its object goes with a card or a modem that has just been taken out: there
                    # was a card, and that is all
                    card = {"Sim.Active": active}
            yield MmSim(number, active, card)

    async def listen(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` whenever ModemManager comes, goes, or says something else of a modem.

        :raises NeighbourAway: the bus does not answer
        """

        def hear(message: Message) -> None:
            if _is_news(message):
                changed()

        self._bus.add_message_handler(hear)
        for rule in _RULES:
            await self._call(_BUS, "/org/freedesktop/DBus", _BUS, "AddMatch", "s", rule)

    async def _call(
        self, to: str, path: str, interface: str, member: str, signature: str = "", *body: str
    ) -> list[Any]:
        reply = await self._ask(to, path, interface, member, signature, *body)
        if why := _refusal(reply):
            raise _away(f"D-Bus refuses {member}: {why}")
        return [_plain(value) for value in reply.body]

    async def _ask(
        self, to: str, path: str, interface: str, member: str, signature: str, *body: str
    ) -> Any:
        from dbus_fast import Message, MessageFlag

        if not self._bus.connected:
            raise _away("the connection to D-Bus has ended")
        message = Message(
            destination=to,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
            flags=MessageFlag.NO_AUTOSTART,
        )
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await self._bus.call(message)
        except (OSError, EOFError, TimeoutError) as error:
            raise _away(f"{member} got no answer over D-Bus: {_words(error)}") from error


def _refusal(reply: Any) -> str | None:
    """Return in whose words a call was refused, None when it was answered."""
    from dbus_fast import MessageType

    if reply is not None and reply.message_type is MessageType.METHOD_RETURN:
        return None
    text = next(iter(getattr(reply, "body", ())), "")
    return f"{getattr(reply, 'error_name', None)}: {text}"


def _away(message: str) -> ModemManagerUnavailable:
    return ModemManagerUnavailable(message, hint="See: systemctl status dbus ModemManager")


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _is_news(message: Message) -> bool:
    if message.member in ("NameOwnerChanged", "InterfacesAdded", "InterfacesRemoved"):
        return True
    if message.member != "PropertiesChanged" or len(message.body) < 2:
        return False
    taken = _TAKEN.get(str(message.body[0]).removeprefix(f"{SERVICE}."), ())
    return any(name in taken for name in message.body[1])


def _taken(interfaces: Mapping[str, Mapping[str, object]]) -> Iterator[tuple[str, object]]:
    for interface, properties in interfaces.items():
        name = interface.removeprefix(f"{SERVICE}.")
        for key in _TAKEN.get(name, ()):
            if key in properties:
                yield f"{name.rpartition('.')[2]}.{key}", properties[key]


def _port_names(ports: object) -> Iterator[str]:
    for port in ports if isinstance(ports, list) else ():
        if isinstance(port, list) and port:
            yield str(port[0])


def _plain(value: Any) -> Any:
    """Take the variants out, at every depth."""
    from dbus_fast import Variant

    if isinstance(value, Variant):
        return _plain(value.value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
