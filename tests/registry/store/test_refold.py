"""The database holds the history that follows from the set of reports, in any order of arrival."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from modemagent.registry.envelope import open_envelope
from modemagent.registry.history.derive import History, derive
from modemagent.registry.history.readings import ReportTime
from modemagent.registry.rules.catalogue import OF_BOOTS, OF_INDIVIDUALS
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.history import refold
from modemagent.registry.store.intake.arrivals import Arrival, Sender
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.record import record
from modemagent.report.message import canonical_body
from tests.registry.history.wire import as_received, body_of
from tests.registry.history.world import Fleet, SentReport

WORLDS = range(8)
SECRET = b"s" * 32
LONG_AFTER_MS = 1_830_000_000_000


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, secret=SECRET)
    yield opened
    opened.close()


def store(database: Database, batches: list[list[SentReport]]) -> None:
    for number, sent in enumerate(batches):
        arrivals = [
            Arrival(
                open_envelope(canonical_body(body_of(one))),
                one.report.received_ms,
                Sender(one.report.boot, one.batch.uptime_ms) if one.batch else Sender(),
            )
            for one in sent
        ]
        with database.writing() as connection:
            record(Batch(connection, database.keys, LONG_AFTER_MS + number, SECRET), arrivals)


def batched(sent: list[SentReport], seed: int) -> list[list[SentReport]]:
    """Split reports into batches; a batch has one gateway."""
    pick = random.Random(seed)
    found: list[list[SentReport]] = []
    waiting: dict[str, list[SentReport]] = defaultdict(list)
    for one in sent:
        mine = waiting[one.report.gateway]
        mine.append(one)
        if len(mine) >= pick.choice((1, 1, 2, 5)):
            found.append(waiting.pop(one.report.gateway))
    return [*found, *waiting.values()]


def _last(row: Any) -> tuple[int, int, int]:
    """Return the last reading of a stay, which is not copied if it is the first one."""
    if row.last_stream is None:
        return row.opened_stream, row.opened_sequence, row.from_hi
    return row.last_stream, row.last_sequence, row.last_hi


def stored(database: Database) -> dict[str, list[Any]]:
    with database.reading() as connection:
        rows = connection.execute(text("SELECT id, key FROM unit")).all()
        units = {row[0]: row[1] for row in rows}
        query = "SELECT t.id, g.gateway_id, t.{} FROM {} t JOIN gateway g ON g.id = t.gateway"
        rows = connection.execute(text(query.format("stream_id", "stream"))).all()
        streams = {row[0]: (row[1], row[2]) for row in rows}
        rows = connection.execute(text(query.format("device_id", "place"))).all()
        places = {row[0]: (row[1], row[2]) for row in rows}
        rows = connection.execute(text("SELECT id, value FROM identifier")).all()
        numbers = {row[0]: row[1] for row in rows}
        rows = connection.execute(text("SELECT id, gateway_id FROM gateway")).all()
        gateways = {row[0]: row[1] for row in rows}

        def report(stream: int | None, sequence: int | None) -> Any:
            return None if stream is None else (*streams[stream], sequence)

        stays = [
            (
                units[row.unit],
                row.individual,
                places[row.place]
                if row.holder is None
                else (units[row.holder], row.holder_individual, row.slot),
                report(row.opened_stream, row.opened_sequence), row.from_lo, row.from_hi,
                report(row.closed_stream, row.closed_sequence), row.to_lo, row.to_hi, row.cause,
                *((report(*_last(row)[:2]), _last(row)[2]) if row.cause else ()),
            )
            for row in connection.execute(text("SELECT * FROM stay WHERE recorded_to IS NULL"))
        ]  # fmt: skip
        events = [
            (
                row.type, units[row.unit], report(row.stream, row.sequence),
                *(
                    (
                        places.get(row[f"{side}_place"]), units.get(row[f"{side}_modem"]),
                        row[f"{side}_slot"], units.get(row[f"{side}_sim"]),
                        numbers.get(row[f"{side}_imsi"]), numbers.get(row[f"{side}_eid"]),
                    )
                    for side in ("old", "new")
                ),
            )
            for row in connection.execute(
                text("SELECT * FROM event WHERE NOT superseded AND NOT withdrawn")
            ).mappings()
            for row in [_Row(row)]
        ]  # fmt: skip
        findings = [
            (
                row.type,
                units[row.unit] if row.unit else gateways[row.gateway],
                row.grade,
                report(row.stream, row.sequence) if row.unit else None,
            )
            for row in connection.execute(text("SELECT * FROM finding WHERE recorded_to IS NULL"))
            if row.type in OF_INDIVIDUALS | OF_BOOTS  # those of the rules come later, by jobs
        ]
    return {
        "stays": sorted(stays, key=repr),
        "events": sorted(events, key=repr),
        "findings": sorted(findings, key=repr),
    }


class _Row(dict[str, Any]):
    def __getattr__(self, name: str) -> Any:
        return self[name]


def derived(history: History) -> dict[str, list[Any]]:
    def moment(at: ReportTime | None) -> tuple[Any, ...]:
        return (None, None, None) if at is None else (at.report, at.lo_ms, at.hi_ms)

    stays = [
        (
            stay.unit, one.number, stay.place, *moment(stay.opened_by), *moment(stay.closed_by),
            stay.cause, *((stay.last.report, stay.last.hi_ms) if stay.cause else ()),
        )
        for units in (history.modems, history.sims)
        for related in units.values()
        for one in related.individuals
        for stay in one.stays
    ]  # fmt: skip
    events = []
    for one in history.events:
        sides = [
            (None,) * 6
            if side is None
            else (side.place, side.modem, side.slot, side.sim, side.imsi, side.eid)
            for side in (one.previous, one.new)
        ]
        subject = one.subject
        if one.kind == "modem.swapped":
            subject = one.new.modem if one.new else None
        elif isinstance(subject, tuple):
            subject = subject[0]
        events.append((one.kind, subject, one.at.report, *sides))
    findings = [
        (one.kind, one.subject, one.grade, one.at.report if one.at else None)
        for one in history.findings
    ]
    return {
        "stays": sorted(stays, key=repr),
        "events": sorted(events, key=repr),
        "findings": sorted(findings, key=repr),
    }


def expected(sent: list[SentReport]) -> dict[str, list[Any]]:
    batches = [one.batch for one in sent if one.batch is not None]
    return derived(derive([as_received(one) for one in sent], batches))


@pytest.mark.parametrize("seed", WORLDS)
def test_database_holds_what_follows_from_the_reports(seed: int, database: Database) -> None:
    sent = Fleet(seed).sent
    arrived = sent[:]
    if seed % 3:
        pick = random.Random(seed)
        arrived = [*sent, *pick.sample(sent, len(sent) // 4)]
        pick.shuffle(arrived)
    store(database, batched(arrived, seed))
    found, wanted = stored(database), expected(sent)
    for name in wanted:
        assert found[name] == wanted[name]


def test_unit_with_many_readings_is_related_by_a_job(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refold, "MOST_SPANS", 3)
    sent = [one for one in Fleet(8, steps=60).sent if not one.report.rejected]
    store(database, batched(sent, 8))
    assert pending_stays(database) > 0
    assert stored(database) != expected(sent)
    run_job(database)
    assert stored(database) == expected(sent)
    assert pending_stays(database) == 0


def run_job(database: Database) -> None:
    """Relate what is due in a minute, until nothing is left."""
    for number in range(20):
        with database.writing() as connection:
            now_ms = LONG_AFTER_MS + refold.DELAY_MS * 2 + number
            if not refold.relate_due(Batch(connection, database.keys, now_ms, SECRET)):
                return
    raise AssertionError("units are due again and again")


def pending_stays(database: Database) -> int:
    query = "SELECT count(*) FROM stay WHERE pending AND recorded_to IS NULL"
    with database.reading() as connection:
        return int(connection.execute(text(query)).scalar_one())
