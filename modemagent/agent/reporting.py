"""Conversion of readings to reports in the outbox."""

from __future__ import annotations

from dataclasses import replace

from modemagent.errors import OutboxError
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import Log
from modemagent.report.delivery.courier import Courier
from modemagent.report.message import JsonObject, PortPlace, Reason, Report
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import ReportDraft
from modemagent.watching.baseline import reason_for, removal_snapshot, update_baseline
from modemagent.watching.events import EventBus
from modemagent.watching.places import baseline_key

#: Reports with these reasons repeat the baseline; nothing was read for them.
_FROM_BASELINE = (Reason.REMOVED, Reason.HEARTBEAT)


class Reporter:
    """Stores a report for each change, together with the new baseline of the modem.

    If a report cannot be stored, the baseline stays unchanged, so that the same change is detected
    again at the next reading.
    """

    def __init__(
        self, outbox: Outbox, courier: Courier | None, log: Log, events: EventBus | None = None
    ) -> None:
        self._outbox = outbox
        self.courier = courier
        self._log = log
        self._events = events or EventBus()
        self._baselines: dict[str, Snapshot] = {}
        self._places: dict[str, PortPlace] = {}
        self.last: dict[str, Report] = {}
        self._error = ""
        for key, body in outbox.baselines().items():
            self._load(key, body)

    def _load(self, key: str, body: JsonObject) -> None:
        try:
            snapshot, place = body["snapshot"], body["port"]
            self._baselines[key] = Snapshot.from_json(snapshot)
            self._places[key] = PortPlace.from_json(place)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # written by another version: the modem is identified as a new one
            self._log.warning("baseline_unreadable", port=key, reason=str(error))

    def baseline(self, place: PortPlace) -> Snapshot | None:
        return self._baselines.get(baseline_key(place))

    def baseline_places(self) -> list[PortPlace]:
        return list(self._places.values())

    def submit(
        self, place: PortPlace, reading: Snapshot, *, otherwise: Reason | None
    ) -> Reason | None:
        """Report a reading if it has changes, else with the reason ``otherwise``, if any.

        :returns: the reason with which it was reported, None if it was not
        """
        before = self.baseline(place)
        reason = reason_for(before, reading) or otherwise
        baseline = update_baseline(before, reading)
        if reason is None:
            self._baselines[baseline_key(place)] = baseline
            self._events.emit_changes(place, before, reading)
            return None
        if not self._store(reason, place, reading, baseline):
            return None
        self._events.emit_changes(place, before, reading)
        return reason

    def removed(self, place: PortPlace) -> bool:
        """Report the removal of a modem with its last reading, and discard its baseline."""
        baseline = self.baseline(place)
        if baseline is None:
            return False
        place = self._places.get(baseline_key(place), place)
        stored = self._store(Reason.REMOVED, place, removal_snapshot(baseline), None)
        if stored:
            self._events.emit("modem.removed", place, before=baseline.modem.imei)
        return stored

    def heartbeat(self, places: list[PortPlace]) -> None:
        """Store one report for each watched modem, or one without a modem if there is none."""
        for place in places:
            if baseline := self.baseline(place):
                self._store(Reason.HEARTBEAT, place, removal_snapshot(baseline), baseline)
        if not places:
            self._store(Reason.HEARTBEAT, None, None, None)

    def _store(
        self,
        reason: Reason,
        place: PortPlace | None,
        reading: Snapshot | None,
        baseline: Snapshot | None,
    ) -> bool:
        draft = ReportDraft(reason=reason, port=place)
        if reading is not None:
            draft = replace(
                draft,
                modem=reading.modem.to_json(),
                sims=[sim.to_json() for sim in reading.sims],
                problems=[problem.to_json() for problem in reading.problems],
            )
            if reason not in _FROM_BASELINE:
                draft = replace(
                    draft,
                    network=reading.network.to_json() if reading.network else None,
                    evidence=[each.to_json() for each in reading.evidence],
                )
        places: dict[str, JsonObject | None] = {}
        if place is not None:
            places[baseline_key(place)] = (
                {"snapshot": baseline.to_json(), "port": place.to_json()} if baseline else None
            )
        try:
            report = self._outbox.put(draft, baselines=places)
        except OutboxError as error:
            if error.message != self._error:
                self._log.error("report_not_stored", reason=error.message, hint=error.hint)
            self._error = error.message
            return False
        self._error = ""
        if place is not None:
            key = baseline_key(place)
            if report is not None:
                self.last[key] = report
            if baseline is None:
                self._baselines.pop(key, None)
                self._places.pop(key, None)
            else:
                self._baselines[key] = baseline
                self._places[key] = place
        self._log.info(
            "report_stored" if report else "report_buffered",
            reason=str(reason),
            port=place.path if place else None,
            sequence=report.sequence if report else None,
            **_identifiers(reading),
        )
        if report:
            self._events.emit("report.stored", place, sequence=report.sequence, reason=str(reason))
        if self.courier is not None:
            self.courier.wake()
        return True


def _identifiers(reading: Snapshot | None) -> dict[str, object]:
    if reading is None:
        return {}
    sim = reading.active_sim
    return {
        "imei": reading.modem.imei,
        "iccid": sim.iccid if sim else None,
        "sim": str(sim.state) if sim else None,
    }
