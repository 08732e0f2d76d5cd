"""CSV files of assets: what is read, and export, edit and import as one round trip."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from modemagent.identity.csv_cells import guarded, unguarded
from modemagent.registry.assets.asset_file import asset_csv, read_assets
from tests.registry.assets.conftest import Operator
from tests.registry.conftest import IMEI, OTHER_IMEI


@pytest.mark.parametrize(
    "text", ["=1+1", "-5", "+49", "@x", "'t Hooft", "'=1", "''", "'", "plain", "a=b", "--", '"q"']
)
def test_cell_is_the_same_after_a_round_trip(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("tag,imei\nA-1,867698040000014\n", [(2, "imei", "imei.check_digit")]),
        ("tag,imei\nA-1,8.67698E+14\n", [(2, "imei", "scientific")]),
        ("tag,imei\nA-1,8988303000000000010\n", [(2, "imei", "wrong_column")]),
        ("tag,lifecycle\nA-1,sold\n", [(2, "lifecycle", "invalid")]),
        ("tag,warranty end\nA-1,30.11.2026\n", [(2, "warranty_end", "invalid")]),
        ("tag,owner\n,ann\n", [(2, "", "no_name")]),
        ("tag,owner\nA-1,ann\nA-1,ben\n", [(3, "tag", "duplicate")]),
        ("id,tag\nx,A-1\n", [(2, "id", "invalid")]),
        ("tag,imei\nA-1,867698*****0013\n", [(2, "imei", "masked")]),
        ("tag,onwer\nA-1,ann\n", [(0, "", "unknown_column")]),
        ("tag,owner,assigned to\nA-1,a,b\n", [(0, "", "doubled_column")]),
        ("name\nx\n", [(0, "", "header")]),
        (f"Asset Tag;IMEI;Status\nA-1;'{IMEI};In Stock\n", [(2, "imei", "apostrophe")]),
        (f'tag,imei\nA-1,="{IMEI}"\n', []),
    ],
)
def test_file_is_read_with_its_problems(content: str, expected: list[tuple[int, str, str]]) -> None:
    found = read_assets(content.encode())
    assert [(one.line, one.column, one.code) for one in found.problems] == expected


def test_exported_file_has_all_fields() -> None:
    row = {"id": "7", "imei": IMEI, "owner": "=x"}
    fields = read_assets("".join(asset_csv([_asset(row)], as_text=True)).encode())
    (line,) = fields.lines
    assert (line.asset, line.values["imei"], line.values["owner"]) == (7, IMEI[:14], "=x")
    assert fields.problems == []


def _asset(values: dict[str, str]) -> dict[str, Any]:
    names = next(iter(asset_csv([]))).strip().split(",")
    return {**dict.fromkeys(names), "tag": "A-1", **values}


def edited(text: str, change: Any) -> str:
    """Return a CSV file after a change of its rows."""
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    change(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _fields(operator: Operator) -> list[dict[str, Any]]:
    hidden = ("revision", "changed_at", "next_steps", "added_at", "id")
    return [
        {name: value for name, value in one.items() if name not in hidden}
        for one in operator.get("assets?limit=1000")["assets"]
    ]


def test_round_trip_gives_exactly_the_edits(operator: Operator) -> None:
    operator.add(
        tag="A-1", serial_number="0012", imei=IMEI, owner="'t Hooft", site="Lyon, Nord",
        note='=HYPERLINK("x")', warranty_end="2027-05-31", purchased="2024-06-01",
    )  # fmt: skip
    operator.add(serial_number="-7", category="laptop", owner="ann")
    operator.add(tag="A-3", imei=OTHER_IMEI, site="Izmir", lifecycle="installed")
    before = _fields(operator)
    for query in ("", "&numbers=text"):
        same = operator.imported(operator.text(f"assets?format=csv{query}"), "assets")
        assert (same["unchanged"], same["changed"], same["added"], same["problems"]) == (
            3,
            0,
            0,
            [],
        )
    assert _fields(operator) == before

    def change(rows: list[dict[str, str]]) -> None:
        rows[0]["owner"] = "ben"
        rows[1]["tag"] = "A-2"
        rows[2]["site"] = ""
        rows.append({**dict.fromkeys(rows[0], ""), "tag": "A-4", "owner": "eva"})

    content = edited(operator.text("assets?format=csv"), change)
    tried = operator.imported(content, "assets", dry_run="true")
    assert (tried["added"], tried["changed"], tried["unchanged"], tried["id"]) == (1, 3, 0, None)
    assert _fields(operator) == before
    done = operator.imported(content, "assets", reason="stocktaking")
    expected = [dict(one) for one in before]
    expected[0]["owner"], expected[1]["tag"], expected[2]["site"] = "ben", "A-2", None
    assert _fields(operator)[:3] == expected
    new = _fields(operator)[3]
    assert (new["tag"], new["owner"], new["lifecycle"]) == ("A-4", "eva", "in_stock")
    key = operator.get("assets")["assets"][0]["id"]
    last = operator.get(f"assets/{key}")["history"][-1]
    assert (last["reason"], last["import"]) == ("stocktaking", done["id"])
    undone = operator.done("POST", f"imports/{done['id']}/undo")
    assert undone["undo"] == {"removed": 4, "restored": 3, "kept": 0}
    assert _fields(operator) == before


def test_columns_that_a_file_lacks_are_not_changed(operator: Operator) -> None:
    operator.add(tag="A-1", owner="ann", site="Lyon")
    operator.add(serial_number="S-2", site="Lyon")
    content = "serial number;site\nS-2;Izmir\n"
    assert operator.imported(content, "assets")["changed"] == 1
    assert operator.imported("tag,site\nA-1,Izmir\n", "assets")["changed"] == 1
    owners = [(one["owner"], one["site"]) for one in _fields(operator)]
    assert owners == [("ann", "Izmir"), (None, "Izmir")]


def test_tags_are_exchanged_by_one_file(operator: Operator) -> None:
    first, second = operator.add(tag="A-1")["id"], operator.add(tag="A-2")["id"]
    done = operator.imported(f"id,tag\n{first},A-2\n{second},A-1\n", "assets")
    assert done["changed"] == 2
    assert [one["tag"] for one in _fields(operator)] == ["A-2", "A-1"]
    operator.done("POST", f"imports/{done['id']}/undo")
    assert [one["tag"] for one in _fields(operator)] == ["A-1", "A-2"]


def test_lines_that_do_not_fit_are_refused(operator: Operator) -> None:
    first = operator.add(tag="A-1", lifecycle="retired")["id"]
    operator.add(tag="A-2", serial_number="S")
    operator.add(tag="A-3", serial_number="S")
    content = (
        f"id,tag,serial number,lifecycle\n{first},A-1,,installed\n999999,,,\n{first},A-2,,\n"
        ",,S,in_stock\n,A-9,,in_stock\n"
    )
    refused = operator.send_file(content, "assets")
    assert refused.status == 422
    problems = [(one["line"], one["code"]) for one in refused.json["import"]["problems"]]
    assert problems == [(2, "refused"), (3, "refused"), (4, "duplicate"), (5, "refused")]
    done = operator.imported(content, "assets", skip="true")
    assert (done["added"], done["skipped"]) == (1, 4)
    assert operator.send_file("tag\nA-8\n", "assets", mode="replace").status == 422


def test_import_that_adds_many_assets_is_guarded(operator: Operator) -> None:
    few = "tag\n" + "".join(f"A-{number}\n" for number in range(20))
    assert operator.imported(few, "assets")["added"] == 20
    many = "tag\n" + "".join(f"B-{number}\n" for number in range(20))
    refused = operator.send_file(many, "assets")
    assert refused.json["import"]["problems"][0]["code"] == "size"
    assert operator.imported(many, "assets", force="true")["after"] == 40


def test_asset_that_was_changed_since_is_kept(operator: Operator) -> None:
    done = operator.imported("tag,owner\nA-1,ann\nA-2,ann\n", "assets")
    key = operator.get("assets")["assets"][0]["id"]
    operator.done("PATCH", f"assets/{key}", {"owner": "ben"}, 1)
    undone = operator.done("POST", f"imports/{done['id']}/undo")
    assert undone["undo"] == {"removed": 1, "restored": 0, "kept": 1}
    assert [one["owner"] for one in _fields(operator)] == ["ben"]
    again = operator.send("POST", f"imports/{done['id']}/undo")
    assert again.status == 409
