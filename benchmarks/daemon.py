"""What the daemon costs a gateway that is left alone: memory, processor time, wake-ups.

    python benchmarks/daemon.py [--modems 1 4 16] [--seconds 60]

Real processes: simulated modems on pseudo terminals, the daemon with its usual settings (a poll a
minute). The registry is one that nobody answers at, and for the last row one over TLS that takes
every report; its certificate is signed by an authority made for the run, which stands in a
directory beside those of this system. After all modems have been identified, and reports have
left if they can, the daemon is watched for the given time. Ends with status 3 if a limit is not
met with four modems.
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

from tests.report.conftest import SmallRegistry, running

COMMAND = [sys.executable, "-m", "modemagent"]
#: with four modems: resident MiB, percent of one core, wake-ups a minute
LIMITS = (35.0, 0.2, 40.0)
#: the row over TLS has so many modems
OVER_TLS = 4
TICKS = os.sysconf("SC_CLK_TCK")


def status(state_dir: str) -> dict[str, object]:
    words = [*COMMAND, "status", "--json", "--state-dir", state_dir]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def figures(pid: int) -> tuple[float, float, int]:
    """Return resident MiB, processor seconds so far, and voluntary switches of all threads."""
    process = Path("/proc", str(pid))
    rows = dict(row.split(":", 1) for row in (process / "status").read_text().splitlines())
    times = (process / "stat").read_text().rpartition(")")[2].split()
    switches = sum(
        int(row.split()[1])
        for task in (process / "task").iterdir()
        for row in (task / "status").read_text().splitlines()
        if row.startswith("voluntary")
    )
    return int(rows["VmRSS"].split()[0]) / 1024, (int(times[11]) + int(times[12])) / TICKS, switches


def openssl(folder: str, *words: str) -> str:
    done = subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


@contextlib.contextmanager
def registry_over_tls(folder: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Run one; yield its address, and an environment in which its certificate is trusted."""
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


def is_ready(told: dict[str, object], count: int, *, sends: bool) -> bool:
    modems, outbox = told.get("modems"), told.get("outbox")
    states = [each["state"] for each in modems] if isinstance(modems, list) else []
    sent = isinstance(outbox, dict) and not outbox["waiting"]
    return states == ["watching"] * count and (sent or not sends)


def measured(count: int, seconds: float, *, tls: bool = False) -> tuple[float, float, float]:
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        address, trusting = "http://127.0.0.1:9", dict[str, str]()
        if tls:
            address, trusting = stack.enter_context(registry_over_tls(folder))
        words = [*COMMAND, "simulate", "quectel-eg25-g", "--count", str(count)]
        bench = subprocess.Popen(
            [*words, "--link-dir", f"{folder}/ports"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert bench.stdout is not None
        paths = [row.split()[1] for row in iter(bench.stdout.readline, "ready\n")]
        ports = [word for path in paths for word in ("--port", path)]
        words = [*COMMAND, "run", "--state-dir", f"{folder}/state"]
        words += ["--registry", address, *ports]
        daemon = subprocess.Popen(words, stderr=subprocess.DEVNULL, env=os.environ | trusting)
        try:
            while not is_ready(status(f"{folder}/state"), count, sends=tls):
                time.sleep(0.2)
            time.sleep(2)
            _, busy, switches = figures(daemon.pid)
            time.sleep(seconds)
            held, busy_then, switches_then = figures(daemon.pid)
        finally:
            for process in (daemon, bench):
                process.terminate()
                process.communicate()
    share = (busy_then - busy) / seconds * 100
    return held, share, (switches_then - switches) * 60 / seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modems", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    print("modems   registry   resident MiB   % of a core   wake-ups a minute")
    met = True
    for count, tls in [*((count, False) for count in options.modems), (OVER_TLS, True)]:
        found = measured(count, options.seconds, tls=tls)
        scheme = "https" if tls else "http"
        print(f"{count:6}   {scheme:8}   {found[0]:12.1f}   {found[1]:11.2f}   {found[2]:17.0f}")
        if count == 4:
            met &= all(value <= limit for value, limit in zip(found, LIMITS, strict=True))
    print("at most with 4: {:g} MiB, {:g} %, {:g} wake-ups".format(*LIMITS), end=": ")
    print("met" if met else "NOT MET")
    return 0 if met else 3


if __name__ == "__main__":
    raise SystemExit(main())
