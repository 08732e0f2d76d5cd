"""Consumers of readings: the interface, and one that turns readings into events only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from modemagent.identity.snapshot import Snapshot
from modemagent.report.message import ModemHealth, PortPlace, Reason, Report
from modemagent.watching.baseline import reason_for, update_baseline
from modemagent.watching.events import EventBus
from modemagent.watching.places import baseline_key


class ReadingConsumer(Protocol):
    """Receives readings and removals, and stores the baseline of each modem.

    :ivar last: the last report about each modem, by
        :func:`~modemagent.watching.places.baseline_key`
    """

    @property
    def last(self) -> Mapping[str, Report]: ...

    def baseline(self, place: PortPlace) -> Snapshot | None:
        """Return the last reading of a modem, completed by earlier ones."""

    def baseline_places(self) -> list[PortPlace]:
        """Return the ports of the modems that an earlier run has stored."""

    def submit(
        self, place: PortPlace, reading: Snapshot, *, default_reason: Reason | None
    ) -> Reason | None:
        """Process a reading; report it if it has changes or a default reason.

        :returns: the reason with which it was reported, None if it was not
        """

    def removed(self, place: PortPlace) -> bool:
        """Report that a modem was unplugged; return False if it has no baseline."""

    def heartbeat(self, interval_s: float, modems: Sequence[ModemHealth]) -> None:
        """Report that the gateway runs, and the state of its modems.

        :param interval_s: time until the next heartbeat
        """


class EventOnlyConsumer:
    """Emits events and keeps baselines in memory, without reports: ``watch`` without a daemon."""

    def __init__(self, events: EventBus) -> None:
        self.last: Mapping[str, Report] = {}
        self._events = events
        self._baselines: dict[str, Snapshot] = {}

    def baseline(self, place: PortPlace) -> Snapshot | None:
        return self._baselines.get(baseline_key(place))

    def baseline_places(self) -> list[PortPlace]:
        return []

    def submit(
        self, place: PortPlace, reading: Snapshot, *, default_reason: Reason | None
    ) -> Reason | None:
        before = self.baseline(place)
        self._baselines[baseline_key(place)] = update_baseline(before, reading)
        self._events.emit_changes(place, before, reading)
        return reason_for(before, reading) or default_reason

    def removed(self, place: PortPlace) -> bool:
        before = self._baselines.pop(baseline_key(place), None)
        if before is None:
            return False
        self._events.emit("modem.removed", place, before=before.modem.imei)
        return True

    def heartbeat(self, interval_s: float, modems: Sequence[ModemHealth]) -> None:
        """Do nothing."""
