"""Exports, selections and notes."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from sqlalchemy import update

from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.tables.outbound_tables import selection
from tests.conftest import call_in_process
from tests.registry.conftest import EID, ICCID, IMEI, OTHER_IMEI, SECRET, Client
from tests.registry.privacy.conftest import IMSI, Operator, swapped

_JSON = {"Content-Type": "application/json"}


def post(client: Client, path: str, body: Any, status: int) -> Any:
    response = client.request("POST", f"/api/v1/{path}", json.dumps(body).encode(), **_JSON)
    assert response.status == status, response.raw
    return response.json


def test_export_has_all_rows_of_the_list(operator: Operator) -> None:
    done = call_in_process(
        "registry", "export", "modems", "--format", "csv", *operator.registry.where
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {IMEI, OTHER_IMEI} <= {row["imei"] for row in rows}
    filtered = call_in_process(
        "registry", "export", "modems", "--filter", "gateway=gw-2", *operator.registry.where
    )
    assert [json.loads(line)["imei"] for line in filtered.stdout.splitlines()] == [OTHER_IMEI]
    wrong = call_in_process(
        "registry", "export", "events", "--filter", "gateway=gw-2", *operator.registry.where
    )
    assert wrong.returncode == 2
    assert "filters do not fit" in wrong.stderr


def test_cells_of_an_export_begin_no_formula(operator: Operator) -> None:
    client = operator.registry.client("--scope", "operate", "--full-ids")
    post(client, "assets", {"tag": "=1+1", "note": "+cmd"}, 201)
    done = call_in_process(
        "registry", "export", "assets", "--format", "csv", *operator.registry.where
    )
    row = next(one for one in csv.DictReader(io.StringIO(done.stdout)) if "1+1" in one["tag"])
    assert (row["tag"], row["note"]) == ("'=1+1", "'+cmd")


def test_all_that_is_stored_about_a_number_is_exported(operator: Operator, tmp_path: Any) -> None:
    file = tmp_path / "sim.txt"
    file.write_text(f"{ICCID}\n")
    done = call_in_process(
        "registry", "export", "number", "--number-file", str(file), *operator.registry.where
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Any]] = {}
    for line in done.stdout.splitlines():
        one = json.loads(line)
        found.setdefault(one["part"], []).append(one["row"])
    expected = {
        "sim", "timeline", "unit", "identifier", "stay", "event", "report", "conflict",
        "list_entry", "order_row", "case_thing", "policy_sim", "note", "asset", "asset_revision",
    }  # fmt: skip
    assert expected <= set(found)
    assert {row["value"] for row in found["identifier"]} >= {IMSI, EID}
    assert swapped(ICCID) in str(found["report"])
    assert not {"token", "setting", "session", "erased_number"} & set(found)
    assert SECRET.decode() not in done.stdout


def test_selection_stays_as_it_was_and_ends(operator: Operator) -> None:
    reader = operator.registry.client("--scope", "read")
    made = post(reader, "selections", {"kind": "modems", "gateway": "gw-2"}, 201)
    assert made["total"] == len(made["refs"]) == 1
    again = reader.get(f"selections/{made['id']}?limit=1")
    assert (again["refs"], again["next"]) == (made["refs"], None)
    database = Database(operator.registry.database, guest=True)
    with database.writing() as connection:
        connection.execute(update(selection).values(expires_ms=1))
    database.close()
    assert reader.request("GET", f"/api/v1/selections/{made['id']}").status == 404


def test_notes_are_about_one_object(operator: Operator) -> None:
    client = operator.registry.client("--scope", "operate", "--full-ids")
    ref = client.get(f"sims/{ICCID}")["ref"]
    made = post(client, "notes", {"about": f"sim:{ref}", "text": "returned by the customer"}, 201)
    found = client.get(f"notes?about=sim:{ref}")["notes"]
    assert [one["id"] for one in found] == [made["id"]]
    post(client, "notes", {"about": f"sim:{ICCID}", "text": "x"}, 422)
    gone = client.request("DELETE", f"/api/v1/notes/{made['id']}")
    assert gone.status == 204
    assert client.request("DELETE", f"/api/v1/notes/{made['id']}").status == 404
