"""Serial ports found in sysfs, without opening a device."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping

from modemagent.dialects.usb_ids import Layout, layout_of, recovery_of, role_by_protocol
from modemagent.discovery.candidate import Candidate, Role
from modemagent.discovery.kernel import modem_evidence
from modemagent.discovery.udev import is_secondary, role_of
from modemagent.discovery.usb import driver_of, interface_of, names, text
from modemagent.real_path import real_path

#: A directory that holds ``sys`` and ``dev``.
Root = str | os.PathLike[str]
Hints = Callable[[Iterable[str]], Mapping[str, Mapping[str, str]]]

#: Role of a WWAN port by the kind in its name, wwan<device><kind><number>.
_WWAN_ROLES = (("at", Role.AT), ("nmea", Role.NMEA), ("qcdm", Role.DIAG))
#: Kinds of WWAN port with a binary protocol; they are not candidates.
_WWAN_BINARY = ("mbim", "qmi", "firehose", "xmmrpc", "fastboot", "adb", "mipc")


def scan(root: Root = "/", hints: Hints | None = None) -> tuple[Candidate, ...]:
    """Return every port with hardware behind it, ordered by port id.

    :param root: directory that holds ``sys`` and ``dev``; not ``/`` for an image or a test
    :param hints: returns udev's properties of ports by name
        (:func:`modemagent.discovery.udev.hints`); they take precedence over the table of USB ids
    """
    root = os.fspath(root)
    links = _links(root)
    found = [
        candidate
        for kind in ("tty", "wwan")
        for name in names(os.path.join(root, "sys/class", kind))
        if (candidate := _candidate(root, kind, name, links)) is not None
    ]
    if hints is not None:
        marks = hints(candidate.name for candidate in found if candidate.modem_id is not None)
        found = [_with_hints(each, marks.get(each.name, {})) for each in found]
    return tuple(sorted(found, key=_sort_key))


def describe(path: str, root: Root = "/", hints: Hints | None = None) -> Candidate | None:
    """Return the port behind a device file, following links; None if sysfs does not list it.

    :param hints: as for :func:`scan`
    """
    root = os.fspath(root)
    folder, given = os.path.split(os.path.normpath(path))
    possible = [os.path.basename(real_path(path))]
    if folder in (os.path.normpath(os.path.join(root, "dev")), "/dev"):
        possible.insert(0, given)  # a link elsewhere has any name
    for name in possible:
        for kind in ("tty", "wwan"):
            if os.path.exists(os.path.join(root, "sys/class", kind, name)):
                found = _candidate(root, kind, name, {})
                if found is None or hints is None:
                    return found
                return _with_hints(found, hints([name]).get(name, {}))
    return None


def is_uart(path: str, root: Root = "/") -> bool:
    """Return True if a port has a speed: a UART on the board or a bridge to one."""
    candidate = None if "://" in path else describe(path, root)
    return candidate is not None and candidate.is_uart


def find_flashing(ports: Iterable[Candidate], root: Root = "/") -> tuple[Candidate, ...]:
    """Return the first port of each module in flashing mode.

    The path of a module without a serial port is its id, ``usb:1-1.4``.

    :param ports: what a scan has found
    :param root: directory that holds ``sys``
    """
    found: dict[str, Candidate] = {}
    for port in ports:
        if port.is_recovery and port.modem_id is not None:
            found.setdefault(port.modem_id, port)
    devices = os.path.join(root, "sys/bus/usb/devices")
    for name in names(devices):
        if "-" not in name or ":" in name:
            continue  # a controller, an interface
        device = f"{devices}/{name}"
        vid, pid, product = (
            text(f"{device}/{key}") for key in ("idVendor", "idProduct", "product")
        )
        mode = recovery_of(vid and vid.lower(), pid and pid.lower(), product)
        if mode is not None:
            device_id = f"usb:{name}"
            portless = Candidate(
                path=device_id,
                port_id=device_id,
                modem_id=device_id,
                usb_vid=vid,
                usb_pid=pid,
                why=mode,
                manufacturer=text(f"{device}/manufacturer"),
                product=product,
                is_recovery=True,
            )
            found.setdefault(device_id, portless)
    return tuple(found.values())


def _with_hints(candidate: Candidate, properties: Mapping[str, str]) -> Candidate:
    if candidate.is_recovery:
        return candidate
    marked = role_of(properties)
    role, why = marked or (candidate.role, candidate.why)
    # ModemManager's rules also mark debug ports that are to be ignored
    secondary = role is Role.AT and is_secondary(properties)
    if marked is None:
        return candidate._replace(secondary=secondary)
    # the manufacturer may be missing in our table and be present in ModemManager's
    cellular = candidate.cellular or role is Role.AT
    return candidate._replace(role=role, why=why, cellular=cellular, secondary=secondary)


def _is_virtual(entry: str) -> bool:
    """Return True for consoles and pseudo terminals, without resolving the whole path."""
    try:
        return "/devices/virtual/" in os.readlink(entry)
    except OSError:
        return False


def _links(root: str) -> dict[str, list[str]]:
    """Return the by-id links of each device, by its name."""
    folder = os.path.join(root, "dev/serial/by-id")
    links: dict[str, list[str]] = {}
    for name in names(folder):
        link = f"{folder}/{name}"
        links.setdefault(os.path.basename(real_path(link)), []).append(link)
    return links


def _candidate(root: str, kind: str, name: str, links: dict[str, list[str]]) -> Candidate | None:
    entry = os.path.join(root, "sys/class", kind, name)
    if _is_virtual(entry):
        return None  # a console or a pseudo terminal
    place = real_path(entry)
    if kind == "tty" and not _has_hardware(entry, place, root):
        return None
    if text(f"{entry}/type") == "0":
        return None  # the 8250 driver registers names for UARTs that do not exist
    if kind == "wwan" and (not _is_wwan_port(name) or any(word in name for word in _WWAN_BINARY)):
        return None
    path = os.path.join(root, "dev", name)
    by_id = tuple(links.get(name, ()))
    found = interface_of(place, list(_above(place, root)))
    if found is None:
        return _on_board(entry, kind, name, path, by_id, root)
    device, folder, number, (vid, pid), kind_of = found
    driver, product = driver_of(folder), text(f"{device}/product")
    layout = layout_of(vid, pid) or _layout_by_kernel(device, vid, kind, driver)
    recovery = recovery_of(vid, pid, product)
    role, why = _wwan_role(name) if kind == "wwan" else (Role.UNKNOWN, "")
    if recovery is not None:
        role, why = Role.UNKNOWN, f"never written to: {recovery}"
    elif layout is not None and role is Role.UNKNOWN:
        role, why = _usb_role(vid, pid, layout, number, kind_of)
    # A UART bridge (FTDI, CP210x) has several ttys on identical interfaces; the last part of the
    # interface's name, "1.2", is its configuration and number.
    modem_id = f"usb:{os.path.basename(device)}"
    return Candidate(
        path=path,
        port_id=f"{modem_id}:{os.path.basename(folder).partition(':')[2] or f'1.{number}'}",
        modem_id=modem_id,
        usb_vid=vid,
        usb_pid=pid,
        interface=number,
        driver=driver,
        role=role,
        why=why or "no table row for these USB ids",
        cellular=layout is not None and recovery is None,
        manufacturer=text(f"{device}/manufacturer"),
        product=product,
        links=by_id,
        is_recovery=recovery is not None,
    )


def _layout_by_kernel(device: str, vid: str, kind: str, driver: str | None) -> Layout | None:
    """Return a layout without roles for a modem that only the kernel identifies."""
    evidence = "a WWAN port" if kind == "wwan" else modem_evidence(device, vid, driver)
    return Layout(vid, "", "", {}, evidence) if evidence is not None else None


def _usb_role(vid: str, pid: str, layout: Layout, number: int, kind: str) -> tuple[Role, str]:
    """Return the role of a port of a USB modem and its source.

    The order is: the product's row in the table, the interface protocol, the vendor's row.
    """
    by_number = layout.roles.get(number, "unknown"), layout.source
    why = f"interface {number} of {vid}:{pid}"
    by_protocol = role_by_protocol(vid, pid, kind)
    if by_protocol is not None and (not layout.pid or by_number[0] == "unknown"):
        return Role(by_protocol[0]), f"{why} is a {kind} ({by_protocol[1]})"
    return Role(by_number[0]), f"{why} ({by_number[1]})"


def _has_hardware(entry: str, place: str, root: str) -> bool:
    """Return True if a tty belongs to a bus; generated trees may lack its ``device`` link."""
    devices = _devices(root)
    if os.path.exists(f"{entry}/device"):
        return True
    above = os.path.dirname(place)
    if os.path.basename(above) == "tty":
        above = os.path.dirname(above)
    return above.startswith(f"{devices}/")


def _on_board(
    entry: str, kind: str, name: str, path: str, links: tuple[str, ...], root: str
) -> Candidate | None:
    if kind == "wwan":
        bus = next(
            (p for p in _above(real_path(entry), root) if os.path.exists(f"{p}/vendor")),
            None,
        )
        modem_id = f"pci:{os.path.basename(bus)}" if bus else f"wwan:{name.rstrip('0123456789')}"
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
        driver=driver_of(f"{entry}/device"),
        why="sysfs does not describe what is wired to a UART",
        links=links,
    )


def _is_wwan_port(name: str) -> bool:
    # wwan0 is the device itself, wwan0at0 one of its ports
    return name.startswith("wwan") and not name[4:].isdigit()


def _wwan_role(name: str) -> tuple[Role, str]:
    kind = name[4:].strip("0123456789")
    role = next((role for word, role in _WWAN_ROLES if word == kind), Role.UNKNOWN)
    return role, f"the kernel names this port {kind!r}"


def _above(place: str, root: str) -> Iterator[str]:
    """Yield a directory and its parents, nearest first, to the one that holds all devices."""
    stop = _devices(root)
    while place != stop:
        yield place
        if place == "/":
            return
        place = os.path.dirname(place)


def _devices(root: str) -> str:
    return real_path(os.path.join(root, "sys/devices"))


def _sort_key(candidate: Candidate) -> tuple[object, ...]:
    # hub ports are numbers: 1-1.10 comes after 1-1.9
    parts = "".join(c if c.isdigit() else " " for c in candidate.port_id).split()
    return (candidate.modem_id is None, [int(part) for part in parts], candidate.path)
