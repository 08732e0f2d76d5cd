"""Lists, imports, assets and orders: forms, files, dry run, undo, and the same over again."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from modemagent.registry.store.people.people import PersonRole
from tests.registry.conftest import IMEI, OTHER_IMEI
from tests.registry.pages.conftest import Browser, Story

NEW = "867698040000088"


@pytest.fixture(scope="module")
def operator(story: Story) -> Browser:
    return story.person("clerk-2", PersonRole.OPERATOR, full_ids=True)


def test_entry_is_put_found_and_removed(operator: Browser) -> None:
    form = {"kind": "imei", "value": NEW, "reason": "=1+1", "source": "police"}
    made = operator.post("/lists/permitted/put", form)
    key = made.headers["Location"].partition("#E")[2]
    found = operator.post("/lists/permitted/find", {"number": NEW[:14]})
    assert f'id="E{key}"' in found.text
    assert "covers it" not in found.text
    assert (
        "No entry of this list covers it"
        in operator.post("/lists/tracked/find", {"number": NEW}).text
    )
    assert "'=1+1" in operator.get("/lists/permitted/csv").text
    assert operator.post("/lists/permitted/remove", {"entry": key}).status == 303
    assert operator.post("/lists/permitted/remove", {"entry": key}).status == 404
    assert operator.post("/lists/permitted/put", {**form, "value": NEW[:-1] + "1"}).status == 422
    assert operator.get("/lists/other").status == 404


def test_file_is_imported_after_a_dry_run_and_undone(story: Story, operator: Browser) -> None:
    form = {"target": "permitted", "mode": "add", "reason": "supplier", "source": "list 7"}
    dry = operator.upload("/imports", form, "file", f"imei\n{NEW}\n{NEW[:-1]}1\n".encode())
    assert dry.status == 422
    assert "would not be imported" in dry.text
    dry = operator.upload("/imports", form, "file", f"imei\n{NEW}\n".encode())
    assert "Dry run: the file would be imported" in dry.text
    assert "0 before, 1 after" in dry.text
    assert NEW not in operator.get("/lists/permitted").text
    made = operator.post("/imports/apply", {**form, "content": dry.field("content")})
    assert made.status == 303
    assert NEW in operator.get("/lists/permitted").text
    path = made.headers["Location"]
    assert "list 7" in operator.get(path).text
    at = re.search(r'datetime="([^"]+)"', operator.get(path).text)
    assert at
    made_ms = round(datetime.fromisoformat(at[1]).timestamp() * 1000)
    page = operator.get(story.stopped("list", "permitted", made_ms)).text
    assert f'href="{path}"' in page
    assert "What the import added is removed" in page
    undone = operator.post(f"{path}/undo").headers["Location"]
    assert "1 removed" in operator.get(undone).text
    assert NEW not in operator.get("/lists/permitted").text


@pytest.mark.parametrize("form", [{}, {"target": "permitted"}, {"target": "moon", "pasted": "x"}])
def test_import_without_file_or_target_is_refused(operator: Browser, form: dict[str, str]) -> None:
    assert operator.post("/imports", form).status in (400, 422)
    assert operator.post("/imports/apply", {"target": "permitted", "content": "??"}).status == 422


def test_asset_follows_its_lifecycle(operator: Browser) -> None:
    made = operator.post("/assets/new", {"tag": "T-9", "imei": NEW, "site": "Lyon"})
    path = made.headers["Location"]
    page = operator.get(path)
    assert "in stock" in page.text
    form = {"revision": page.field("revision"), "reason": "built in", "lifecycle": "installed"}
    assert operator.post(path, form).status == 303
    assert operator.post(path, form).status == 409
    later = {**form, "revision": "2", "lifecycle": "ordered"}
    assert operator.post(path, later).status == 422  # no step back
    assert "<del>in_stock</del> <ins>installed</ins>" in operator.get(path).text
    assert (
        "another asset has this tag".capitalize()
        in operator.post("/assets/new", {"tag": "T-9"}).text
    )
    case = operator.post("/cases/new", {"kind": "lost", "numbers": NEW, "text": "x"})
    name = case.headers["Location"].rpartition("/")[2]
    page = operator.get(path)
    assert f"Case {name} is about this asset." in page.text
    assert f'href="/cases/{name}"' in page.text
    refused = operator.post(f"{path}/delete", {"revision": page.field("revision")})
    assert refused.status == 422
    assert f"Case {name} is about this asset." in refused.text.partition('role="alert"')[2][:100]
    other = operator.post("/assets/new", {"tag": "T-10"}).headers["Location"]
    assert operator.post(f"{other}/delete", {"revision": "9"}).status == 409
    assert operator.post(f"{other}/delete", {"revision": "1"}).status == 303
    assert "was deleted by" in (gone := operator.get(other)).text and gone.status == 410


def test_assets_are_filtered_by_the_address(operator: Browser) -> None:
    page = operator.get("/assets?site=Hamburg&lifecycle=in_stock").text
    assert "Assets that are in stock at Hamburg" in page
    assert len(re.findall(r"<tr data-row", page)) == 1
    rows = operator.get("/assets/csv?site=Hamburg&numbers=text").text.splitlines()
    assert len(rows) == 2
    assert f'"=""{IMEI}"""' in rows[1]


def test_order_shows_what_is_missing(operator: Browser) -> None:
    page = operator.get("/orders").text
    path = re.search(r'href="(/orders/O\d+)"', page)
    assert path
    order = operator.get(path[1])
    assert "of 2 received" in order.text
    assert OTHER_IMEI in order.text
    form = {"revision": order.field("revision"), "supplier": "<i>Trade</i>", "note": "late"}
    assert operator.post(path[1], form).status == 303
    assert operator.post(path[1], form).status == 409
    assert "&lt;i&gt;Trade" in operator.get(path[1]).text
    assert OTHER_IMEI in operator.get(f"{path[1]}/csv").text
    closed = {"revision": operator.get(path[1]).field("revision"), "closed": "yes"}
    assert operator.post(path[1], closed).status == 303
    assert "closed" in operator.get("/orders").text


def test_units_without_numbers_are_received_by_hand(operator: Browser) -> None:
    form = {"target": "orders", "order": "loose", "pasted": "model,quantity\nEG25-G,100\n"}
    dry = operator.post("/imports", form)
    operator.post("/imports/apply", {**form, "content": dry.field("content")})
    path = re.search(r'href="(/orders/O\d+)">loose<', operator.get("/orders").text)
    assert path
    page = operator.get(path[1])
    form = {name: page.field(name) for name in ("revision", "row")}
    assert operator.post(f"{path[1]}/receive", {**form, "received": "101"}).status == 422
    assert operator.post(f"{path[1]}/receive", {**form, "received": "40"}).status == 303
    assert "40 of 100 received" in operator.get(path[1]).text


def test_order_with_the_id_of_another_as_its_number(operator: Browser) -> None:
    path = re.search(r'href="/orders/O(\d+)">loose<', operator.get("/orders").text)
    assert path is not None
    form = {"target": "orders", "order": path[1], "pasted": "model,quantity\nBG95-M3,7\n"}
    dry = operator.post("/imports", form)
    operator.post("/imports/apply", {**form, "content": dry.field("content")})
    orders = operator.get("/orders").text
    other = re.search(rf'href="(/orders/O\d+)">{path[1]}<', orders)
    assert other is not None
    assert "EG25-G" in operator.get(f"/orders/O{path[1]}").text
    assert "BG95-M3" in operator.get(other[1]).text
    assert "BG95-M3" in operator.get(f"{other[1]}/csv").text
