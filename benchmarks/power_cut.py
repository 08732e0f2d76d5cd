"""Power cuts: the contents of the outbox after a power failure at a random moment.

    python benchmarks/power_cut.py --cuts 100          (root, XFS with reflink, mkfs.ext4, xfsprogs)

An ext4 image is a file on an XFS image. A writer stores and acknowledges reports on the ext4 and
prints a line after each call has returned. At a random moment the image file is cloned in one step
(``cp --reflink=always``): the clone is the disk as a power cut leaves it, without anything that the
kernel had not written. It is mounted and its outbox is opened.

For each cut the outbox must open with its stream and without recovery, every report that was stored
and not acknowledged must be present, intact and in order, and no number may be used for two
reports, the next one included. Otherwise the exit status is 3. ``--unsafe`` switches the syncs off,
to show that this test can fail.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from modemagent.logs import NullLog
from modemagent.report.message import PortPlace, Reason
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import ReportDraft

_WRITER = """
import contextlib, random, sys
from pathlib import Path
from modemagent.logs import NullLog
from modemagent.report.message import PortPlace, Reason
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.records import ReportDraft
outbox = Outbox(Path(sys.argv[1]), gateway_id="gw-1", log=NullLog())
if sys.argv[3] == "unsafe":
    outbox._storage.database.db.execute("PRAGMA synchronous=OFF")
    outbox._storage.database._unsynced = contextlib.nullcontext  # which switches them on again
    outbox._storage.database._mark = None
chance = random.Random(int(sys.argv[2]))
print("stream", outbox.identity.stream_id, "-", flush=True)
while True:
    evidence = [{"field": "imei", "raw": "x" * chance.randrange(3000)}]
    report = outbox.put(
        ReportDraft(reason=Reason.SIM_CHANGED, port=PortPlace(path="/dev/a"), evidence=evidence),
        baselines={"/dev/a": {"n": chance.random()}},
    )
    print("stored", report.sequence, report.report_id, flush=True)
    if chance.random() < 0.3 or outbox.depth()[0] > 60:
        batch = outbox.batch(chance.randrange(1, 40))
        print("removing", batch[0].sequence, batch[-1].sequence, flush=True)
        outbox.acknowledge(batch)
        print("removed", batch[0].sequence, batch[-1].sequence, flush=True)
"""


@dataclass
class Cut:
    """What the writer printed before and after the cut."""

    stream: str = ""
    stored: dict[int, str] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    removing: int = 0

    def add(self, line: str, *, before: bool) -> None:
        what, first, last = line.split()
        if what == "stream":
            self.stream = first
        elif what == "stored":
            self.ids[int(first)] = last
            if before:
                self.stored[int(first)] = last
        elif what == "removing":
            # reports that were being removed may be present or not
            self.removing = max(self.removing, int(last))


def violations(state_dir: Path, cut: Cut) -> list[str]:
    """Open the outbox as the daemon does after the cut; return what is not as promised."""
    outbox = Outbox(state_dir, gateway_id="gw-1", log=NullLog(), retry_s=3600)
    with contextlib.closing(outbox):
        found = []
        if outbox.quarantined() or outbox.error:
            found.append(f"opened with an error: {outbox.quarantined()} {outbox.error}")
        if cut.stored and outbox.identity.stream_id != cut.stream:
            found.append("another stream")
        present = {queued.sequence: queued for queued in outbox.batch(1_000_000)}
        lost = [n for n in cut.stored if n > cut.removing and n not in present]
        if lost:
            found.append(f"{len(lost)} acknowledged reports lost: {lost[:9]}")
        if list(present) != sorted(present):
            found.append("out of order")
        for number, queued in present.items():
            body = json.loads(queued.body)
            if body["sequence"] != number or body["report_id"] != queued.report_id:
                found.append(f"report {number} does not match its row")
            if cut.ids.get(number, queued.report_id) != queued.report_id:
                found.append(f"number {number} was used twice")
        place = PortPlace(path="/dev/a")
        report = outbox.put(ReportDraft(reason=Reason.REFRESH, port=place), baselines={})
        if report is None:
            found.append("it does not store a report")
        elif report.stream_id == cut.stream and report.sequence <= max(cut.stored, default=0):
            found.append(f"number {report.sequence} was used before")
    return found


@contextlib.contextmanager
def mounted(image: Path, at: Path, options: str = "loop") -> Iterator[Path]:
    at.mkdir(exist_ok=True)
    run("mount", "-o", options, str(image), str(at))
    try:
        yield at
    finally:
        run("umount", str(at))


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--unsafe", action="store_true", help="without syncs: must lose reports")
    options = parser.parse_args()
    if os.geteuid():
        print("power_cut.py mounts file systems; run it as root", file=sys.stderr)
        return 2
    chance = random.Random(options.seed)
    failed = reports = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        outer = folder / "outer.img"
        with outer.open("wb") as file:
            file.truncate(400 * 1024 * 1024)
        run("mkfs.xfs", "-q", "-m", "reflink=1", str(outer))
        with mounted(outer, folder / "outer") as xfs:
            inner = xfs / "inner.img"
            with inner.open("wb") as file:
                file.truncate(24 * 1024 * 1024)
            run("mkfs.ext4", "-q", str(inner))
            with mounted(inner, folder / "inner") as ext4:
                for number in range(1, options.cuts + 1):
                    cut = one_cut(ext4 / "state", inner, chance, unsafe=options.unsafe)
                    reports += len(cut.stored)
                    clone = xfs / "clone.img"
                    with mounted(clone, folder / "after") as after:
                        found = violations(after / "state", cut)
                    clone.unlink()
                    failed += bool(found)
                    for violation in found:
                        print(f"cut {number}: {violation}")
    print(
        json.dumps(
            {"cuts": options.cuts, "acknowledged_before_a_cut": reports, "failed_cuts": failed}
        )
    )
    return 3 if failed else 0


def one_cut(state_dir: Path, inner: Path, chance: random.Random, *, unsafe: bool) -> Cut:
    words = [str(state_dir), str(chance.randrange(10**9))]
    words.append("unsafe" if unsafe else "safe")
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, *words], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout
        cut = Cut()
        text = b""
        out = writer.stdout.fileno()
        end = None
        with selectors.DefaultSelector() as ready:
            ready.register(out, selectors.EVENT_READ)
            # every line that is read before the clone was printed before the cut
            while end is None or time.monotonic() < end:
                if ready.select(0.001):
                    text += os.read(out, 65536)
                    end = end or time.monotonic() + chance.uniform(0, 0.5)
        lines_before = text.count(b"\n")
        run("cp", "--reflink=always", str(inner), str(inner.with_name("clone.img")))
        writer.kill()
        text += writer.stdout.read()
    for at, line in enumerate(text.decode().splitlines(keepends=True)):
        if line.endswith("\n"):
            cut.add(line, before=at < lines_before)
    return cut


if __name__ == "__main__":
    sys.exit(main())
