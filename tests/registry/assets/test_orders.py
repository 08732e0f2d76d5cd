"""Orders: files, lots, what was received; on both engines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modemagent.registry.assets.order_file import read_order
from modemagent.registry.calls.assets import AssetCalls
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.store.assets import receipts
from tests.registry.assets.conftest import Operator
from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID, OTHER_IMEI, Gateway, Registry, sim
from tests.registry.rules.conftest import Store

FILE = (
    "licence of the supplier\n"
    "lot,manufacturer,model,imei,iccid,quantity,asset_tag,x_pallet\n"
    f"L-1,Quectel,EG25-G,{IMEI},,,A-1,9\n"
    f"L-1,Quectel,EG25-G,{OTHER_IMEI},,,A-2,9\n"
    f"L-2,,,,{OTHER_ICCID},,,\n"
    "L-2,Quectel,EG25-G,,,500,,\n"
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("imei\n867698040000014\n", [(2, "imei", "imei.check_digit")]),
        ("imei\n8.67698E+14\n", [(2, "imei", "scientific")]),
        ("imei,iccid\n8988303000000000010,\n", [(2, "imei", "wrong_column")]),
        (f"imei\n{IMEI}\n{IMEI}\n", [(3, "", "duplicate")]),
        (f"imei,quantity\n{IMEI},5\n", [(2, "", "refused")]),
        ("model,quantity\nEG25-G,many\n", [(2, "", "refused")]),
        ("model,quantity,note\n,,only a note\n", [(2, "", "refused")]),
        ("model,tac\nEG25-G,86769804|1234\n", [(2, "tac", "invalid")]),
        ("model,tac\nEG25-G,86769804|86769805\n", []),
        ("model,colour\nEG25-G,red\n", [(0, "", "unknown_column")]),
        ("name\nx\n", [(0, "", "header")]),
    ],
)
def test_order_file_is_read(content: str, expected: list[tuple[int, str, str]]) -> None:
    found = read_order(content.encode(), "4711")
    assert [(one.line, one.column, one.code) for one in found.problems] == expected


def test_line_without_an_order_is_refused() -> None:
    (problem,) = read_order(b"model\nEG25-G\n").problems
    assert "does not state its order" in problem.message
    (line,) = read_order(b"order,model\n4712,EG25-G\n", "4711").lines
    assert line.order == "4712"


def test_order_is_imported_shown_and_undone(operator: Operator) -> None:
    tried = operator.imported(FILE, "orders", order="4711", source="Quectel", dry_run="true")
    assert (tried["added"], tried["accepted"]) == (4, True)
    assert operator.get("orders")["orders"] == []
    done = operator.imported(FILE, "orders", order="4711", source="Quectel")
    (order,) = operator.get("orders")["orders"]
    assert (order["number"], order["supplier"], order["state"]) == ("4711", "Quectel", "expected")
    assert (order["expected"], order["received"]) == (503, 0)
    whole = operator.get("orders/4711")
    assert [(lot["lot"], lot["expected"]) for lot in whole["lots"]] == [("L-1", 2), ("L-2", 501)]
    assert [one["imei"] for one in whole["rows"]] == [IMEI, OTHER_IMEI, None, None]
    assert operator.get(f"orders/{order['id']}") == whole
    page = operator.get("orders/4711?limit=3")
    rest = operator.get(f"orders/4711?limit=3&after={page['next']}")
    assert page["rows"] + rest["rows"] == whole["rows"]
    exported = operator.text("orders/4711?format=csv")
    same = operator.imported(exported, "orders", mode="replace")
    assert (same["unchanged"], same["added"], same["removed"]) == (4, 0, 0)
    assert operator.send("GET", "orders/4712").status == 404
    undone = operator.done("POST", f"imports/{done['id']}/undo")
    assert undone["undo"] == {"removed": 4, "restored": 0, "kept": 0}
    assert operator.get("orders")["orders"] == []


def test_new_revision_of_a_file_is_undone(operator: Operator) -> None:
    operator.imported(FILE, "orders", order="4711")
    before = operator.get("orders/4711")["rows"]
    other = f"model,imei,lot,quantity\nEG25-G,{IMEI},L-9,\nEG25-G,,L-2,600\n"
    done = operator.imported(other, "orders", order="4711", mode="replace")
    assert (done["before"], done["added"], done["changed"], done["removed"]) == (4, 1, 1, 3)
    assert operator.get("orders/4711")["expected"] == 601
    undone = operator.done("POST", f"imports/{done['id']}/undo")
    assert undone["undo"] == {"removed": 2, "restored": 4, "kept": 0}
    assert operator.get("orders/4711")["rows"] == before


def test_quantity_is_received_and_an_order_closed(operator: Operator) -> None:
    operator.imported("model,quantity\nEG25-G,500\n", "orders", order="4711")
    order = operator.get("orders/4711")
    path = f"orders/{order['id']}/rows/{order['rows'][0]['id']}/received"
    part = operator.done("PUT", path, {"received": 200}, order["revision"])
    assert (part["state"], part["received"]) == ("partly_received", 200)
    assert operator.send("PUT", path, {"received": 300}, order["revision"]).status == 412
    assert operator.send("PUT", path, {"received": 501}, part["revision"]).status == 422
    assert operator.send("PUT", path, {"received": 300}).status == 428
    other = f"orders/{order['id']}/rows/1/received"
    assert operator.send("PUT", other, {"received": 1}, part["revision"]).status == 404
    all_of_it = operator.done("PUT", path, {"received": 500}, part["revision"])
    assert all_of_it["state"] == "received"
    key = f"orders/{order['id']}"
    closed = operator.done("PATCH", key, {"closed": True, "note": "x"}, all_of_it["revision"])
    assert (closed["state"], closed["note"]) == ("closed", "x")
    assert operator.send("PATCH", key, {"closed": False}, 1).json["code"] == "stale_revision"
    refused = operator.send_file("model,quantity\nEG25-G,600\n", "orders", order="4711")
    assert refused.json["import"]["problems"][0]["code"] == "received"


def test_number_that_is_the_id_of_another_order_is_its_own(operator: Operator) -> None:
    operator.imported("model,quantity\nEG25-G,1\n", "orders", order="4711")
    first = operator.get("orders/4711")
    operator.imported("model,quantity\nEG25-G,2\n", "orders", order=first["id"])
    assert operator.get(f"orders/{first['id']}")["expected"] == 2
    changed = operator.done("PATCH", f"orders/{first['id']}", {"note": "x"}, first["revision"])
    assert (changed["number"], changed["note"]) == ("4711", "x")


def test_reader_sees_no_number_of_an_order(registry: Registry, operator: Operator) -> None:
    operator.imported(FILE, "orders", order="4711")
    masked = Operator(registry.client("--scope", "read"))
    for path in ("orders", "orders/4711", "orders/4711?format=csv", "imports"):
        text = masked.text(path)
        assert not any(one in text for one in (IMEI, IMEI[:14], OTHER_IMEI, OTHER_ICCID))
    assert masked.send_file(FILE, "orders", order="4712").status == 403


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    found = Store(database_url)
    yield found
    found.database.close()


def test_unit_is_received_when_it_reports(store: Store) -> None:
    calls = AssetCalls(store.database, "test")
    lists = ListCalls(store.database, "test")
    lists.import_file(FILE.encode(), dry_run=False, target="orders", order="4711")
    receipts.update(store.database)
    assert (calls.order("4711", 10, None) or {})["received"] == 0
    store.add(Gateway().report("identified", sims=[sim(ICCID), sim(f"{OTHER_ICCID}0", slot=2)]))
    receipts.update(store.database)
    receipts.update(store.database)
    order = calls.order("4711", 10, None) or {}
    assert (order["state"], order["received"]) == ("partly_received", 2)
    assert [one["received"] for one in order["rows"]] == [1, 0, 1, 0]
    changed = FILE.replace("A-1", "A-9").replace("A-2", "A-8")
    report = lists.import_file(changed.encode(), dry_run=True, target="orders", order="4711")
    assert [(one["line"], one["code"]) for one in report["problems"] if one["line"]] == [
        (3, "received")
    ]
    (run,) = lists.imports(10, None)["imports"]
    undone = lists.undo(run["id"]) or {}
    assert undone["undo"] == {"removed": 2, "restored": 0, "kept": 2}
    assert (calls.order("4711", 10, None) or {})["state"] == "received"


def test_rows_at_once_are_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "_ROWS_AT_ONCE", 1)
    lists = ListCalls(store.database, "test")
    lists.import_file(FILE.encode(), dry_run=False, target="orders", order="4711")
    store.add(Gateway().report("identified", OTHER_IMEI))
    receipts.update(store.database)
    calls = AssetCalls(store.database, "test")
    assert (calls.order("4711", 10, None) or {})["received"] == 1
