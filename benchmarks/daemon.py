"""Memory, processor time and wake-ups of an idle daemon.

    python benchmarks/daemon.py [--modems 1 4 16] [--seconds 60] [--python PYTHON]

Real processes: simulated modems, and two daemons with the default settings (one poll a minute).
Memory is that of a daemon whose modems umockdev plugs in and discovery finds, while wake-ups and
processor time are those of a second one with the same number of ports named by --port, as the
library of umockdev waits for a server at each read and write. The registry accepts every report
over TLS; its certificate is signed by an authority made for the run, which is trusted besides those
of this system. The last row adds the metrics listener. Measuring begins when all modems have been
identified and all reports have been sent. Ends with status 3 if a limit for four modems is not met.

structlog imports rich and greenlet if they are installed, which a gateway does not need: to measure
what a gateway installs, make an environment with "pip install .[metrics]" and name its interpreter
with --python.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.discovery.conftest import Bed
from tests.discovery.trees import Kind, Sockets
from tests.report.conftest import SmallRegistry, running

COMMAND = [sys.executable, "-m", "modemagent"]
EG25 = Kind("2c7c", "0125", (0, 1, 2, 3), maker="Quectel", product="EG25-G")
AT_INTERFACE = 2
#: Limits with four modems: percent of one core, wake-ups a minute.
BUSY, WAKE_UPS = 0.2, 40.0
#: Limits with four modems: resident size in 10^6 bytes, without and with metrics.
RESIDENT, RESIDENT_WITH_METRICS = 42.0, 46.0
WITH_LIMITS = 4
READY_WITHIN_S = 120.0


def status(state_dir: str) -> dict[str, object]:
    words = [*COMMAND, "status", "--json", "--state-dir", state_dir]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def figures(pid: int) -> tuple[float, float, int]:
    """Return resident megabytes, processor seconds, and voluntary switches of all threads."""
    process = Path("/proc", str(pid))
    rows = dict(row.split(":", 1) for row in (process / "status").read_text().splitlines())
    switches = sum(
        int(row.split()[1])
        for task in (process / "task").iterdir()
        for row in (task / "status").read_text().splitlines()
        if row.startswith("voluntary")
    )
    return (
        int(rows["VmRSS"].split()[0]) * 1024 / 1e6,
        time.clock_gettime(~pid << 3 | 2),  # what clock_getcpuclockid(3) returns
        switches,
    )


def openssl(folder: str, *words: str) -> str:
    done = subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


@contextlib.contextmanager
def registry_over_tls(folder: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Run a registry; yield its address, and an environment that trusts its certificate."""
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl(
        folder, "req", "-x509", *new, "-subj", "/CN=made for one run", "-keyout", "ca.key",
        "-out", "ca.pem",
    )  # fmt: skip
    openssl(
        folder, "req", "-x509", *new, "-subj", "/CN=registry", "-CA", "ca.pem", "-CAkey", "ca.key",
        "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
        "-keyout", "key.pem", "-out", "cert.pem",
    )  # fmt: skip
    trusted = Path(folder, "trusted")
    trusted.mkdir()
    for file in Path(ssl.get_default_verify_paths().capath or os.devnull).glob("*.[0-9]"):
        (trusted / file.name).symlink_to(file)
    name = openssl(folder, "x509", "-hash", "-noout", "-in", "ca.pem")
    (trusted / f"{name}.0").write_bytes(Path(folder, "ca.pem").read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(folder, "cert.pem"), Path(folder, "key.pem"))
    server = SmallRegistry()
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    with running(server):
        yield f"https://127.0.0.1:{server.server_port}", {"SSL_CERT_DIR": str(trusted)}


def is_ready(document: dict[str, object], count: int) -> bool:
    modems, outbox = document.get("modems"), document.get("outbox")
    states = [each["state"] for each in modems] if isinstance(modems, list) else []
    is_sent = isinstance(outbox, dict) and not outbox["waiting"]
    return states == ["watching"] * count and is_sent


@contextlib.contextmanager
def simulated(count: int) -> Iterator[list[str]]:
    """Run simulated modems; yield the paths of their ports."""
    simulator = subprocess.Popen(
        [*COMMAND, "simulate", "quectel-eg25-g", "--count", str(count)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert simulator.stdout is not None
    try:
        yield [row.split()[1] for row in iter(simulator.stdout.readline, "ready\n")]
    finally:
        simulator.terminate()
        simulator.communicate()


@contextlib.contextmanager
def plugged_in(paths: list[str], folder: str) -> Iterator[dict[str, str]]:
    """Plug modems in; yield the environment of a process on their machine."""
    with contextlib.closing(Bed()) as bed:
        sockets = Sockets(bed, Path(folder))
        for number, path in enumerate(paths):
            sockets.plug(f"1-{1 + number // 4}.{1 + number % 4}", EG25, {AT_INTERFACE: path})
        yield dict(bed.environment)


@contextlib.contextmanager
def daemon(words: list[str], count: int, state: str, environment: dict[str, str]) -> Iterator[int]:
    """Run a daemon; yield its process id when it watches all modems and has sent all reports."""
    process = subprocess.Popen(
        [*words, "--state-dir", state], stderr=subprocess.DEVNULL, env=environment
    )
    try:
        end = time.monotonic() + READY_WITHIN_S
        while not is_ready(status(state), count):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"the daemon does not watch all of {count} modems")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.communicate()


def measured(
    python: str, count: int, seconds: float, *, metrics: bool
) -> tuple[float, float, float]:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        address, trusting = stack.enter_context(registry_over_tls(folder))
        machine = stack.enter_context(plugged_in(stack.enter_context(simulated(count)), folder))
        ports = stack.enter_context(simulated(count))
        config = Path(folder, "agent.toml")
        config.write_text('metrics_listen = "127.0.0.1:0"\n' if metrics else "")
        words = [python, "-m", "modemagent", "--config", str(config), "run", "--registry", address]
        finding = stack.enter_context(daemon(words, count, f"{folder}/found", machine | trusting))
        words += ["--no-discovery", *(f"--port={port}" for port in ports)]
        reading = stack.enter_context(
            daemon(words, count, f"{folder}/named", dict(os.environ) | trusting)
        )
        time.sleep(2)
        _, busy, switches = figures(reading)
        time.sleep(seconds)
        _, busy_then, switches_then = figures(reading)
        resident, *_ = figures(finding)
    share = (busy_then - busy) / seconds * 100
    return resident, share, (switches_then - switches) * 60 / seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modems", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter of the daemon; default: this one"
    )
    options = parser.parse_args()
    print("modems   metrics   resident MB   % of a core   wake-ups a minute")
    met = True
    for count, metrics in [*((count, False) for count in options.modems), (WITH_LIMITS, True)]:
        found = measured(options.python, count, options.seconds, metrics=metrics)
        label = "yes" if metrics else "no"
        print(f"{count:6}   {label:7}   {found[0]:11.1f}   {found[1]:11.3f}   {found[2]:17.0f}")
        if count == WITH_LIMITS:
            limits = (RESIDENT_WITH_METRICS if metrics else RESIDENT, BUSY, WAKE_UPS)
            met &= all(value <= limit for value, limit in zip(found, limits, strict=True))
    print(
        f"at most with {WITH_LIMITS}: {RESIDENT:g} MB ({RESIDENT_WITH_METRICS:g} MB with metrics),"
    )
    print(f"{BUSY:g} %, {WAKE_UPS:g} wake-ups: {'met' if met else 'NOT MET'}")
    return 0 if met else 3


if __name__ == "__main__":
    raise SystemExit(main())
