"""Ports from one walk over sysfs: what is there now. Opens no device, sends not one byte."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from modemagent.dialects.usb_ids import Layout, layout_of, recovery_of, role_by_protocol
from modemagent.discovery.candidate import Candidate, Role
from modemagent.discovery.usb import driver_of, interface_of, text

Hints = Callable[[Iterable[str]], Mapping[str, Mapping[str, str]]]

#: The role in a wwan port's name: the kernel names it wwan<device><kind><number>.
_WWAN_ROLES = (("at", Role.AT), ("nmea", Role.NMEA), ("qcdm", Role.DIAG))
#: Kinds of wwan port that speak no lines of text, and so are no candidates.
_WWAN_BINARY = ("mbim", "qmi", "firehose", "xmmrpc", "fastboot", "adb", "mipc")


def scan(root: Path = Path("/"), hints: Hints | None = None) -> tuple[Candidate, ...]:
    """Return every port with hardware behind it, ordered by place.

    :param root: the tree that holds ``sys`` and ``dev``; another than ``/`` for an image or a test
    :param hints: asked for udev's properties of ports by name
        (:func:`modemagent.discovery.udev.hints`); what they say goes before the table
    """
    links = _links(root)
    found = [
        candidate
        for kind in ("tty", "wwan")
        for name in _names(root / "sys/class" / kind)
        if (candidate := _candidate(root, kind, name, links)) is not None
    ]
    if hints is not None:
        told = hints(candidate.name for candidate in found if candidate.modem_id is not None)
        found = [_hinted(each, told.get(each.name, {})) for each in found]
    return tuple(sorted(found, key=_place))


def describe(path: str, root: Path = Path("/"), hints: Hints | None = None) -> Candidate | None:
    """Return what sysfs says of one device file, following links; None when it says nothing.

    :param hints: as for :func:`scan`
    """
    names = [Path(os.path.realpath(path)).name]
    if Path(path).parent in (root / "dev", Path("/dev")):  # a link elsewhere may be called anything
        names.insert(0, Path(path).name)
    for name in names:
        for kind in ("tty", "wwan"):
            if (root / "sys/class" / kind / name).exists():
                found = _candidate(root, kind, name, {})
                if found is None or hints is None:
                    return found
                return _hinted(found, hints([name]).get(name, {}))
    return None


def _hinted(candidate: Candidate, properties: Mapping[str, str]) -> Candidate:
    from modemagent.discovery.udev import is_secondary, role_of

    told = role_of(properties)
    if candidate.is_recovery:
        return candidate
    role, why = told or (candidate.role, candidate.why)
    # debug ports are marked to be ignored too
    secondary = role is Role.AT and is_secondary(properties)
    if told is None:
        return candidate._replace(secondary=secondary)
    # a maker that is not in our table, and in ModemManager's
    cellular = candidate.cellular or role is Role.AT
    return candidate._replace(role=role, why=why, cellular=cellular, secondary=secondary)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - the names only
    except OSError:
        return []


def _links(root: Path) -> dict[str, list[str]]:
    """Map a device's name to the by-id links that lead to it."""
    folder = root / "dev/serial/by-id"
    links: dict[str, list[str]] = {}
    for name in _names(folder):
        target = os.path.realpath(folder / name).rpartition("/")[2]
        links.setdefault(target, []).append(str(folder / name))
    return links


def _candidate(root: Path, kind: str, name: str, links: dict[str, list[str]]) -> Candidate | None:
    entry = root / "sys/class" / kind / name
    place = entry.resolve()
    if kind == "tty" and not _has_hardware(entry, place, root):
        return None  # a console or a pseudo terminal
    if text(entry / "type") == "0":
        return None  # the 8250 driver makes names for UARTs that are not there
    if kind == "wwan" and (not _is_wwan_port(name) or any(word in name for word in _WWAN_BINARY)):
        return None
    path = str(root / "dev" / name)
    by_id = tuple(links.get(name, ()))
    found = interface_of(place, list(_above(place, root)))
    if found is None:
        return _on_board(entry, kind, name, path, by_id, root)
    device, folder, number, (vid, pid), kind_of = found
    layout = layout_of(vid, pid)
    recovery = recovery_of(vid, pid)
    role, why = _wwan_role(name) if kind == "wwan" else (Role.UNKNOWN, "")
    if recovery is not None:
        role, why = Role.UNKNOWN, f"never written to: {recovery}"
    elif layout is not None and role is Role.UNKNOWN:
        role, why = _usb_role(vid, pid, layout, number, kind_of)
    # A UART bridge (FTDI, CP210x) has several ttys on interfaces that all look alike; the last
    # part of the interface's name, "1.2", is its configuration and number.
    modem_id = f"usb:{device.name}"
    return Candidate(
        path=path,
        port_id=f"{modem_id}:{folder.name.partition(':')[2] or f'1.{number}'}",
        modem_id=modem_id,
        usb_vid=vid,
        usb_pid=pid,
        interface=number,
        driver=driver_of(folder),
        role=role,
        why=why or "no table row for these USB ids",
        cellular=layout is not None or (kind == "wwan" and recovery is None),
        manufacturer=text(device / "manufacturer"),
        product=text(device / "product"),
        links=by_id,
        is_recovery=recovery is not None,
    )


def _usb_role(vid: str, pid: str, layout: Layout, number: int, kind: str) -> tuple[Role, str]:
    """A product's own row goes before what the interface says of itself, the vendor's after."""
    by_number = layout.roles.get(number, "unknown"), layout.source
    why = f"interface {number} of {vid}:{pid}"
    by_protocol = role_by_protocol(vid, kind)
    if by_protocol is not None and (not layout.pid or by_number[0] == "unknown"):
        return Role(by_protocol[0]), f"{why} is a {kind} ({by_protocol[1]})"
    return Role(by_number[0]), f"{why} ({by_number[1]})"


def _has_hardware(entry: Path, place: Path, root: Path) -> bool:
    """Tell whether a tty belongs to a bus; its ``device`` link is missing in some made trees."""
    devices = (root / "sys/devices").resolve()
    if place.is_relative_to(devices / "virtual"):
        return False
    if (entry / "device").exists():
        return True
    above = place.parent.parent if place.parent.name == "tty" else place.parent
    return above != devices and above.is_relative_to(devices)


def _on_board(
    entry: Path, kind: str, name: str, path: str, links: tuple[str, ...], root: Path
) -> Candidate | None:
    if kind == "wwan":
        bus = next((p for p in _above(entry.resolve(), root) if (p / "vendor").exists()), None)
        modem_id = f"pci:{bus.name}" if bus else f"wwan:{name.rstrip('0123456789')}"
        role, why = _wwan_role(name)
        return Candidate(
            path=path,
            port_id=f"{modem_id}:{name}",
            modem_id=modem_id,
            driver=driver_of(bus) if bus else None,
            role=role,
            why=why,
            cellular=True,
            links=links,
        )
    return Candidate(
        path=path,
        port_id=f"tty:{name}",
        driver=driver_of(entry / "device"),
        why="a UART does not say what is wired to it",
        links=links,
    )


def _is_wwan_port(name: str) -> bool:
    # wwan0 is the device itself, wwan0at0 one of its ports.
    return name.startswith("wwan") and not name[4:].isdigit()


def _wwan_role(name: str) -> tuple[Role, str]:
    kind = name[4:].strip("0123456789")
    role = next((role for word, role in _WWAN_ROLES if word == kind), Role.UNKNOWN)
    return role, f"the kernel names this port {kind!r}"


def _above(place: Path, root: Path) -> Iterator[Path]:
    stop = (root / "sys/devices").resolve()
    for folder in (place, *place.parents):
        if folder == stop:
            return
        yield folder


def _place(candidate: Candidate) -> tuple[object, ...]:
    # Hub ports are numbers: 1-1.10 comes after 1-1.9.
    parts = "".join(c if c.isdigit() else " " for c in candidate.port_id).split()
    return (candidate.modem_id is None, [int(part) for part in parts], candidate.path)
