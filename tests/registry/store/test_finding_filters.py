"""Each filter of the findings follows an index, however many findings do not match."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, text

from modemagent.registry.store.database import tallies
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.findings import finding_reader, triage
from modemagent.registry.store.findings.finding_context import _event
from modemagent.registry.store.findings.finding_search import (
    FindingFilter,
    findings,
    grouped,
    revisions,
    search,
)
from modemagent.registry.store.fleet.fleet_figures import HOUR_MS
from modemagent.registry.store.fleet.unit_filters import UnitFilter
from modemagent.registry.store.tables import finding_tables

_ROWS = 4000
_MOST_READ = 300  # rows of 4,000; a page has 11
_STEPS = 40  # of SQLite for a row of a scan: a lower bound
_LATER_MS = 4_000_000_000_000
#: Five old errors of a rare rule, open and resolved warnings, three decisions, and thousands
#: of newer errors of one rule.
_FILL = """
INSERT INTO finding (id, finding_id, type, severity, unit, stream, sequence, lo_ms, hi_ms, state,
  recorded_from, recorded_to, until_ms)
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < :rows)
SELECT x, {id}, CASE WHEN x <= 5 THEN 'sim.cloned' WHEN x <= 1000 THEN 'sim.swapped'
    ELSE 'imei.prohibited' END,
  CASE WHEN x BETWEEN 6 AND 1000 THEN 'warning' ELSE 'error' END, x, 1, x, 0, 0,
  CASE WHEN x IN (7, 8, 2000) THEN 'acknowledged' ELSE 'undecided' END, 1,
  CASE WHEN x BETWEEN 10 AND 1000 AND x % 2 = 0 THEN 2 END,
  CASE WHEN x IN (7, 8, 2000) THEN :later END
FROM n
"""
_EVENTS = """
INSERT INTO event (id, position, event_id, type, revision, withdrawn, superseded, unit, stream,
  sequence, lo_ms, hi_ms, recorded_ms)
WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < :rows)
SELECT x, x, :key, 'sim.swapped', 1, :no, :no, x + 10000 * (x % 2), 1, x, 0, 0, 0 FROM n
"""


@pytest.fixture
def filled(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    is_sqlite = database_url.startswith("sqlite")
    key = "CAST(printf('%016d', x) AS BLOB)" if is_sqlite else "int8send(x) || int8send(x)"
    with database.writing() as connection:
        connection.execute(text(_FILL.format(id=key)), {"rows": _ROWS, "later": _LATER_MS})
        if not is_sqlite:
            connection.execute(text("ANALYZE finding"))
    yield database
    database.close()


def read(connection: Connection, work: Any) -> float:
    """Return how many rows a query reads at most, whether they match or not."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.dbapi_connection
        steps = 0

        def count() -> None:
            nonlocal steps
            steps += 1

        driver.set_progress_handler(count, _STEPS)
        work()
        driver.set_progress_handler(None, 0)
        return steps
    found: list[tuple[str, Any]] = []

    def keep(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        found.append((statement, values))

    event.listen(connection, "before_cursor_execute", keep)
    work()
    event.remove(connection, "before_cursor_execute", keep)
    plans = [
        connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {one}", values).scalar()
        for one, values in found
    ]
    return max(_rows(plan[0]["Plan"]) for plan in plans)


def _rows(plan: dict[str, Any]) -> float:
    own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return float(max([own, *(_rows(one) for one in plan.get("Plans", []))]))


def test_filters_follow_an_index(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (triage, finding_reader):  # the units of these findings do not exist
        monkeypatch.setattr(module, "finding_documents", lambda _, rows: [{} for _ in rows])
    with filled.reading() as connection:
        costs = {
            (state, severities, rule): read(
                connection,
                lambda state=state, severities=severities, rule=rule: triage.newest(
                    connection, limit=10, state=state, severities=severities, rule=rule
                ),
            )
            for state in (*triage.STATES, None)
            for severities in (("error", "warning"), ("warning",), ("note",), ())
            for rule in (None, "sim.cloned", "imei.prohibited", "imei.altered")
        }
        for severity in (None, "note", "warning"):
            for rule in (None, "imei.altered", "imei.prohibited"):
                costs["api", severity, rule] = read(
                    connection,
                    lambda severity=severity, rule=rule: finding_reader.findings(
                        connection, limit=10, severity=severity, type=rule
                    ),
                )
    assert {name: rows for name, rows in costs.items() if rows > _MOST_READ} == {}


def test_filters_return_what_matches(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triage, "finding_documents", lambda _, rows: [{} for _ in rows])

    def rows(**filters: Any) -> list[int]:
        with filled.reading() as connection:
            return [row for row, _ in triage.newest(connection, limit=3, **filters)[0]]

    assert rows() == [4000, 3999, 3998]
    assert rows(before=8) == [6, 5, 4]
    assert rows(after=998) == [1002, 1001, 999]
    assert rows(rule="sim.cloned") == [5, 4, 3]
    assert rows(state="acknowledged") == [2000, 8, 7]
    assert rows(state="acknowledged", rule="sim.swapped") == [8, 7]
    assert rows(state="acknowledged", severities=["error"]) == [2000]
    assert rows(state=None, severities=["warning"], rule="sim.swapped") == [1000, 999, 998]
    assert rows(severities=["warning"]) == [999, 997, 995]
    assert rows(severities=["note"]) == []


_SITES = """
INSERT INTO gateway (id, gateway_id, ref, site, heard_day, simple, least_bound_ms, forked)
  VALUES (1, 'a', 1, 'Lyon', 1, :yes, 0, :no), (2, 'b', 2, 'Izmir', 1, :yes, 0, :no);
INSERT INTO stream (id, gateway, stream_id, rank, top, pending)
  VALUES (1, 1, 's', 0, 1, 0), (2, 2, 's', 0, 1, 0);
UPDATE finding SET stream = 2 WHERE id > 3990 OR id IN (1, 2)
"""


def test_alike_findings_of_a_site_are_a_group(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triage, "finding_documents", lambda _, rows: [{"row": x.id} for x in rows])
    with filled.writing() as connection:
        for statement in _SITES.split(";\n"):
            values = {"yes": True, "no": False} if ":yes" in statement else {}
            connection.execute(text(statement), values)
    with filled.reading() as connection:
        groups, following = grouped(connection, FindingFilter(), 3)
        assert [(one.rows[0].site, len(one.rows), one.is_cut) for one in groups] == [
            ("Izmir", 10, True), ("Lyon", 990, True),
        ]  # fmt: skip
        assert (groups[0].gateways, following) == (1, 3001)
        rare = FindingFilter(rule="sim.cloned")
        groups, following = grouped(connection, rare, 4)
        assert [one.rows[0].id for one in groups] == [5, 4, 3, 2]
        assert following == 2
        assert [one.rows[0].id for one in grouped(connection, rare, 4, 2, is_up=True)[0]] == [
            5,
            4,
            3,
        ]
        found = search(connection, rare._replace(site="Izmir"), 9)
        assert ([row.id for row in found.rows], found.following) == ([2, 1], None)
        nowhere = FindingFilter(site="nowhere")
        assert search(connection, nowhere, 9, parts=(50, 100)) == ([], 3851)
        assert search(connection, FindingFilter(modem=UnitFilter(model="x")), 9, 9) == ([], None)
        walk = partial(search, connection, nowhere, 5, parts=(10, 20))
        assert read(connection, walk) <= _MOST_READ
        assert revisions(connection, rare._replace(site="Izmir"), 9)[1]
        assert not revisions(connection, nowhere, 50)[1]
        page = findings(connection, limit=9, type="sim.cloned", site="Lyon", after=3)
    assert page == {"findings": [{"row": 4}, {"row": 5}], "next": None}


_HEARD = """
INSERT INTO boot (id, gateway, boot_id, bound_ms, clusters, up_ms, chosen, start_lo, start_hi,
    alien, suspect)
  VALUES (1, 1, 'x', 0, :no_bytes, 0, :yes, 0, 0, :no, :no),
    (2, 2, 'y', 0, :no_bytes, 0, :yes, 0, 0, :no, :no);
INSERT INTO boot_stream (boot, stream, first_sequence, first_uptime_ms, first_wall_ms,
    first_synchronized, last_sequence, last_uptime_ms, last_wall_ms, last_synchronized, uptime_ms,
    reports, received_ms, agent_version)
  VALUES (1, 1, 1, 0, 0, :yes, 1, 0, 0, :yes, 0, 1, :now, ''),
    (2, 2, 1, 0, 0, :yes, 1, 0, 0, :yes, 0, 1, :now - 3700000, '');
UPDATE gateway SET first_boot = id, last_boot = id;
INSERT INTO tally (name, value) VALUES ('heard.of.5', 9), ('cluster.site.Gone', 9)
"""


def test_figures_are_counted_by_a_timer(filled: Database) -> None:
    now = now_ms() // HOUR_MS * HOUR_MS + 60_000
    values = {"yes": True, "no": False, "now": now, "no_bytes": b""}
    with filled.writing() as connection:
        for statement in (_SITES + ";\n" + _HEARD).split(";\n"):
            named = {name: one for name, one in values.items() if f":{name}" in statement}
            connection.execute(text(statement), named)
    tallies.update(filled)
    with filled.reading() as connection:
        assert not any("." in name for name in tallies.stored(connection))
        numbers, found = tallies.figures(connection)
        rows = connection.execute(text("SELECT name FROM tally")).scalars().all()
    assert found is not None and numbers["gateways"] == 2
    assert (found.reported, found.hours[-1], found.is_intact) == (1, 1, True)
    errors, warnings = 3005 - 1, 995 - 496 - 2  # without those that are over or acknowledged
    clusters = [("site", "Lyon", errors + warnings - 12), ("site", "Izmir", 12)]
    assert [tuple(one) for one in found.clusters] == clusters
    assert not {"heard.of.5", "cluster.site.Gone"} & set(rows)


def test_event_of_a_finding_is_read_by_its_unit(filled: Database) -> None:
    about = "UPDATE event SET new_sim = 901 WHERE id = 901"
    with filled.writing() as connection:
        connection.execute(text(_EVENTS), {"rows": _ROWS, "key": b"k", "no": False})
        connection.execute(text(about))
        if connection.dialect.name != "sqlite":
            connection.execute(text("ANALYZE event"))
    with filled.reading() as connection:
        for own in (900, 901):  # the event of the unit itself, and one that is about it
            query = select(finding_tables.finding).where(finding_tables.finding.c.id == own)
            finding = connection.execute(query).one()
            found = _event(connection, finding)
            assert found is not None and found.id == own
            assert read(connection, lambda one=finding: _event(connection, one)) <= _MOST_READ
