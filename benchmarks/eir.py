"""Equipment status over HTTP, beside the query alone and a server that answers nothing else.

    python benchmarks/eir.py                 # 100,000 entries on SQLite; about half a minute

The client sends one request after the other on some connections, from the same machine, over
HTTP/1.1 and over HTTP/2. The exit status is 3 if fewer than 1,000 requests a second are answered
by either.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import multiprocessing
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from h2.connection import H2Connection
from h2.events import DataReceived, Event, StreamEnded
from registry_engines import cpu_s, machine
from registry_load import imei

from modemagent.identity.imei import Imei
from modemagent.registry.lists.entries import EntryKind, ListName, parse_value
from modemagent.registry.lists.new_entries import NewEntry
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.registry.store.lists import lists, registers
from modemagent.registry.store.lists.equipment import reasons_about
from tests.registry.conftest import Registry

_LEAST_PER_S = 1000.0
_PATH = "/n5g-eir-eic/v1/equipment-status"
_BARE = """
import socket, uvicorn
BODY = b'{"status":"WHITELISTED"}'
FIELDS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": FIELDS})
    await send({"type": "http.response.body", "body": BODY})
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(app, http="httptools", loop="uvloop", lifespan="off", log_config=None,
                        access_log=False)
uvicorn.Server(config).run(sockets=[listener])
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000, help="on the lists")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = _measure(Path(folder), chosen.entries, chosen.seconds, chosen.connections)
    if chosen.as_json:
        print(json.dumps(found))
    else:
        print(machine())
        for name, value in found.items():
            print(f"{name:32}  {value:10,.1f}")
    slowest = min(found["requests/s"], found["HTTP/2, requests/s"])
    return 3 if slowest < _LEAST_PER_S else 0


def _measure(folder: Path, count: int, seconds: float, connections: int) -> dict[str, float]:
    registry = Registry(folder, "--eir-listen", "127.0.0.1:0", command=(
        sys.executable, "-m", "modemagent"))  # fmt: skip
    folder.chmod(0o700)
    registry.start()
    assert registry.process is not None
    database = Database(registry.database, guest=True)
    _fill(database, count)
    numbers = [imei(number * 7 % (2 * count)) for number in range(4000)]
    query_us = _query_us(database, numbers)
    before_s = cpu_s(registry.process.pid)
    rate, p99_ms = _offer(registry.eir_port, numbers, seconds, connections)
    server_us = (cpu_s(registry.process.pid) - before_s) / (rate * seconds) * 1e6
    before_s = cpu_s(registry.process.pid)
    http2, http2_p99_ms = _offer(registry.eir_port, numbers, seconds, connections, ask_http2)
    http2_us = (cpu_s(registry.process.pid) - before_s) / (http2 * seconds) * 1e6
    database.close()
    registry.stop()
    with _bare() as port:
        bare, _ = _offer(port, numbers, seconds, connections)
    return {
        "entries": count,
        "requests/s": rate,
        "99 of 100 answered within ms": p99_ms,
        "server CPU us a request": server_us,
        "HTTP/2, requests/s": http2,
        "HTTP/2, 99 of 100 within ms": http2_p99_ms,
        "HTTP/2, server CPU us a request": http2_us,
        "query alone us": query_us,
        "bare ASGI answer, requests/s": bare,
        "ratio to bare": rate / bare,
    }


def _fill(database: Database, count: int) -> None:
    """Put entries on the list of prohibited numbers: IMEIs and, a tenth of them, ranges."""
    values = [parse_value(EntryKind.IMEI, imei(number * 2)) for number in range(count * 9 // 10)]
    for number in range(count // 10):
        first = imei(5_000_000 + number * 30)[:14]
        values.append(parse_value(EntryKind.RANGE, first, f"{int(first) + 9:014d}"))

    def put(batch: Any) -> None:
        name = ListName.PROHIBITED
        registers.lock(batch, name)
        planned = lists.plan(batch.connection, name, [NewEntry(one) for one in values])
        lists.put(batch, name, planned, "benchmark")

    Recorder(database).run(put)


def _query_us(database: Database, numbers: Sequence[str]) -> float:
    """Return the processor time of the statements that a request takes."""
    with database.reading() as connection:
        started = time.process_time()
        for number in numbers:
            reasons_about(connection, Imei(number), None, now_ms())
        spent = time.process_time() - started
    return spent / len(numbers) * 1e6


def _offer(
    port: int,
    numbers: Sequence[str],
    seconds: float,
    connections: int,
    client: Callable[[int, Sequence[str], float], list[float]] | None = None,
) -> tuple[float, float]:
    """Return the requests answered in a second, and the time of the slowest of 100."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(connections) as pool:
        parts = pool.starmap(
            client or ask, [(port, numbers[at::connections], seconds) for at in range(connections)]
        )
    times = sorted(one for part in parts for one in part)
    return len(times) / seconds, times[len(times) * 99 // 100] * 1000


def ask(port: int, numbers: Sequence[str], seconds: float) -> list[float]:
    """Send requests on one connection, and return the time of each."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.connect()
    found: list[float] = []
    end = time.perf_counter() + seconds
    while True:
        for number in numbers:
            started = time.perf_counter()
            if started >= end:
                return found
            connection.request("GET", f"{_PATH}?pei=imei-{number}")
            response = connection.getresponse()
            response.read()
            assert response.status in (200, 404), response.status
            found.append(time.perf_counter() - started)


def ask_http2(port: int, numbers: Sequence[str], seconds: float) -> list[float]:
    """Send requests on one connection of HTTP/2, and return the time of each."""
    h2 = H2Connection()
    h2.initiate_connection()
    found: list[float] = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        end = time.perf_counter() + seconds
        while True:
            for number in numbers:
                started = time.perf_counter()
                if started >= end:
                    return found
                stream = h2.get_next_available_stream_id()
                path = f"{_PATH}?pei=imei-{number}"
                fields = (
                    (":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", path),
                )  # fmt: skip
                h2.send_headers(stream, fields, end_stream=True)
                connection.sendall(h2.data_to_send())
                events: list[Event] = []
                while not any(isinstance(one, StreamEnded) for one in events):
                    events = h2.receive_data(connection.recv(65536))
                    for one in events:
                        if isinstance(one, DataReceived):
                            h2.acknowledge_received_data(one.flow_controlled_length, stream)
                found.append(time.perf_counter() - started)


@contextlib.contextmanager
def _bare() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", _BARE], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield int(process.stdout.readline())
    process.terminate()
    process.wait()


if __name__ == "__main__":
    sys.exit(main())
