"""Writes of many operators at one time: each is done once, and none shows a number in full."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID, Client, Registry

TOKENS, EACH = 8, 25


def writes(
    clients: list[Client], each: int, method: str, path: str, body: Any, revision: int | None = None
) -> Counter[int]:
    """Send a request from each of some tokens several times at once; return the statuses."""
    headers = {"Content-Type": "application/json"}
    headers |= {} if revision is None else {"If-Match": f'"{revision}"'}
    content = json.dumps(body).encode()

    def write(client: Client) -> tuple[int, bytes]:
        done = client.request(method, f"/api/v1/{path}", content, **headers)
        return done.status, done.raw + str(done.headers).encode()

    with ThreadPoolExecutor(len(clients) * each) as pool:
        found = list(pool.map(write, clients * each))
    for number in (IMEI[:14], ICCID, OTHER_ICCID):
        assert not any(number.encode() in raw for _, raw in found), number
    return Counter(status for status, _ in found)


def test_writes_of_200_operators_are_done_once(
    registry: Registry, reader: Client, swap: dict[str, Any]
) -> None:
    operators = [registry.client("--scope", "operate") for _ in range(TOKENS)]
    path, body = f"findings/{swap['id']}", {"reason": f"planned for {IMEI}"}
    made = writes(operators, EACH, "POST", f"{path}/authorise", body, swap["revision"])
    assert made == {200: 1, 412: TOKENS * EACH - 1}
    taken_back = writes(operators, 4, "POST", f"{path}/withdraw", body, swap["revision"] + 1)
    assert taken_back == {200: 1, 412: TOKENS * 4 - 1}
    history = [one["action"] for one in reader.get(path)["history"]]
    assert history == ["authorise", "withdraw"]

    assert writes(operators, 1, "POST", "rules/dry-run", {}) == {202: TOKENS}
    runs = reader.get("rules/runs?limit=1000")["runs"]
    assert sum(one["dry_run"] for one in runs) == TOKENS
    admins = [registry.client("--scope", "admin") for _ in range(2)]
    assert writes(admins, 4, "PUT", "retention/cases", {"days": 90}) == {200: 8}
    kinds = {one["kind"]: one["days"] for one in admins[0].get("retention")["retention"]}
    assert kinds["cases"] == 90


def test_findings_of_one_modem(registry: Registry, reader: Client, swap: dict[str, Any]) -> None:
    for name in (IMEI, swap["ref"]):
        assert reader.get(f"findings?modem={name}&type=sim.swapped")["findings"] == [swap]
        assert reader.get(f"findings?modem={name}&severity=note")["findings"] == []
    assert reader.get("findings?modem=490154203237518")["findings"] == []
    masked = registry.client("--scope", "read")
    (found,) = masked.get(f"findings?modem={swap['ref']}")["findings"]
    assert found["id"] == swap["id"]
    assert masked.request("GET", f"/api/v1/findings?modem={IMEI}").status == 403
