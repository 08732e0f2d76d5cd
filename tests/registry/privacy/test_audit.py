"""The audit: who did what, as a chain that shows each change to it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from modemagent.errors import UsageError
from modemagent.registry.calls.audit import AuditCalls
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.looks import Looks
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.privacy import acts, audit
from modemagent.registry.store.privacy.acts import Acting, act_as, acting_as_user
from modemagent.registry.store.privacy.audit import Head
from modemagent.registry.store.tables.privacy_tables import audit as table
from tests.conftest import call_in_process
from tests.registry.conftest import ICCID, IMEI

_WRITERS, _ACTS = 4, 25


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def problems(database: Database, head: Head | None = None) -> list[tuple[int, int, str]]:
    with database.reading() as connection:
        found = [tuple(one) for one in audit.verify(connection, head).problems]
        if head is None:  # the short check of the overview finds the same
            assert bool(audit.verify_end(connection, 1000)[1]) == bool(found)
    return found


def make_acts(database: Database, number: int, by: str = "token:1") -> None:
    for at in range(number):
        with database.writing() as connection:
            acts.note(connection, "case.open", f"case:{at}", by=by)


def test_simultaneous_writers_leave_no_gap(database: Database, database_url: str) -> None:
    # on SQLite, the writers of one process share the database
    databases = [
        database if database.is_sqlite else Database(database_url) for _ in range(_WRITERS)
    ]
    chaining = threading.Event()

    def chain() -> None:
        own = database if database.is_sqlite else Database(database_url)
        while not chaining.is_set():
            Recorder(own).run(audit.chain)
        if own is not database:
            own.close()

    chains = [threading.Thread(target=chain) for _ in range(2)]
    writers = [
        threading.Thread(target=make_acts, args=(one, _ACTS, f"token:{number}"))
        for number, one in enumerate(databases)
    ]
    for one in (*chains, *writers):
        one.start()
    for one in writers:
        one.join()
    chaining.set()
    for one in chains:
        one.join()
    AuditCalls(database).chain()
    entries = AuditCalls(database).entries(1000, None)["entries"]
    assert [one["position"] for one in entries] == list(range(1, _WRITERS * _ACTS + 1))
    assert problems(database) == []
    for one in databases:
        if one is not database:
            one.close()


def _renumber(connection: Any) -> None:
    """Insert an entry after the second one, and move the others up."""
    for position in range(6, 2, -1):
        connection.execute(
            update(table).where(table.c.position == position).values(position=position + 1)
        )
    values = {"actor": "x", "kind": "y", "object": "", "detail": "", "hash": b"h" * 32}
    connection.execute(insert(table).values(position=3, made_ms=1, **values))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda to: to.execute(update(table).where(table.c.position == 3).values(actor="x")),
            [(3, 3, "changed")],
        ),
        (
            lambda to: to.execute(
                update(table).where(table.c.position == 6).values(hash=b"x" * 32)
            ),
            [(6, 6, "changed")],
        ),
        (
            lambda to: to.execute(delete(table).where(table.c.position.in_((2, 3)))),
            [(2, 3, "removed")],
        ),
        (
            lambda to: to.execute(delete(table).where(table.c.position == 6)),
            [(6, 6, "removed")],
        ),
        (lambda to: to.execute(delete(table)), [(1, 6, "removed")]),
        (
            lambda to: to.execute(
                insert(table).values(
                    position=7, made_ms=1, actor="x", kind="y", object="", detail="", hash=b"x"
                )
            ),
            [(7, 7, "inserted")],
        ),
    ],
)
def test_verification_names_what_was_changed(
    database: Database, change: Callable[[Any], object], found: list[tuple[int, int, str]]
) -> None:
    make_acts(database, 6)
    AuditCalls(database).chain()
    assert problems(database) == []
    with database.writing() as connection:
        change(connection)
    assert problems(database) == found


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_inserted_entry_breaks_all_that_follow(database: Database) -> None:
    make_acts(database, 6)
    AuditCalls(database).chain()
    with database.writing() as connection:
        _renumber(connection)
    assert (3, 3, "changed") in problems(database)
    assert (7, 7, "inserted") in problems(database)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_chain_computed_again_differs_from_a_head(database: Database) -> None:
    make_acts(database, 3)
    calls = AuditCalls(database)
    calls.chain()
    exported = calls.head()
    with database.writing() as connection:  # as someone who can write would do it
        connection.execute(update(table).values(position=None, hash=None, actor="x"))
        connection.exec_driver_sql("DELETE FROM setting WHERE name = 'audit_head'")
    calls.chain()
    assert problems(database) == []
    assert problems(database, exported) == [(3, 3, "head")]
    with pytest.raises(UsageError):
        calls.verify("17")


def test_act_is_written_with_its_change_or_not_at_all(database: Database) -> None:
    calls = ListCalls(database, "command line")
    given = {"kind": "imei", "value": IMEI, "reason": "stolen", "source": ""}
    with acting_as_user():
        calls.put_entry("tracked", given)
    with contextlib.suppress(ZeroDivisionError), database.writing() as connection:
        acts.note(connection, "case.open", "case:1")
        _ = 1 // 0
    AuditCalls(database).chain()
    (entry,) = AuditCalls(database).entries(10, None)["entries"]
    assert (entry["kind"], entry["detail"]) == ("list.put", {"list": "tracked"})
    assert entry["actor"].startswith("user:")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_looks_of_a_minute_are_one_entry(database: Database) -> None:
    looks = Looks(database)
    act_as(Acting("token:7", looks.add))
    for _ in range(3):
        acts.show_in_full({"modems": [{"imei": IMEI, "ref": "0123456789AB"}], "next": None})
    acts.show_in_full({"sims": [{"iccid": ICCID}]})
    looks.store()
    assert AuditCalls(database).entries(10, None)["entries"] == []
    looks.store(at_once=True)
    looks.store(at_once=True)
    AuditCalls(database).chain()
    (entry,) = AuditCalls(database).entries(10, None)["entries"]
    assert (entry["actor"], entry["kind"]) == ("token:7", "numbers.view")
    first, second = entry["detail"]["refs"]
    assert first == "0123456789AB"
    assert len(second) == 12
    assert ICCID[:14] not in str(entry)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_command_exits_with_3_if_the_chain_is_broken(database: Database, database_url: str) -> None:
    make_acts(database, 3)
    where = ("--database", database_url)
    whole = call_in_process("registry", "audit", "verify", *where)
    assert (whole.returncode, "complete and unchanged" in whole.stdout) == (0, True)
    with database.writing() as connection:
        connection.execute(delete(table).where(table.c.position == 2))
    broken = call_in_process("registry", "audit", "verify", *where)
    assert broken.returncode == 3
    assert "entry 2 was removed" in broken.stdout
    listed = call_in_process("registry", "audit", "list", "--object", "case:2", *where)
    assert "case.open" in listed.stdout
    assert "case:0" not in listed.stdout
