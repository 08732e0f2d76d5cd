"""Decisions about findings, over HTTP on both engines."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.registry.conftest import Client, HttpResponse, Registry

LATER = "2099-01-01T00:00:00Z"


@pytest.fixture
def operator(registry: Registry) -> Client:
    return registry.client("--scope", "operate", "--full-ids")


def decide(
    client: Client, finding: dict[str, Any], action: str, revision: int | None = 1, **body: Any
) -> HttpResponse:
    headers = {} if revision is None else {"If-Match": f'"{revision}"'}
    return client.request(
        "POST",
        f"/api/v1/findings/{finding['id']}/{action}",
        json.dumps(body).encode(),
        **{"Content-Type": "application/json", **headers},
    )


def test_decisions_have_reason_actor_and_revision(operator: Client, swap: dict[str, Any]) -> None:
    found = operator.request("GET", f"/api/v1/findings/{swap['id']}")
    assert (found.headers["ETag"], found.json["state"]) == ('"1"', "undecided")
    assert found.json["history"] == []
    acts: list[tuple[str, dict[str, Any], str]] = [
        ("acknowledge", {"until": LATER}, "acknowledged"),
        ("assign", {"assignee": "ann"}, "acknowledged"),
        ("suppress", {"until": LATER}, "suppressed"),
        ("resolve", {}, "resolved"),
        ("authorise", {"once": True}, "resolved"),
        ("withdraw", {}, "undecided"),
    ]
    for number, (action, more, state) in enumerate(acts, 1):
        done = decide(operator, swap, action, number, reason=f"because {number}", **more)
        assert done.status == 200, done.raw
        assert done.headers["ETag"] == f'"{number + 1}"'
        assert (done.json["state"], done.json["revision"]) == (state, number + 1)
    assert done.json["assignee"] == "ann"
    history = done.json["history"]
    assert [one["action"] for one in history] == [action for action, _, _ in acts]
    assert {one["actor"].partition(":")[0] for one in history} == {"token"}
    assert history[0]["reason"] == "because 1"
    assert history[0]["until"] == "2099-01-01T00:00:00.000Z"


def test_stale_revision_gets_the_difference(operator: Client, swap: dict[str, Any]) -> None:
    decide(operator, swap, "assign", reason="night shift", assignee="ann")
    done = decide(operator, swap, "resolve", reason="done")
    assert (done.status, done.headers["ETag"]) == (412, '"2"')
    assert (done.json["code"], done.json["revision"]) == ("stale_revision", 2)
    difference = done.json["difference"]
    assert (difference["state"], difference["assignee"]) == ("undecided", "ann")
    assert [one["reason"] for one in difference["changes"]] == ["night shift"]


def test_one_of_many_decisions_at_a_time_is_made(operator: Client, swap: dict[str, Any]) -> None:
    def act(number: int) -> int:
        return decide(operator, swap, "assign", reason="mine", assignee=str(number)).status

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(act, range(6))) == [200, *[412] * 5]


def test_incomplete_decisions_are_refused(operator: Client, swap: dict[str, Any]) -> None:
    decisions: list[tuple[str, int | None, dict[str, Any], int, str]] = [
        ("resolve", None, {"reason": "x"}, 428, "if_match_required"),
        ("resolve", 1, {}, 422, "invalid_request"),
        ("resolve", 1, {"reason": "  "}, 422, "invalid_request"),
        ("suppress", 1, {"reason": "x", "until": 4_102_444_800}, 422, "invalid_request"),
        ("resolve", 1, {"reason": "x", "until": LATER}, 409, "until"),
        ("suppress", 1, {"reason": "x"}, 409, "until"),
        ("suppress", 1, {"reason": "x", "until": "2020-01-01T00:00:00Z"}, 409, "until"),
        ("assign", 1, {"reason": "x"}, 409, "assignee"),
        ("delete", 1, {"reason": "x"}, 422, "invalid_request"),
    ]
    for action, revision, body, status, code in decisions:
        done = decide(operator, swap, action, revision, **body)
        assert (done.status, done.json["code"]) == (status, code), (action, body)


def test_reader_cannot_decide(reader: Client, swap: dict[str, Any]) -> None:
    assert decide(reader, swap, "resolve", reason="x").status == 403
    unknown = {"id": "00000000-0000-0000-0000-000000000000"}
    assert reader.request("GET", f"/api/v1/findings/{unknown['id']}").status == 404


def test_masked_reader_sees_no_number(
    registry: Registry, operator: Client, swap: dict[str, Any]
) -> None:
    number = swap["imei"]
    decide(operator, swap, "resolve", reason=f"{number} was planned")
    masked = registry.client("--scope", "read")
    for path in ("findings", f"findings/{swap['id']}"):
        assert number.encode() not in masked.request("GET", f"/api/v1/{path}").raw
