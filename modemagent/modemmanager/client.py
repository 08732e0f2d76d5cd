"""ModemManager client over D-Bus: its modems with their properties, and their changes.

Reads properties only, and never starts ModemManager: the bus would start it for a call to its name,
and ModemManager would then probe every port.

Source of names and numbers: ModemManager's D-Bus interface reference 1.20 and its header
``ModemManager-enums.h``.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from modemagent.errors import ModemManagerUnavailable
from modemagent.extras import install_command
from modemagent.modemmanager.managed_modem import MmModem, MmSim, Properties

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

NAME: Final = "ModemManager"
SERVICE: Final = "org.freedesktop.ModemManager1"
EXTRA: Final = "modemmanager"
_ROOT: Final = "/org/freedesktop/ModemManager1"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_BUS: Final = "org.freedesktop.DBus"
_SOCKETS: Final = ("/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket")
_TIMEOUT_S: Final = 5.0
_NO_OBJECT: Final = "/"

#: The properties used of each interface. Changes of others are ignored: signal quality changes
#: every few seconds.
_USED: Final[Mapping[str, tuple[str, ...]]] = {
    "Modem": (
        "Device", "Ports", "PrimaryPort", "Manufacturer", "Model", "Revision",
        "EquipmentIdentifier", "State", "StateFailedReason", "UnlockRequired",
        "AccessTechnologies", "Sim", "SimSlots", "PrimarySimSlot",
    ),
    "Modem.Modem3gpp": ("Imei", "RegistrationState", "OperatorCode", "OperatorName"),
    "Modem.ModemCdma": ("Meid",),
    "Sim": ("Active", "SimIdentifier", "Imsi", "Eid", "OperatorIdentifier", "OperatorName"),
}  # fmt: skip
#: Further properties for a diagnosis, which change too often to be followed.
_DETAILS: Final[Mapping[str, tuple[str, ...]]] = {
    "Modem": ("SignalQuality", "UnlockRetries", "PowerState", "Bearers"),
    "Modem.Modem3gpp": ("PacketServiceState", "NetworkRejection"),
    "Modem.Signal": ("Nr5g", "Lte", "Umts", "Gsm", "Cdma"),
    "Bearer": (
        "Connected",
        "Interface",
        "ConnectionError",
        "Ip4Config",
        "Ip6Config",
        "Properties",
    ),
}
_MATCH_RULES: Final = (
    f"type='signal',sender='{SERVICE}',interface='{_PROPERTIES}'",
    f"type='signal',sender='{SERVICE}',interface='{_BUS}.ObjectManager'",
    f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{SERVICE}'",
)


def has_bus() -> bool:
    """Return True if this machine has a system bus, without connecting to it."""
    address = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
    return bool(address) or any(map(os.path.exists, _SOCKETS))


def has_library() -> bool:
    """Return True if the D-Bus library is installed, without importing it."""
    return importlib.util.find_spec("dbus_fast") is not None


class ModemManager:
    """A connection to the system bus, whether ModemManager is running or not.

    :param dbus: the module ``dbus_fast``
    """

    def __init__(self, dbus: ModuleType, bus: MessageBus) -> None:
        self._dbus = dbus
        self._bus = bus

    @classmethod
    async def connect(cls) -> ModemManager:
        """Connect to the system bus.

        :raises ModemManagerUnavailable: the bus is missing or refuses, or the library
            is not installed
        """
        if not has_library():
            raise ModemManagerUnavailable(
                "reading through ModemManager needs a D-Bus library",
                hint=f"Install it with: {install_command(EXTRA)}",
            )
        if not has_bus():
            raise ModemManagerUnavailable("this machine has no D-Bus system bus")
        import dbus_fast
        from dbus_fast.aio import MessageBus
        from dbus_fast.errors import AuthError, InvalidAddressError

        try:
            async with asyncio.timeout(_TIMEOUT_S):
                bus = await MessageBus(bus_type=dbus_fast.BusType.SYSTEM).connect()
        except (OSError, EOFError, TimeoutError, AuthError, InvalidAddressError) as error:
            raise _unavailable("cannot connect to the D-Bus system bus", error) from error
        return cls(dbus_fast, bus)

    def close(self) -> None:
        if self._bus.connected:
            self._bus.disconnect()

    async def ended(self) -> None:
        """Wait until either side has ended the connection."""
        with contextlib.suppress(EOFError, OSError):
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    async def is_running(self) -> bool:
        """Return True if ModemManager is on the bus, without starting it.

        :raises ModemManagerUnavailable: the bus does not answer
        """
        reply = await self._call_bus("NameHasOwner", SERVICE)
        return reply[:1] == [True]

    async def owner(self) -> str | None:
        """Return an id of the running ModemManager that changes at each start, None if not running.

        The bus numbers its connections from the beginning after a restart, so the id includes the
        id of the bus.

        :raises ModemManagerUnavailable: the bus does not answer, or ModemManager has just ended
        """
        if not await self.is_running():
            return None
        ids = await self._call_bus("GetId") + await self._call_bus("GetNameOwner", SERVICE)
        return " ".join(map(str, ids))

    async def modems(self, *, is_detailed: bool = False) -> tuple[MmModem, ...]:
        """Return the managed modems, () if ModemManager is not running.

        :param is_detailed: with signal, attempts left for PIN and PUK, and data connections
        :raises ModemManagerUnavailable: it does not answer, perhaps only for a moment
        """
        if not await self.is_running():
            return ()
        reply = await self._call(SERVICE, _ROOT, f"{_BUS}.ObjectManager", "GetManagedObjects")
        objects = reply[0] if reply and isinstance(reply[0], dict) else {}
        found = []
        for path, interfaces in sorted(objects.items()):
            properties = dict(_used(interfaces))
            if is_detailed:
                properties |= _used(interfaces, _DETAILS)
            if "Modem.Device" in properties:
                primary = properties.get("Modem.PrimaryPort")
                names = _port_names(properties.get("Modem.Ports"))
                ports = tuple(sorted(names, key=lambda name: name != primary))
                sims = await self._sims(properties)
                bearers = await self._bearers(properties)
                device = str(properties["Modem.Device"])
                found.append(MmModem(path, device, ports, properties, sims, bearers))
        return tuple(found)

    async def _bearers(self, modem: Properties) -> tuple[Properties, ...]:
        listed = modem.get("Modem.Bearers")
        paths = [str(path) for path in listed] if isinstance(listed, list) else []
        found = [await self._get_all(path, "Bearer") for path in paths]
        tables = ({f"{SERVICE}.Bearer": properties} for properties in found if properties)
        return tuple(dict(_used(table, _DETAILS)) for table in tables)

    async def _sims(self, modem: Properties) -> tuple[MmSim, ...]:
        slots = modem.get("Modem.SimSlots")
        paths = [str(path) for path in slots] if isinstance(slots, list) else []
        in_use = modem.get("Modem.PrimarySimSlot")
        if not paths or not isinstance(in_use, int):
            paths, in_use = [str(modem.get("Modem.Sim", _NO_OBJECT))], 1
        sims = []
        for number, path in enumerate(paths, 1):
            properties: Properties = {}
            active = number == (in_use or 1)
            if path != _NO_OBJECT:
                table = {f"{SERVICE}.Sim": await self._get_all(path, "Sim")}
                # only the presence is known of one without properties
                properties = dict(_used(table)) or {"Sim.Active": active}
            sims.append(MmSim(number, active, properties))
        return tuple(sims)

    async def _get_all(self, path: str, interface: str) -> Mapping[str, object]:
        """Return the properties of an object, none if it has just disappeared with its modem."""
        reply = await self._send(SERVICE, path, _PROPERTIES, "GetAll", f"{SERVICE}.{interface}")
        if self._refusal(reply) is not None or not reply.body:
            return {}
        found: Mapping[str, object] = self._plain(reply.body[0])
        return found

    async def listen(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` when ModemManager starts or ends, and when a used property changes.

        :raises ModemManagerUnavailable: the bus does not answer
        """

        def handle(message: Message) -> None:
            if _is_relevant(message):
                changed()

        self._bus.add_message_handler(handle)
        for rule in _MATCH_RULES:
            await self._call_bus("AddMatch", rule)

    async def _call_bus(self, member: str, *body: str) -> list[Any]:
        return await self._call(_BUS, "/org/freedesktop/DBus", _BUS, member, *body)

    async def _call(self, to: str, path: str, interface: str, member: str, *body: str) -> list[Any]:
        reply = await self._send(to, path, interface, member, *body)
        if refusal := self._refusal(reply):
            raise _unavailable(f"D-Bus refused {member}", refusal)
        return [self._plain(value) for value in reply.body]

    async def _send(self, to: str, path: str, interface: str, member: str, *body: str) -> Any:
        if not self._bus.connected:
            raise _unavailable("the connection to D-Bus has ended")
        message = self._dbus.Message(
            destination=to,
            path=path,
            interface=interface,
            member=member,
            signature="s" * len(body),
            body=list(body),
            flags=self._dbus.MessageFlag.NO_AUTOSTART,
        )
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await self._bus.call(message)
        except (OSError, EOFError, TimeoutError) as error:
            raise _unavailable(f"no answer to {member} over D-Bus", error) from error

    def _refusal(self, reply: Any) -> str | None:
        """Return the error of a reply, None if the call was answered."""
        if reply is not None and reply.message_type is self._dbus.MessageType.METHOD_RETURN:
            return None
        text = next(iter(getattr(reply, "body", ())), "")
        return f"{getattr(reply, 'error_name', None)}: {text}"

    def _plain(self, value: Any) -> Any:
        """Unwrap the variants in a value at every depth."""
        if isinstance(value, self._dbus.Variant):
            return self._plain(value.value)
        if isinstance(value, dict):
            return {key: self._plain(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain(each) for each in value]
        return value


def _unavailable(message: str, cause: BaseException | str = "") -> ModemManagerUnavailable:
    if isinstance(cause, BaseException):
        cause = str(cause) or type(cause).__name__
    return ModemManagerUnavailable(
        f"{message}: {cause}" if cause else message,
        hint="Check: systemctl status dbus ModemManager",
    )


def _is_relevant(message: Message) -> bool:
    if message.member in ("NameOwnerChanged", "InterfacesAdded", "InterfacesRemoved"):
        return True
    if message.member != "PropertiesChanged" or len(message.body) < 2:
        return False
    used = _USED.get(str(message.body[0]).removeprefix(f"{SERVICE}."), ())
    return any(name in used for name in message.body[1])


def _used(
    interfaces: Mapping[str, Mapping[str, object]],
    names: Mapping[str, tuple[str, ...]] = _USED,
) -> Iterator[tuple[str, object]]:
    for interface, properties in interfaces.items():
        name = interface.removeprefix(f"{SERVICE}.")
        for key in names.get(name, ()):
            if key in properties:
                yield f"{name.rpartition('.')[2]}.{key}", properties[key]


def _port_names(ports: object) -> Iterator[str]:
    for port in ports if isinstance(ports, list) else ():
        if isinstance(port, list) and port:
            yield str(port[0])
