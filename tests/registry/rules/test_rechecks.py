"""Re-checks over HTTP: by a change, dry, and confirmed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import call_in_process
from tests.registry.conftest import Client, Gateway, HttpResponse, Registry, sim
from tests.registry.history.wire import iccid, imei

MODEMS = 12


def send(client: Client, method: str, path: str, body: Any = None) -> HttpResponse:
    content = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"Content-Type": "application/json"}
    return client.request(method, f"/api/v1/{path}", content, **headers)


def rested(client: Client, run: str) -> dict[str, Any]:
    """Return a run that is over or stopped."""
    for _ in range(600):
        found: dict[str, Any] = client.get(f"rules/runs/{run}")
        if found["state"] in ("stopped", "done", "counted"):
            return found
        time.sleep(0.1)
    raise AssertionError(found)


@pytest.fixture
def operator(registry: Registry, gateway_client: Callable[[str], Client]) -> Client:
    """An operator of a registry with some modems of one type."""
    gateway = Gateway()
    reports = [
        gateway.report(
            "identified", imei(str(number)), [sim(iccid(str(number)))],
            port={"path": "/dev/ttyUSB2", "id": f"usb:1-{number}:1.2"},
        )
        for number in range(MODEMS)
    ]  # fmt: skip
    gateway_client("gw-1").post(*reports)
    client = registry.client("--scope", "operate", "--full-ids")
    for _ in range(600):  # until the rules were evaluated for all of them
        if len(client.get("modems?link_state=unlinked")["modems"]) == MODEMS:
            return client
        time.sleep(0.1)
    raise AssertionError("not evaluated")


def test_change_is_stopped_and_confirmed(registry: Registry, operator: Client) -> None:
    entry = {"kind": "tac", "value": imei("0")[:8]}
    assert send(operator, "PUT", "lists/prohibited/entries", entry).status == 200
    (run,) = operator.get("rules/runs")["runs"]
    found = rested(operator, run["id"])
    assert (found["state"], found["stopped_by"]) == ("stopped", ["imei.prohibited"])
    assert operator.get("findings")["findings"] == []
    assert [one["id"] for one in operator.get("rules/runs?state=stopped")["runs"]] == [run["id"]]
    reader = registry.client("--scope", "read")
    assert send(reader, "POST", f"rules/runs/{run['id']}/confirm").status == 403
    done = send(operator, "POST", f"rules/runs/{run['id']}/confirm")
    assert (done.status, done.json["confirmed_by"][:6]) == (202, "token ")
    assert rested(operator, run["id"])["state"] == "done"
    assert len(operator.get("findings")["findings"]) == MODEMS
    again = send(operator, "POST", f"rules/runs/{run['id']}/confirm")
    assert (again.status, again.json["code"]) == (409, "not_stopped")
    assert send(operator, "POST", "rules/runs/1/confirm").status == 404


def test_dry_run_counts(registry: Registry, operator: Client, tmp_path: Path) -> None:
    made = send(operator, "POST", "rules/dry-run", {"max_match_ratio": 0.1})
    assert (made.status, made.json["dry_run"]) == (202, True)
    found = rested(operator, made.json["id"])
    assert (found["state"], found["written"], found["modems"]) == ("counted", False, MODEMS)
    token_file = tmp_path / "token"
    token_file.write_text(operator.token or "")
    where = ("--url", f"http://127.0.0.1:{registry.port}", "--token-file", str(token_file))
    done = call_in_process("registry", "rules", "check", "--dry-run", "--json", *where)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "counted"
    assert send(operator, "POST", "rules/check", {"max_match_ratio": 2}).status == 422


def test_masked_reader_sees_no_number(registry: Registry, operator: Client) -> None:
    number = imei("0")
    entry = {"kind": "imei", "value": number, "reason": f"{number} stolen", "source": number}
    send(operator, "PUT", "lists/prohibited/entries", entry)
    (run,) = operator.get("rules/runs")["runs"]
    rested(operator, run["id"])
    (one,) = operator.get("findings")["findings"]
    assert one["entry"]["reason"] == f"{number} stolen"
    masked = registry.client("--scope", "read")
    for path in ("findings", f"findings/{one['id']}", "rules/runs", f"rules/runs/{run['id']}"):
        assert number.encode() not in send(masked, "GET", path).raw
