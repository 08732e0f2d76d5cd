"""The lists over HTTP and in the database, on both engines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, text

from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.imsi import Imsi
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.lists.entries import ListName
from modemagent.registry.store.database import statements
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.lists.list_hits import entries_about
from modemagent.registry.store.tables import list_tables
from tests.registry.conftest import ICCID, IMEI, OTHER_IMEI, Client, HttpResponse, Registry


@pytest.fixture
def operator(registry: Registry) -> Client:
    return registry.client("--scope", "operate", "--full-ids")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, secret=b"s" * 32)
    yield opened
    opened.close()


def put(client: Client, name: str, **entry: Any) -> HttpResponse:
    body = json.dumps(entry).encode()
    path = f"/api/v1/lists/{name}/entries"
    return client.request("PUT", path, body, **{"Content-Type": "application/json"})


def test_entry_is_put_replaced_and_removed(operator: Client) -> None:
    first = put(operator, "prohibited", kind="imei", value=IMEI, reason="stolen", source="police")
    assert first.status == 200, first.raw
    entry = first.json
    assert (entry["value"], entry["reason"], entry["added_by"][:6]) == (IMEI, "stolen", "token ")
    # the same again changes nothing; another reason replaces the entry
    assert (
        put(
            operator, "prohibited", kind="imei", value=IMEI[:14], reason="stolen", source="police"
        ).json
        == entry
    )
    second = put(operator, "prohibited", kind="imei", value=IMEI, reason="returned").json
    assert second["id"] != entry["id"]
    assert operator.get("lists/prohibited/entries")["entries"] == [second]
    (listed, *_) = operator.get("lists")["lists"]
    assert (listed["list"], listed["entries"], listed["revision"]) == ("prohibited", 1, 3)
    path = f"lists/prohibited/entries/{second['id']}"
    assert operator.get(path) == second
    other = f"/api/v1/lists/tracked/entries/{second['id']}"
    assert operator.request("GET", other).status == 404
    assert operator.request("DELETE", other).status == 404
    assert operator.request("DELETE", f"/api/v1/{path}").status == 204
    assert operator.request("DELETE", f"/api/v1/{path}").status == 404
    assert operator.get("lists/prohibited/entries")["entries"] == []


def test_entries_are_paged(operator: Client) -> None:
    values = [f"8676980{number}" for number in range(5)]
    for value in values:
        assert put(operator, "tracked", kind="tac", value=value).status == 200
    found, after = [], ""
    while after is not None:
        page = operator.get(f"lists/tracked/entries?limit=2{after and f'&after={after}'}")
        found += [one["value"] for one in page["entries"]]
        after = page["next"]
    assert found == values


def test_reader_changes_nothing_and_sees_masked_numbers(
    registry: Registry, operator: Client
) -> None:
    put(operator, "prohibited", kind="imei", value=IMEI, reason=f"not {OTHER_IMEI}")
    put(operator, "prohibited", kind="range", value=IMEI[:14], last="86769804000099")
    put(operator, "prohibited", kind="iccid", value=ICCID)
    put(operator, "prohibited", kind="imsi_prefix", value="901288000000001")
    put(operator, "prohibited", kind="imsi_prefix", value="90128")
    put(operator, "prohibited", kind="tac", value="86769804")
    reader = registry.client("--scope", "read")
    refused = put(reader, "prohibited", kind="tac", value="86769804")
    assert (refused.status, refused.json["code"]) == (403, "scope")
    page = reader.get("lists/prohibited/entries")
    shown = json.dumps(page)
    assert not any(one in shown for one in (IMEI[:14], OTHER_IMEI[:14], ICCID, "901288000000001"))
    assert [one["value"] for one in page["entries"]][-2:] == ["90128", "86769804"]
    path = f"lists/prohibited/entries/{page['entries'][0]['id']}"
    assert reader.get(path) == page["entries"][0]
    assert reader.request("DELETE", f"/api/v1/{path}").status == 403


def test_invalid_entries_are_refused(operator: Client) -> None:
    entries: list[tuple[dict[str, Any], str | None]] = [
        ({"kind": "imei", "value": "867698040000014"}, "imei.check_digit"),
        ({"kind": "tac", "value": "1"}, None),
        ({"kind": "tac", "value": "86769804", "reason": "\ud800"}, None),
        ({"kind": "tac", "value": "86769804", "note": "?"}, None),
        ({"kind": "tac", "value": 86769804}, None),
        ({"kind": "tac", "value": "86769804", "valid_from": "yesterday"}, None),
    ]
    for entry, problem in entries:
        response = put(operator, "permitted", **entry)
        assert (response.status, response.json["code"]) == (422, "invalid_request"), entry
        assert response.json.get("problem") == problem
        assert "867698040000014" not in response.raw.decode()


def test_numbers_are_found_by_index(database: Database) -> None:
    calls = ListCalls(database, "test")
    given = [
        ("prohibited", {"kind": "imei", "value": IMEI}),
        ("tracked", {"kind": "range", "value": "86769804000000", "last": "86769804000002"}),
        ("permitted", {"kind": "tac", "value": "86769804"}),
        ("prohibited", {"kind": "range", "value": "86769804000003", "last": "86769804000999"}),
        ("prohibited", {"kind": "iccid", "value": f"{ICCID}7"}),
        ("tracked", {"kind": "imsi_prefix", "value": "90128"}),
        ("tracked", {"kind": "imsi_prefix", "value": "901"}),
        ("tracked", {"kind": "tac", "value": "86769805"}),
    ]
    for name, entry in given:
        calls.put_entry(name, entry)
    numbers = [Imei(IMEI), Iccid(ICCID), Imsi("901288000000001"), Imei("357999000000009"),
               Iccid(f"{ICCID}3")]  # fmt: skip
    with database.reading() as connection:
        found = entries_about(connection, numbers)
        kinds = {
            str(number): sorted((one.list, one.value.kind.shown) for one in entries)
            for number, entries in found.items()
        }
    assert kinds == {
        IMEI: [
            (ListName.PROHIBITED, "imei"), (ListName.TRACKED, "range"), (ListName.PERMITTED, "tac"),
        ],
        ICCID: [(ListName.PROHIBITED, "iccid")],
        "901288000000001": [(ListName.TRACKED, "imsi_prefix")] * 2,
        "357999000000009": [],
        f"{ICCID}3": [],
    }  # fmt: skip


def test_simultaneous_changes_lose_nothing(registry: Registry, operator: Client) -> None:
    def change(number: int) -> int:
        return put(operator, "tracked", kind="imei", value=IMEI, reason=f"by {number}").status

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(change, range(24))) == {200}
    entries = operator.get("lists/tracked/entries")["entries"]
    (listed,) = [one for one in operator.get("lists")["lists"] if one["list"] == "tracked"]
    assert (len(entries), listed["entries"]) == (1, 1)
    database = Database(registry.database, guest=True)
    with database.reading() as connection:
        reasons = set(connection.execute(text("SELECT reason FROM list_past")).scalars())
    database.close()
    assert reasons | {entries[0]["reason"]} == {f"by {number}" for number in range(24)}


def test_removed_entries_are_kept_and_blocks_are_not(database: Database) -> None:
    calls = ListCalls(database, "test")
    entry = calls.put_entry(
        "tracked", {"kind": "range", "value": "86769804000001", "last": "86769804000099"}
    )
    assert calls.remove_entry("tracked", str(entry["id"]))
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM list_block")).scalar() == 0
        past = connection.execute(text("SELECT id, added_by, removed_by FROM list_past")).one()
    assert tuple(past) == (int(entry["id"]), "test", "test")


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (list_tables.list_entry, ("kind", "first")),
        (list_tables.list_block, ("prefix",)),
        (list_tables.list_entry, ("id",)),
    ],
)
def test_look_ups_scan_no_table(tmp_path: Path, table: Table, key: tuple[str, ...]) -> None:
    database = Database(f"sqlite:///{tmp_path}/registry.db")
    statement = f"EXPLAIN QUERY PLAN {statements.select_json(table, key, key).text}"
    with database.reading() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(statement, ("[[1,1]]",))]
    database.close()
    scans = [one for one in plan if one.startswith("SCAN") and "json_each" not in one]
    assert plan and [one for one in scans if " k " not in f"{one} "] == []
