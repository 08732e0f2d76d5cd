"""The listener for equipment status, with lists, policies and reports, on both engines."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
)
from h2.settings import SettingCodes

from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.calls.policies import PolicyCalls
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.evaluation import recheck
from tests.registry.conftest import (
    ICCID,
    IMEI,
    OTHER_ICCID,
    Client,
    Gateway,
    HttpResponse,
    Registry,
    sim,
)
from tests.registry.history.wire import imei
from tests.registry.rules.conftest import Store

IMSI, OTHER_IMSI, UNKNOWN_IMSI = "901288000000001", "901288000000002", "901288000000003"


class Eir:
    """A running registry with its listener for equipment status."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.client = Client(registry.eir_port, None)

    def request(self, query: str, method: str = "GET", **headers: str) -> HttpResponse:
        path = f"/n5g-eir-eic/v1/equipment-status{query}"
        return self.client.request(method, path, **headers)

    def status(self, number: str, imsi: str | None = None) -> str | None:
        """Return the status of a modem; None: unknown."""
        supi = f"&supi=imsi-{imsi}" if imsi else ""
        found = self.request(f"?pei=imei-{number}{supi}")
        if found.status == 404:
            assert found.json["cause"] == "ERROR_EQUIPMENT_UNKNOWN"
            return None
        assert found.status == 200, found.raw
        assert found.headers["Content-Type"] == "application/json"
        assert list(found.json) == ["status"]
        return str(found.json["status"])


@pytest.fixture
def eir(tmp_path: Path, database_url: str) -> Iterator[Eir]:
    registry = Registry(
        tmp_path / "state", "--eir-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
        database=database_url,
    )  # fmt: skip
    registry.start()
    yield Eir(registry)
    if registry.process is not None and registry.process.poll() is None:
        registry.stop(signal.SIGKILL)


def put(calls: ListCalls, name: str, kind: str, value: str, last: str | None = None) -> None:
    calls.put_entry(name, {"kind": kind, "value": value, "last": last})


@pytest.fixture
def http2(tmp_path: Path) -> Iterator[Eir]:
    """A registry on SQLite: both engines answer the same application."""
    registry = Registry(tmp_path / "state", "--eir-listen", "127.0.0.1:0")
    registry.start()
    yield Eir(registry)
    if registry.process is not None and registry.process.poll() is None:
        registry.stop(signal.SIGKILL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
def test_curl_is_answered_over_http2(http2: Eir) -> None:
    lists = ListCalls(Database(http2.registry.database, guest=True), "test")
    put(lists, "prohibited", "imei", IMEI)
    base = f"http://127.0.0.1:{http2.registry.eir_port}/n5g-eir-eic/v1/equipment-status"

    def curl(*words: str) -> str:
        # one URL each: curl 7.88 does not use a connection of prior knowledge again
        given = ["curl", "--no-progress-meter", "--http2-prior-knowledge", "-w",
                 " %{http_version} %{http_code} %{content_type}", *words]  # fmt: skip
        return subprocess.run(given, capture_output=True, text=True, timeout=60, check=True).stdout

    assert curl(f"{base}?pei=imei-{IMEI}") == '{"status":"BLACKLISTED"} 2 200 application/json'
    wrong = curl(base)
    assert "MANDATORY_QUERY_PARAM_MISSING" in wrong
    assert wrong.endswith(" 2 400 application/problem+json")
    assert curl(f"{base}%2Fno").endswith(" 2 404 application/problem+json")
    assert " 2 405 " in curl("-d", "x", base)
    assert http2.status(IMEI) == "BLACKLISTED"  # over HTTP/1.1 on the same listener
    assert http2.registry.stop()[0] == 0


class Http2Client:
    """A connection to a listener, with the frames of the tests."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.h2 = H2Connection()
        self.h2.initiate_connection()

    def ask(self, path: str) -> int:
        stream: int = self.h2.get_next_available_stream_id()
        fields = ((":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", path))
        self.h2.send_headers(stream, fields, end_stream=True)
        return stream

    def send(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def events(self, last: type[Event]) -> list[Event]:
        """Return what arrives up to an event of this type."""
        found: list[Event] = []
        while not any(isinstance(one, last) for one in found):
            data = self.socket.recv(65536)
            assert data, "the connection was closed"
            found += self.h2.receive_data(data)
            self.send()
        return found


def test_wrong_http2_is_refused(http2: Eir) -> None:
    path = f"/n5g-eir-eic/v1/equipment-status?pei=imei-{IMEI}"
    client = Http2Client(http2.registry.eir_port)
    client.ask(f"{path}&x={'9' * 20_000}")
    client.send()
    (head,) = (one for one in client.events(StreamEnded) if isinstance(one, ResponseReceived))
    assert dict(head.headers)[b":status"] == b"414"
    for _ in range(250):
        client.h2.reset_stream(client.ask(path))
        client.send()
    (end,) = (
        one for one in client.events(ConnectionTerminated) if isinstance(one, ConnectionTerminated)
    )
    assert end.error_code == ErrorCodes.ENHANCE_YOUR_CALM
    client.socket.close()
    with socket.create_connection(("127.0.0.1", http2.registry.eir_port), timeout=20) as broken:
        broken.sendall(b"PRI * HTTP/2.0\r\n")
        broken.sendall(b"\r\nSM\r\n\r\n" + b"x" * 70_000)
        while broken.recv(4096):
            pass
    assert http2.status(IMEI) is None


def test_streams_of_a_connection_are_answered_at_once(http2: Eir) -> None:
    client = Http2Client(http2.registry.eir_port)
    streams = {client.ask(f"/n5g-eir-eic/v1/equipment-status?pei=imei-{IMEI}") for _ in range(100)}
    client.send()
    while streams:
        for one in client.events(StreamEnded):
            if isinstance(one, ResponseReceived):
                assert dict(one.headers)[b":status"] == b"404"
            if isinstance(one, StreamEnded):
                streams.remove(one.stream_id)
    client.socket.close()


def test_small_window_gets_the_answer_in_parts(http2: Eir) -> None:
    client = Http2Client(http2.registry.eir_port)
    client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1})
    client.send()
    stream = client.ask(f"/n5g-eir-eic/v1/equipment-status?pei=imei-{IMEI}")
    client.send()
    client.events(ResponseReceived)
    client.h2.increment_flow_control_window(1000, stream)
    client.send()
    (body,) = (one for one in client.events(StreamEnded) if isinstance(one, DataReceived))
    assert json.loads(body.data)["cause"] == "ERROR_EQUIPMENT_UNKNOWN"
    client.socket.close()


def test_status_follows_lists_policies_and_reports(eir: Eir) -> None:
    store = Store(eir.registry.database)
    lists, policies = ListCalls(store.database, "test"), PolicyCalls(store.database, "test")
    assert eir.status(IMEI) is None
    put(lists, "permitted", "tac", IMEI[:8])
    assert eir.status(IMEI) == "WHITELISTED"
    put(lists, "tracked", "range", f"{IMEI[:8]}000000", f"{IMEI[:8]}000009")
    assert eir.status(IMEI) == "GREYLISTED"
    assert eir.status(imei("elsewhere")) == "WHITELISTED"

    gateway = Gateway()
    other = sim(OTHER_ICCID, OTHER_IMSI)
    store.add(gateway.report("identified", sims=[other]), gateway.report("sim_changed"))
    given: dict[str, Any] = {
        "name": "pair", "mode": "enforce", "covers": {"imeis": [IMEI]}, "iccids": [ICCID],
    }  # fmt: skip
    policy = policies.add(given)
    assert eir.status(IMEI, IMSI) == "GREYLISTED"  # allowed, and tracked
    assert eir.status(IMEI, OTHER_IMSI) == "BLACKLISTED"
    assert eir.status(IMEI, UNKNOWN_IMSI) == "BLACKLISTED"
    assert eir.status(IMEI) == "GREYLISTED"
    given["exceptions"] = [{"imei": IMEI, "imsi": OTHER_IMSI}]
    policies.change(policy["ref"], policy["revision"], given)
    put(lists, "prohibited", "imei", IMEI)
    assert eir.status(IMEI) == eir.status(IMEI, IMSI) == "BLACKLISTED"
    assert eir.status(IMEI, OTHER_IMSI) == "WHITELISTED"
    while store.run(recheck.step):
        pass
    store.database.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_errors_are_problem_documents_with_a_cause(eir: Eir) -> None:
    found = eir.request("")
    assert found.status == 400
    assert found.headers["Content-Type"] == "application/problem+json"
    assert found.json == {
        "title": "Bad Request", "status": 400, "cause": "MANDATORY_QUERY_PARAM_MISSING",
        "detail": "the PEI of the equipment is missing",
        "invalidParams": [{"param": "query pei", "reason": "the PEI of the equipment is missing"}],
    }  # fmt: skip
    assert eir.request("?pei=imei-867698040000014").json["cause"] == (
        "MANDATORY_QUERY_PARAM_INCORRECT"
    )
    refused = eir.request(f"?pei=imei-{IMEI}", "DELETE")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET")
    assert eir.request(f"?pei=imei-{IMEI}", Accept="text/plain").status == 406
    assert eir.request("?pei=mac-00-00-5E-00-53-00").status == 404
    assert eir.request("?pei=" + "1" * 20_000).status == 414
    assert eir.client.request("GET", "/n5g-eir-eic/v2/equipment-status").status == 400
    assert eir.client.request("GET", "/api/v1/lists").status == 400
    main = Client(eir.registry.port, None)
    path = f"/n5g-eir-eic/v1/equipment-status?pei=imei-{IMEI}"
    assert main.request("GET", path).status in (401, 404)  # not on the address of the API

    metrics = Client(eir.registry.metrics_port, None).request("GET", "/metrics").raw.decode()
    counted = [line for line in metrics.splitlines() if "eir_answers_total{" in line]
    assert 'modemagent_registry_eir_answers_total{result="unknown"} 1.0' in counted
    assert 'modemagent_registry_eir_answers_total{result="refused_405"} 1.0' in counted
    assert IMEI not in json.dumps(counted)
    code, errors = eir.registry.stop()
    assert code == 0
    assert IMEI[:8] not in errors
