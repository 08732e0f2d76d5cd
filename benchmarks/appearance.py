"""Time from plugging in a modem to its report.

    python benchmarks/appearance.py [--rounds 15] [--without-modemmanager]

Needs umockdev (apt-get install umockdev gir1.2-umockdev-1.0 python3-gi): real libudev and netlink
events, device files that lead to simulated modems, which take 5 ms for each command line. The clock
starts with the event of a modem's AT port and stops when the modem receives its first byte, when
the report is on disk (`modemagent watch`), and when an HTTP server on this machine has received it.
With several modems it starts with the first and stops with the last.

For comparison the same is measured with a real ModemManager (Debian package `modemmanager`) and the
properties that its udev rules set: until `EquipmentIdentifier` is on the bus. Ends with status 3 if
a limit is not met.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, NamedTuple

from measure import SURROUNDINGS, Played, Simulator

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.discovery.conftest import Bed
from tests.discovery.trees import Kind, device, hub

COMMAND = [sys.executable, "-m", "modemagent"]
#: Only the AT port of a Quectel module: with fewer events the modems appear closer together.
MODULE = Kind("2c7c", "0125", (2,), maker="Quectel", product="EG25-G")
MARKS = "E: ID_MM_CANDIDATE=1\nE: ID_MM_PORT_TYPE_AT_PRIMARY=1\n"
#: modems at once: seconds to the first byte, to the report on disk, to the server
LIMITS = {1: (0.2, 1.0, 1.0), 8: (0.2, 1.5, 1.5)}
STAGES = ("first byte", "report on disk", "report at the server")
MODEMMANAGER = shutil.which("ModemManager", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
_LIMIT_S = 60.0


class Observed:
    """Times of events on the monotonic clock, added by a thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._at: dict[str, float] = {}

    def note(self, word: str, at: float) -> None:
        with self._changed:
            self._at.setdefault(word, at)
            self._changed.notify_all()

    def of(self, words: list[str]) -> list[float]:
        """Wait until all events have occurred; return their times, and clear the list."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._at.keys() >= set(words), _LIMIT_S):
                raise SystemExit(
                    f"not observed within {_LIMIT_S:.0f} s: {set(words) - set(self._at)}"
                )
            found = [self._at[word] for word in words]
            self._at.clear()
            return found


class Round(NamedTuple):
    """Seconds of one round."""

    first_byte: float
    stored: float
    delivered: float


class Machine:
    """A machine with a number of simulated modems that are not plugged in yet."""

    def __init__(self, folder: Path, count: int, marks: str = "") -> None:
        os.environ["NEWS_MS"] = "4"
        self.bed = Bed()
        self.simulator = Simulator([f"eg25*{count}"], 5.0)
        places = [f"1-{1 + n // 4}.{1 + n % 4}" for n in range(count)]
        self.modems: dict[str, Played] = dict(zip(places, self.simulator.modems, strict=True))
        self.imeis = [str(modem.expected["imei"]) for modem in self.modems.values()]
        hubs, devices = folder / "hubs.umockdev", folder / "modems.umockdev"
        hubs.write_text("\n\n".join(dict.fromkeys("".join(map(hub, places)).split("\n\n"))))
        self.bed.add(str(hubs))
        text = "".join(device(place, MODULE, {2: n}) for n, place in enumerate(places))
        devices.write_text(text.replace("E: SUBSYSTEM=tty\n", f"E: SUBSYSTEM=tty\n{marks}"))
        self._devices = str(devices)

    def plug(self) -> float:
        """Plug all modems in; return when the first one appeared."""
        self.simulator.reset()
        modems = enumerate(self.modems.values())
        self.bed.add(self._devices, **{f"ttyUSB{n}": modem.path for n, modem in modems})
        return min(self.bed.moments().values())

    def waits_for_first_byte(self) -> float:
        """Return the longest time that a modem waited for its first byte."""
        moments, first = self.bed.moments(), self.simulator.counts()["first_at"]
        paths = [modem.path for modem in self.modems.values()]
        return max(first[path] - moments[f"ttyUSB{n}"] for n, path in enumerate(paths))

    def unplug(self) -> None:
        self.bed.remove(self._devices)

    def close(self) -> None:
        self.bed.close()
        self.simulator.__exit__()


@contextmanager
def server(observed: Observed) -> Iterator[str]:
    """Accept reports as a registry does, and note their IMEIs."""

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            at, reports = time.monotonic(), json.loads(body)["reports"]
            results = [{"report_id": each["report_id"], "status": "accepted"} for each in reports]
            answer = json.dumps({"results": results}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            for each in reports:
                if each["modem"]:
                    observed.note(f"{each['reason']} {each['modem']['imei']}", at)

        def log_message(self, *_: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}"
    finally:
        listener.shutdown()
        listener.server_close()


@contextmanager
def running(words: list[str], environment: dict[str, str]) -> Iterator[IO[str]]:
    process = subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.terminate()
        process.communicate()


def ours(count: int, rounds: int) -> list[Round]:
    """Plug a number of modems in repeatedly; the first round does not count."""
    stored, delivered, found = Observed(), Observed(), []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        machine = Machine(folder, count)
        stack.callback(machine.close)
        url = stack.enter_context(server(delivered))
        seen = SURROUNDINGS | {
            name: machine.bed.environment[name] for name in ("UMOCKDEV_DIR", "LD_PRELOAD")
        }
        state = ["--state-dir", str(folder / "state")]
        stack.enter_context(running([*COMMAND, "run", *state, "--registry", url], seen))
        while subprocess.run(
            [*COMMAND, "status", *state], env=seen, capture_output=True
        ).returncode:
            time.sleep(0.1)
        lines = stack.enter_context(running([*COMMAND, "watch", "--json", *state], seen))
        assert "watch.started" in lines.readline()
        offset = time.time() - time.monotonic()

        def listen() -> None:
            for line in lines:
                event = json.loads(line)
                if "event" not in event:
                    return  # the process is being ended
                if event["event"] == "report.stored":
                    at = datetime.fromisoformat(event["at"]).timestamp() - offset
                    stored.note(f"{event['data']['reason']} {event['port_id']}", at)

        threading.Thread(target=listen, daemon=True).start()
        ids = [f"usb:{place}:1.2" for place in machine.modems]
        for _ in range(rounds + 1):
            first = machine.plug()
            on_disk = max(stored.of([f"identified {port_id}" for port_id in ids]))
            at_server = max(delivered.of([f"identified {imei}" for imei in machine.imeis]))
            waited = machine.waits_for_first_byte()
            found.append(Round(waited, on_disk - first, at_server - first))
            machine.unplug()
            stored.of([f"removed {port_id}" for port_id in ids])
            delivered.of([f"removed {imei}" for imei in machine.imeis])
    return found[1:]


def modemmanager(count: int, rounds: int) -> list[float]:
    """Measure ModemManager, until the IMEI of every modem is on the bus."""
    observed, found = Observed(), []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        machine = Machine(folder, count, MARKS)
        stack.callback(machine.close)
        words = ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address"]
        address = stack.enter_context(running(words, dict(os.environ))).readline().strip()
        seen = {**machine.bed.environment, "DBUS_SYSTEM_BUS_ADDRESS": address}
        name = "org.freedesktop.ModemManager1"
        words = ["gdbus", "monitor", "--address", address, "--dest", name]
        lines = stack.enter_context(running(words, dict(os.environ)))

        def listen() -> None:
            for line in lines:
                at = time.monotonic()
                if "is owned by" in line:
                    observed.note("up", at)
                if "'EquipmentIdentifier': <" in line:
                    for imei in machine.imeis:
                        if imei in line:
                            observed.note(imei, at)

        threading.Thread(target=listen, daemon=True).start()
        assert MODEMMANAGER is not None
        stack.enter_context(running([MODEMMANAGER, "--test-no-suspend-resume"], seen))
        observed.of(["up"])
        time.sleep(2)  # its first scan
        for _ in range(rounds):
            first = machine.plug()
            found.append(max(observed.of(machine.imeis)) - first)
            machine.unplug()
            time.sleep(3)
    return found


def shown(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:8.0f} {max(seconds) * 1000:8.0f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--modems", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--without-modemmanager", action="store_true")
    options = parser.parse_args()
    if shutil.which("umockdev-wrapper") is None:
        raise SystemExit("needs umockdev: apt-get install umockdev gir1.2-umockdev-1.0 python3-gi")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()},",
        end=" ",
    )
    print(f"load {os.getloadavg()[0]:.1f}; {options.rounds} rounds; 5 ms per command line")
    print(f"{'ms after the port appeared':36} {'median':>8} {'worst':>8}  at most")
    met = True
    for count in options.modems:
        rounds = ours(count, options.rounds)
        limits = LIMITS.get(count, (None,) * 3)
        label = "1 modem" if count == 1 else f"{count} modems at once"
        columns = zip(*rounds, strict=True)
        for name, seconds, limit in zip(STAGES, columns, limits, strict=True):
            kept = limit is None or max(seconds) <= limit
            met &= kept
            limited = "" if limit is None else f"{limit * 1000:7.0f} {'met' if kept else 'NOT MET'}"
            print(f"{label + ', ' + name:36} {shown(list(seconds))}  {limited}", flush=True)
        missing = [word for word in ("dbus-daemon", "gdbus") if shutil.which(word) is None]
        if options.without_modemmanager:
            continue
        if MODEMMANAGER is None or missing:
            print("ModemManager: not installed (apt-get install modemmanager dbus libglib2.0-bin)")
            continue
        seconds = modemmanager(count, min(options.rounds, 5))
        print(f"{label + ', ModemManager':36} {shown(seconds)}", flush=True)
    return 0 if met else 3


if __name__ == "__main__":
    raise SystemExit(main())
