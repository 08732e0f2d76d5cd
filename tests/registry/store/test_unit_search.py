"""Each filter of modems and SIMs finds what matches, in both directions, without a scan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from modemagent.registry.store.assets import gateway_sites
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.fleet import gateway_search, unit_search
from modemagent.registry.store.fleet.unit_filters import UnitFilter
from modemagent.registry.store.fleet.unit_search import UnitSearch
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.history.units import UnitKind
from tests.registry.store.test_finding_filters import read

_MODEMS = 3000
_MOST_READ = 700
#: Modem and SIM x, of two makes in turn, at a large and a small site, some as assets, few listed.
_FILL = """
INSERT INTO make (id, manufacturer, model, firmware)
  VALUES (1, 'Quectel', 'EG25-G', 'R1'), (2, 'Quectel', 'EG25-G', 'R2'), (3, 'Sim', 'A7', 'R2');
INSERT INTO unit (id, ref, kind, heard_day, key, number)
  SELECT 2 * x, 2 * x, 1, 1, CAST(10000000000000 + x * 100000000 AS TEXT), 'n' FROM {n};
INSERT INTO unit (id, ref, kind, heard_day, key, number)
  SELECT 2 * x + 1, 2 * x + 1, 2, 1, CAST(890000000000000000 + x AS TEXT), 'n' FROM {n};
INSERT INTO modem_type (unit, tac, make, read_at, link_state)
  SELECT 2 * x, 1, CASE WHEN x <= 5 THEN 3 ELSE 1 + x % 2 END, {yes},
    CASE WHEN x % 1000 = 7 THEN 3 ELSE 1 END FROM {n};
INSERT INTO gateway (id, gateway_id, ref, site, heard_day, simple, least_bound_ms, forked)
  SELECT x, 'gw-' || x, x, CASE WHEN x % 2 = 0 THEN 'large' WHEN x % 1001 = 0 THEN 'small' END,
    1, {yes}, 0, {no} FROM {n};
INSERT INTO place (id, gateway, sighting, unit, identity, problems, first_position, agreeing,
    last_stream, last_sequence, last_position, last_boot, last_uptime_ms, last_wall_ms,
    last_received_ms, last_digest, heard_day, seen, watch, contested, last_synchronized, mcc,
    device_id)
  SELECT x, x, 0, 2 * x, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, {no}, {no}, {yes}, '',
    'p' FROM {n};
INSERT INTO place_sim (sim, place, slot) SELECT 2 * x + 1, x, 1 FROM {n};
INSERT INTO asset (id, revision, added_ms, changed_ms, lifecycle, imei, site)
  SELECT x, 1, 0, 0, 'stock', CAST(10000000000000 + x * 100000000 AS TEXT), 'small' FROM {n}
  WHERE x IN (20, 21);
INSERT INTO finding (id, finding_id, type, severity, unit, stream, sequence, lo_ms, hi_ms, state,
    recorded_from, recorded_to)
  SELECT x, {key}, 'imei.tracked', 'warning', 2 * x, 1, x, 0, 0, 'undecided', 1,
    CASE WHEN x = 30 THEN 2 END FROM {n} WHERE x IN (20, 30, 40);
"""


@pytest.fixture(scope="module")
def modems() -> range:
    return range(1, _MODEMS + 1)


@pytest.fixture
def filled(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    fill(database, _FILL)
    yield database
    database.close()


def fill(database: Database, statements: str) -> None:
    """Execute statements with the numbers of all modems."""
    is_sqlite = database.is_sqlite
    numbers = (
        "(WITH RECURSIVE n(x) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT x + 1 FROM n"
        f" WHERE x < {_MODEMS}) SELECT x FROM n) AS q"
    )
    names = {"n": numbers, "yes": "1" if is_sqlite else "TRUE", "no": "0" if is_sqlite else "FALSE",
             "key": "x'00'" if is_sqlite else "''::bytea"}  # fmt: skip
    with database.writing() as connection:
        for statement in statements.format(**names).split(";\n"):
            if statement.strip():
                connection.execute(text(statement.strip().rstrip(";")))
        if not is_sqlite:
            connection.execute(text("ANALYZE"))


Match = Callable[[int], bool]
_CASES: tuple[tuple[UnitKind, UnitFilter, Match], ...] = (
    (UnitKind.MODEM, UnitFilter(), lambda _: True),
    (UnitKind.MODEM, UnitFilter(site="large"), lambda x: x % 2 == 0),
    (UnitKind.MODEM, UnitFilter(site="small"), lambda x: x in {1001, 20, 21}),
    (UnitKind.MODEM, UnitFilter(site="nowhere"), lambda _: False),
    (UnitKind.MODEM, UnitFilter(model="eg25-g"), lambda x: x > 5),
    (UnitKind.MODEM, UnitFilter(model="sim a7"), lambda x: x <= 5),
    (UnitKind.MODEM, UnitFilter(firmware="R2"), lambda x: x <= 5 or x % 2 == 1),
    (UnitKind.MODEM, UnitFilter(digits="100"), lambda x: x < 1000),
    (UnitKind.MODEM, UnitFilter(digits="100030"), lambda x: x == 30),
    (UnitKind.MODEM, UnitFilter(link_state="differed"), lambda x: x % 1000 == 7),
    (UnitKind.MODEM, UnitFilter(link_state="unlinked"), lambda x: x % 1000 != 7),
    (UnitKind.MODEM, UnitFilter(listed="tracked"), lambda x: x in {20, 40}),
    (UnitKind.MODEM, UnitFilter(listed="prohibited"), lambda _: False),
    (
        UnitKind.MODEM,
        UnitFilter(site="large", model="EG25-G", link_state="unlinked", digits="102"),
        lambda x: x % 2 == 0 and 2000 <= x < 3000,
    ),
    (UnitKind.MODEM, UnitFilter(site="large", listed="tracked"), lambda x: x in {20, 40}),
    (UnitKind.SIM, UnitFilter(site="large"), lambda x: x % 2 == 0),
    (UnitKind.SIM, UnitFilter(digits="89000000"), lambda _: True),
)  # fmt: skip


def test_filters_find_what_matches_in_both_directions(
    filled: Database, modems: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_search, "_FEW", 50)
    monkeypatch.setattr(unit_search, "_PARTS", (40, 160))
    too_many: dict[Any, float] = {}
    with filled.reading() as connection:
        for kind, wanted, matches in _CASES:
            expected = [2 * x + kind - 1 for x in modems if matches(x)]
            for is_up in (True, False):
                search = UnitSearch(view=View(connection), kind=kind, wanted=wanted, is_up=is_up)
                rows = read(connection, lambda search=search: search.find(10, None))
                if rows > _MOST_READ:
                    too_many[kind, wanted, is_up] = rows
                found: list[int] = []
                start, pages = None, 0
                while pages == 0 or start is not None:
                    page = search.find(400, start)
                    found += page.units
                    start, pages = page.following, pages + 1
                assert found == (expected if is_up else expected[::-1]), (kind, wanted, is_up)
        assert gateway_sites.site_names(connection, 5) == ["large", "small"]
        assert gateway_sites.site_names(connection, 1) == ["large"]
    assert too_many == {}


_SILENT = """
INSERT INTO finding (id, finding_id, type, severity, gateway, stream, sequence, lo_ms, hi_ms, state,
    recorded_from, recorded_to)
  SELECT x + 5000, {key}, 'gateway.silent', 'warning', x, 1, x, 0, x,
    CASE WHEN x = 2500 THEN 'resolved' WHEN x = 60 THEN 'acknowledged' ELSE 'undecided' END, 1,
    CASE WHEN x = 2600 THEN 2 END FROM {n} WHERE x <= 60 OR x IN (1001, 2500, 2600);
UPDATE gateway SET first_boot = id WHERE id <> 2999
"""


def test_silent_gateways_are_first(filled: Database, modems: range) -> None:
    fill(filled, _SILENT)
    quiet = [1001, *range(60, 0, -1)]
    rest = [x for x in reversed(modems) if x not in quiet and x != 2999]
    with filled.reading() as connection:
        for site, matches in (
            (None, lambda _: True), ("large", lambda x: x % 2 == 0),
            ("small", lambda x: x == 1001), ("none", lambda _: False),
        ):  # fmt: skip
            found: list[int] = []
            page = gateway_search.silent(connection, 30, None, site)
            found += [one.gateway for one in page.rows]
            while page.following is not None:
                page = gateway_search.silent(connection, 30, page.following, site)
                found += [one.gateway for one in page.rows]
            assert found == [x for x in quiet if matches(x)]
            for is_up in (False, True):
                found, start = [], None
                while not found or start is not None:
                    page = gateway_search.others(connection, 900, start, site, is_up=is_up)
                    found += page.rows
                    start = page.following
                    if not found:
                        break
                wanted = [x for x in rest if matches(x)]
                assert found == (wanted[::-1] if is_up else wanted)
        assert read(connection, lambda: gateway_search.silent(connection, 9)) <= _MOST_READ
        others = partial(gateway_search.others, connection, 9, 1000)
        assert read(connection, others) <= 2 * _MOST_READ
