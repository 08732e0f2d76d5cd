"""Evaluation of the rules for what transactions have changed.

Units and gateways are locked first, as the transactions of reports do, so that a finding is written
by one process at a time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from modemagent.registry.received import decode_report
from modemagent.registry.rules.catalogue import OF_PLACES
from modemagent.registry.rules.denied import LASTS_MS, denied, is_denied
from modemagent.registry.rules.flapping import flapping
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding
from modemagent.registry.rules.values import values
from modemagent.registry.store.benches import bench_turns
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.jobs import TimerKind
from modemagent.registry.store.database.taking import take_job
from modemagent.registry.store.evaluation import inventory, rule_jobs
from modemagent.registry.store.evaluation.judgement import evaluate_units, lock_rows
from modemagent.registry.store.findings.finding_log import FindingLog, Subject
from modemagent.registry.store.intake.batch import PLAIN, Batch
from modemagent.registry.store.intake.bodies import decompress
from modemagent.registry.store.intake.boots import load_boots
from modemagent.registry.store.intake.places import Place, load_places
from modemagent.registry.store.tables import finding_tables, schema

_FLAPPING = frozenset({"modem.flapping"})
_DENIED = frozenset({"network.denied"})
_HEALTHS = (
    "SELECT g.id, x.stream, x.heartbeat_sequence, x.received_ms, x.health FROM gateway g"
    " JOIN boot_stream x ON x.boot = g.last_boot WHERE g.id IN {keys} AND x.health IS NOT NULL"
)
_OLD_DENIALS = "SELECT place FROM denial WHERE NOT found AND since_hi <= {until_ms:d}"
_NOWHERE = ReportMoment(0, 0, 0, 0)
_DENIAL = ("place", "stream", "sequence", "since_lo", "since_hi", "found")


def evaluate_waiting(batch: Batch) -> bool:
    """Evaluate the rules for the oldest jobs; return False if there are none for this process.

    One process at a time does it: of two readings of a place, the newer one decides.
    """
    if take_job(batch.connection, TimerKind.RULES) is None:
        return False
    dirty = rule_jobs.take(batch)
    if dirty is None:
        return False
    places = _readings(batch, dirty.readings)
    lock_rows(batch, {*dirty.gateways, *(one.place.gateway for one in places)}, "gateway")
    benched, lots = bench_turns.note(batch, dirty.benches)
    evaluate_units(batch, dirty.units, dirty.new)
    inventory.evaluate_changed(batch, {*dirty.units, *benched}, dirty.new)
    bench_turns.evaluate_lots(batch, lots)
    _evaluate_gateways(batch, dirty.gateways)
    _evaluate_places(batch, places)
    return True


def evaluate_denials(batch: Batch) -> bool:
    """Find the places whose network has refused the registration for long enough."""
    from_ms = batch.now_ms - LASTS_MS
    query = _OLD_DENIALS.format(until_ms=from_ms)
    keys = [(row[0],) for row in batch.connection.exec_driver_sql(query)]
    places = load_places(batch.connection, ("id",), keys)
    lock_rows(batch, {place.gateway for place in places}, "gateway")
    log = FindingLog(batch, _DENIED)
    log.load("place", [place.id for place in places])
    found_at = []
    for place, found in _denials(batch, places).items():
        log.set(Subject("place", gateway=place.gateway, place=place.id), found)
        found_at += [(True, place.id)] if found else []
    log.write()
    dialect.update_rows(batch.connection, finding_tables.denial, ("place",), ("found",), found_at)
    return False


def _evaluate_gateways(batch: Batch, gateways: Sequence[int]) -> None:
    log = FindingLog(batch, _FLAPPING)
    log.load("gateway", gateways)
    newest: dict[int, tuple[Any, ...]] = {}
    for row in dialect.query_keys(batch.connection, _HEALTHS, gateways):
        newest[row[0]] = max(row, newest.get(row[0], row), key=lambda one: one[3])
    for gateway in gateways:
        found: list[RuleFinding] = []
        if gateway in newest:
            _, stream, sequence, received_ms, health = newest[gateway]
            at = ReportMoment(stream, sequence, received_ms, received_ms)
            found += flapping(msgspec.json.decode(bytes(health)), at)
        log.set(Subject("gateway", gateway=gateway), found)
    log.write()


class _Reading(NamedTuple):
    """The newest report of a place whose values or network have changed."""

    place: Place
    is_denied: bool
    at: ReportMoment
    found: list[RuleFinding]


def _readings(batch: Batch, rows: Sequence[tuple[int, int, int]]) -> list[_Reading]:
    connection = batch.connection
    keys = [(place,) for place, _, _ in rows]
    places = {one.id: one for one in load_places(connection, ("id",), keys)}
    reports = [row[1:] for row in rows if row[1:] != PLAIN]
    names = ("stream", "sequence", "received_ms", "body")
    found: list[Any] = dialect.select_rows(
        connection, schema.report, ("stream", "sequence"), names, reports
    )
    bodies = {row[:2]: decompress(row[3]) for row in sorted(found, key=lambda row: row[2])}
    decoded = {key: decode_report(body) for key, body in bodies.items()}
    wanted = {
        (places[place].gateway, decoded[stream, number][0].boot_id)
        for place, stream, number in rows
        if place in places and (stream, number) in decoded
    }
    boots = load_boots(connection, ("gateway", "boot_id"), sorted(wanted))
    by_id = {(one.gateway, one.boot_id): one for one in boots.values()}
    readings = []
    for place, stream, number in rows:
        if place in places and (stream, number) == PLAIN:
            readings.append(_Reading(places[place], False, _NOWHERE, []))
        if place not in places or (stream, number) not in decoded:
            continue
        report, wall_ms, _ = decoded[stream, number]
        boot = by_id[places[place].gateway, report.boot_id]
        lo, hi = boot.date(report.uptime_ms, wall_ms, report.clock_synchronized)
        at = ReportMoment(stream, number, lo, hi)
        body = json.loads(bodies[stream, number])  # msgspec refuses half a surrogate pair
        readings.append(_Reading(places[place], is_denied(body), at, [*values(body, at)]))
    return readings


def _evaluate_places(batch: Batch, readings: Sequence[_Reading]) -> None:
    log = FindingLog(batch, OF_PLACES)
    log.load("place", [one.place.id for one in readings])
    refused = [one for one in readings if one.is_denied]
    rows = [(one.place.id, *one.at, False) for one in refused]
    dialect.insert_new(batch.connection, finding_tables.denial, _DENIAL, rows)
    over = [(one.place.id,) for one in readings if not one.is_denied]
    dialect.delete_rows(batch.connection, finding_tables.denial, ("place",), over)
    denials = _denials(batch, [one.place for one in refused])
    by_place = {place.id: found for place, found in denials.items()}
    for one in readings:
        subject = Subject("place", gateway=one.place.gateway, place=one.place.id)
        log.set(subject, [*one.found, *by_place.get(one.place.id, ())])
    log.write()


def _denials(batch: Batch, places: Sequence[Place]) -> dict[Place, list[RuleFinding]]:
    """Return whether the denial at each place has lasted long enough."""
    connection = batch.connection
    keys = [(place.id,) for place in places]
    since = {
        row[0]: ReportMoment(*row[1:])
        for row in dialect.select_rows(
            connection, finding_tables.denial, ("place",), _DENIAL[:5], keys
        )
    }
    boots = load_boots(connection, ("id",), [(one,) for one in {p.last.boot for p in places}])
    found = {}
    for place in places:
        last = place.last
        _, hi_ms = boots[last.boot].date(last.uptime_ms, last.wall_ms, last.synchronized)
        found[place] = [*denied(since[place.id], hi_ms)] if place.id in since else []
    return found
