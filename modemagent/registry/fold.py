"""Fold dated readings into intervals and events. No I/O, no clock, no database.

The fold has two sides:

* a **place** holds one unit at a time: a position of a gateway holds a modem, a slot of a modem
  holds a SIM;
* a **unit**, a modem or a SIM, is at one place at a time.

:func:`advance_place` takes the next reading of a place and records what changed there: another
unit, no unit, the same SIM with another IMSI. A unit that leaves yields a :class:`Departure`.
:func:`advance_unit` takes the next reading or departure of a unit and updates its *intervals*: the
places it was at, from when to when, opened and closed by which report. It also records when the
unit was first seen and when it moved.

The result is a function of the readings of a place or unit in order. The store calls the same two
functions with the next reading (the usual case) and with all readings from the start (after a late
one), so the order of arrival has no effect.

**Missing is not changed**: incomplete readings are filtered out before this module.

**Two modems with one IMEI** may be in two gateways at once. A gateway that saw its modem without
interruption (same stream, same boot, a continuing reason) and sees it again does not contradict the
other gateway: nothing moved and nothing was swapped. A move that such a reading disproves is
withdrawn. Within :data:`GRACE_MS` after the move, the reading is attributed to clocks that differ.
"""

from __future__ import annotations

from modemagent.identity.changes import SimNumbers, compare_sims
from modemagent.identity.iccid import Iccid
from modemagent.registry.timeline import (
    Changes,
    Departure,
    Interval,
    Occupant,
    PlaceState,
    Reading,
    Unit,
    UnitKind,
    UnitTimeline,
    unit_key,
)

GRACE_MS = 10 * 60 * 1000
_OCCUPANTS_KEPT = 8  # modems with the same IMEI whose view of a slot is kept in its state
_INTERVALS_KEPT = 64  # places kept in the state of a unit; the store has the older intervals


def advance_place(state: PlaceState, reading: Reading, changes: Changes) -> None:
    """Apply the next reading of a place: a modem's position or a slot."""
    state.last_order = reading.order
    own = state.occupants.get(reading.modem_place)
    # the same slot of another modem with the same IMEI, observed without interruption
    twin = (
        reading.modem_place != state.modem_place
        and own is not None
        and reading.continuing
        and own.session == reading.session
    )
    after = _next_occupant(own if twin else state.occupant, reading, changes)
    if after is None:
        return
    if not twin:
        state.modem_place = reading.modem_place
    state.occupants.pop(reading.modem_place, None)
    state.occupants[reading.modem_place] = after
    while len(state.occupants) > _OCCUPANTS_KEPT:
        del state.occupants[next(key for key in state.occupants if key != state.modem_place)]


def _next_occupant(before: Occupant | None, reading: Reading, changes: Changes) -> Occupant | None:
    kind, number, identities = changes.kind, reading.number, reading.identities
    if number is None:
        if before is None:
            return None
        if before.occupied:
            name = f"{kind.event_prefix}.removed"
            changes.add_event(name, reading.place, reading, previous=before.identities)
            _depart(before, reading, "removed", changes)
        return Occupant(before.number, before.identities, False, reading.session)
    if before is None:
        return Occupant(number, identities, True, reading.session)
    if kind == UnitKind.MODEM:
        event = None if _same_unit(kind, before.number, number) else "modem.swapped"
    else:
        event = compare_sims(
            SimNumbers(before.number, before.identities.imsi, before.identities.eid),
            SimNumbers(number, identities.imsi, identities.eid),
        )
    replaced = event not in (None, "sim.imsi_switched")
    if not replaced:
        identities = identities.filled_from(before.identities, no_sim=reading.no_sim)
        number = max(number, before.number, key=len)
    if event:
        changes.add_event(event, reading.place, reading, previous=before.identities, new=identities)
    if before.occupied and replaced:
        _depart(before, reading, "replaced", changes)
    return Occupant(number, identities, True, reading.session)


def _depart(before: Occupant, reading: Reading, cause: str, changes: Changes) -> None:
    changes.departures.append(
        Departure(reading.order, reading.report, reading.place, before.number, cause)
    )


def advance_unit(timeline: UnitTimeline, reading: Reading | Departure, changes: Changes) -> None:
    """Apply the next reading of a unit, or its departure from a place."""
    kind = changes.kind
    timeline.last_order = reading.order
    number = reading.number
    if number is None:
        return
    unit = next((one for one in timeline.units if _same_unit(kind, one.number, number)), None)
    if isinstance(reading, Departure):
        left = unit.intervals.get(reading.place) if unit else None
        if left is not None and left.cause is None:
            left.close(reading, reading.cause)
            changes.add_interval(left)
        return
    if unit is None:
        unit = Unit(number, reading.at_ms, reading.report, 0, "", reading.place, {}, {})
        changes.add_event(
            f"{kind.event_prefix}.first_seen", f"{kind}:{number}", reading, new=reading.identities
        )
    else:
        timeline.units.remove(unit)
    timeline.units.insert(0, unit)  # a shorter number means the unit seen last
    unit.number = number if len(number) >= len(unit.number) else unit.number
    unit.last_ms, unit.last_report = reading.at_ms, reading.report
    unit.facts = {**unit.facts, **reading.facts}
    _place_unit(unit, reading, changes)


def _place_unit(unit: Unit, reading: Reading, changes: Changes) -> None:
    kind = changes.kind
    here = unit.intervals.get(reading.place)
    latest = unit.intervals.get(unit.place)
    if here is not None and reading.place == unit.place:
        if here.cause is None:
            _extend(here, reading, changes)
        else:
            _open(unit, reading, None, changes)
        return
    if here is not None and latest is not None and _continues(here, reading):
        if here.cause == "moved":
            if reading.at_ms - latest.first_ms <= GRACE_MS:
                return
            here.closed_ms = here.closed_by = here.cause = None
            if latest.move_event is not None:
                changes.withdraw(latest.move_event)
                latest.move_event = None
        _extend(here, reading, changes)
        return
    move_event = None
    if latest is not None:
        if kind == UnitKind.MODEM or latest.identities.imei != reading.identities.imei:
            move_event = changes.add_event(
                f"{kind.event_prefix}.moved",
                f"{kind}:{unit_key(kind, unit.number)}",
                reading,
                previous=latest.identities,
                new=reading.identities,
            )
        if latest.cause is None:
            latest.close(reading, "moved")
            changes.add_interval(latest)
    unit.place = reading.place
    _open(unit, reading, move_event, changes)


def _continues(interval: Interval, reading: Reading) -> bool:
    same_session = reading.continuing and interval.session == reading.session
    return same_session and interval.cause in (None, "moved")


def _open(unit: Unit, reading: Reading, move_event: str | None, changes: Changes) -> None:
    interval = Interval(
        place=reading.place,
        identities=reading.identities,
        opened_by=reading.report,
        first_ms=reading.at_ms,
        last_ms=reading.at_ms,
        last_report=reading.report,
        session=reading.session,
        move_event=move_event,
    )
    unit.intervals.pop(reading.place, None)
    unit.intervals[reading.place] = interval
    while len(unit.intervals) > _INTERVALS_KEPT:
        del unit.intervals[next(iter(unit.intervals))]
    changes.add_interval(interval)


def _extend(interval: Interval, reading: Reading, changes: Changes) -> None:
    interval.last_ms, interval.last_report = reading.at_ms, reading.report
    interval.session = reading.session
    interval.identities = reading.identities.filled_from(interval.identities, no_sim=reading.no_sim)
    changes.add_interval(interval)


def _same_unit(kind: UnitKind, one: str, other: str) -> bool:
    return one[:14] == other[:14] if kind == UnitKind.MODEM else Iccid(one).same_sim(other)
