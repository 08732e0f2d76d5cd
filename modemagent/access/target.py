"""Ports to open for what a user writes as PORT: a path, a URL or a stable id."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from modemagent.access.options import AccessOptions
from modemagent.discovery import udev
from modemagent.discovery.candidate import (
    LISTEN_S,
    Candidate,
    Role,
    recovery_error,
    refuse_recovery,
)
from modemagent.discovery.modems import role_error
from modemagent.discovery.sysfs import describe, find_flashing, scan
from modemagent.errors import NotAModem, PortError, PortNotFound
from modemagent.real_path import real_path

#: Prefixes of words that name a modem by a number, which requires reading every modem.
BY_NUMBER = ("imei:", "iccid:")
_STABLE_IDS = ("usb:", "pci:", "tty:", "wwan:")


class TargetPort(NamedTuple):
    """One port.

    :param path: device path or URL
    :param port_id: stable id; None if sysfs has no such device
    :param listen_s: how long to listen before the first byte is sent
    """

    path: str
    port_id: str | None = None
    listen_s: float = 0.0


class ModemTarget(NamedTuple):
    """One modem to reach.

    :param ports: its ports, the most likely AT port first; the next one is tried if one is silent
    """

    ports: tuple[TargetPort, ...]

    @property
    def path(self) -> str:
        """Path of the first port."""
        return self.ports[0].path


def single(path: str, port_id: str | None = None) -> ModemTarget:
    """Return a target with one port."""
    return ModemTarget((TargetPort(path, port_id),))


def discover_targets(root: str) -> list[ModemTarget]:
    """Return a target for each cellular modem in sysfs."""
    groups = group_by_modem(each for each in scan_ports(root) if each.cellular)
    return [target for group in groups.values() if (target := _target(group)) is not None]


def resolve_target(word: str, options: AccessOptions) -> ModemTarget:
    """Return the target for a path, URL or stable id.

    :raises PortNotFound: no device with this stable id is plugged in
    :raises NotAModem: the device is in recovery or flashing mode, or the port is known to take no
        AT commands and the options do not ignore that
    """
    root = options.root
    if "://" in word:
        return single(word)
    if word.startswith(_STABLE_IDS):
        return _by_id(word, options)
    candidate = describe(word, root, udev.hints if root == "/" else None)
    if candidate is None:
        return single(word)
    _refuse(word, candidate, options)
    return single(word, candidate.port_id)


def _refuse(word: str, candidate: Candidate, options: AccessOptions) -> None:
    """Raise an error for a port that must not be written to.

    :raises NotAModem: it is one
    """
    refuse_recovery(word, candidate)
    is_opened = options.via != "modemmanager"
    if candidate.takes_no_at and is_opened and not options.ignore_role:
        error = role_error(word, candidate, scan_ports(options.root))
        error.hint += " To open it anyway, add --ignore-role."
        raise error


def _by_id(word: str, options: AccessOptions) -> ModemTarget:
    root = options.root
    candidates = scan_ports(root)
    for candidate in candidates:
        if candidate.port_id == word:
            _refuse(word, candidate, options)
            return single(candidate.path, candidate.port_id)
        if candidate.modem_id == word:
            refuse_recovery(word, candidate)
    target = _target([each for each in candidates if each.modem_id == word])
    if target is None:
        for module, error in flashing_modules(root):
            if word == module.modem_id:
                raise error
        raise PortNotFound(
            f"no port with the id {word}",
            port=word,
            hint="List the ids of all ports with: modemagent list",
        )
    return target


def scan_ports(root: str) -> tuple[Candidate, ...]:
    """Return every port in sysfs, with the roles that udev rules assign.

    :param root: directory that holds ``sys`` and ``dev``; udev is used only with ``/``
    """
    return scan(root, udev.hints if root == "/" else None)


def group_by_modem(candidates: Iterable[Candidate]) -> dict[str | None, list[Candidate]]:
    """Return ports by the id of their modem; None holds the ports of unknown devices."""
    groups: dict[str | None, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.modem_id, []).append(candidate)
    return groups


def candidate_of(path: str, candidates: Iterable[Candidate]) -> Candidate | None:
    """Return the candidate for a path, with symbolic links resolved."""
    names = (path, real_path(path))
    return next((each for each in candidates if each.path in names), None)


def flashing_modules(root: str) -> list[tuple[Candidate, NotAModem]]:
    """Return each module in flashing mode with the error that names it."""
    found = find_flashing(scan(root), root)
    return [(each, recovery_error(each.path, each)) for each in found]


def no_modem_found(root: str) -> PortError:
    """Return the error for a machine on which no modem is found."""
    for _, error in flashing_modules(root):
        return error
    others = ", ".join(each.path for each in scan_ports(root))
    found = f"Only ports of unknown devices were found: {others}. " if others else ""
    return PortNotFound(
        "no modem found",
        port="auto",
        hint=f"{found}Check that the modem is plugged in and powered. "
        "List every port with modemagent list, and name one as PORT.",
    )


def _target(group: Sequence[Candidate]) -> ModemTarget | None:
    # NMEA and DIAG ports are never written to. If no port is known as AT, the composition is not in
    # the table of USB ids, and each unknown port is listened to and worth an attempt.
    likely = [each for each in group if each.role is Role.AT]
    listen_s = 0.0 if likely else LISTEN_S
    likely = likely or [each for each in group if each.role is Role.UNKNOWN]
    likely.sort(key=lambda candidate: not candidate.secondary)
    ports = tuple(TargetPort(each.path, each.port_id, listen_s) for each in likely)
    return ModemTarget(ports) if ports else None
