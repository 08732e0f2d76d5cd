"""A small registry that fails on request, an outbox to send from, and a log that is recorded."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from modemagent.logs import NullLog
from modemagent.report.message import PortPlace, Reason
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import ReportDraft

Answer = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One request, answered by the next function of ``server.script``, then as a registry does."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    server: SmallRegistry

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.reports = json.loads(body)["reports"]
        self.server.requests.append(self.reports)
        self.server.headers.append(dict(self.headers))
        answer = self.server.script.pop(0) if self.server.script else Exchange.answer
        answer(self)

    def answer(self) -> None:
        self.reply(200, {"results": [self.server.take(report) for report in self.reports]})

    def reply(self, status: int, body: object, **headers: str) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        kind = "application/json" if status < 400 else "application/problem+json"
        self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        pass


class SmallRegistry(ThreadingHTTPServer):
    """A registry that keeps accepted reports under their key."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.kept: dict[tuple[str, int], dict[str, Any]] = {}
        self.order: list[int] = []
        self.requests: list[list[dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.script: list[Answer] = []
        self.refused: set[int] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, report: dict[str, Any]) -> dict[str, Any]:
        key = (report["stream_id"], report["sequence"])
        result = {"report_id": report["report_id"]}
        if report["sequence"] in self.refused:
            return result | {"status": "rejected", "problem": {"detail": "not like this"}}
        if key in self.kept:
            same = self.kept[key] == report
            return result | {"status": "duplicate" if same else "conflict"}
        self.kept[key] = report
        self.order.append(report["sequence"])
        return result | {"status": "accepted"}

    def handle_error(self, *_: object) -> None:
        pass


class RecordingLog(NullLog):
    """A log that keeps its errors and warnings."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, dict[str, Any]]] = []
        self.warnings: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **fields: Any) -> None:
        self.warnings.append((event, fields))

    def error(self, event: str, **fields: Any) -> None:
        self.errors.append((event, fields))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.errors]


@pytest.fixture
def registry() -> Iterator[SmallRegistry]:
    with running(SmallRegistry()) as server:
        yield server


@contextmanager
def running(server: SmallRegistry) -> Iterator[SmallRegistry]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with closing(Outbox(tmp_path / "state", gateway_id="gw-1", log=NullLog())) as opened:
        yield opened


def fill(outbox: Outbox, count: int) -> None:
    for number in range(count):
        place = PortPlace(path=f"/dev/ttyUSB{number}")
        outbox.put(ReportDraft(reason=Reason.IDENTIFIED, port=place), baselines={})
