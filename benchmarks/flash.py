"""Bytes that a gateway writes to its flash and sends over its uplink in a day.

    python benchmarks/flash.py          (root and mkfs.ext4: the bytes are those of a block device)

The outbox is on an ext4 of its own, on a loop device. The kernel counts the sectors that reach
the device (``/sys/block/loopN/stat``), the file system's own journal included. The reports are
those of the daemon with a simulated EG25-G, evidence included, and go to a real registry through
a relay that counts the bytes of HTTP; TLS would add its handshake, 2 to 5 KiB per connection. The
reports of a day are stored one after another, each delivered before the next on a connection of
its own: the most expensive case, without a shared commit, request or compression. Only the hours
in between are left out; nothing is written in them.

Limits: 4 GB of eMMC with 1000 writes for each cell last ten years at 1 GB a day. The agent may
use a thousandth of that on a quiet day, 1 MiB, and ten times as much if a modem flaps 100 times.
A data plan for machines has some MB a month: 30 KiB on a quiet day leave most of it, and a
hundred changes must not use it up: 512 KiB.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

from modemagent.logs import NullLog
from modemagent.report.delivery.courier import Courier
from modemagent.report.delivery.sinks import SinkOptions, open_sink
from modemagent.report.message import Health, ModemHealth, PortPlace, Reason
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import ReportDraft
from tests.process.conftest import Agent, Bench, Process, Registry, until
from tests.process.uplink import Uplink

KIB = 1024
#: day -> (reports by reason, limit of flash in KiB, limit of the uplink in KiB)
DAYS: dict[str, tuple[dict[Reason, int], int, int]] = {
    "quiet": ({Reason.REFRESH: 1}, 1024, 30),
    "quiet, a heartbeat an hour": ({Reason.REFRESH: 1, Reason.HEARTBEAT: 24}, 1024, 60),
    "100 changes": ({Reason.REFRESH: 1, Reason.SIM_CHANGED: 100}, 10 * 1024, 512),
}
HEARTBEAT = ReportDraft(
    reason=Reason.HEARTBEAT,
    heartbeat_s=3600,
    health=Health(modems=(ModemHealth("usb:1-2:1.2", "watching"),)),
)


@contextlib.contextmanager
def counted_disk(folder: Path) -> Iterator[tuple[Path, Callable[[], int]]]:
    """Yield a file system, and a function that returns the KiB written to its device."""
    image, at = folder / "flash.img", folder / "flash"
    with image.open("wb") as file:
        file.truncate(32 * KIB * KIB)
    run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
    at.mkdir()
    run("mount", "-o", "loop,noatime", str(image), str(at))
    device = Path(subprocess.check_output(["findmnt", "-no", "SOURCE", str(at)], text=True).strip())

    def written() -> int:
        os.sync()
        stat = Path(f"/sys/block/{device.name}/stat").read_text().split()
        return int(stat[6]) * 512 // KIB  # sectors written, of 512 bytes always

    try:
        yield at, written
    finally:
        run("umount", str(at))


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def sample_report(start: Callable[..., Any]) -> dict[str, Any]:
    """Return a report of the daemon about a simulated modem, and its baseline."""
    bench = start(Bench, "quectel-eg25-g")
    agent = start(Agent, "--port-glob", f"{bench.links}/*")
    until(lambda: agent.is_watching(*bench.paths.values()))
    (report,) = agent.outbox()
    places = {"/dev/ttyUSB2": {"snapshot": {k: report[k] for k in ("modem", "sims")}, "port": {}}}
    agent.stop()
    return {"report": report, "places": places}


def draft_of(body: dict[str, Any], reason: Reason, number: int) -> ReportDraft:
    sims = [dict(sim) for sim in body["sims"]]
    if reason is Reason.SIM_CHANGED:
        sims[0]["iccid"] = f"89883030000000{number:05d}"
    return ReportDraft(
        reason=reason, port=PortPlace(path="/dev/ttyUSB2"), modem=body["modem"], sims=sims,
        problems=body["problems"], network=body["network"], evidence=body.get("evidence", ()),
    )  # fmt: skip


def live(
    name: str, folder: Path, seen: dict[str, Any], registry: Registry, token: Path, batch: bool
) -> dict[str, Any]:
    day, flash_limit, uplink_limit = DAYS[name]
    address = urlsplit(registry.url)
    uplink = Uplink(str(address.hostname), int(address.port or 0))
    body = seen["report"]
    with counted_disk(folder) as (disk, written):
        outbox = Outbox(disk / "state", gateway_id="gw-1", log=NullLog())
        sink = open_sink(SinkOptions(url=uplink.url, token_file=token))
        courier = Courier(outbox, sink, log=NullLog())
        if not batch:
            courier.start()
        before = written()
        for reason, count in day.items():
            for number in range(count):
                if reason is Reason.HEARTBEAT:
                    outbox.put(HEARTBEAT, baselines={})
                else:
                    draft = draft_of(body, reason, number)
                    outbox.put(draft, baselines=seen["places"])
                if not batch:
                    uplink_state = courier.flush(20)
                    # with minutes between two reports, each uses a connection of its own
                    sink.close()
                    assert not uplink_state.reason, uplink_state.reason
        if batch:
            courier.start()
        assert not courier.flush(60).reason
        courier.stop(5)
        outbox.close()
        flash = written() - before
    uplink.close()
    reports = sum(day.values())
    return {
        "life": name + (", one batch" if batch else ""), "reports": reports,
        "flash_kib": flash, "flash_kib_a_report": round(flash / reports, 1),
        "flash_limit_kib": flash_limit, "up_bytes": uplink.up, "down_bytes": uplink.down,
        "uplink_kib": round((uplink.up + uplink.down) / KIB, 1), "uplink_limit_kib": uplink_limit,
        "connections": uplink.connections,
        "met": flash <= flash_limit and (uplink.up + uplink.down) / KIB <= uplink_limit,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if os.geteuid():
        print("flash.py mounts a file system; run it as root", file=sys.stderr)
        return 2
    running: list[Process] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def start(kind: type[Process], *words: str) -> Any:
            process = kind.__new__(kind)
            running.append(process)
            process.__init__(folder, *words)  # type: ignore[misc]
            return process

        try:
            seen = sample_report(start)
            registry = start(Registry)
            token = folder / "token"
            words = ("--scope", "gateway", "--gateway-id", "gw-1")
            token.write_text(registry.token(*words) + "\n")
            rows = []
            for number, (life, batch) in enumerate(
                [(life, False) for life in DAYS] + [("100 changes", True)]
            ):
                (folder / str(number)).mkdir()
                rows.append(live(life, folder / str(number), seen, registry, token, batch))
        finally:
            for process in running:
                if hasattr(process, "popen"):
                    process.kill()
    if options.json:
        print(json.dumps(rows))
    else:
        print(
            "one report as JSON:", len(json.dumps(seen["report"], separators=(",", ":"))), "bytes"
        )
        for row in rows:
            print(
                f"{row['life']:32} {row['reports']:4} reports  "
                f"flash {row['flash_kib']:6} KiB (limit {row['flash_limit_kib']})  "
                f"{row['flash_kib_a_report']:5} a report  "
                f"uplink {row['uplink_kib']:6} KiB (limit {row['uplink_limit_kib']})  "
                f"{'met' if row['met'] else 'NOT MET'}"
            )
    return 0 if all(row["met"] for row in rows) else 3


if __name__ == "__main__":
    sys.exit(main())
