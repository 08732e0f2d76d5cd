"""Transactions that another worker or a lost connection has interrupted are repeated."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from modemagent.registry.envelope import open_envelope
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.intake import recorder
from modemagent.registry.store.intake.arrivals import Arrival
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.place_log import PlaceLog
from modemagent.registry.store.intake.record import record
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.tables import schema
from modemagent.report.message import canonical_body
from tests.registry.conftest import Body, Gateway, PostgresServer
from tests.registry.store.test_pipeline import end_other_connections, insert

Work = Callable[[Batch, Sequence[Arrival]], Any]


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    found = Database(postgres.new_database())
    yield found
    found.close()


def arrival(report: Body) -> Arrival:
    return Arrival(open_envelope(canonical_body(report)), now_ms())


def statuses(database: Database, *reports: Body) -> list[str]:
    results, _ = Recorder(database).record([arrival(one) for one in reports])
    return [str(one.status) for one in results]


def test_batch_is_freed_without_the_garbage_collector(database: Database) -> None:
    gateway = Gateway()
    assert statuses(database, gateway.report("identified")) == ["accepted"]
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        assert statuses(database, gateway.report("refresh")) == ["accepted"]
        gc.collect()
        assert not [one for one in gc.garbage if isinstance(one, Batch)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def before_first(monkeypatch: pytest.MonkeyPatch, fault: Callable[[Batch], None]) -> list[Batch]:
    """Let a fault precede the first attempt to store reports; return the batches of all."""
    batches: list[Batch] = []

    def faulty(batch: Batch, arrivals: Sequence[Arrival]) -> Any:
        batches.append(batch)
        if len(batches) == 1:
            fault(batch)
        return record(batch, arrivals)

    monkeypatch.setattr(recorder, "record", faulty)
    return batches


def test_lost_connection_is_repeated(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = before_first(monkeypatch, lambda _: end_other_connections(database))
    assert statuses(database, Gateway().report("identified")) == ["accepted"]
    assert len(batches) == 2


def test_place_contested_meanwhile_is_repeated(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway()
    assert statuses(database, gateway.report("identified")) == ["accepted"]
    attempts = []
    write = PlaceLog.write

    def write_later(log: PlaceLog) -> None:
        attempts.append(log)
        if len(attempts) == 1:
            (place,) = log.places.values()
            other = Database(database.url, guest=True)
            with other.writing() as connection:
                dialect.update_rows(
                    connection, schema.place, ("id",), ("contested",), [(True, place.id)]
                )
            other.close()
        write(log)

    monkeypatch.setattr(PlaceLog, "write", write_later)
    assert statuses(database, gateway.report()) == ["accepted"]
    assert len(attempts) == 2


def test_deadlock_is_repeated(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.writing() as connection:
        for name in ("a", "b"):
            insert(connection, name)
    both_locked = threading.Barrier(2)

    def lock(batch: Batch, *wanted: str) -> None:
        for name in wanted:
            dialect.select_rows(
                batch.connection, schema.setting, ("name",), ("name",), [(name,)], lock=True
            )

    attempts: list[str] = []

    def crossed(batch: Batch, arrivals: Sequence[Arrival]) -> Any:
        mine = arrivals[0].envelope.gateway_id
        first = mine not in attempts
        attempts.append(mine)
        lock(batch, mine)
        if first:
            both_locked.wait(60)
        lock(batch, "a", "b")
        return record(batch, arrivals)

    monkeypatch.setattr(recorder, "record", crossed)
    other = Database(database.url)
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(
            lambda one: statuses(one[0], Gateway(one[1]).report("identified")),
            [(database, "a"), (other, "b")],
        )
        assert list(found) == [["accepted"], ["accepted"]]
    other.close()
    assert len(attempts) > 2, "the repeated one may meet the other again"
