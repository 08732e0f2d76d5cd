"""The registry as a process: TLS, listeners, methods, tokens that end, and its shutdown."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modemagent.registry.listeners import open_listener
from tests.conftest import call_in_process
from tests.registry.attacker import RawClient, head, responses_to_wrong_tokens
from tests.registry.conftest import Client, Gateway, HttpResponse, Registry


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Registry]:
    """A registry to be started with options of the test."""
    found = Registry(tmp_path / "state")
    yield found
    if found.process is not None and found.process.poll() is None:
        found.stop(signal.SIGKILL)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a self-signed certificate; return the files of the certificate and of the key."""
    files = folder / f"{name}.pem", folder / f"{name}.key"
    words = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        f" -subj /CN={name} -addext subjectAltName=IP:127.0.0.1 -out {files[0]} -keyout {files[1]}"
    )
    subprocess.run(words.split(), check=True, capture_output=True)
    return files


def served_certificate(port: int) -> str:
    return ssl.get_server_certificate(("127.0.0.1", port))


def install_certificate(source: tuple[Path, Path], target: tuple[Path, Path]) -> None:
    for old, new in zip(source, target, strict=True):
        shutil.copy(old, f"{new}.tmp")
        Path(f"{new}.tmp").rename(new)


def wait_for_certificate(port: int, wanted: str) -> None:
    while served_certificate(port) != wanted:
        time.sleep(0.05)


def test_tls_certificate_is_reloaded(started: Registry, tmp_path: Path) -> None:
    first, second, third = (certificate(tmp_path, name) for name in ("one", "two", "three"))
    live = tmp_path / "live.pem", tmp_path / "live.key"
    install_certificate(first, live)
    started.options = ("--tls-cert", str(live[0]), "--tls-key", str(live[1]))
    started.start()
    assert served_certificate(started.port) == first[0].read_text()
    context = ssl.create_default_context(cafile=first[0])
    kept = http.client.HTTPSConnection("127.0.0.1", started.port, context=context, timeout=60)
    kept.request("GET", "/healthz")
    response = kept.getresponse()
    assert response.read() == b'{"status":"ok"}'
    assert response.headers["Strict-Transport-Security"]
    install_certificate(second, live)
    wait_for_certificate(started.port, second[0].read_text())
    install_certificate((third[0], first[1]), live)
    assert started.process is not None
    started.process.send_signal(signal.SIGHUP)
    assert started.process.stderr is not None
    assert "the previous one is used" in started.process.stderr.readline()
    assert served_certificate(started.port) == second[0].read_text()
    install_certificate(third, live)
    started.process.send_signal(signal.SIGHUP)
    wait_for_certificate(started.port, third[0].read_text())
    kept.request("GET", "/healthz")
    assert kept.getresponse().read() == b'{"status":"ok"}', "open connections are kept"
    kept.close()
    assert started.stop()[0] == 0


def test_unusable_certificate_is_named(started: Registry, tmp_path: Path) -> None:
    one, two = certificate(tmp_path, "one"), certificate(tmp_path, "two")
    place = ("--state-dir", str(started.state_dir))
    done = call_in_process(
        "registry", "serve", *place, "--tls-cert", str(one[0]), "--tls-key", str(two[1])
    )
    assert (done.returncode, str(one[0]) in done.stderr) == (2, True)
    assert call_in_process("registry", "serve", *place, "--tls-key", str(two[1])).returncode == 2
    proxy = call_in_process("registry", "serve", *place, "--trusted-proxy", "10.0.0.1/8")
    assert (proxy.returncode, "10.0.0.0/8" in proxy.stderr) == (2, True)


def test_sighup_without_tls_changes_nothing(registry: Registry) -> None:
    assert registry.process is not None
    registry.process.send_signal(signal.SIGHUP)
    assert Client(registry.port, None).request("GET", "/healthz").status == 200


def test_metrics_listener_needs_no_token(started: Registry) -> None:
    started.options = ("--metrics-listen", "127.0.0.1:0")
    started.start()
    client = started.client("--scope", "gateway", "--gateway-id", "gw-1")
    gateway = Gateway()
    good, foreign = gateway.report(), Gateway("gw-2").report()
    client.post(good, {**good, "uptime_ms": 5}, {"bad": 1}, foreign)
    client.post(good)
    assert client.request("GET", "/metrics").status == 403
    metrics = Client(started.metrics_port, None)
    text = metrics.request("GET", "/metrics").raw.decode()
    for line in (
        'modemagent_registry_reports_received_total{status="duplicate"} 1.0',
        'modemagent_registry_reports_received_total{status="conflict"} 1.0',
        'modemagent_registry_reports_rejected_total{reason="invalid_report"} 1.0',
        'modemagent_registry_reports_rejected_total{reason="foreign_gateway"} 1.0',
        "modemagent_registry_pending_batches 0.0",
        "modemagent_registry_event_streams 0.0",
    ):
        assert f"{line}\n" in text
    for name in ("reports_late_total", "lock_waits_total", "lock_wait_seconds_total"):
        assert f"\nmodemagent_registry_{name} " in text
    assert metrics.request("GET", "/readyz").json["status"] == "ok"
    assert metrics.request("GET", "/api/v1/modems").status == 404


def test_head_and_options(registry: Registry, reader: Client) -> None:
    paths = ("/healthz", "/openapi.json", "/api/v1/modems", "/api/v1/gateways/gw-9", "/metrics")
    for path in paths:
        got, only_head = reader.request("GET", path), reader.request("HEAD", path)
        assert (only_head.status, only_head.raw) == (got.status, b""), path
        if path != "/metrics":
            assert only_head.headers["Content-Length"] == str(len(got.raw))
    stream = reader.request("HEAD", "/api/v1/events/stream")
    assert (stream.status, stream.headers["Content-Type"]) == (200, "text/event-stream")
    assert reader.request("HEAD", "/api/v1/reports").status == 405
    anonymous = Client(registry.port, None)
    assert anonymous.request("HEAD", "/api/v1/modems").status == 401
    for path, allowed in (
        ("/api/v1/modems", "GET, HEAD, OPTIONS"),
        ("/api/v1/events/stream", "GET, HEAD, OPTIONS"),
        ("/api/v1/reports", "OPTIONS, POST"),
        ("/api/v1/modems/867698040000013", "GET, HEAD, OPTIONS"),
    ):
        response = anonymous.request("OPTIONS", path)
        assert (response.status, response.headers["Allow"]) == (204, allowed)
        assert reader.request("PATCH", path).headers["Allow"] == allowed
    assert anonymous.request("OPTIONS", "/nothing").status == 404


def test_responses_have_security_headers(registry: Registry, reader: Client) -> None:
    for path in ("/healthz", "/api/v1/modems", "/api/v1/nothing", "/nothing"):
        headers = reader.request("GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_address_comes_from_trusted_proxies_only(started: Registry) -> None:
    started.options = ("--trusted-proxy", "127.0.0.0/8")
    started.start()

    def statuses(forwarded: str) -> set[int]:
        line = f"X-Forwarded-For: {forwarded}"
        return {one.status for one in responses_to_wrong_tokens(started.port, line)}

    assert statuses("192.0.2.1") == {401, 429}
    assert statuses("192.0.2.2, 192.0.2.1, 127.0.0.9") == {429}, "the client is the last one"
    assert statuses("2001:db8::1") == {401, 429}
    assert statuses("2001:db8::2") == {429}, "an IPv6 client has a whole /64"
    assert statuses("192.0.2.3:55555") == {401, 429}
    assert statuses("nonsense") == {401, 429}


def token_list(registry: Registry) -> list[dict[str, object]]:
    listed = call_in_process("registry", "token", "list", "--json", *registry.where)
    found: list[dict[str, object]] = json.loads(listed.stdout)["tokens"]
    return found


def enroll(fleet: Client, gateway_id: str) -> HttpResponse:
    body = json.dumps({"gateway_id": gateway_id}).encode()
    return fleet.request("POST", "/api/v1/enroll", body, **{"Content-Type": "application/json"})


def test_revocation_blocks_enrollment_until_allowed(registry: Registry) -> None:
    database = registry.where
    fleet = registry.client("--scope", "enroll")
    first = enroll(fleet, "gw-1").json
    assert first["replaced"] is None
    replacing = enroll(fleet, "gw-1").json
    number = replacing["replaced"]
    assert [one["number"] for one in token_list(registry) if one["revoked"]] == [number]
    gateway = Client(registry.port, replacing["token"])
    assert gateway.post(Gateway().report()) == ["accepted"]
    assert (enroll(fleet, "gw-1").status, enroll(fleet, "gw-1").json["code"]) == (409, "enrolled")
    last = str(token_list(registry)[-1]["number"])
    revoked = call_in_process("registry", "token", "revoke", last, *database)
    assert "allow-enrollment gw-1" in revoked.stderr
    while gateway.request("POST", "/api/v1/reports", b"{}").status != 401:
        time.sleep(0.05)  # with PostgreSQL, tokens are cached for a second
    blocked = enroll(fleet, "gw-1")
    assert (blocked.status, blocked.json["code"]) == (403, "enrollment_blocked")
    allow = ("registry", "token", "allow-enrollment", "gw-1", *database)
    assert call_in_process(*allow).returncode == 0
    assert call_in_process(*allow).returncode == 2
    assert enroll(fleet, "gw-1").status == 200
    assert registry.stop()[1].count("enrollment replaced the unused token") == 1


def test_expired_token_is_refused(registry: Registry) -> None:
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    client = registry.client("--scope", "read", "--expires", soon)
    assert client.request("GET", "/api/v1/modems").status == 200
    while client.request("GET", "/api/v1/modems").status == 200:
        time.sleep(0.1)
    response = client.request("GET", "/api/v1/modems")
    assert (response.status, "expired" in response.json["detail"]) == (401, True)
    assert token_list(registry)[0]["expires"] == soon.replace("Z", ".000Z")
    for wrong in ("0d", "2001-01-01", "soon", "99999999d"):
        place = (*registry.where, "--scope", "read")
        done = call_in_process("registry", "token", "create", *place, "--expires", wrong)
        assert done.returncode == 2, wrong


def test_shutdown_finishes_requests_and_refuses_new_ones(registry: Registry) -> None:
    client = registry.client("--scope", "gateway", "--gateway-id", "gw-1")
    body = json.dumps({"reports": [Gateway().report()]}).encode()
    length = f"Content-Length: {len(body)}"
    with RawClient(registry.port) as begun:
        begun.send(head("POST", "/api/v1/reports", client.token, length) + body[:100])
        # an answer on another connection shows that the head above was processed
        Client(registry.port, None).request("GET", "/healthz")
        assert registry.process is not None
        registry.process.send_signal(signal.SIGTERM)
        while (refused := Client(registry.port, None).request("GET", "/healthz")).status == 200:
            pass
        assert (refused.status, refused.json["code"]) == (503, "stopping")
        assert int(refused.headers["Retry-After"]) > 0
        begun.send(body[100:])
        response = begun.response()
        assert json.loads(response.body)["results"][0]["status"] == "accepted"
    assert registry.process.wait(120) == 0
    assert registry.stop() == (0, "")
    registry.start()
    client.port = registry.port
    assert client.post(json.loads(body)["reports"][0]) == ["duplicate"]


def test_early_response_is_not_lost(registry: Registry) -> None:
    for _ in range(20):
        with RawClient(registry.port) as client:
            client.send(head("POST", "/api/v1/reports", "mma_x", "Content-Length: 500000"))
            client.send(bytes(500_000))
            assert client.response().status in (401, 429)
            assert client.rest() == b""


def test_accepted_sockets_send_at_once() -> None:
    """A response in two parts does not wait for the acknowledgement of the first."""
    listener = open_listener("127.0.0.1", 0)
    with listener, socket.socket() as client:
        listener.listen()
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_full_disk_is_a_reason_in_readyz(started: Registry) -> None:
    code = (
        "from modemagent.registry import readiness\n"
        "readiness.LEAST_FREE_BYTES = 2 ** 62\n"
        "from modemagent.__main__ import main\nmain()"
    )
    started.command = (sys.executable, "-c", code)
    started.start()
    response = Client(started.port, None).request("GET", "/readyz")
    assert response.status == 503
    assert list(response.json["reasons"]) == ["disk"]
    assert "MiB are free" in response.json["detail"]
