"""Generated device trees: any USB serial device, in any socket, with any tty numbers.

The text is what umockdev reads, in the form of the files in ``fixtures/udev/``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.discovery.conftest import Bed

_ROOT = "/devices/pci0000:00/0000:00:14.0/usb1"
_MAJORS = {"ttyUSB": 188, "ttyACM": 166}


class Kind(NamedTuple):
    """A USB device with serial ports.

    :param ttys: numbers of the interfaces that have a tty, in the order the kernel names them
    :param driver: ``cdc_acm`` makes ttyACM, every other one ttyUSB
    :param kinds: class, subclass and protocol of each interface that has a tty, ``ff/02/12``
    """

    vid: str
    pid: str
    ttys: tuple[int, ...]
    driver: str = "option"
    maker: str = ""
    product: str = ""
    kinds: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        return "ttyACM" if self.driver == "cdc_acm" else "ttyUSB"


def hub(place: str) -> str:
    """Return the blocks of the bus and of the hubs that lead to a place, ``1-1.4``."""
    blocks = [
        _block(
            "/devices/pci0000:00/0000:00:14.0",
            "E: DRIVER=xhci_hcd\nE: SUBSYSTEM=pci\nE: PCI_SLOT_NAME=0000:00:14.0\n"
            "A: vendor=0x8086\\n\nA: device=0xa36d\\n\n",
        ),
        _block(
            _ROOT,
            "E: DEVTYPE=usb_device\nE: DRIVER=usb\nE: SUBSYSTEM=usb\n"
            "A: idVendor=1d6b\\n\nA: idProduct=0002\\n\nA: product=xHCI Host Controller\\n\n",
        ),
    ]
    parts = place.split(".")
    for depth in range(1, len(parts)):
        blocks.append(
            _block(
                _path(".".join(parts[:depth])),
                "E: DEVTYPE=usb_device\nE: DRIVER=usb\nE: SUBSYSTEM=usb\n"
                "A: idVendor=05e3\\n\nA: idProduct=0608\\n\nA: product=USB2.0 Hub\\n\n",
            )
        )
    return "".join(blocks)


def device(place: str, kind: Kind, numbers: Mapping[int, int]) -> str:
    """Return a device at a place with those of its ports that are named.

    :param numbers: interface -> number of its tty
    """
    path = _path(place)
    blocks = [
        _block(
            path,
            f"E: DEVTYPE=usb_device\nE: DRIVER=usb\nE: SUBSYSTEM=usb\n"
            f"E: PRODUCT={kind.vid.lstrip('0')}/{kind.pid.lstrip('0')}/318\n"
            f"A: idVendor={kind.vid}\\n\nA: idProduct={kind.pid}\\n\n"
            + (f"A: manufacturer={kind.maker}\\n\n" if kind.maker else "")
            + (f"A: product={kind.product}\\n\n" if kind.product else ""),
        )
    ]
    kinds = dict(zip(kind.ttys, kind.kinds, strict=False))
    for interface, number in numbers.items():
        node = f"{kind.stem}{number}"
        below = f"{path}/{place}:1.{interface}"
        up = "../" * (below.count("/") - 1)
        blocks.append(
            _block(
                below,
                f"E: DEVTYPE=usb_interface\nE: DRIVER={kind.driver}\nE: SUBSYSTEM=usb\n"
                f"A: bInterfaceNumber={interface:02x}\\n\n{_attributes(kinds.get(interface, ''))}"
                f"L: driver={up}bus/usb/drivers/{kind.driver}\n",
            )
        )
        if kind.stem == "ttyUSB":
            below += f"/{node}"
            blocks.append(_block(below, "E: SUBSYSTEM=usb-serial\nA: port_number=0\\n\n"))
        blocks.append(
            _block(
                f"{below}/tty/{node}",
                f"N: {node}\nE: DEVNAME=/dev/{node}\nE: MAJOR={_MAJORS[kind.stem]}\n"
                f"E: MINOR={number}\nE: SUBSYSTEM=tty\nL: device=../../../{Path(below).name}\n",
            )
        )
    return "".join(blocks)


def marked(tree: str, node: str, *names: str) -> str:
    """Return a tree in which udev's rules have set properties of a port to 1."""
    assert f"N: {node}\n" in tree
    lines = "".join(f"E: {name}=1\n" for name in names)
    return tree.replace(f"N: {node}\n", f"N: {node}\n{lines}")


class Sockets:
    """Sockets for devices; ttys get the lowest free numbers, as from the kernel.

    :param folder: directory for the tree files
    :param random: source of random free numbers instead
    """

    def __init__(self, bed: Bed, folder: Path, random: Random | None = None) -> None:
        self._bed = bed
        self._folder = folder
        self._random = random
        self._files: dict[str, list[str]] = {}
        self._names: dict[str, set[str]] = {}

    def plug(
        self,
        place: str,
        kind: Kind,
        answering: Mapping[int, str | Path] | None = None,
        only: tuple[int, ...] | None = None,
    ) -> dict[int, str]:
        """Plug a device in; return interface -> name of its tty.

        :param answering: interface -> pseudo terminal behind it
        :param only: the ports that appear; others follow with the next call
        """
        taken = set().union(*self._names.values())
        nodes: dict[int, str] = {}
        for interface in kind.ttys if only is None else only:
            free = [name for n in range(64) if (name := f"{kind.stem}{n}") not in taken]
            nodes[interface] = self._random.choice(free) if self._random else free[0]
            taken.add(nodes[interface])
        self._names.setdefault(place, set()).update(nodes.values())
        numbers = {n: int(name.removeprefix(kind.stem)) for n, name in nodes.items()}
        files = self._files.setdefault(place, [])
        self._lead_to(place)
        file = self._folder / f"{place}-{len(files)}.umockdev"
        file.write_text(device(place, kind, numbers))
        files.append(str(file))
        answers = {nodes[n]: str(path) for n, path in (answering or {}).items() if n in nodes}
        self._bed.add(str(file), **answers)
        return nodes

    def _lead_to(self, place: str) -> None:
        file = self._folder / f"to-{place}.umockdev"
        if not file.exists():  # hubs stay
            file.write_text(hub(place))
            self._bed.add(str(file))

    def unplug(self, place: str) -> None:
        for file in reversed(self._files.pop(place)):
            self._bed.remove(file)
        del self._names[place]


def _path(place: str) -> str:
    bus, _, ports = place.partition("-")
    assert bus == "1"
    parts = ports.split(".")
    return "/".join((_ROOT, *(f"1-{'.'.join(parts[: n + 1])}" for n in range(len(parts)))))


def _attributes(kind: str) -> str:
    names = ("Class", "SubClass", "Protocol")
    return "".join(
        f"A: bInterface{name}={value}\\n\n"
        for name, value in zip(names, kind.split("/"), strict=False)
        if value
    )


def _block(path: str, rest: str) -> str:
    return f"P: {path}\n{rest}\n"
