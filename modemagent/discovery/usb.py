"""USB interface of a port, from the sysfs directories above it.

The kernel writes every attribute that is read here. Images and trees made for tests often hold
only some of them, so that a missing value is taken from the next source: the attributes, the
``uevent`` files, the names of the directories.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from modemagent.real_path import real_path

#: The kernel names an interface DEVICE:CONFIGURATION.NUMBER, both in decimal digits.
_INTERFACE = r"(.+):\d+\.(\d+)"


class Interface(NamedTuple):
    """USB interface behind a port.

    :param device: directory of the device; its name is the bus and the hub ports
    :param folder: directory of the interface, or of the device if the interface has none
    :param number: number of the interface in the device
    :param ids: vendor and product, four hexadecimal digits in lower case each
    :param kind: class, subclass and protocol, ``ff/02/12``; "" if unknown
    """

    device: str
    folder: str
    number: int
    ids: tuple[str, str]
    kind: str


def interface_of(port: str, above: Sequence[str]) -> Interface | None:
    """Return the USB interface of a port, or None if the port is not below a USB device.

    :param port: directory of the port in ``/sys/devices``
    :param above: that directory and its parents, nearest first
    """
    interface = _first(above, _looks_like_interface) or _first(above, _is_called("usb_interface"))
    device = os.path.dirname(interface) if interface is not None else None
    if device is None:
        device = _first(above, _has_ids) or _first(above, _is_called("usb_device"))
    if device is None:
        return None
    number = _number(interface, port)
    ids = next(_ids(device, interface, port), None)
    if number is None or ids is None:
        return None
    return Interface(device, interface or device, number, ids, _kind(interface))


def _first(folders: Iterable[str], matches: Callable[[str], bool]) -> str | None:
    return next((folder for folder in folders if matches(folder)), None)


def _looks_like_interface(folder: str) -> bool:
    return _named(folder) is not None or os.path.exists(f"{folder}/bInterfaceNumber")


def _has_ids(folder: str) -> bool:
    return os.path.exists(f"{folder}/idVendor")


def _is_called(kind: str) -> Callable[[str], bool]:
    return lambda folder: uevent(folder).get("DEVTYPE") == kind


def _named(folder: str) -> int | None:
    """Return the number in an interface's name; None for other names (serial8250:0.1)."""
    above, name = os.path.split(folder)
    named = re.fullmatch(_INTERFACE, name)
    return int(named[2]) if named and named[1] == os.path.basename(above) else None


def _number(interface: str | None, port: str) -> int | None:
    digits = text(f"{interface}/bInterfaceNumber") if interface is not None else None
    for folder in (port, interface):
        if digits is None and folder is not None:
            digits = uevent(folder).get("ID_USB_INTERFACE_NUM")
    if digits and re.fullmatch("[0-9a-fA-F]{1,2}", digits):
        return int(digits, 16)
    return _named(interface) if interface is not None else None


def _ids(device: str, interface: str | None, port: str) -> Iterator[tuple[str, str]]:
    """Yield vendor and product id from each source that holds both."""

    def pairs() -> Iterator[tuple[str | None, str | None]]:
        yield text(f"{device}/idVendor"), text(f"{device}/idProduct")
        uevents = [uevent(folder) for folder in (device, interface, port) if folder is not None]
        for each in uevents:
            vid, _, rest = each.get("PRODUCT", "").partition("/")
            yield vid, rest.partition("/")[0]
        for each in uevents:
            yield each.get("ID_VENDOR_ID"), each.get("ID_MODEL_ID")

    for vid, pid in pairs():
        if vid and pid:
            yield vid.lower().zfill(4), pid.lower().zfill(4)


def _kind(interface: str | None) -> str:
    if interface is None:
        return ""
    names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    attributes = [text(f"{interface}/{name}") for name in names]
    if all(attributes):
        return "/".join(str(each).lower().zfill(2) for each in attributes)
    decimal = uevent(interface).get("INTERFACE", "").split("/")
    if len(decimal) == len(names) and all(each.isdecimal() for each in decimal):
        return "/".join(f"{int(each):02x}" for each in decimal)
    return ""


def uevent(folder: str) -> dict[str, str]:
    """Return the properties in the ``uevent`` file of a device, {} if it has none."""
    lines = (text(f"{folder}/uevent") or "").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def text(path: str) -> str | None:
    """Return the value of an attribute, None if it is missing or empty."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip() or None
    except (OSError, ValueError):
        return None


def driver_of(folder: str) -> str | None:
    """Return the name of the kernel driver a device is bound to."""
    link = f"{folder}/driver"
    if os.path.exists(link):
        return os.path.basename(real_path(link))
    return uevent(folder).get("DRIVER")


def names(folder: str) -> list[str]:
    """Return the names in a directory in order, [] if it does not exist."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
