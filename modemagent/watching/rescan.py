"""Schedule of port rescans: on udev events, on request, and periodically.

udev reports each device that is plugged in or unplugged. It does not report pseudo terminals, or
links made by hand; awaited paths of that kind are checked often at first and with growing delay
later.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection
from pathlib import Path

from modemagent.discovery import udev
from modemagent.logs import Log

#: Rescan interval with udev events, without them, and while a modem may come back.
_WITH_UDEV_S, _WITHOUT_UDEV_S, SOON_S = 15.0, 2.0, 0.5
_NOT_BY_UDEV = ("/dev/pts/", "/dev/shm/")  # noqa: S108 - no file is made there
#: Intervals with udev events without a scan, as long as no device file has appeared or disappeared:
#: a scan takes 2 ms for each modem with four ports.
_MAX_UNCHANGED = 4
#: Rescan interval for awaited paths that udev does not report: initial and maximum.
_AWAITED_FIRST_S, _AWAITED_LAST_S = 0.5, 5.0
#: Time after a change before that interval grows, and its growth in seconds per second.
_EAGER_S, _GROWTH = 30.0, 0.1
#: The ports of one modem, and the modems of one hub, appear within moments: one scan for all.
_SETTLES_S = 0.02


class RescanScheduler:
    """Decides when the next scan is due."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._monitor: udev.UdevMonitor | None = None
        self._requested = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._ports: frozenset[str] = frozenset()
        self._changed_at = time.monotonic()
        self._dev_changed_at = 0

    def open(self) -> None:
        """Subscribe to udev events, if this system has them."""
        try:
            monitor = udev.UdevMonitor()
        except (ImportError, OSError) as error:
            self._log.info("udev_unavailable", reason=str(error))
            return

        def on_event() -> None:
            if monitor.take():
                self.request_soon()

        asyncio.get_running_loop().add_reader(monitor.fileno(), on_event)
        self._monitor = monitor

    def close(self) -> None:
        if self._monitor is not None:
            asyncio.get_running_loop().remove_reader(self._monitor.fileno())
            self._monitor = None

    def request(self) -> None:
        """Request a scan at once."""
        self._requested.set()

    def restart(self) -> None:
        """Check awaited paths often again, because the settings have changed."""
        self._changed_at = time.monotonic()
        self.request()

    def request_soon(self) -> None:
        """Request a scan within moments, one for all requests until then."""
        if self._soon is None:
            loop = asyncio.get_running_loop()
            self._soon = loop.call_later(_SETTLES_S, self._requested.set)

    def begin(self) -> None:
        """Note that a scan begins: a request from now on leads to another one."""
        self._requested.clear()
        self._soon = None
        self._dev_changed_at = _dev_changed_at()

    def note_ports(self, ports: Collection[str]) -> None:
        """Note the result of a scan: while ports change, more may appear."""
        current = frozenset(ports)
        if current != self._ports:
            self._ports, self._changed_at = current, time.monotonic()

    def pause_s(self, awaited: Collection[str]) -> float:
        """Return the time until the next scan if none is requested.

        :param awaited: paths and patterns at which ports may still appear
        """
        usual_s = _WITHOUT_UDEV_S if self._monitor is None else _WITH_UDEV_S
        if not awaited or (self._monitor is not None and all(map(_is_in_udev, awaited))):
            return usual_s
        grown_s = (time.monotonic() - self._changed_at - _EAGER_S) * _GROWTH
        return min(usual_s, max(_AWAITED_FIRST_S, min(_AWAITED_LAST_S, grown_s)))

    async def wait(self, pause_s: float) -> None:
        """Wait for a request, at most for the given time.

        If all ports are in /dev, the wait is longer as long as /dev does not change.
        """
        is_seen = pause_s >= _WITH_UDEV_S and all(map(_is_in_udev, self._ports))
        for _ in range(_MAX_UNCHANGED if is_seen else 1):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._requested.wait()
            if self._requested.is_set() or _dev_changed_at() != self._dev_changed_at:
                return


def _dev_changed_at() -> int:
    """Return when an entry of /dev was last added or removed, 0 if that cannot be read."""
    try:
        return Path("/dev").stat().st_mtime_ns
    except OSError:
        return 0


def _is_in_udev(path: str) -> bool:
    """Return True if udev creates what is at a path or pattern: devices, links of rules.

    >>> _is_in_udev("/dev/serial/by-id/*"), _is_in_udev("/dev/pts/3"), _is_in_udev("/dev/shm/port")
    (True, False, False)
    """
    return path.startswith("/dev/") and not path.startswith(_NOT_BY_UDEV)
