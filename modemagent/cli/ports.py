"""From what a user writes as PORT to ports that can be opened."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from modemagent.errors import PortNotFound

if TYPE_CHECKING:
    from modemagent.discovery.candidate import Candidate

#: Prefixes that name a modem by what it answers, which takes asking all of them.
BY_NUMBER = ("imei:", "iccid:")
_CLASSES = ("tty", "wwan")
NONE_FOUND_HINT = (
    "Is a modem plugged in and powered? modemagent list shows every port; "
    "name one, as in: modemagent identify /dev/ttyUSB2"
)


class ModemTarget(NamedTuple):
    """One modem to ask.

    :param paths: its ports, the likeliest AT port first; the next is asked if one stays silent
    :param ids: the stable id of each port, None where sysfs does not know it
    """

    paths: tuple[str, ...]
    ids: tuple[str | None, ...]

    @property
    def path(self) -> str:
        return self.paths[0]


def discover_targets(root: str) -> list[ModemTarget]:
    """Return a target for each cellular modem that sysfs shows."""
    return [
        target
        for group in _groups(c for c in seen(root) if c.cellular)
        if (target := _target(group)) is not None
    ]


def resolve_target(word: str, root: str) -> ModemTarget:
    """Return the target a path, URL or stable id stands for.

    :raises PortNotFound: nothing with this stable id is plugged in
    :raises NotAModem: the device waits to be recovered or flashed
    """
    if "://" in word:
        return ModemTarget((word,), (None,))
    if word.startswith(("usb:", "pci:", "tty:", "wwan:")):
        return _by_id(word, root)
    if not _may_be_in_sysfs(word, root):
        return ModemTarget((word,), (None,))
    from pathlib import Path

    from modemagent.discovery.candidate import refuse_recovery
    from modemagent.discovery.sysfs import describe

    candidate = describe(word, Path(root))
    refuse_recovery(word, candidate)
    return ModemTarget((word,), (candidate.port_id if candidate else None,))


def _may_be_in_sysfs(path: str, root: str) -> bool:
    """Tell a device from a pseudo terminal, for which discovery need not be loaded."""
    names = {os.path.basename(path), os.path.basename(os.path.realpath(path))}  # noqa: PTH119
    classes = [os.path.join(root, "sys/class", kind) for kind in _CLASSES]  # noqa: PTH118
    return any(os.path.exists(f"{one}/{name}") for one in classes for name in names)  # noqa: PTH110


def _by_id(word: str, root: str) -> ModemTarget:
    from modemagent.discovery.candidate import refuse_recovery

    candidates = seen(root)
    for candidate in candidates:
        if word in (candidate.port_id, candidate.modem_id):
            refuse_recovery(word, candidate)
        if candidate.port_id == word:
            return ModemTarget((candidate.path,), (candidate.port_id,))
    target = _target([c for c in candidates if c.modem_id == word])
    if target is None:
        raise PortNotFound(
            f"no port with the id {word}",
            port=word,
            hint="See the ids that are plugged in: modemagent list",
        )
    return target


def seen(root: str) -> tuple[Candidate, ...]:
    """Return every port that sysfs shows, with what udev's rules say of them.

    :param root: the tree that holds ``sys`` and ``dev``; another than ``/`` has no udev
    """
    from pathlib import Path

    from modemagent.discovery import udev
    from modemagent.discovery.sysfs import scan

    return scan(Path(root), udev.hints if root == "/" else None)


def _groups(candidates: Iterable[Candidate]) -> list[list[Candidate]]:
    groups: dict[str | None, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.modem_id, []).append(candidate)
    return list(groups.values())


def _target(group: Sequence[Candidate]) -> ModemTarget | None:
    from modemagent.discovery.candidate import Role

    # Ports known as NMEA or DIAG are never written to; where no port is known as AT, the
    # composition is not in the table and each unknown port is worth a question.
    likely = [c for c in group if c.role is Role.AT] or [c for c in group if c.role is Role.UNKNOWN]
    if not likely:
        return None
    likely.sort(key=lambda candidate: not candidate.secondary)
    return ModemTarget(tuple(c.path for c in likely), tuple(c.port_id for c in likely))
