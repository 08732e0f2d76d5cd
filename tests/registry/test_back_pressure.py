"""Refusal of batches while too many reports wait to be stored."""

from __future__ import annotations

import contextlib
import re
import select
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from tests.registry.attacker import RawClient, RawResponse, head
from tests.registry.conftest import Client, Gateway, Registry


@contextlib.contextmanager
def blocked(registry: Registry) -> Iterator[None]:
    """Let no other process write to the database of a registry."""
    if registry.is_sqlite:
        path = registry.database.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(registry.database) as connection:
            connection.execute("LOCK TABLE gateway IN ACCESS EXCLUSIVE MODE")
            yield


class Sending:
    """Batches of gateways that wait for their responses."""

    def __init__(self) -> None:
        self.statuses: list[list[str]] = []
        self._threads: list[threading.Thread] = []

    def add(self, client: Client, reports: list[dict[str, object]]) -> None:
        thread = threading.Thread(target=lambda: self.statuses.append(client.post(*reports)))
        thread.start()
        self._threads.append(thread)

    def join(self) -> None:
        for one in self._threads:
            one.join()


def without_body(registry: Registry, client: Client) -> RawResponse:
    """Send the head of a batch, and return the response before a body was sent."""
    with RawClient(registry.port) as raw:
        raw.send(head("POST", "/api/v1/reports", client.token, "Content-Length: 1000"))
        return raw.response()


def retry_after_s(response: RawResponse) -> int:
    found = re.search(rb"(?i)\r\nretry-after: (\d+)", response.head)
    assert found, response.head
    return int(found[1])


def test_full_queue_refuses_before_the_body_is_read(
    registry: Registry, gateway_client: Callable[[str], Client], reader: Client
) -> None:
    gateways = [Gateway(f"gw-{number}") for number in range(3)]
    clients = [gateway_client(one.gateway_id) for one in gateways]
    for client, gateway in zip(clients, gateways, strict=True):
        assert client.post(gateway.report()) == ["accepted"]  # the use of the token is stored
    batches = [[one.report() for _ in range(1000)] for one in gateways[:2]]
    probe, sending = Client(registry.port, None), Sending()
    with blocked(registry):
        for client, batch in zip(clients, batches, strict=False):
            sending.add(client, batch)
        while (ready := probe.request("GET", "/readyz")).status == 200:
            pass
        assert ready.json["reasons"].keys() == {"queue"}
        refused = without_body(registry, clients[2])
        assert refused.status == 503
        assert b'"busy"' in refused.body
        assert 1 <= retry_after_s(refused) <= 60
        if registry.is_sqlite:  # the first use of its token need not be stored before the response
            assert reader.get("lookup?id=gw-9")["matches"] == []
    sending.join()
    assert sending.statuses == [["accepted"] * 1000] * 2
    assert clients[2].post(gateways[2].report()) == ["accepted"]


def test_gateway_has_a_limited_number_of_requests(
    registry: Registry, gateway_client: Callable[[str], Client]
) -> None:
    request = head("POST", "/api/v1/reports", gateway_client("gw-1").token, "Content-Length: 100")
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(RawClient(registry.port)) for _ in range(9)]
        for one in waiting:
            one.send(request)
        (refused,), _, _ = select.select([one.socket for one in waiting], [], [])
        (response,) = (one.response() for one in waiting if one.socket is refused)
    assert response.status == 429
    assert b'"token_busy"' in response.body
    assert retry_after_s(response) == 1


def test_wait_follows_from_the_measured_rate(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "state")
    registry.start()
    gateways = [Gateway(f"gw-{number}") for number in range(3)]
    clients = [
        registry.client("--scope", "gateway", "--gateway-id", one.gateway_id) for one in gateways
    ]
    for client, gateway in zip(clients, gateways, strict=True):
        client.post(gateway.report())
    probe, slow, full = Client(registry.port, None), Sending(), Sending()
    batches = [[one.report() for _ in range(1000)] for one in gateways]
    with blocked(registry):
        slow.add(clients[0], batches[0])
        time.sleep(2.5)
    slow.join()
    with blocked(registry):
        for client, batch in zip(clients[1:], batches[1:], strict=True):
            full.add(client, batch)
        while probe.request("GET", "/readyz").status == 200:
            pass
        refused = without_body(registry, clients[0])
    full.join()
    registry.stop()
    # 1000 reports in 2.5 s; 2 s would follow from the rate that is assumed before any measurement
    assert retry_after_s(refused) > 2
