"""Power cuts: what of the outbox is on the disk when the current goes at a random moment.

    python benchmarks/power_cut.py --cuts 100          (root, XFS with reflink, mkfs.xfs, mkfs.ext4)

An ext4 image lies as a file on an XFS image; a writer stores and settles reports on the ext4 and
says so after each has returned. At a random moment the ext4's image file is cloned in one step
(``cp --reflink=always``): that is the disk as a power cut leaves it, with all that the kernel had
not written missing. The clone is mounted and the outbox in it opened.

For each cut: it opens by itself with its stream; every report that was stored and not settled is
there, whole and in order; none is there with a number another was known by; the next number was
never used. Ends with status 3 when one of it fails. ``--unsafe`` switches the syncs off, to show
that this test can fail.
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
from modemagent.report.outbox.outbox import Outbox, ReportDraft

_WRITER = """
import random, sys
from pathlib import Path
from modemagent.logs import NullLog
from modemagent.report.message import PortPlace, Reason
from modemagent.report.outbox.outbox import ReportDraft, Outbox
outbox = Outbox(Path(sys.argv[1]), gateway_id="gw-1", log=NullLog())
if sys.argv[3] == "unsafe":
    outbox._disk.file.db.execute("PRAGMA synchronous=OFF")
chance = random.Random(int(sys.argv[2]))
print("stream", outbox.stream_id, "-", flush=True)
while True:
    evidence = [{"field": "imei", "raw": "x" * chance.randrange(3000)}]
    report = outbox.put(
        ReportDraft(reason=Reason.SIM_CHANGED, port=PortPlace(path="/dev/a"), evidence=evidence),
        places={"/dev/a": {"n": chance.random()}},
    )
    print("stored", report.sequence, report.report_id, flush=True)
    if chance.random() < 0.3 or outbox.depth()[0] > 60:
        batch = outbox.batch(chance.randrange(1, 40))
        print("settling", batch[0].sequence, batch[-1].sequence, flush=True)
        outbox.acknowledge(batch)
        print("settled", batch[0].sequence, batch[-1].sequence, flush=True)
"""


@dataclass
class Cut:
    """What was known at the moment of the cut, from the writer's words before and after it."""

    stream: str = ""
    stored: dict[int, str] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    settling: int = 0

    def hear(self, line: str, *, before: bool) -> None:
        what, first, last = line.split()
        if what == "stream":
            self.stream = first
        elif what == "stored":
            self.ids[int(first)] = last
            if before:
                self.stored[int(first)] = last
        elif what == "settling":
            # what was being settled may be there or not
            self.settling = max(self.settling, int(last))


def faults(state_dir: Path, cut: Cut) -> list[str]:
    """Open the outbox as the daemon would after the cut, and say what is not as promised."""
    outbox = Outbox(state_dir, gateway_id="gw-1", log=NullLog(), retry_s=3600)
    with contextlib.closing(outbox):
        said = []
        if outbox.damaged() or outbox.trouble:
            said.append(f"not opened as it was: {outbox.damaged()} {outbox.trouble}")
        if outbox.stream_id != cut.stream:
            said.append("another stream")
        there = {stored.sequence: stored for stored in outbox.batch(1_000_000)}
        lost = [n for n in cut.stored if n > cut.settling and n not in there]
        if lost:
            said.append(f"{len(lost)} acknowledged reports lost: {lost[:9]}")
        if list(there) != sorted(there):
            said.append("out of order")
        for number, stored in there.items():
            body = json.loads(stored.body)
            if body["sequence"] != number or body["report_id"] != stored.report_id:
                said.append(f"report {number} is not what it says")
            if cut.ids.get(number, stored.report_id) != stored.report_id:
                said.append(f"number {number} was used twice")
        place = PortPlace(path="/dev/a")
        report = outbox.put(ReportDraft(reason=Reason.REFRESH, port=place), places={})
        if report is None:
            said.append("it takes no report")
        elif report.sequence <= max(cut.stored, default=0):
            said.append(f"number {report.sequence} was given before")
    return said


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
    wanted = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wanted.add_argument("--cuts", type=int, default=100)
    wanted.add_argument("--seed", type=int, default=1)
    wanted.add_argument("--unsafe", action="store_true", help="without syncs: must lose reports")
    given = wanted.parse_args()
    if os.geteuid():
        print("power_cut.py mounts file systems: run it as root", file=sys.stderr)
        return 2
    chance = random.Random(given.seed)
    bad = reports = 0
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
                for number in range(1, given.cuts + 1):
                    cut = one_cut(ext4 / "state", inner, chance, unsafe=given.unsafe)
                    reports += len(cut.stored)
                    clone = xfs / "clone.img"
                    with mounted(clone, folder / "after") as after:
                        said = faults(after / "state", cut)
                    clone.unlink()
                    bad += bool(said)
                    for fault in said:
                        print(f"cut {number}: {fault}")
    print(
        json.dumps(
            {"cuts": given.cuts, "acknowledged_before_a_cut": reports, "cuts_with_faults": bad}
        )
    )
    return 3 if bad else 0


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
            # everything that can be heard before the clone was acknowledged before the cut
            while end is None or time.monotonic() < end:
                if ready.select(0.001):
                    text += os.read(out, 65536)
                    end = end or time.monotonic() + chance.uniform(0, 0.5)
        heard = text.count(b"\n")
        run("cp", "--reflink=always", str(inner), str(inner.with_name("clone.img")))
        writer.kill()
        text += writer.stdout.read()
    for at, line in enumerate(text.decode().splitlines(keepends=True)):
        if line.endswith("\n"):
            cut.hear(line, before=at < heard)
    return cut


if __name__ == "__main__":
    sys.exit(main())
