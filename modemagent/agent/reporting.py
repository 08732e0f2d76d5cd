"""Conversion of readings to reports in the outbox."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from modemagent.discovery.sockets import find_socket
from modemagent.errors import OutboxError, ReportError
from modemagent.identity.json_codec import from_json
from modemagent.identity.snapshot import Snapshot
from modemagent.logs import Log
from modemagent.report.message import (
    Health,
    JsonObject,
    ModemHealth,
    PortPlace,
    Reason,
    Report,
)
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import ReportDraft
from modemagent.watching.baseline import reason_for, removal_snapshot, update_baseline
from modemagent.watching.events import EventBus
from modemagent.watching.places import baseline_key, stored_key, usb_device

#: Parts of the baseline that the report of a removal repeats: nothing is read for it.
_BASELINE_FIELDS = ("modem", "sims", "problems")
_READING_FIELDS = (*_BASELINE_FIELDS, "network", "evidence")
#: The reader of a modem; the former is the dialect of its readings too.
_MODEMMANAGER, _AT = "modemmanager", "at"


class _Baseline(NamedTuple):
    """The last reading of a modem, and its port."""

    snapshot: Snapshot
    port: PortPlace

    def to_json(self) -> JsonObject:
        """Return the JSON form, without the evidence of the reading."""
        return {"snapshot": self.snapshot.to_json(), "port": self.port.to_json()}


def _located(baseline: _Baseline, key: str) -> _Baseline:
    """Add the USB socket, which is the key; version 0.1.0 used the device id."""
    place = baseline.port
    by_socket = key not in (place.path, usb_device(place))
    return baseline._replace(port=place._replace(socket=key if by_socket else find_socket(key)))


class Reporter:
    """Stores a report for each change, together with the new baseline of the modem.

    If a report cannot be stored, the baseline stays unchanged, so that the same change is detected
    again at the next reading.
    """

    def __init__(self, outbox: Outbox, log: Log, events: EventBus) -> None:
        self._outbox = outbox
        self._log = log
        self._events = events
        self._baselines: dict[str, _Baseline] = {}
        self.last: dict[str, Report] = {}
        self._error = ""
        for key, body in outbox.baselines().items():
            try:
                self._baselines[key] = _located(from_json(_Baseline, body), key)
            except ReportError as error:
                # written by another version: the modem is identified as a new one
                log.warning("baseline_unreadable", port=key, reason=str(error))

    def _key(self, place: PortPlace) -> str:
        return stored_key(place, self._baselines)

    def baseline(self, place: PortPlace) -> Snapshot | None:
        found = self._baselines.get(self._key(place))
        return found.snapshot if found else None

    def baseline_places(self) -> list[PortPlace]:
        return [baseline.port for baseline in self._baselines.values()]

    def submit(
        self, place: PortPlace, reading: Snapshot, *, default_reason: Reason | None
    ) -> Reason | None:
        """Report a reading if it has changes, else with the reason ``default_reason``, if any.

        :returns: the reason with which it was reported, None if it was not
        """
        before = self.baseline(place)
        reason = reason_for(before, reading) or default_reason
        baseline = update_baseline(before, reading)
        if reason is None:
            key = self._key(place)
            self._baselines[key] = self._baselines[key]._replace(snapshot=baseline)
        elif not self._store(reason, place, reading, baseline):
            return None
        self._events.emit_changes(place, before, reading)
        return reason

    def removed(self, place: PortPlace) -> bool:
        """Report the removal of a modem with its last reading, and discard its baseline."""
        baseline = self._baselines.get(self._key(place))
        if baseline is None:
            return False
        snapshot, place = baseline
        stored = self._store(Reason.REMOVED, place, removal_snapshot(snapshot), None)
        if stored:
            self._events.emit("modem.removed", place, before=snapshot.modem.imei)
        return stored

    def heartbeat(self, interval_s: float, modems: Sequence[ModemHealth]) -> None:
        """Store one report of the gateway: a sign of life, with its health."""
        heartbeat_s = int(interval_s) if interval_s.is_integer() else interval_s
        with contextlib.suppress(OutboxError):
            health = self._health(modems)
            draft = ReportDraft(reason=Reason.HEARTBEAT, heartbeat_s=heartbeat_s, health=health)
            self._put(draft, {})

    def _health(self, modems: Sequence[ModemHealth]) -> Health:
        outbox = self._outbox
        waiting, _ = outbox.depth()
        return Health(waiting, outbox.evicted(), outbox.identity.restarts, tuple(modems))

    def _store(
        self,
        reason: Reason,
        place: PortPlace,
        reading: Snapshot,
        snapshot: Snapshot | None,
    ) -> bool:
        document: dict[str, Any] = reading.to_json(evidence=True)
        names = _BASELINE_FIELDS if reason is Reason.REMOVED else _READING_FIELDS
        fields = {name: document[name] for name in names if name in document}
        reader = _MODEMMANAGER if reading.dialect == _MODEMMANAGER else _AT
        draft = ReportDraft(reason=reason, port=place, reader=reader, **fields)
        baselines: dict[str, _Baseline | None] = {self._key(place): None}
        baselines[baseline_key(place)] = _Baseline(snapshot, place) if snapshot else None
        return self._put(draft, baselines, **_identifiers(reading))

    def _put(
        self, draft: ReportDraft, baselines: Mapping[str, _Baseline | None], **logged: object
    ) -> bool:
        try:
            bodies = {key: each.to_json() if each else None for key, each in baselines.items()}
            report = self._outbox.put(draft, baselines=bodies)
        except OutboxError as error:
            if error.message != self._error:
                self._log.error("report_not_stored", reason=error.message, hint=error.hint)
            self._error = error.message
            return False
        self._error = ""
        for key, baseline in baselines.items():
            if report is not None:
                self.last[key] = report
            if baseline is None:
                self._baselines.pop(key, None)
            else:
                self._baselines[key] = baseline
        self._log.info(
            "report_stored" if report else "report_buffered",
            reason=str(draft.reason),
            port=draft.path or None,
            sequence=report.sequence if report else None,
            **logged,
        )
        if report:
            stored = {"sequence": report.sequence, "reason": str(draft.reason)}
            self._events.emit("report.stored", draft.port, **stored)
        return True


def _identifiers(reading: Snapshot) -> dict[str, object]:
    sim = reading.active_sim
    return {
        "imei": reading.modem.imei,
        "iccid": sim.iccid if sim else None,
        "sim": str(sim.state) if sim else None,
    }
