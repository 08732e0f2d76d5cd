"""Calls of an operator about assets, orders and cases."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.registry.conftest import Client, HttpResponse, Registry

JSON = {"Content-Type": "application/json"}


class Operator:
    """A client with a token of scope operate."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.get = client.get

    def send(
        self, method: str, path: str, body: Any = None, revision: int | None = None
    ) -> HttpResponse:
        headers = JSON if revision is None else {**JSON, "If-Match": f'"{revision}"'}
        content = json.dumps({} if body is None else body).encode()
        return self.client.request(method, f"/api/v1/{path}", content, **headers)

    def done(self, method: str, path: str, body: Any = None, revision: int | None = None) -> Any:
        response = self.send(method, path, body, revision)
        assert response.status in (200, 201), response.raw
        return response.json

    def add(self, **fields: Any) -> Any:
        return self.done("POST", "assets", fields)

    def text(self, path: str) -> str:
        response = self.client.request("GET", f"/api/v1/{path}")
        assert response.status == 200, response.raw
        return response.raw.decode()

    def send_file(self, content: str, target: str, **options: Any) -> HttpResponse:
        query = urlencode({"target": target, **options})
        path = f"/api/v1/imports?{query}"
        return self.client.request("POST", path, content.encode(), **{"Content-Type": "text/csv"})

    def imported(self, content: str, target: str, **options: Any) -> Any:
        response = self.send_file(content, target, **options)
        assert response.status == 200, response.raw
        return response.json


@pytest.fixture
def operator(registry: Registry) -> Operator:
    return Operator(registry.client("--scope", "operate", "--full-ids"))
