"""Webhooks: signed, in order, sent again until they are delivered, and only to public addresses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from modemagent.errors import UsageError
from modemagent.http_exchange import AddressRefused, HttpClient, Limits
from modemagent.registry.calls.cases import CaseCalls
from modemagent.registry.calls.webhooks import WebhookCalls
from modemagent.registry.outbound import dispatcher as dispatcher_module
from modemagent.registry.outbound import messages
from modemagent.registry.outbound.dispatcher import Dispatcher
from modemagent.registry.outbound.schedule import DELAYS_S, LONGEST_MS, delay_ms
from modemagent.registry.outbound.signing import signed_headers
from modemagent.registry.outbound.targets import address_rule, check_url
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.fleet import reader
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.tables.outbound_tables import delivery, webhook
from tests.conftest import call_in_process
from tests.preloaded import Preloaded
from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID, Gateway, PostgresServer, Registry, sim
from tests.registry.outbound.conftest import Received, Receiver, awaited

_LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def calls(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebhookCalls]:
    monkeypatch.setattr(dispatcher_module, "_LOOK_EVERY_S", 0.02)
    dispatcher = Dispatcher(database, Recorder(database), _LOOPBACK)
    dispatcher.start()
    yield WebhookCalls(database, "token 1")
    dispatcher.stop()


def add(calls: WebhookCalls, receiver: Receiver, **fields: Any) -> Any:
    return calls.add({"name": "tickets", "url": receiver.url, **fields})


def open_case(database: Database, number: int) -> None:
    """Open a case, of which a webhook gets a message."""
    given = {"kind": "stolen", "iccids": [f"89883030000000{number:05d}"], "text": ""}
    CaseCalls(database, "token 1").open_case(given)


def message(calls: WebhookCalls, key: str) -> Any:
    """Return the newest message to a webhook."""
    found = calls.messages(key, 1, None)
    return found["messages"][0] if found and found["messages"] else None


def hurry(database: Database, **values: int) -> None:
    """Let all messages be due now."""
    with database.writing() as connection:
        waits = update(delivery).where(delivery.c.state == "waiting")
        connection.execute(waits.values(due_ms=0, **values))
        connection.execute(update(webhook).values(retry_ms=0))


def is_signed(received: Received, secret: str) -> bool:
    """Verify a signature by Standard Webhooks, as a receiver does."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    headers = received.headers
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + received.body
    expected = "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return expected in headers["webhook-signature"].split()


def test_signature_is_that_of_the_specification() -> None:
    """Compare with the example of Standard Webhooks, spec/standard-webhooks.md."""
    key = base64.b64decode("plJ3nmyCDGBKInavdOK15jsl")
    body = b'{"event_type":"ping","data":{"success":true}}'
    found = signed_headers([key], "msg_loFOjxBNrRLzqYUf", 1731705121, body)
    assert found["webhook-signature"] == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


def test_messages_are_signed_and_in_order(
    database: Database, calls: WebhookCalls, receiver: Receiver
) -> None:
    hook = add(calls, receiver, types=["case.*"])
    for number in range(20):
        open_case(database, number)
    awaited(lambda: len(receiver.received) == 20)
    assert all(is_signed(one, hook["secret"]) for one in receiver.received)
    bodies = [json.loads(one.body) for one in receiver.received]
    assert [one["data"]["case"] for one in bodies] == sorted(
        (one["data"]["case"] for one in bodies), key=int
    )
    assert {(one["specversion"], one["type"]) for one in bodies} == {("1.0", "case.opened")}
    assert len({one["id"] for one in bodies}) == 20
    with database.reading() as connection:
        logged = reader.events(connection, limit=100)["events"]
    assert [{**one, "sequence": f"n{number}"} for number, one in enumerate(logged, 1)] == bodies
    assert abs(int(receiver.received[0].headers["webhook-timestamp"]) - time.time()) < 60
    awaited(lambda: message(calls, hook["id"])["state"] == "delivered")
    assert "secret" not in calls.webhooks()["webhooks"][0]
    again = calls.replace_secret(hook["id"])
    assert again is not None
    calls.test(hook["id"])
    test = awaited(lambda: receiver.received[20:])[0]
    assert json.loads(test.body)["type"] == "webhook.test"
    assert is_signed(test, hook["secret"])
    assert is_signed(test, again["secret"])
    with database.writing() as connection:
        connection.execute(update(webhook).values(old_until_ms=1))
        messages.delete_old(database.new_batch(connection))
        assert connection.execute(select(webhook.c.old_secret)).scalars().all() == [None]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_failed_message_is_sent_again(
    database: Database, calls: WebhookCalls, receiver: Receiver
) -> None:
    elsewhere = (302, {"Location": receiver.url + "/elsewhere"})
    receiver.answers += [500, None, elsewhere, (429, {"Retry-After": "3600"}), 400]
    hook = add(calls, receiver)
    open_case(database, 1)
    errors = ("an error", "the connection was lost", "a redirect", "an error", "an error")

    def failed(result: tuple[int, int | None]) -> Any:
        one = message(calls, hook["id"])
        return one if one and (one["attempts"], one["status"]) == result and one["error"] else None

    for result, error in zip(
        ((1, 500), (2, None), (3, 302), (4, 429), (5, 400)), errors, strict=True
    ):
        state = awaited(partial(failed, result))
        assert state["state"] == "waiting"
        assert error in state["error"]
        assert state["next_attempt_at"] > state["created_at"]
        hurry(database)
    done = awaited(lambda: (one := message(calls, hook["id"]))["state"] == "delivered" and one)
    assert (done["attempts"], done["status"]) == (6, 204)
    assert len({one.headers["webhook-id"] for one in receiver.received}) == 1
    assert {one.path for one in receiver.received} == {"/hook"}  # not where the redirect points


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_failing_receiver_gets_one_message_at_a_time(
    database: Database, calls: WebhookCalls, receiver: Receiver
) -> None:
    receiver.answers += [503]
    hook = add(calls, receiver)
    open_case(database, 1)
    awaited(lambda: calls.webhook(hook["id"])["failing_since"])
    for number in range(2, 12):
        open_case(database, number)
    awaited(lambda: calls.webhook(hook["id"])["messages"]["waiting"] == 11)
    time.sleep(0.2)
    assert len(receiver.received) == 1
    receiver.answers += [503]
    hurry(database)
    awaited(lambda: len(receiver.received) == 2)
    time.sleep(0.2)
    assert len(receiver.received) == 2
    hurry(database)
    awaited(lambda: hurry(database) or calls.webhook(hook["id"])["messages"]["delivered"] == 11)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_message_is_dead_after_three_days(
    database: Database, calls: WebhookCalls, receiver: Receiver
) -> None:
    receiver.answers += [500, 500]
    hook = add(calls, receiver)
    open_case(database, 1)
    awaited(lambda: (one := message(calls, hook["id"])) and one["error"])
    hurry(database, created_ms=now_ms() - LONGEST_MS)
    dead = awaited(lambda: (one := message(calls, hook["id"]))["state"] == "dead" and one)
    assert calls.send_again(hook["id"], dead["id"])
    awaited(lambda: message(calls, hook["id"])["state"] == "delivered")
    assert receiver.received[-1].body == receiver.received[0].body


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_receiver_that_is_gone_disables_the_webhook(
    database: Database, calls: WebhookCalls, receiver: Receiver
) -> None:
    receiver.answers += [410]
    hook = add(calls, receiver)
    open_case(database, 1)
    awaited(lambda: calls.webhook(hook["id"])["state"] == "disabled")
    open_case(database, 2)
    time.sleep(0.2)
    assert len(receiver.received) == 1
    calls.change(hook["id"], {"state": "active"})
    hurry(database)
    awaited(lambda: calls.webhook(hook["id"])["messages"]["delivered"] == 2)  # none is lost


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_private_address_is_not_connected_to(
    database: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_module, "_LOOK_EVERY_S", 0.02)
    dispatcher = Dispatcher(database, Recorder(database))
    dispatcher.start()
    calls = WebhookCalls(database, "token 1")
    hook = add(calls, receiver, url=receiver.url.replace("127.0.0.1", "localhost"))
    calls.test(hook["id"])
    found = awaited(lambda: (one := message(calls, hook["id"])) and one["error"])
    dispatcher.stop()
    assert found == "the host has only addresses that may not be connected to"
    assert receiver.received == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.215.14", True), ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False), ("10.0.0.1", False), ("172.16.0.1", False), ("192.168.1.1", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False),
        ("255.255.255.255", False), ("::1", False), ("::", False), ("fe80::1%eth0", False),
        ("fd00::1", False), ("::ffff:127.0.0.1", False), ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False), ("ff02::1", False),
    ],
)  # fmt: skip
def test_only_public_addresses_are_allowed(address: str, expected: bool) -> None:
    assert address_rule("https://hooks.example/", ())(address) is expected
    assert address_rule("http://hooks.example/", ())(address) is False
    networks = [ipaddress.ip_network("10.0.0.0/8")]
    assert address_rule("http://hooks.example/", networks)("10.0.0.1") is True


def test_resolved_address_is_the_one_connected_to(receiver: Receiver) -> None:
    seen: list[str] = []

    def only_once(address: str) -> bool:
        seen.append(address)
        return len(seen) == 1 and address.startswith("127.")

    limits = Limits(connect_s=5, idle_s=5, total_s=5, body_bytes=1000)
    client = HttpClient(limits, is_allowed=only_once)
    assert client.request("POST", receiver.url, headers={}, body=b"{}").status == 204
    client.close()
    with pytest.raises(AddressRefused):
        HttpClient(limits, is_allowed=only_once).request("POST", receiver.url, headers={})
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    "url",
    ["ftp://hooks.example/", "https://", "https://user:secret@hooks.example/", "hooks.example",
     "https://hooks.example/#part", "https://hooks.example:99999/", "https://hooks example/",
     "https://hooks.example/" + 1000 * "x"],
)  # fmt: skip
def test_url_is_checked(url: str) -> None:
    with pytest.raises(UsageError):
        check_url(url)


def test_delays_grow_over_three_days() -> None:
    waits = [delay_ms(number) for number in range(1, 20)]
    assert all(one >= 1000 * least for one, least in zip(waits, DELAYS_S, strict=False))
    assert all(one <= 1200 * least for one, least in zip(waits, DELAYS_S, strict=False))
    assert delay_ms(1, "120") == 120_000
    assert delay_ms(1, "soon") < 7000


def _waits_for_events(registry: Registry, receiver: Receiver) -> Callable[[], bool]:
    def look() -> bool:
        types = {json.loads(one.body)["type"] for one in list(receiver.received)}
        return {"sim.swapped", "finding.sim.swapped", "modem.first_seen"} <= types

    return look


def test_worker_sends_events_and_findings_masked(
    postgres: PostgresServer, tmp_path: Path, receiver: Receiver
) -> None:
    registry = Registry(
        tmp_path / "state", "--webhook-network", "127.0.0.0/8", database=postgres.new_database()
    )
    registry.start()
    worker = Preloaded(("registry", "worker", "--webhook-network", "127.0.0.0/8", *registry.where))
    try:
        done = call_in_process(
            "registry", "webhooks", "add", "tickets", receiver.url, "--severity", "warning",
            *registry.where,
        )  # fmt: skip
        assert done.stdout.startswith("whsec_"), done.stderr
        gateway = Gateway()
        client = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
        client.post(
            gateway.report("identified"),
            gateway.report("sim_changed", sims=[sim(OTHER_ICCID)]),
        )
        awaited(_waits_for_events(registry, receiver))
        received = list(receiver.received)
        assert all(is_signed(one, done.stdout.strip()) for one in received)
        bodies = [json.loads(one.body) for one in received]
        sequences = [one["sequence"] for one in bodies]
        assert len(sequences) == len(set(sequences))  # two processes, each message once
        text = str(bodies)
        assert not any(one in text or one[:14] in text for one in (IMEI, ICCID, OTHER_ICCID))
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        registry.stop(signal.SIGKILL)
