"""Policies and announced work over HTTP and by the command line, on both engines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import call_in_process
from tests.registry.conftest import (
    ICCID,
    IMEI,
    OTHER_ICCID,
    Client,
    Gateway,
    HttpResponse,
    Registry,
)

WRITERS = 20


def send(
    client: Client, method: str, path: str, body: Any = None, revision: int | None = None
) -> HttpResponse:
    content = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"Content-Type": "application/json"}
    headers |= {} if revision is None else {"If-Match": f'"{revision}"'}
    return client.request(method, f"/api/v1/{path}", content, **headers)


def awaited(client: Client, path: str, is_there: Callable[[Any], bool]) -> Any:
    for _ in range(600):
        found = client.get(path)
        if is_there(found):
            return found
        time.sleep(0.1)
    raise AssertionError(found)


@pytest.fixture
def operator(registry: Registry, gateway_client: Callable[[str], Client]) -> Client:
    gateway_client("gw-1").post(Gateway().report("identified"))
    return registry.client("--scope", "operate", "--full-ids")


def test_policy_is_added_applied_and_deleted(registry: Registry, operator: Client) -> None:
    policy = {"name": "p", "covers": {"imeis": [IMEI]}, "iccids": [OTHER_ICCID]}
    trial = send(operator, "POST", "policy-trials", policy).json
    assert trial["counts"]["differed"] == 1
    added = send(operator, "POST", "policies", policy)
    assert (added.status, added.headers["ETag"]) == (201, '"1"'), added.raw
    ref = added.json["ref"]
    assert send(operator, "POST", f"policies/{ref}/apply", {"mode": "enforce"}).status == 428
    done = send(operator, "POST", f"policies/{ref}/apply", {"mode": "enforce"}, 1)
    assert (done.status, done.json["mode"]) == (200, "enforce")
    (one,) = awaited(operator, "findings", lambda found: found["findings"])["findings"]
    assert one["type"] == "pairing.violation"
    assert operator.get(f"modems/{IMEI}")["link_state"] == "differed"
    assert operator.get("modems?link_state=differed")["modems"][0]["imei"] == IMEI
    assert operator.get("modems?link_state=differed&gateway=gw-1")["modems"]
    assert operator.get("modems?link_state=linked&gateway=gw-1")["modems"] == []
    (pair,) = operator.get("pairings?link_state=differed")["pairings"]
    assert [one["iccid"] for one in operator.get("sims?link_state=differed")["sims"]] == [ICCID]
    assert operator.get("sims?link_state=linked&gateway=gw-1")["sims"] == []
    done = call_in_process("registry", "pairings", "--link-state", "differed", *registry.where)
    assert (done.returncode, ICCID in done.stdout) == (0, True)
    assert pair["link_state"] == "differed"
    assert operator.get(f"policies/{ref}")["links"]["differed"] == 1
    stale = send(operator, "DELETE", f"policies/{ref}", revision=1)
    assert (stale.status, stale.json["code"]) == (412, "stale_revision")
    changes = stale.json["difference"]["changes"]
    assert changes == [{"field": "mode", "old": "observe", "new": "enforce"}]
    assert send(operator, "DELETE", f"policies/{ref}", revision=2).status == 204
    awaited(operator, "findings", lambda found: not found["findings"])
    assert send(operator, "GET", f"policies/{ref}").status == 404
    reader = registry.client("--scope", "read")
    assert send(reader, "POST", "policies", policy).status == 403


def test_conflict_names_both_policies(operator: Client) -> None:
    covers = {"tacs": [IMEI[:8]]}
    assert send(operator, "POST", "policies", {"name": "a", "covers": covers}).status == 201
    done = send(operator, "POST", "policies", {"name": "b", "covers": covers})
    assert (done.status, done.json["code"]) == (409, "conflict")
    assert done.json["detail"] == "the policies a and b have the same tac"


def test_policy_lists_more_than_other_bodies_hold(operator: Client) -> None:
    imeis = [f"{86769804 * 10**6 + number}" for number in range(5000)]
    policy = {"name": "many", "covers": {"imeis": imeis}}
    made = send(operator, "POST", "policies", policy)
    assert (made.status, len(made.json["covers"]["imeis"])) == (201, 5000), made.raw[:500]
    path = f"policies/{made.json['ref']}"
    assert send(operator, "PUT", path, {**policy, "mode": "learn"}, 1).status == 200
    headers = {"Content-Type": "application/json", "Content-Length": str((8 << 20) + 1)}
    large = operator.request("POST", "/api/v1/policy-trials", b"{}", **headers)
    assert (large.status, large.json["limit"]) == (413, 8 << 20)
    assert "8 MiB" in large.json["detail"]


def test_short_form_covers_one_modem(operator: Client) -> None:
    done = send(operator, "PUT", f"policies/{IMEI}", {"mode": "enforce", "iccids": [ICCID]})
    assert (done.status, done.json["covers"]["imeis"]) == (201, [IMEI]), done.raw
    again = {"mode": "learn"}
    assert send(operator, "PUT", f"policies/{IMEI}", again).status == 428
    assert send(operator, "PUT", f"policies/{IMEI}", again, 1).json["mode"] == "learn"
    assert send(operator, "PUT", "policies/867698040000014", again).status == 422


def test_many_writers_lose_no_update(operator: Client) -> None:
    policy = {"name": "p", "covers": {"imeis": [IMEI]}}
    ref = send(operator, "POST", "policies", policy).json["ref"]

    def write(number: int) -> int:
        body = {**policy, "note": str(number)}
        while True:
            revision = operator.get(f"policies/{ref}")["revision"]
            done = send(operator, "PUT", f"policies/{ref}", body, revision)
            if done.status != 412:
                return done.status

    with ThreadPoolExecutor(WRITERS) as pool:
        assert set(pool.map(write, range(WRITERS))) == {200}
    history = operator.get(f"policies/{ref}")["history"]
    assert [one["revision"] for one in history] == list(range(1, WRITERS + 2))


def test_masked_reader_sees_no_number(registry: Registry, operator: Client) -> None:
    pairs = {"pairs": [{"imei": IMEI, "iccid": ICCID}], "iccids": [OTHER_ICCID]}
    extra = {"exceptions": [{"imei": IMEI, "iccid": ICCID}], "note": f"for {IMEI}"}
    policy = {"name": f"lock {IMEI}", **pairs, **extra}
    ref = send(operator, "POST", "policies", policy).json["ref"]
    window = {"name": f"at {IMEI}", "imeis": [IMEI], "to": "2099-01-01", "from": "2098-12-01"}
    made = send(operator, "POST", "windows", window)
    assert made.status == 201, made.raw
    masked = registry.client("--scope", "read")
    paths = ("policies", f"policies/{ref}", f"policies/{ref}/pairs", "windows",
             f"windows/{made.json['id']}", "rules/runs")  # fmt: skip
    for path in paths:
        raw = send(masked, "GET", path).raw
        for number in (IMEI, IMEI[:14], ICCID, OTHER_ICCID):
            assert number.encode() not in raw, path


def test_window_is_announced_and_closed(operator: Client) -> None:
    window = {"name": "visit", "gateways": ["gw-1"], "to": "2099-01-01", "from": "2098-12-01"}
    made = send(operator, "POST", "windows", window)
    key = made.json["id"]
    assert send(operator, "POST", f"windows/{key}/close").status == 200
    again = send(operator, "POST", f"windows/{key}/close")
    assert (again.status, again.json["code"]) == (409, "over")
    assert [one["id"] for one in operator.get("windows")["windows"]] == [key]
    assert send(operator, "POST", "windows", {**window, "to": "2020-01-01"}).status == 422


def test_file_of_pairs_over_http(operator: Client) -> None:
    path = "/api/v1/policy-imports?name=file&valid_from=2099-01-05"
    content = f"iccid,imei\n{ICCID},{IMEI}\n".encode() + b"\n" * 2**18  # as large as 8,000 pairs
    headers = {"Content-Type": "text/csv"}
    done = operator.request("POST", path, content, **headers)
    assert (done.status, done.json["pairs"]) == (200, 1), done.raw
    found = operator.get(f"policies/{done.json['ref']}")
    assert (found["mode"], found["valid_from"]) == ("observe", "2099-01-05T00:00:00.000Z")
    exported = operator.request("GET", f"/api/v1/policies/{done.json['ref']}/pairs").raw
    assert exported.decode().splitlines() == ["iccid,imei", f"{ICCID},{IMEI}"]
    wrong = operator.request("POST", path, b"iccid,imei\n1,2\n", **headers)
    assert (wrong.status, wrong.json["code"]) == (422, "invalid_file")


@pytest.mark.parametrize("over_http", [False, True])
def test_command_line(
    registry: Registry, operator: Client, tmp_path: Path, over_http: bool
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(operator.token or "")
    where: tuple[str, ...] = registry.where
    if over_http:
        where = ("--url", f"http://127.0.0.1:{registry.port}", "--token-file", str(token_file))

    def call(*words: str, status: int = 0) -> str:
        done = call_in_process("registry", *words, *where)
        assert done.returncode == status, (words, done.stdout, done.stderr)
        return str(done.stdout)

    words = ("--imei", IMEI, "--iccid", OTHER_ICCID, "--json")
    added = json.loads(call("policy", "add", "p", *words))
    ref = added["ref"]
    assert call("policy", "list") == call("policy") == call("policy", "--limit", "5")
    assert "differed" in call("policy", "dry-run", ref, status=3)
    assert json.loads(call("policy", "apply", ref, "--json"))["mode"] == "enforce"
    call("policy", "apply", ref, "--revision", "1", status=6)
    assert "enforce" in call("policy", "show", IMEI)
    assert json.loads(call("policy", "revert", ref, "1", "--json"))["revision"] == 3
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({**added, "iccids": [ICCID]}))
    assert json.loads(call("policy", "put", ref, str(file), "--json"))["iccids"] == [ICCID]
    call("policy", "delete", ref)
    call("policy", "show", ref, status=4)
    set_words = ("policy", "set", IMEI, "--iccid", ICCID, "--json")
    first = json.loads(call(*set_words))
    assert (first["revision"], first["mode"]) == (1, "observe")
    assert json.loads(call(*set_words, "--mode", "enforce"))["revision"] == 2
    assert json.loads(call(*set_words))["mode"] == "enforce"  # as it was
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"iccid,imei\n{ICCID},{IMEI}\n")
    call("policy", "import", "file", str(pairs), status=6)  # the modem has a policy
    pairs.write_text(f"iccid,imei\n{ICCID},{IMEI[:-1]}9\n")
    call("policy", "import", "file", str(pairs), status=3)
    pairs.write_text(f"iccid,imei\n,{IMEI}\n")
    report = json.loads(call("policy", "import", "file", str(pairs), "--json", status=3))
    assert [one["message"] for one in report["problems"]] == ["the ICCID is missing"]
    call("windows", "announce", "visit", "--to", "2099-01-01", status=6 if over_http else 2)
    end = datetime.now(UTC) + timedelta(days=1)
    words = ("visit", "--imei", IMEI, "--to", end.isoformat(), "--json")
    window = json.loads(call("windows", "announce", *words))
    assert "visit" in call("windows", "list")
    call("windows", "close", window["id"])
    call("windows", "close", window["id"], status=2)
