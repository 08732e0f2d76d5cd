"""The API by its own description: schemathesis without a token and with tokens of each kind."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry.conftest import Client, Gateway, Registry, no_sim

_COMMAND = Path(sys.executable).with_name("schemathesis")
#: A decision without If-Match is answered with 428. For routes whose bodies hold numbers, a schema
#: does not state what is valid, and a decision needs the revision of a finding.
_CONFIG = """
[phases.coverage]
unexpected-methods = []

[checks]
missing_required_header.expected-statuses = [400, 401, 403, 406, 415, 422, 428]

[[operations]]
include-path-regex = "^/api/v1/((checks|imports|recalls)$|lists/|assets|orders|cases|findings/)"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path-regex = "^/api/v1/(windows$|polic|regulations/|retention/|webhooks|exports$|gateways/)"
checks.positive_data_acceptance.enabled = false
"""
#: What tokens of two scopes are for; all other routes refuse them.
_OWN = {"gateway": "/api/v1/reports", "enroll": "/api/v1/enroll"}
#: What a reader may send beside GET.
PERMITTED = {
    "POST /api/v1/checks",
    "POST /api/v1/checks/{key}/again",
    "POST /api/v1/exports",
    "POST /api/v1/selections",
}
_SCOPES = {
    "gateway": ("--scope", "gateway", "--gateway-id", "gw-1"),
    "read": ("--scope", "read"),
    "admin": ("--scope", "admin", "--full-ids"),
    "admin, changes": ("--scope", "admin", "--full-ids"),
    "enroll": ("--scope", "enroll"),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with some history."""
    registry = Registry(tmp_path_factory.mktemp("registry"))
    registry.start()
    gateway = Gateway()
    client = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
    client.post(gateway.report("identified"), gateway.report(sims=[no_sim()]))
    # made at the first request; schemathesis waits 10 s for it
    assert client.request("GET", "/openapi.json").status == 200
    yield registry
    registry.stop()


@pytest.mark.parametrize("scope", _SCOPES)
def test_api_is_as_described(filled: Registry, tmp_path: Path, scope: str) -> None:
    words = _SCOPES[scope]
    phases = "coverage"
    if scope == "admin":
        limits = ("--include-method", "GET")
    elif scope == "admin, changes":
        phases, limits = "fuzzing", ("--exclude-method", "GET")
    elif scope == "read":  # what a reader may get is also in the coverage of admin
        phases, limits = "fuzzing", ("--include-method", "GET")
    else:
        limits = ("--include-path", _OWN[scope])
    (tmp_path / "schemathesis.toml").write_text(_CONFIG)
    token = ["-H", f"Authorization: Bearer {filled.token(*words)}"]
    done = subprocess.run(
        [
            *(_COMMAND, "run", f"http://127.0.0.1:{filled.port}/openapi.json", *token),
            *("--max-examples", "2", "--seed", "1", "--phases", phases),
            *("--exclude-path", "/api/v1/events/stream", "--request-timeout", "20"),
            *limits,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("scope", "status"), [("none", 401), ("gateway", 403), ("enroll", 403)])
def test_other_routes_are_refused(filled: Registry, scope: str, status: int) -> None:
    words = _SCOPES.get(scope)
    client = Client(filled.port, filled.token(*words) if words else None)
    refused = 0
    for path, operations in client.request("GET", "/openapi.json").json["paths"].items():
        for method in operations if path.startswith("/api/v1/") and path != _OWN.get(scope) else ():
            body = None if method in ("get", "delete") else b"{}"
            response = client.request(method.upper(), re.sub(r"\{[^}]*\}", "1", path), body)
            assert response.status == status, (method, path, response.raw)
            assert response.headers["Content-Type"] == "application/problem+json"
            refused += 1
    assert refused > 50


def test_reader_changes_nothing(filled: Registry) -> None:
    reader = filled.client("--scope", "read")
    description = reader.request("GET", "/openapi.json").json
    statuses = {
        f"{method.upper()} {path}": reader.request(
            method.upper(), re.sub(r"\{[^}]*\}", "1", path), b"{}" if method != "delete" else b""
        ).status
        for path, operations in description["paths"].items()
        for method in operations
        if method != "get"
    }
    permitted = {name for name, status in statuses.items() if status != 403}
    assert permitted == PERMITTED
    assert len(statuses) > 20
