"""Generated sysfs trees of USB controllers, hubs and devices."""

from __future__ import annotations

from pathlib import Path

CONTROLLER = "pci0000:00/0000:00:14.0"


class UsbTree:
    """The USB devices of one boot.

    :param root: directory that holds ``sys``
    :param controllers: bus number -> controller; every other bus belongs to :data:`CONTROLLER`
    """

    def __init__(self, root: Path, controllers: dict[str, str] | None = None) -> None:
        self.root = root
        self._controllers = controllers or {}

    def root_hub(self, bus: str, speed: int) -> None:
        (self._device(f"usb{bus}") / "speed").write_text(f"{speed}\n")

    def plug(self, name: str, *, peer: tuple[str, int] | None = None) -> None:
        """Plug a device in; ``peer`` is the hub and the port of the other side of its socket."""
        bus, _, chain = name.partition("-")
        above, _, last = chain.rpartition(".")
        port = self._hub_port(f"{bus}-{above}" if above else f"usb{bus}", int(last))
        (self._device(name) / "port").symlink_to(port)
        if peer is not None:
            (port / "peer").symlink_to(self._hub_port(*peer))

    def _hub_port(self, hub: str, port: int) -> Path:
        """Create the entry of a hub's port: ``usb1``, ``1-1`` and so on."""
        number = hub.removeprefix("usb")
        interface = f"{number}-0:1.0" if hub.startswith("usb") else f"{hub}:1.0"
        entry = self._device(hub) / interface / f"{hub}-port{port}"
        entry.mkdir(parents=True, exist_ok=True)
        return entry

    def _device(self, name: str) -> Path:
        """Create the entry of a device and of the hubs above it."""
        bus, _, chain = name.removeprefix("usb").partition("-")
        controller = self._controllers.get(bus, CONTROLLER)
        path = self.root / "sys/devices" / controller / f"usb{bus}"
        parts = chain.split(".") if chain else []
        for depth in range(len(parts)):
            path /= f"{bus}-{'.'.join(parts[: depth + 1])}"
        path.mkdir(parents=True, exist_ok=True)
        link = self.root / "sys/bus/usb/devices" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(path)
        return path
