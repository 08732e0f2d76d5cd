"""From a reading to a report on disk, and a word to the courier that there is one."""

from __future__ import annotations

from dataclasses import replace

from modemagent.errors import OutboxError
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import Log
from modemagent.report.delivery.courier import Courier
from modemagent.report.message import JsonObject, PortPlace, Reason, Report
from modemagent.report.outbox.outbox import Outbox, ReportDraft
from modemagent.watching.baseline import reason_for, removal_snapshot, update_baseline
from modemagent.watching.events import EventBus
from modemagent.watching.selection import seat_of

#: Reports of these reasons repeat what is known; nothing was read for them.
_FROM_MEMORY = (Reason.REMOVED, Reason.HEARTBEAT)


class Reporter:
    """Decides what is news of each port and stores it together with what is then known.

    A report that could not be stored changes nothing of what is known, so the same difference is
    seen again at the next reading.
    """

    def __init__(
        self, outbox: Outbox, courier: Courier | None, log: Log, events: EventBus | None = None
    ) -> None:
        self._outbox = outbox
        self.courier = courier
        self._log = log
        self._events = events or EventBus()
        self._known: dict[str, Snapshot] = {}
        self._places: dict[str, PortPlace] = {}
        self.last: dict[str, Report] = {}
        self.trouble = ""
        for seat, body in outbox.places().items():
            self._recall(seat, body)

    def _recall(self, seat: str, body: JsonObject) -> None:
        try:
            snapshot, place = body["snapshot"], body["port"]
            self._known[seat] = Snapshot.from_json(snapshot)
            self._places[seat] = PortPlace.from_json(place)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # written by another version; the port is identified as if it were new
            self._log.warning("baseline_unreadable", port=seat, reason=str(error))

    def known(self, place: PortPlace) -> Snapshot | None:
        return self._known.get(seat_of(place))

    def known_places(self) -> list[PortPlace]:
        return list(self._places.values())

    def submit(
        self, place: PortPlace, reading: Snapshot, *, otherwise: Reason | None
    ) -> Reason | None:
        """Report a reading when it is news; what is no news is reported as ``otherwise``, if any.

        :returns: the reason it was reported with, None when it was not
        """
        before = self.known(place)
        reason = reason_for(before, reading) or otherwise
        known = update_baseline(before, reading)
        if reason is None:
            self._known[seat_of(place)] = known
            self._events.tell_changes(place, before, reading)
            return None
        if not self._store(reason, place, reading, known):
            return None
        self._events.tell_changes(place, before, reading)
        return reason

    def removed(self, place: PortPlace) -> bool:
        """Report that a known modem is gone, once: what was known of it goes with the report."""
        known = self.known(place)
        if known is None:
            return False
        place = self._places.get(seat_of(place), place)
        stored = self._store(Reason.REMOVED, place, removal_snapshot(known), None)
        if stored:
            self._events.emit("modem.removed", place, before=known.modem.imei)
        return stored

    def heartbeat(self, ports: list[PortPlace]) -> None:
        """Report that this gateway lives, with each modem it watches, or with none."""
        for place in ports:
            if known := self.known(place):
                self._store(Reason.HEARTBEAT, place, removal_snapshot(known), known)
        if not ports:
            self._store(Reason.HEARTBEAT, None, None, None)

    def _store(
        self,
        reason: Reason,
        place: PortPlace | None,
        reading: Snapshot | None,
        known: Snapshot | None,
    ) -> bool:
        observation = ReportDraft(reason=reason, port=place)
        if reading is not None:
            observation = replace(
                observation,
                modem=reading.modem.to_json(),
                sims=[sim.to_json() for sim in reading.sims],
                problems=[problem.to_json() for problem in reading.problems],
            )
            if reason not in _FROM_MEMORY:
                observation = replace(
                    observation,
                    network=reading.network.to_json() if reading.network else None,
                    evidence=[each.to_json() for each in reading.evidence],
                )
        places: dict[str, JsonObject | None] = {}
        if place is not None:
            places[seat_of(place)] = (
                {"snapshot": known.to_json(), "port": place.to_json()} if known else None
            )
        try:
            report = self._outbox.put(observation, places=places)
        except OutboxError as error:
            if error.message != self.trouble:
                self._log.error("report_not_stored", reason=error.message, hint=error.hint)
            self.trouble = error.message
            return False
        self.trouble = ""
        if place is not None:
            seat = seat_of(place)
            if report is not None:
                self.last[seat] = report
            if known is None:
                self._known.pop(seat, None)
                self._places.pop(seat, None)
            else:
                self._known[seat] = known
                self._places[seat] = place
        self._log.info(
            "report_stored" if report else "report_buffered",
            reason=str(reason),
            port=place.path if place else None,
            sequence=report.sequence if report else None,
            **_who(reading),
        )
        if report:
            self._events.emit("report.stored", place, sequence=report.sequence, reason=str(reason))
        if self.courier is not None:
            self.courier.wake()
        return True


def _who(reading: Snapshot | None) -> dict[str, object]:
    if reading is None:
        return {}
    sim = reading.active_sim
    return {
        "imei": reading.modem.imei,
        "iccid": sim.iccid if sim else None,
        "sim": str(sim.state) if sim else None,
    }
