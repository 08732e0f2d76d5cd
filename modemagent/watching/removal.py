"""Removal of a modem: how long it has to be absent before it counts as removed."""

from __future__ import annotations

import time

from modemagent.errors import ModemAgentError, PortNotFound, PortVanished
from modemagent.report import origin
from modemagent.report.message import PortPlace
from modemagent.watching.places import baseline_key, is_remote

#: A USB modem that returns within this time was reset, not removed.
_RESET_GRACE_S = 2.5
#: A starting modem shows its ports one by one; within this time it does not count as removed.
_MODEM_START_GRACE_S = 30.0
#: USB devices appear slowly after a boot of the gateway; within this time a missing modem does not
#: count as removed.
_HOST_BOOT_GRACE_MS = 120_000
#: A remote port has no device file that disappears: its modem counts as removed after this many
#: failed connections.
_REMOTE_FAILURES = 3


class Absence:
    """The absence of one modem.

    :ivar is_removal: the modem counts as removed, which has not been reported yet
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self.is_removal = False

    def end(self) -> None:
        """Note that the modem is there."""
        self._since = None
        self.is_removal = False

    def begin(self) -> None:
        """Note that the modem is absent, unless that is known."""
        if self._since is None:
            self._since = time.monotonic()

    def decide(
        self, place: PortPlace, *, has_other_ports: bool, was_read: bool, may_report: bool
    ) -> None:
        """Decide whether an absent modem counts as removed now.

        :param has_other_ports: other ports of the device exist
        :param was_read: the modem has been read since the agent started
        :param may_report: its removals are not too frequent to be reported
        """
        within_s = _MODEM_START_GRACE_S if has_other_ports else _RESET_GRACE_S
        if baseline_key(place) == place.path:
            within_s = 0.0  # the device behind this path cannot be recognized elsewhere
        is_up = was_read or origin.uptime_ms() > _HOST_BOOT_GRACE_MS
        is_overdue = self._since is not None and time.monotonic() - self._since >= within_s
        self.is_removal = is_up and is_overdue and may_report


def is_remote_lost(port: str, error: ModemAgentError, failures: int) -> bool:
    """Return True if the modem behind a remote port counts as removed.

    :param failures: failed connections in a row, the last one with this error
    """
    is_lost = isinstance(error, PortNotFound | PortVanished) and is_remote(port)
    return is_lost and failures >= _REMOTE_FAILURES
