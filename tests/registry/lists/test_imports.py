"""Imports over HTTP: dry run, guards, one transaction, undo; on both engines."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.registry.conftest import IMEI, OTHER_IMEI, Client, HttpResponse, Registry
from tests.registry.history.wire import imei


@pytest.fixture
def operator(registry: Registry) -> Client:
    return registry.client("--scope", "operate", "--full-ids")


def send(client: Client, content: str, **options: Any) -> HttpResponse:
    query = urlencode({"target": "prohibited", **options})
    return client.request(
        "POST", f"/api/v1/imports?{query}", content.encode(), **{"Content-Type": "text/csv"}
    )


def imported(client: Client, content: str, **options: Any) -> Any:
    response = send(client, content, **options)
    assert response.status == 200, response.raw
    return response.json


def values(client: Client, name: str = "prohibited") -> list[tuple[str, str]]:
    page = client.get(f"lists/{name}/entries?limit=1000")
    return sorted((one["value"], one["reason"]) for one in page["entries"])


def csv_of(count: int, reason: str = "") -> str:
    return "imei,reason\n" + "".join(f"{imei(str(one))},{reason}\n" for one in range(count))


def test_dry_run_changes_nothing(operator: Client) -> None:
    tried = imported(operator, csv_of(3), dry_run="true")
    assert (tried["id"], tried["accepted"], tried["added"], tried["after"]) == (None, True, 3, 3)
    assert values(operator) == [] and operator.get("imports")["imports"] == []
    bad = imported(operator, "imei\n867698040000014\n", dry_run="true")
    assert (bad["accepted"], bad["problems"][0]["code"]) == (False, "imei.check_digit")


def test_import_is_listed_and_undone(operator: Client) -> None:
    first = imported(operator, csv_of(2, "old"), source="GSMA")
    assert (first["rows"], first["added"], first["source"]) == (2, 2, "GSMA")
    again = imported(operator, csv_of(2, "old"), source="GSMA")
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 2)
    before = values(operator)
    second = imported(operator, csv_of(3, "new"), source="GSMA")
    assert (second["added"], second["changed"], second["unchanged"]) == (1, 2, 0)
    # an entry that was changed since is kept
    entry = {"kind": "imei", "value": imei("2"), "reason": "mine"}
    path = "/api/v1/lists/prohibited/entries"
    content = {"Content-Type": "application/json"}
    assert operator.request("PUT", path, json.dumps(entry).encode(), **content).status == 200
    done = operator.request("POST", f"/api/v1/imports/{second['id']}/undo")
    assert done.status == 200, done.raw
    assert done.json["undo"] == {"removed": 2, "restored": 2, "kept": 1}
    assert values(operator) == sorted([*before, (imei("2"), "mine")])
    repeated = operator.request("POST", f"/api/v1/imports/{second['id']}/undo")
    assert (repeated.status, repeated.json["code"]) == (409, "undone")
    listed = operator.get("imports")["imports"]
    assert [one["id"] for one in listed] == [one["id"] for one in (second, again, first)]
    assert listed[0]["undone_at"] and listed[1]["undone_at"] is None
    assert operator.get(f"imports/{second['id']}") == listed[0]
    assert operator.request("POST", "/api/v1/imports/999999999/undo").status == 404
    assert operator.get("lists")["lists"][0]["entries"] == 3


def test_replacing_import_is_guarded_and_undone(operator: Client) -> None:
    imported(operator, csv_of(60))
    before = values(operator)
    refused = send(operator, csv_of(40), mode="replace")
    assert (refused.status, refused.json["code"]) == (422, "invalid_file")
    report = refused.json["import"]
    assert (report["before"], report["after"], report["problems"][0]["code"]) == (60, 40, "size")
    assert values(operator) == before
    assert imported(operator, csv_of(40), mode="replace", most_change=0.5, dry_run=1)["accepted"]
    done = imported(operator, csv_of(40), mode="replace", force="true")
    assert (done["removed"], done["unchanged"], done["id"] is not None) == (20, 40, True)
    assert len(values(operator)) == 40
    operator.request("POST", f"/api/v1/imports/{done['id']}/undo")
    assert values(operator) == before


def test_file_with_errors_is_imported_as_a_whole_or_not(operator: Client) -> None:
    content = f"imei\n{IMEI}\n867698040000014\n{OTHER_IMEI}\n"
    refused = send(operator, content)
    assert refused.status == 422
    assert refused.json["import"]["problems"][0]["line"] == 3
    assert "867698040000014" not in refused.raw.decode()
    assert values(operator) == []
    done = imported(operator, content, skip="true")
    assert (done["added"], done["skipped"]) == (2, 1)
    assert send(operator, "").json["code"] == "invalid_request"
    assert send(operator, "\n").json["import"]["problems"][0]["code"] == "header"
    assert send(operator, "imei\n").json["import"]["problems"][0]["code"] == "empty"


def test_ranges_of_an_import_are_undone(operator: Client) -> None:
    done = imported(operator, "from,to\n86769804000001,86769804000999\n", target="tracked")
    assert values(operator, "tracked") == [("867698040000013", "")]
    operator.request("POST", f"/api/v1/imports/{done['id']}/undo")
    again = imported(operator, "from,to\n86769804000001,86769804000999\n", target="tracked")
    assert again["added"] == 1  # the blocks of the undone range are not stored either


def test_tac_table_is_imported_and_undone(operator: Client) -> None:
    first = imported(operator, "tac,maker,model\n86769804,Old,A\n1518400,B,C\n", target="tacs")
    assert (first["added"], first["problems"][0]["code"]) == (2, "lost_zeros")
    second = imported(operator, "tac,maker,model\n86769804,New,A\n", target="tacs", mode="replace")
    assert (second["changed"], second["removed"], second["after"]) == (1, 1, 1)
    undone = operator.request("POST", f"/api/v1/imports/{second['id']}/undo")
    assert undone.json["undo"] == {"removed": 1, "restored": 2, "kept": 0}
    same = imported(operator, "tac,maker,model\n86769804,Old,A\n01518400,B,C\n", target="tacs")
    assert (same["unchanged"], same["before"], same["after"]) == (2, 2, 2)


def test_reader_cannot_import(registry: Registry) -> None:
    reader = registry.client("--scope", "read", "--full-ids")
    assert send(reader, csv_of(1)).status == 403
    assert reader.request("POST", "/api/v1/imports/1/undo").status == 403


def test_file_may_be_larger_than_other_bodies(operator: Client) -> None:
    content = csv_of(1000, "x" * 200)
    assert len(content) > 64 * 1024
    assert imported(operator, content)["added"] == 1000
