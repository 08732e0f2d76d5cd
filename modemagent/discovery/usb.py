"""Whose USB interface a port is: found in the folders above it, whatever of them is filled in.

The kernel writes every attribute that is looked at here. Trees made for tests, and images, often
hold some only, so that what one file does not say is taken from the next: the attributes, the
``uevent`` files, the names of the folders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

#: The kernel names an interface DEVICE:CONFIGURATION.NUMBER, both in decimal digits.
_INTERFACE = re.compile(r"(.+):\d+\.(\d+)")


class Interface(NamedTuple):
    """The interface of a USB device that a port is.

    :param device: the device's folder; its name is the place, bus and hub ports
    :param folder: the interface's own; that of the device where there is none
    :param number: the interface's in the device
    :param ids: vendor and product, four hexadecimal digits in lower case each
    :param kind: class, subclass and protocol, ``ff/02/12``; "" when nothing tells
    """

    device: Path
    folder: Path
    number: int
    ids: tuple[str, str]
    kind: str


def interface_of(port: Path, above: Sequence[Path]) -> Interface | None:
    """Return the interface that a port is, or None when no USB device is above it.

    :param port: the port's own folder in ``/sys/devices``
    :param above: that folder and those above it, the nearest first
    """
    interface = _first(above, _looks_like_interface) or _first(above, _is_called("usb_interface"))
    device = interface.parent if interface is not None else None
    if device is None:
        device = _first(above, _has_ids) or _first(above, _is_called("usb_device"))
    if device is None:
        return None
    number = _number(interface, port)
    ids = next(_ids(device, interface, port), None)
    if number is None or ids is None:
        return None
    return Interface(device, interface or device, number, ids, _kind(interface))


def _first(folders: Iterable[Path], claim: Callable[[Path], bool]) -> Path | None:
    return next((folder for folder in folders if claim(folder)), None)


def _looks_like_interface(folder: Path) -> bool:
    return _named(folder) is not None or (folder / "bInterfaceNumber").exists()


def _has_ids(folder: Path) -> bool:
    return (folder / "idVendor").exists()


def _is_called(kind: str) -> Callable[[Path], bool]:
    return lambda folder: uevent(folder).get("DEVTYPE") == kind


def _named(folder: Path) -> int | None:
    """Return the number in an interface's name; a UART's serial8250:0.1 is none."""
    named = _INTERFACE.fullmatch(folder.name)
    return int(named[2]) if named and named[1] == folder.parent.name else None


def _number(interface: Path | None, port: Path) -> int | None:
    digits = text(interface / "bInterfaceNumber") if interface is not None else None
    for folder in (port, interface):
        if digits is None and folder is not None:
            digits = uevent(folder).get("ID_USB_INTERFACE_NUM")
    if digits and re.fullmatch("[0-9a-fA-F]{1,2}", digits):
        return int(digits, 16)
    return _named(interface) if interface is not None else None


def _ids(device: Path, interface: Path | None, port: Path) -> Iterator[tuple[str, str]]:
    """Yield what each that may know says of vendor and product."""

    def pairs() -> Iterator[tuple[str | None, str | None]]:
        yield text(device / "idVendor"), text(device / "idProduct")
        tellers = [uevent(folder) for folder in (device, interface, port) if folder is not None]
        for teller in tellers:
            vid, _, rest = teller.get("PRODUCT", "").partition("/")
            yield vid, rest.partition("/")[0]
        for teller in tellers:
            yield teller.get("ID_VENDOR_ID"), teller.get("ID_MODEL_ID")

    for vid, pid in pairs():
        if vid and pid:
            yield vid.lower().zfill(4), pid.lower().zfill(4)


def _kind(interface: Path | None) -> str:
    if interface is None:
        return ""
    names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    attributes = [text(interface / name) for name in names]
    if all(attributes):
        return "/".join(str(each).lower().zfill(2) for each in attributes)
    decimal = uevent(interface).get("INTERFACE", "").split("/")
    if len(decimal) == len(names) and all(each.isdecimal() for each in decimal):
        return "/".join(f"{int(each):02x}" for each in decimal)
    return ""


def uevent(folder: Path) -> dict[str, str]:
    """Return what the kernel tells udev of a device, {} where it tells nothing."""
    lines = (text(folder / "uevent") or "").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def text(path: Path) -> str | None:
    """Return what an attribute says, None where there is none."""
    try:
        return path.read_text("utf-8", "replace").strip() or None
    except (OSError, ValueError):
        return None


def driver_of(folder: Path) -> str | None:
    """Return the name of the kernel driver a device is bound to."""
    link = folder / "driver"
    return link.resolve().name if link.exists() else uevent(folder).get("DRIVER")
