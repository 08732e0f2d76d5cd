"""Timers that the processes of a registry share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modemagent.registry.housekeeping import Housekeeper
from modemagent.registry.store.database import jobs, system_state, tallies
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.database.jobs import Timer, TimerKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.privacy import acts, audit
from tests.registry.conftest import PostgresServer

HOUR = Timer(TimerKind.RETENTION, 3600)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    run(found, jobs.create)
    yield found
    found.close()


def run(database: Database, work, later_s: float = 0):  # type: ignore[no-untyped-def]
    with database.writing() as connection:
        batch = database.new_batch(connection)
        batch.now_ms += round(later_s * 1000)
        return work(batch)


def due(database: Database, timer: Timer, later_s: float = 0) -> bool:
    with database.reading() as connection:
        return jobs.due(connection, [timer], now_ms() + round(later_s * 1000)) == [timer]


def test_timer_is_due_again_after_its_time(database: Database) -> None:
    assert due(database, HOUR)
    assert run(database, lambda batch: jobs.run(batch, HOUR)) is True
    assert not due(database, HOUR, 3590)
    assert run(database, lambda batch: jobs.run(batch, HOUR), 3590) is False
    assert due(database, HOUR, 3610)


def test_timers_are_created_once(database: Database) -> None:
    run(database, lambda batch: jobs.run(batch, HOUR))
    run(database, jobs.create)
    assert not due(database, HOUR)


def test_work_that_is_not_complete_continues_at_once(database: Database) -> None:
    slices = iter((True, False))
    timer = HOUR._replace(work=lambda _: next(slices))
    run(database, lambda batch: jobs.run(batch, timer))
    assert due(database, timer)
    run(database, lambda batch: jobs.run(batch, timer))
    assert not due(database, timer)


def test_failed_work_stays_due(database: Database) -> None:
    def fail(_: Batch) -> bool:
        raise OSError

    with pytest.raises(OSError):
        run(database, lambda batch: jobs.run(batch, HOUR._replace(work=fail)))
    assert due(database, HOUR)


def test_failure_of_a_timer_is_stored_and_the_timer_waits(database: Database) -> None:
    def fail(_: Batch) -> bool:
        raise KeyError("867698040000013")

    keeper = Housekeeper(database, Recorder(database), lambda: None)
    assert keeper._run(HOUR._replace(work=fail)) is False
    assert not due(database, HOUR)
    assert due(database, HOUR, 61)
    with database.reading() as connection:
        (failure,) = jobs.failures(connection).items()
        assert (failure[0], failure[1].reason) == ("retention", "KeyError")
        assert jobs.due_times(connection)[HOUR.kind] >= failure[1].at_ms + 59_000


def test_condition_of_a_new_database(database: Database) -> None:
    run(database, lambda batch: acts.note(batch.connection, "token.create"))
    with database.reading() as connection:
        waiting = system_state.waiting_work(connection)
        size = system_state.database_size(connection)
        archive = system_state.archive(connection)
        assert audit.verify_end(connection, 200)[1] == 0
        assert system_state.engine_version(connection).split()[0] in ("SQLite", "PostgreSQL")
        assert system_state.row_counts(connection)["acts in the audit"] == 0
    assert {name for name, one in waiting.items() if one.number} == {"audit"}
    assert size.bytes > 100_000
    assert archive is None or not archive.is_on
    assert "other" not in {one.kind for one in size.kinds}
    run(database, audit.chain)
    with database.writing() as connection:
        assert audit.verify_end(connection, 200)[1] == 0
        connection.exec_driver_sql("UPDATE audit SET kind = 'token.revoke'")
        assert audit.verify_end(connection, 200)[1]


def test_timer_is_due_if_the_clock_was_set_back(database: Database) -> None:
    run(database, lambda batch: jobs.run(batch, HOUR), 90 * 86_400)
    assert due(database, HOUR)
    assert run(database, lambda batch: jobs.run(batch, HOUR)) is True


def test_timer_is_run_by_one_process_at_a_time(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    first, second = Database(url), Database(url)
    run(first, jobs.create)
    meanwhile: list[bool] = []

    def work(_: Batch) -> bool:
        meanwhile.append(run(second, lambda batch: jobs.run(batch, HOUR)))
        other = Timer(TimerKind.TALLIES, 60)
        meanwhile.append(run(second, lambda batch: jobs.run(batch, other)))
        return False

    assert run(first, lambda batch: jobs.run(batch, HOUR._replace(work=work))) is True
    assert meanwhile == [False, True]
    for one in (first, second):
        one.close()


def test_tallies_are_of_the_last_count(database: Database) -> None:
    def numbers() -> tuple[int, int]:
        with database.reading() as connection:
            return tallies.stored(connection)["sims"], tallies.counted(connection)["sims"]

    def add(number: int) -> None:
        with database.writing() as connection:
            connection.exec_driver_sql(
                "INSERT INTO unit (id, kind, key, number, ref, heard_day)"
                f" VALUES ({number}, 2, '{number}', '{number}', {number}, 0)"
            )

    tallies.update(database)
    add(1)
    assert numbers() == (0, 1)
    tallies.update(database)
    assert numbers() == (1, 1)
