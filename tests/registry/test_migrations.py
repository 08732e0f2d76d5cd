"""The revisions of the database make the schema that the code uses."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from modemagent.errors import RegistryStoreError
from modemagent.identity.snapshot import SimState
from modemagent.registry.store import (
    bench_tables,
    deadline_tables,
    migrations,
    outside_tables,
    people_tables,
    policy_tables,
    recheck_tables,
    schema,
    view_tables,
)
from modemagent.registry.store.engine import Database
from modemagent.registry.store.slots import StoredSlot, pack, unpack


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


def test_findings_of_the_first_revision_stay(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_first(config: Config, _: str) -> None:
        upgrade(config, "0001")

    upgrade = command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", only_first)
        Database(empty_database_url).close()
    names = ("finding_id", "type", "severity", "stream", "sequence", "lo_ms", "hi_ms", "state")
    values = (b"f" * 16, "gateway.identity_forked", "error", 0, 0, 0, 0, "undecided")
    engine = create_engine(empty_database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        assert (
            connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0001"
        )
        found = ", ".join(f":{name}" for name in names)
        connection.execute(
            text(
                f"INSERT INTO finding (id, recorded_from, {', '.join(names)})"
                f" VALUES (1, 0, {found})"
            ),
            dict(zip(names, values, strict=True)),
        )
    engine.dispose()
    database = Database(empty_database_url)
    with database.reading() as connection:
        row = connection.execute(schema.finding.select()).one()
    database.close()
    assert (row.part, row.late, row.again, row.revision) == ("", False, 0, 1)


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
