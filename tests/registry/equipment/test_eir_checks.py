"""Re-checks of the own modems by an EIR that fails: a registry behind a front with faults."""

from __future__ import annotations

import http.server
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from modemagent.http_exchange import Limits
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.calls.outside import OutsideCalls
from modemagent.registry.equipment.eir_client import EirClient, EirFailure
from modemagent.registry.rules.eir_changed import eir_changed
from modemagent.registry.rules.inputs import ReportMoment
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.outside import eir_checks
from tests.conftest import call_in_process
from tests.registry.conftest import IMEI, Client, Gateway, Registry
from tests.registry.history.wire import imei
from tests.registry.rules.conftest import Store

FAULTS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "busy": (429, {"Retry-After": "600"}, b"{}"),
    "down": (503, {}, b""),
    "date": (503, {"Retry-After": "<date>"}, b""),
    "garbage": (200, {}, b"\x00not json"),
    "other": (200, {}, b'{"status": "MAYBE"}'),
    "list": (200, {}, b"[1]"),
    "wrong url": (404, {}, b"<html>"),
    "locked out": (401, {}, b'{"cause": "UNAUTHORIZED"}'),
    "moved": (307, {"Location": "http://127.0.0.1:1/"}, b""),
}


class Front(http.server.ThreadingHTTPServer):
    """Passes requests on to an EIR, unless it is to fail.

    :param port: of the EIR
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.client = Client(port, None)
        self.fault: str | None = None
        self.seen: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Front
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        front = self.server
        front.seen.append((self.path, self.headers["Authorization"]))
        if front.fault == "silent":
            time.sleep(1.0)
            self.close_connection = True
            return
        if front.fault is not None:
            status, fields, body = FAULTS[front.fault]
        else:
            found = front.client.request("GET", self.path, Accept=self.headers["Accept"])
            status, fields, body = found.status, {}, found.raw
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, formatdate(time.time() + 300) if value == "<date>" else value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def eir(tmp_path_factory: pytest.TempPathFactory, prepared_file: Path) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("eir")
    folder.chmod(0o700)
    shutil.copy(prepared_file, folder / "registry.db")
    found = Registry(folder, "--eir-listen", "127.0.0.1:0", "--eir-default", "permitted")
    found.start()
    yield found
    found.stop(signal.SIGKILL)


@pytest.fixture
def front(eir: Registry) -> Iterator[Front]:
    found = Front(eir.eir_port)
    threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}).start()
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    found = Store(database_url)
    yield found
    found.database.close()


def check(store: Store, *, again: bool = False) -> dict[str, Any]:
    """Take one turn of the checks, and return their state.

    :param again: the modems and the next request are due
    """
    with store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE eir_setting SET wait_until_ms = 0")
        if again:
            connection.exec_driver_sql("UPDATE eir_answer SET due_ms = 0")
    limits = Limits(connect_s=0.5, idle_s=0.5, total_s=0.5, body_bytes=1000)
    eir_checks.update(
        store.database, threading.Event(), lambda url, file: EirClient(url, file, limits)
    )
    return OutsideCalls(store.database, "test").eir()


def statuses(store: Store) -> dict[str, str]:
    answers = OutsideCalls(store.database, "test").answers(10, None)["answers"]
    return {one["imei"]: one["status"] for one in answers}


def test_changed_answers_are_findings(store: Store, eir: Registry, front: Front) -> None:
    other = imei("other")
    store.add(
        Gateway().report("identified"), Gateway("gw-2", "s2").report("identified", imei=other)
    )
    calls = OutsideCalls(store.database, "test")
    calls.set_eir(front.url, None, 6000, 30)
    state = check(store)
    assert state["statuses"] == {"WHITELISTED": 2}
    assert store.types() == []
    sent = len(front.seen)
    check(store)
    assert len(front.seen) == sent  # due again after days

    server = Database(eir.database, guest=True)
    lists = ListCalls(server, "test")
    entry = lists.put_entry("prohibited", {"kind": "imei", "value": IMEI})
    check(store, again=True)
    assert statuses(store) == {IMEI: "BLACKLISTED", other: "WHITELISTED"}
    (found,) = store.findings()
    assert (found["type"], found["severity"], found["imei"]) == ("eir.changed", "error", IMEI)
    lists.remove_entry("prohibited", entry["id"])
    server.close()
    check(store, again=True)
    assert store.types() == []
    answer = calls.answers(1, None, "WHITELISTED")
    assert (answer["answers"][0]["previous"], bool(answer["next"])) == ("BLACKLISTED", True)
    assert calls.remove_eir()
    assert not calls.remove_eir()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_failures_are_waited_for_and_change_nothing(store: Store, front: Front) -> None:
    store.add(Gateway().report("identified"))
    OutsideCalls(store.database, "test").set_eir(front.url, None, 6000, 30)
    waits = {}
    for number, fault in enumerate((*FAULTS, "silent"), 1):
        front.fault = fault
        began = time.time()
        state = check(store, again=True)
        assert state["failures"] == number
        assert state["problem"]
        waits[fault] = _seconds(state["next_request_at"]) - began
        sent = len(front.seen)
        eir_checks.update(store.database, threading.Event())
        assert len(front.seen) == sent  # not before the end of the wait
    assert 590 < waits["busy"] < 610
    assert 290 < waits["date"] < 310
    assert 24 * 2 <= waits["down"] < 36 * 2 + 5
    assert waits["silent"] <= 3600 * 1.2 + 5
    assert statuses(store) == {}
    front.fault = None
    state = check(store, again=True)
    assert (state["failures"], state["problem"]) == (0, None)
    assert statuses(store) == {IMEI: "WHITELISTED"}
    assert store.types() == []


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_modem_that_cannot_be_checked_does_not_hold_up_others(store: Store, front: Front) -> None:
    others = [imei(f"modem {number}") for number in range(3)]
    for number, one in enumerate(others):
        store.add(Gateway(f"gw-{number}", f"s{number}").report("identified", imei=one))
    OutsideCalls(store.database, "test").set_eir(front.url, None, 6000, 30)
    front.fault = "garbage"
    check(store)
    front.fault = None
    check(store)
    assert len(statuses(store)) == 2


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_eir_is_set_on_the_command_line(registry: Registry, tmp_path: Path, front: Front) -> None:
    where = ("--state-dir", str(tmp_path / "state"))
    wrong = call_in_process("registry", "eir", "set", "https://u:p@eir.example.org", *where)
    assert wrong.returncode == 2
    none = call_in_process("registry", "eir", *where)
    assert "No EIR is set." in none.stderr
    token = tmp_path / "eir-token"
    token.write_text("secret-of-the-eir\n")
    words = ("set", front.url, "--token-file", str(token), "--per-minute", "6000")
    assert call_in_process("registry", "eir", *words, *where).returncode == 0
    registry.client("--scope", "gateway", "--gateway-id", "gw-1").post(
        Gateway().report("identified")
    )
    for _ in range(300):
        shown = call_in_process("registry", "eir", "answers", *where)
        if IMEI in shown.stdout:
            break
        time.sleep(0.1)
    assert "WHITELISTED" in shown.stdout
    assert front.seen[0][1] == "Bearer secret-of-the-eir"
    reader = registry.client("--scope", "read")
    assert reader.get("eir")["statuses"] == {"WHITELISTED": 1}
    assert "token_file" not in reader.get("eir")
    assert IMEI not in str(reader.get("eir/answers"))
    assert call_in_process("registry", "eir", "off", *where).returncode == 0
    assert call_in_process("registry", "eir", "off", *where).returncode == 2


@pytest.mark.parametrize(
    ("status", "previous", "severity"),
    [
        ("BLACKLISTED", None, "error"), ("BLACKLISTED", "WHITELISTED", "error"),
        ("GREYLISTED", None, "warning"), ("UNKNOWN", "WHITELISTED", "warning"),
        ("UNKNOWN", None, None), ("WHITELISTED", "BLACKLISTED", None),
        ("WHITELISTED", None, None), ("REFUSED", "WHITELISTED", None),
    ],
)  # fmt: skip
def test_answers_that_are_findings(status: str, previous: str | None, severity: str | None) -> None:
    found = [*eir_changed(status, previous, ReportMoment(1, 1, 0, 0))]
    assert [one.severity for one in found] == ([severity] if severity else [])


def test_no_answer_without_a_token_file(tmp_path: Path) -> None:
    with pytest.raises(EirFailure, match="token file"):
        EirClient("http://127.0.0.1:1", tmp_path / "none").status(IMEI)
    with pytest.raises(EirFailure, match="no connection"):
        EirClient("http://127.0.0.1:1").status(IMEI)
