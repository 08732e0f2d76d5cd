"""Monthly partitions of stored bodies (PostgreSQL)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from modemagent.registry.store.database import partitions
from modemagent.registry.store.database.engine import Database, now_ms
from tests.registry.conftest import PostgresServer

MAY, JUNE, JULY = (datetime(2031, month, 1, tzinfo=UTC) for month in (5, 6, 7))


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    found = Database(postgres.new_database())
    yield found
    found.close()


def ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def add(database: Database, *received_ms: int) -> None:
    with database.writing() as connection:
        for number in received_ms:
            connection.exec_driver_sql(
                f"INSERT INTO report VALUES (1, nextval('surrogate_key_block'), {number}, 'x')"
            )


def create(database: Database, time: datetime) -> None:
    with database.writing() as connection:
        partitions.create_months(connection, ms(time))


def bodies(database: Database) -> dict[str, list[int]]:
    """Return when the bodies of each partition were received."""
    query = "SELECT tableoid::regclass::text, received_ms FROM report ORDER BY 2"
    found: dict[str, list[int]] = {}
    with database.reading() as connection:
        for name, received_ms in connection.exec_driver_sql(query):
            found.setdefault(name, []).append(received_ms)
    return found


def test_new_month_takes_its_bodies_from_the_default(database: Database) -> None:
    received = [ms(MAY), ms(JUNE) - 1, ms(JUNE), ms(JULY) - 1, ms(JULY)]
    add(database, *received)
    assert bodies(database) == {"report_other": received}
    create(database, MAY)
    add(database, ms(MAY) + 1)
    wanted = {
        "report_2031_05": [ms(MAY), ms(MAY) + 1, ms(JUNE) - 1],
        "report_2031_06": [ms(JUNE), ms(JULY) - 1],
        "report_other": [ms(JULY)],
    }
    assert bodies(database) == wanted
    create(database, MAY)
    assert bodies(database) == wanted


def test_bodies_are_stored_while_a_month_is_created(database: Database) -> None:
    stopping = threading.Event()
    other = Database(database.url)
    stored: list[int] = []
    errors: list[Exception] = []

    def store() -> None:
        number = ms(MAY)
        try:
            while not stopping.is_set():
                number += 1
                add(other, number)
                stored.append(number)
        except Exception as error:  # noqa: BLE001 - shown by the main thread
            errors.append(error)

    thread = threading.Thread(target=store)
    thread.start()
    while len(stored) < 20 and not errors:
        pass
    create(database, MAY)
    before = len(stored)
    while len(stored) < before + 20 and not errors:
        pass
    stopping.set()
    thread.join()
    other.close()
    assert errors == []
    assert bodies(database) == {"report_2031_05": stored}


def test_month_is_dropped_once_all_its_days_are_past(database: Database) -> None:
    create(database, MAY)
    add(database, ms(MAY), ms(JUNE), ms(JUNE) + 5, 5, now_ms())
    with database.writing() as connection:
        partitions.drop_months(connection, ms(JUNE) + 1)
    assert bodies(database) == {"report_2031_06": [ms(JUNE), ms(JUNE) + 5]}
    create(database, MAY)
    assert bodies(database) == {"report_2031_06": [ms(JUNE), ms(JUNE) + 5]}
