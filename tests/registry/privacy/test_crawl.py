"""A reader without full-id scope, all routes of the API, and the audit of all changes."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from tests.registry.conftest import ICCID, IMEI, Client
from tests.registry.privacy.conftest import NUMBERS, Operator

_SHOWN = 14  # digits from which on a number is given away
#: Routes that change nothing, or that gateways use.
_NO_ACTS = {
    "POST /api/v1/reports",
    "POST /api/v1/enroll",
    "POST /api/v1/rules/runs/{run}/confirm",  # nothing of a small fleet is stopped
}
#: Values of parameters that change what a route returns.
_VARIANTS = {
    "/api/v1/assets": ("format=csv", "format=csv&numbers=text"),
    "/api/v1/orders/{order}": ("format=csv",),
    "/api/v1/checks/{key}": ("format=csv",),
    "/api/v1/policies/{ref}/pairs": ("form=iccid-imei", "form=imsi-imei", "form=1nce"),
    "/api/v1/lookup": tuple(f"id={one}" for one in NUMBERS),
}
_ITEMS = {
    "/api/v1/findings/{finding_id}": ("findings", "findings", "id"),
    "/api/v1/rules/runs/{run}": ("rules/runs", "runs", "id"),
    "/api/v1/policies/{ref}": ("policies", "policies", "ref"),
    "/api/v1/policies/{ref}/pairs": ("policies", "policies", "ref"),
    "/api/v1/windows/{key}": ("windows", "windows", "id"),
    "/api/v1/imports/{key}": ("imports", "imports", "id"),
    "/api/v1/checks/{key}": ("checks", "checks", "id"),
    "/api/v1/assets/{key}": ("assets", "assets", "id"),
    "/api/v1/cases/{key}": ("cases", "cases", "id"),
    "/api/v1/cases/{key}/letter": ("cases", "cases", "id"),
    "/api/v1/orders/{order}": ("orders", "orders", "id"),
    "/api/v1/erasures/{key}": ("erasures", "erasures", "id"),
    "/api/v1/exports/{key}": ("exports", "exports", "id"),
    "/api/v1/exports/{key}/content": ("exports", "exports", "id"),
    "/api/v1/webhooks/{key}": ("webhooks", "webhooks", "id"),
    "/api/v1/webhooks/{key}/messages": ("webhooks", "webhooks", "id"),
    "/api/v1/gateways/{gateway_id}": ("gateways", "gateways", "gateway_id"),
    "/api/v1/modems/{imei}": ("modems", "modems", "ref"),
    "/api/v1/modems/{imei}/timeline": ("modems", "modems", "ref"),
    "/api/v1/sims/{iccid}": ("sims", "sims", "ref"),
    "/api/v1/sims/{iccid}/timeline": ("sims", "sims", "ref"),
}
_FIXED = {
    "/api/v1/lists/{name}/entries": ["lists/tracked/entries", "lists/prohibited/entries"],
    "/api/v1/selections/{key}": [],  # references alone
    "/api/v1/connectors/{name}/contradictions": ["connectors/fleet/contradictions"],
    "/api/v1/reports/{gateway_id}/{stream_id}/{sequence}": [
        "reports/gw-1/stream-1/1", "reports/gw-1/stream-1/2", "reports/gw-2/stream-1/1",
    ],
}  # fmt: skip


def paths(operator: Operator, route: str) -> Iterator[str]:
    """Yield the paths of a route, for each object that the registry has."""
    client = operator.client
    if route in _FIXED:
        yield from (f"/api/v1/{one}" for one in _FIXED[route])
    elif route == "/api/v1/lists/{name}/entries/{entry}":
        for one in client.get("lists/tracked/entries")["entries"]:
            yield f"/api/v1/lists/tracked/entries/{one['id']}"
    elif route in _ITEMS:
        collection, name, key = _ITEMS[route]
        found = client.get(f"{collection}?limit=1000")[name]
        assert found, f"the registry has no {name}"
        for one in found:
            if collection == "exports" and one["full_ids"]:
                continue
            yield re.sub(r"\{[^}]*\}", quote(str(one[key])), route)
        if "{imei}" in route:
            yield route.replace("{imei}", IMEI)
        if "{iccid}" in route:
            yield route.replace("{iccid}", ICCID)
    else:
        assert "{" not in route, f"a path for {route} is missing in this test"
        yield route


def shown_in(text: str) -> list[str]:
    """Return the numbers of the fleet that a text gives away."""
    return [one for one in NUMBERS if one in text or one[:_SHOWN] in text]


def test_masked_reader_finds_no_number(operator: Operator) -> None:
    masked = operator.registry.client("--scope", "read")
    others = {
        "audit": operator.registry.client("--scope", "audit"),
        "erasures": operator.registry.client("--scope", "admin"),
        "retention": operator.registry.client("--scope", "admin"),
        "webhooks": operator.registry.client("--scope", "admin"),
        "exports": operator.registry.client("--scope", "audit"),
    }
    export_all(operator, masked, others["audit"])
    described = masked.request("GET", "/openapi.json").json["paths"]
    routes = [route for route, methods in described.items() if "get" in methods]
    found: list[Any] = []
    in_full: set[str] = set()
    seen = Counter[str]()
    for route in sorted(routes):
        if route in ("/api/v1/events/stream", "/metrics"):
            continue
        client = next((one for name, one in others.items() if f"/{name}" in route), masked)
        for path in paths(operator, route):
            for query in ("", *_VARIANTS.get(route, ())):
                if route == "/api/v1/lookup" and not query:
                    continue
                where = path + (f"?{query}" if query else "")
                response = client.request("GET", where)
                assert response.status == 200, (where, response.raw)
                text = response.raw.decode() + str(response.headers)
                found += [(where, one) for one in shown_in(text)]
                in_full.update(shown_in(operator.client.request("GET", where).raw.decode()))
                seen[route] += 1
    assert found == []
    assert in_full == set(NUMBERS)
    assert len(seen) > 25
    text = stream_of(masked)
    assert "sim.swapped" in text
    assert shown_in(text) == []


def export_all(operator: Operator, masked: Client, audit: Client) -> None:
    """Export everything without full-id scope; an export in full is refused."""
    wanted = [(masked, {"what": what, "format": form})
              for what in ("modems", "sims", "gateways", "findings", "events", "pairings", "assets")
              for form in ("csv", "jsonl")]  # fmt: skip
    wanted += [(audit, {"what": "audit"})]
    wanted += [(audit, {"what": "number", "filters": {"id": one}}) for one in (IMEI, ICCID)]
    headers = {"Content-Type": "application/json"}
    made = []
    for client, given in wanted:
        content = json.dumps(given).encode()
        response = client.request("POST", "/api/v1/exports", content, **headers)
        assert response.status == 202, response.raw
        made.append(response.json["id"])
    in_full = operator.do("export.add", "POST exports", {"what": "modems"})
    refused = masked.request("POST", "/api/v1/exports", b'{"what": "audit"}', **headers)
    assert refused.status == 403
    deadline = time.monotonic() + 120
    found = operator.client.get("exports?limit=1000")["exports"]
    while any(one["state"] == "waiting" for one in found) and time.monotonic() < deadline:
        time.sleep(0.1)
        found = operator.client.get("exports?limit=1000")["exports"]
    assert {one["state"] for one in found} == {"done"}
    assert all(one["rows"] for one in found if one["id"] in made)
    for end in ("", "/content"):
        where = f"/api/v1/exports/{in_full['id']}{end}"
        assert masked.request("GET", where).status == 403


def stream_of(client: Client) -> str:
    """Return the first events of the stream."""
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", client.port, timeout=60)
    ) as connection:
        headers = {"Authorization": f"Bearer {client.token}"}
        connection.request("GET", "/api/v1/events/stream?after=0", headers=headers)
        response = connection.getresponse()
        text = ""
        while "sim.swapped" not in text or not text.endswith("\n\n"):
            text += response.readline().decode()
        return text


def test_every_change_is_in_the_audit(operator: Operator) -> None:
    described = operator.client.request("GET", "/openapi.json").json["paths"]
    changes = {
        f"{method.upper()} {route}"
        for route, methods in described.items()
        for method in methods
        if method != "get"
    }
    assert changes - _NO_ACTS == set(operator.routes)
    number = _token_number(operator)
    expected = Counter(operator.kinds)
    deadline = time.monotonic() + 120
    while True:
        page = operator.client.get(f"audit?limit=1000&actor=token:{number}")
        made = Counter(one["kind"] for one in page["entries"])
        del made["numbers.view"]
        if expected <= made or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    # an authorised swap is an exception of a policy also
    assert made - expected == Counter() or set(made - expected) == {"policy.change"}
    assert expected - made == Counter()
    assert shown_in(str(page)) == []


def _token_number(operator: Operator) -> int:
    page = operator.client.get("audit?limit=1000&kind=token.create&order=desc")
    found = [one for one in page["entries"] if one["detail"]["scope"] == "admin"]
    return int(found[-1]["object"].removeprefix("token:"))
