"""The revisions of the database make the schema that the code uses."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from modemagent.errors import RegistryStoreError
from modemagent.identity.snapshot import SimState
from modemagent.registry.store import migrations
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.fleet.event_reader import ids_about
from modemagent.registry.store.fleet.stays import load_stays
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.intake.presence import days_heard
from modemagent.registry.store.intake.slots import StoredSlot, pack, unpack
from modemagent.registry.store.tables import (
    bench_tables,
    deadline_tables,
    finding_tables,
    outside_tables,
    people_tables,
    policy_tables,
    recheck_tables,
    schema,
    view_tables,
)


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_revisions_make_the_schema(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert policy_tables.metadata is recheck_tables.metadata is people_tables.metadata
        assert deadline_tables.metadata is outside_tables.metadata is people_tables.metadata
        assert bench_tables.metadata is people_tables.metadata
        assert view_tables.metadata is people_tables.metadata
        found = compare_metadata(context, people_tables.metadata)
    database.close()
    others = [
        one
        for one in found
        if not (str(one[1]).startswith("report_") or "unit_of_last_digits" in str(one[1]))
    ]
    assert others == []


def test_newest_revision_is_the_head() -> None:
    directory = ScriptDirectory(migrations.__path__[0])
    assert directory.get_current_head() == migrations.NEWEST


@contextlib.contextmanager
def at_revision(url: str, monkeypatch: pytest.MonkeyPatch, revision: str) -> Iterator[Connection]:
    """Create a database of an older revision, to be filled."""

    def only_older(config: Config, _: str) -> None:
        upgrade(config, revision)

    upgrade = command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", only_older)
        Database(url).close()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        query = text("SELECT version_num FROM alembic_version")
        assert connection.execute(query).scalar() == revision
        yield connection
    engine.dispose()


def insert(connection: Connection, table: str, **values: object) -> None:
    columns = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({marks})"), values)


def test_findings_of_the_first_revision_stay(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_revision(empty_database_url, monkeypatch, "0001") as connection:
        insert(
            connection, "finding", id=1, recorded_from=0, finding_id=b"f" * 16,
            type="gateway.identity_forked", severity="error", stream=0, sequence=0, lo_ms=0,
            hi_ms=0, state="undecided",
        )  # fmt: skip
    database = Database(empty_database_url)
    with database.reading() as connection:
        row = connection.execute(finding_tables.finding.select()).one()
    database.close()
    assert (row.part, row.late, row.again, row.revision) == ("", False, 0, 1)


def test_rewritten_rows_state_what_they_did(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = {"kind": 1, "number": "n", "heard_day": 1}
    stay = {"unit": 1, "individual": 0, "place": 5, "opened_stream": 6, "opened_sequence": 1,
            "from_lo": 10, "from_hi": 11, "last_stream": 6, "order_known": True, "pending": False,
            "recorded_from": 12}  # fmt: skip
    event = {"event_id": b"e" * 16, "type": "sim.moved", "revision": 1, "withdrawn": False,
             "superseded": False, "unit": 2, "stream": 6, "sequence": 1, "lo_ms": 1, "hi_ms": 2,
             "recorded_ms": 3, "old_modem": 1}  # fmt: skip
    with at_revision(empty_database_url, monkeypatch, "0019_open_findings") as connection:
        insert(connection, "unit", id=1, key="a", ref=7, **unit)
        insert(connection, "stay", id=1, last_sequence=1, last_lo=10, last_hi=11, **stay)
        insert(connection, "stay", id=2, last_sequence=2, last_lo=20, last_hi=21, **stay)
        insert(connection, "event", id=3, position=4, first_position=4, **event)
        insert(connection, "event", id=5, position=9, first_position=4, **event)
        where = {"gateway": 8, "modem": 1, "sim": 2, "mcc": "262", "year": 2026}
        insert(connection, "presence", days=(0b101).to_bytes(46, "little"), **where)
    database = Database(empty_database_url)
    with database.reading() as connection:
        view = View(connection)
        found = [(one.id, one.from_hi, one.last_hi) for one in load_stays(view, "place", [5])]
        about = connection.execute(ids_about([1])).scalars().all()
        events = connection.execute(schema.event.select().order_by(schema.event.c.id)).all()
        kept = connection.execute(schema.unit.select()).one()
        days = days_heard(connection, [1], [8])
        copied = connection.execute(schema.stay.select().order_by(schema.stay.c.id)).first()
    database.close()
    assert found == [(1, 11, 11), (2, 11, 21)]
    assert copied is not None and copied.last_hi is None
    assert (sorted(about), days) == ([3, 5], {20454, 20456})
    assert [(one.position, one.first_position) for one in events] == [(4, None), (9, 4)]
    assert (kept.ref, kept.key, kept.number, kept.kind) == (7, "a", "n", 1)


def test_second_opening_changes_nothing(empty_database_url: str) -> None:
    Database(empty_database_url, secret=b"s" * 32).close()
    database = Database(empty_database_url, secret=b"t" * 32)
    with database.reading() as connection:
        query = schema.setting.select().where(schema.setting.c.name == "secret")
        row = connection.execute(query).one()
    database.close()
    assert bytes(row.value) == b"s" * 32


def test_unreachable_server_is_an_error_with_a_remedy() -> None:
    with pytest.raises(RegistryStoreError, match="cannot be used") as caught:
        Database("postgresql://127.0.0.1:1/nothing")
    assert "server runs" in (caught.value.hint or "")


def test_every_state_of_a_sim_can_be_stored() -> None:
    for state in SimState:
        (found,) = unpack(pack([StoredSlot(1, str(state), 0)]))
        assert found.state == state
