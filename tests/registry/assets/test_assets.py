"""Assets over HTTP, on both engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from modemagent.registry.assets.asset_fields import NEXT_STEPS
from tests.registry.assets.conftest import Operator
from tests.registry.conftest import IMEI, OTHER_IMEI, Client, Gateway, Registry


def test_asset_is_added_changed_and_has_its_history(operator: Operator) -> None:
    made = operator.send(
        "POST", "assets", {"tag": "A-1", "imei": IMEI, "owner": "ann", "reason": "new"}
    )
    assert (made.status, made.headers["ETag"]) == (201, '"1"')
    asset = made.json
    assert (asset["imei"], asset["lifecycle"], asset["modem"]) == (IMEI, "in_stock", None)
    assert asset["next_steps"] == list(NEXT_STEPS["in_stock"])
    path = f"assets/{asset['id']}"
    values = {"lifecycle": "installed", "site": "Lyon", "owner": "ben", "reason": "ticket 88"}
    changed = operator.done("PATCH", path, values, 1)
    assert (changed["revision"], changed["site"], changed["tag"]) == (2, "Lyon", "A-1")
    first, second = changed["history"]
    assert (first["reason"], first["actor"][:6]) == ("new", "token ")
    assert second["changes"] == [
        {"field": "owner", "old": "ann", "new": "ben"},
        {"field": "site", "old": None, "new": "Lyon"},
        {"field": "lifecycle", "old": "in_stock", "new": "installed"},
    ]
    emptied = operator.done("PATCH", path, {"owner": None}, 2)
    assert (emptied["owner"], emptied["site"], emptied["revision"]) == (None, "Lyon", 3)
    assert operator.done("PATCH", path, {"site": "Lyon"}, 3)["revision"] == 3
    assert operator.get(path) == emptied


def test_stale_revision_gets_the_difference(operator: Operator) -> None:
    asset = operator.add(serial_number="SN-77")
    path = f"assets/{asset['id']}"
    operator.done("PATCH", path, {"owner": "ann"}, 1)
    stale = operator.send("PATCH", path, {"owner": "ben"}, 1)
    assert (stale.status, stale.json["code"], stale.json["revision"]) == (412, "stale_revision", 2)
    assert stale.json["difference"]["asset"]["owner"] == "ann"
    (change,) = stale.json["difference"]["changes"]
    assert change["changes"] == [{"field": "owner", "old": None, "new": "ann"}]
    assert operator.send("PATCH", path, {"owner": "ben"}).status == 428
    assert operator.send("PATCH", "assets/999999999", {"owner": "ben"}, 1).status == 404


def test_asset_is_deleted_unless_it_is_referred_to(operator: Operator) -> None:
    asset = operator.add(tag="A-1", imei=IMEI)
    path = f"assets/{asset['id']}"
    note = operator.done("POST", "notes", {"about": f"asset:{asset['id']}", "text": "whose?"})
    case = operator.done("POST", "cases", {"kind": "lost", "assets": [asset["id"]]})
    operator.done("PATCH", path, {"owner": "ann"}, 1)
    assert operator.send("DELETE", path).status == 428
    stale = operator.send("DELETE", path, revision=1)
    assert (stale.status, stale.json["difference"]["asset"]["owner"]) == (412, "ann")
    refused = operator.send("DELETE", path, revision=2)
    assert (refused.status, refused.json["code"]) == (409, "in_use")
    assert refused.json["references"] == [f"case:{case['id']}", f"note:{note['id']}"]
    other = operator.add(tag="A-2", imei=OTHER_IMEI)
    path = f"assets/{other['id']}"
    assert operator.send("DELETE", path, revision=1).status == 204
    assert operator.send("DELETE", path, revision=1).status == 404
    assert operator.get(f"lookup?id={OTHER_IMEI}")["matches"] == []
    assert operator.add(tag="A-2")["revision"] == 1


def test_invalid_assets_are_refused(operator: Operator) -> None:
    operator.add(tag="TAKEN")
    for fields, word in (
        ({"owner": "ann"}, "no tag"),
        ({"tag": "A-1", "imei": "867698040000014"}, "15th digit"),
        ({"tag": "A-1", "warranty_end": "2026-02-30"}, "YYYY-MM-DD"),
        ({"tag": "A-1", "lifecycle": "sold"}, "lifecycle"),
        ({"tag": "A-1", "colour": "red"}, "colour"),
        ({"tag": "TAKEN"}, "another asset"),
    ):
        refused = operator.send("POST", "assets", fields)
        assert refused.status == 422 and word in refused.json["detail"], fields
        assert "867698040000014" not in refused.raw.decode()


def test_lifecycle_has_its_next_steps_only(operator: Operator) -> None:
    asset = operator.add(tag="A-1")
    path = f"assets/{asset['id']}"
    refused = operator.send("PATCH", path, {"lifecycle": "ordered"}, 1)
    assert refused.status == 422 and "cannot follow" in refused.json["detail"]
    for revision, state in enumerate(("in_repair", "installed", "retired", "in_stock"), 1):
        assert operator.done("PATCH", path, {"lifecycle": state}, revision)["lifecycle"] == state


def test_every_state_can_be_reached_and_left() -> None:
    reached = {state for steps in NEXT_STEPS.values() for state in steps}
    assert reached == NEXT_STEPS.keys() - {"ordered"}
    assert all(NEXT_STEPS.values())


def test_assets_are_filtered_and_paged(operator: Operator) -> None:
    for number in range(5):
        site = "Lyon" if number % 2 else "Izmir"
        operator.add(tag=f"A-{number}", site=site, owner="ann" if number < 3 else "ben")
    operator.add(tag="A-5", site="Lyon", lifecycle="retired")

    def tags(query: str) -> list[str]:
        return [one["tag"] for one in operator.get(f"assets?{query}")["assets"]]

    assert tags("site=Lyon") == ["A-1", "A-3", "A-5"]
    assert tags("site=Lyon&lifecycle=retired") == ["A-5"]
    assert tags("owner=ann") == ["A-0", "A-1", "A-2"]
    assert tags("lifecycle=in_stock&owner=ben") == ["A-3", "A-4"]
    assert tags("site=Lyon&owner=ann") == ["A-1"]
    assert tags("site=Izmir&owner=ann&lifecycle=in_stock") == ["A-0", "A-2"]
    assert operator.send("GET", "assets?as_of=2026-03-01T00:00:00Z").status == 400
    found, after = [], ""
    while after is not None:
        page = operator.get(f"assets?site=Lyon&limit=2{after and f'&after={after}'}")
        found += [one["tag"] for one in page["assets"]]
        after = page["next"]
    assert found == ["A-1", "A-3", "A-5"]


def test_asset_is_found_by_tag_serial_number_and_imei(
    operator: Operator, gateway_client: Callable[[str], Client]
) -> None:
    laptop = operator.add(tag="L-1", serial_number="5CG2110", category="laptop")
    stored = operator.add(tag="M-1", imei=OTHER_IMEI, serial_number="M2")
    used = operator.add(tag="M-2", imei=IMEI, label_imei=OTHER_IMEI)
    gateway_client("gw-1").post(Gateway().report("identified"))

    def found(text: str) -> list[tuple[Any, ...]]:
        names = ("kind", "id", "modem", "gateway", "asset")
        matches = operator.get(f"lookup?id={text}")["matches"]
        return [tuple(one[name] for name in names) for one in matches]

    assert found("L-1") == [("asset_tag", "L-1", None, None, laptop["id"])]
    assert found("5CG2110") == [("serial_number", "5CG2110", None, None, laptop["id"])]
    assert found("M-1") == [("asset_tag", "M-1", OTHER_IMEI, None, stored["id"])]
    assert found("M-2") == [("asset_tag", "M-2", IMEI, "gw-1", used["id"])]
    assert found(IMEI) == [("imei", IMEI, IMEI, "gw-1", used["id"])]
    assert found(OTHER_IMEI) == [
        ("imei", OTHER_IMEI, OTHER_IMEI, None, stored["id"]),
        ("label_imei", OTHER_IMEI, IMEI, "gw-1", used["id"]),
    ]
    assert found("gw-1")[0][4] is None
    modem = operator.get(f"assets/{used['id']}")["modem"]
    assert (modem["gateway_id"], modem["present"]) == ("gw-1", True)
    check = operator.done("POST", "checks", {"numbers": [IMEI, OTHER_IMEI, "901288000000001"]})
    assets = [one["asset"] and one["asset"]["tag"] for one in check["results"]]
    assert assets == ["M-2", "M-1", None]
    assert "M-1,,,in_stock" in operator.text(f"checks/{check['id']}?format=csv")


def test_reader_without_full_ids_sees_no_number(registry: Registry, operator: Operator) -> None:
    asset = operator.add(
        tag=f"T {IMEI}", serial_number="SN123456789012", imei=IMEI, label_imei=OTHER_IMEI,
        note=f"was {OTHER_IMEI}", reason=f"not {OTHER_IMEI}",
    )  # fmt: skip
    operator.done("POST", "checks", {"numbers": [IMEI]})
    masked = Operator(registry.client("--scope", "operate"))
    texts = [
        masked.text(path)
        for path in ("assets", "assets?format=csv", "assets?format=csv&numbers=text",
                     f"assets/{asset['id']}", f"lookup?id={IMEI}", "lookup?id=SN123456789012")
    ]  # fmt: skip
    texts.append(json.dumps(masked.done("POST", "checks", {"numbers": [IMEI]})))
    stale = masked.send("PATCH", f"assets/{asset['id']}", {"owner": "x"}, 9)
    texts += [stale.raw.decode(), stale.headers["ETag"]]
    assert stale.status == 412
    for text in texts:
        assert IMEI not in text and OTHER_IMEI not in text and "SN123456789012" not in text
    refused = masked.send_file(texts[1], "assets")
    assert refused.json["import"]["problems"][0]["code"] == "masked"
    reader = Operator(registry.client("--scope", "read", "--full-ids"))
    assert reader.send("POST", "assets", {"tag": "A-9"}).status == 403
    assert reader.send("PATCH", f"assets/{asset['id']}", {"owner": "x"}, 1).status == 403


def test_tag_that_is_the_id_of_another_asset_is_its_own(operator: Operator) -> None:
    first = operator.add(serial_number="S-1")
    second = operator.add(tag=first["id"])
    assert operator.get(f"assets/{first['id']}")["serial_number"] == "S-1"
    (match,) = operator.get(f"lookup?id={first['id']}")["matches"]
    assert (match["kind"], match["asset"]) == ("asset_tag", second["id"])


def test_twenty_writers_lose_no_update(operator: Operator) -> None:
    key = operator.add(tag="A-1", note="0")["id"]

    def write(number: int) -> int:
        refused = 0
        while True:
            asset = operator.get(f"assets/{key}")
            note = str(int(asset["note"]) + 1)
            done = operator.send("PATCH", f"assets/{key}", {"note": note}, asset["revision"])
            if done.status == 200:
                return refused
            assert done.status == 412, done.raw
            refused += 1

    def add(number: int) -> int:
        return operator.send("POST", "assets", {"tag": "SAME"}).status

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(write, range(20)))
        statuses = list(pool.map(add, range(20)))
    asset = operator.get(f"assets/{key}")
    assert (asset["note"], asset["revision"]) == ("20", 21)
    assert sorted(statuses) == [201, *[422] * 19]
