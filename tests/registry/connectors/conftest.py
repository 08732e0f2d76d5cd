"""A server with the calls of the 1NCE API that its published OpenAPI descriptions define."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

USER, PASSWORD = "api-user", "secret-of-the-api"


class OperatorServer(http.server.ThreadingHTTPServer):
    """An account with SIMs.

    :param sims: as the API returns them
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sims: list[Any] = []
        self.tokens = 0
        self.valid = ""
        self.expires_in = 3600
        self.faults: list[tuple[int, dict[str, str], bytes]] = []
        self.requests: list[str] = []
        self.shows_pages = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/management-api"

    def add(self, iccid: str, imei: str | None, *, imei_lock: bool = False) -> None:
        """Add a SIM; the API has the ICCID without and with its check digit."""
        self.sims.append(
            {
                "iccid": iccid[:-1],
                "iccid_with_luhn": iccid,
                "imsi": "901288000000001",
                "imei": imei,
                "imei_lock": imei_lock,
                "status": "Enabled",
                "label": "",
            }
        )


class _Handler(http.server.BaseHTTPRequestHandler):
    server: OperatorServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(self.path)
        if self._fails():
            return
        secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        granted = body == {"grant_type": "client_credentials"}
        if self.path != "/management-api/oauth/token" or not granted:
            self._answer(404, {"error_token": "NotFound"})
        elif self.headers["Authorization"] != f"Basic {secret}":
            self._answer(401, {"error_token": "Unauthorized"})
        else:
            self.server.tokens += 1
            self.server.valid = f"token-{self.server.tokens}"
            token = {"access_token": self.server.valid, "token_type": "bearer",
                     "expires_in": self.server.expires_in}  # fmt: skip
            self._answer(200, token)

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        if self._fails():
            return
        target = urlsplit(self.path)
        given = {name: int(value[0]) for name, value in parse_qs(target.query).items()}
        if self.headers["Authorization"] != f"Bearer {self.server.valid}":
            self._answer(401, {"error_token": "Unauthorized"})
        elif target.path != "/management-api/v2/sims" or not 1 <= given["pageSize"] <= 100:
            self._answer(404, {"error_token": "NotFound"})
        else:
            size, sims = given["pageSize"], self.server.sims
            pages = -(-len(sims) // size)
            fields = {"X-Total-Pages": str(pages)} if self.server.shows_pages else {}
            self._answer(200, sims[(given["page"] - 1) * size : given["page"] * size], fields)

    def _fails(self) -> bool:
        if not self.server.faults:
            return False
        status, fields, body = self.server.faults.pop(0)
        self._send(status, fields, body)
        return True

    def _answer(self, status: int, document: Any, fields: dict[str, str] | None = None) -> None:
        self._send(status, fields or {}, json.dumps(document).encode())

    def _send(self, status: int, fields: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def operator() -> Iterator[OperatorServer]:
    found = OperatorServer()
    threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}).start()
    yield found
    found.shutdown()
    found.server_close()
