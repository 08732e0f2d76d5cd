"""Takeover of a database of version 0.1.0, with the frozen one in ``fixtures/registry``."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modemagent.registry.store.database import tallies
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.intake import takeover
from modemagent.registry.store.people.tokens import all_tokens, digest_of, find

OLD = Path(__file__).parents[2] / "fixtures/registry/0.1.0"


@pytest.fixture
def old_database(tmp_path: Path) -> Path:
    return Path(shutil.copy(OLD / "registry.db", tmp_path))


def old_rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_reports_gateways_and_tokens_are_kept(old_database: Path) -> None:
    keys = old_rows(old_database, "SELECT gateway_id, stream_id, sequence, body FROM report")
    tokens = old_rows(old_database, "SELECT number, hash FROM token ORDER BY number")
    database = Database(f"sqlite:///{old_database}")
    assert [one.number for one in all_tokens(database)] == [number for number, _ in tokens]
    digest = digest_of((OLD / "token").read_bytes().strip())
    assert digest is not None
    assert find(database, digest) is not None
    with database.reading() as connection:
        for gateway_id, stream_id, sequence, body in keys:
            found = reader.stored_report(connection, gateway_id, stream_id, sequence)
            assert isinstance(found, dict)
            assert found["report"] == json.loads(body)
        gateways = {
            one["gateway_id"]: one["reports"]
            for one in reader.gateways(connection, limit=10)["gateways"]
        }
    assert sum(gateways.values()) == len(keys)
    assert set(gateways) == {key[0] for key in keys}
    database.close()
    assert not old_rows(old_database, "SELECT name FROM sqlite_master WHERE name LIKE 'v1%'")


def test_event_positions_continue_above_the_old_ones(old_database: Path) -> None:
    ((last,),) = old_rows(old_database, "SELECT max(position) FROM event")
    old = old_rows(old_database, "SELECT type, report, id FROM event WHERE NOT withdrawn")
    database = Database(f"sqlite:///{old_database}")
    with database.reading() as connection:
        events = reader.event_rows(connection, limit=1000, after=0)
    database.close()
    assert events[0][0] == last + 1
    assert sorted((one["type"], one["data"]["report"]) for _, one in events) == sorted(
        (kind, report) for kind, report, _ in old
    )
    assert not {one["id"] for _, one in events} & {id_ for _, _, id_ in old}


def test_interrupted_takeover_is_continued(
    old_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "_PORTION", 3)
    finish = takeover._finish

    def interrupted(connection: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(takeover, "_finish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Database(f"sqlite:///{old_database}")
    assert old_rows(old_database, "SELECT count(*) FROM v1_report") == [(13,)]
    monkeypatch.setattr(takeover, "_finish", finish)
    database = Database(f"sqlite:///{old_database}")
    with database.reading() as connection:
        assert tallies.counted(connection)["reports"] == 13
    database.close()


def test_database_of_an_unknown_version_is_rejected(old_database: Path) -> None:
    with closing(sqlite3.connect(old_database)) as connection, connection:
        connection.execute("INSERT INTO schema_version VALUES (999)")
    with pytest.raises(Exception, match="schema version 999"):
        Database(f"sqlite:///{old_database}")
