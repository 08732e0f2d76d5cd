"""A machine's devices, made and unmade by umockdev; runs under Debian's own Python, which has gi.

    umockdev-wrapper /usr/bin/python3 bed.py

Prints the folder that stands for ``/sys`` and ``/dev`` (UMOCKDEV_DIR), then obeys lines on stdin,
each answered by ``ok``: ``add TREE [NODE=PATH]...`` and ``remove TREE`` plug in and out what a tree
file describes, with the pseudo terminal PATH in the place of a device file. At all other device
files nobody answers; ``written`` tells, as JSON, how many bytes were written to each, ``moments``
when each appeared. NEWS_MS in the environment: the pause after each piece of news.
"""

import contextlib
import json
import os
import select
import sys
import threading
import time
import tty
from pathlib import Path

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402 - the version has to be named first

#: umockdev's stand-in for netlink holds ten messages and gives up on the eleventh; the kernel's
#: holds thousands.
NEWS_S = float(os.environ.get("NEWS_MS", "10")) / 1000


def nodes(tree: str) -> list[str]:
    return [row[3:] for row in tree.splitlines() if row.startswith(("N: tty", "N: wwan"))]


class Silent:
    """Device files that nobody answers at, and how many bytes were written to each.

    Terminals of our own: those that umockdev makes can not be made again under the same name.
    They are read all the time, because who closes a port throws away what nobody has read.
    """

    def __init__(self) -> None:
        self._ends: dict[str, tuple[int, int]] = {}
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._wake = os.pipe()
        threading.Thread(target=self._listen, daemon=True).start()

    def open(self, node: str) -> str:
        """Return the path of the terminal that stands for a device file."""
        master, slave = os.openpty()
        tty.setraw(slave)
        with self._lock:
            self._ends[node] = master, slave
            self._counts.setdefault(node, 0)
        os.write(self._wake[1], b"!")
        return os.ttyname(slave)

    def close(self, node: str) -> None:
        """Hang up, as the kernel does when a device has gone."""
        with self._lock:
            self._take()
            for end in self._ends.pop(node, ()):
                os.close(end)

    def counts(self) -> dict[str, int]:
        """Device file -> how many bytes were written until now."""
        with self._lock:
            self._take()
            return dict(self._counts)

    def _take(self) -> None:
        for node, (master, _) in self._ends.items():
            while select.select([master], [], [], 0)[0]:
                self._counts[node] += len(os.read(master, 4096))

    def _listen(self) -> None:
        while True:
            with self._lock:
                masters = [master for master, _ in self._ends.values()]
            # a terminal that is closed meanwhile is taken off the list in the next turn
            with contextlib.suppress(OSError, ValueError):
                if self._wake[0] in select.select([self._wake[0], *masters], [], [], 0.2)[0]:
                    os.read(self._wake[0], 64)
            with self._lock:
                self._take()


def pass_on(_: UMockdev.IoctlBase, client: UMockdev.IoctlClient) -> bool:
    """Let the terminal itself answer: ModemManager leaves a port whose ioctls fail."""
    result, number = client.execute()
    client.complete(result, number)
    return True


def present(bed: UMockdev.Testbed, block: str) -> bool:
    return Path(bed.get_root_dir() + "/sys" + block.splitlines()[0][3:]).exists()


def point(link: Path, target: str) -> None:
    """Make a link lead elsewhere, at once: umockdev gives up on one that goes while it looks."""
    link.parent.mkdir(exist_ok=True)
    new = link.with_name(f".new-{link.name}")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def connect(bed: UMockdev.Testbed, node: str, path: str) -> None:
    """Put a terminal in the place of a device file."""
    devices = Path(bed.get_root_dir(), "dev")
    kind = Path(path).stat().st_rdev
    # the terminal itself: what is opened by another name under /dev has no ioctls
    links = {
        devices / node: os.path.realpath(path),
        devices / ".node" / node: f"{os.major(kind)}:{os.minor(kind)}",
    }
    for link, target in links.items():
        point(link, target)
    calls = UMockdev.IoctlBase()
    calls.connect("handle-ioctl", pass_on)
    bed.attach_ioctl(f"/dev/{node}", calls)


def main() -> None:
    bed = UMockdev.Testbed.new()
    devices = Path(bed.get_root_dir(), "dev")
    added: dict[str, list[str]] = {}
    moments: dict[str, float] = {}
    silent = Silent()
    print(bed.get_root_dir(), flush=True)
    for line in sys.stdin:
        verb, *words = line.split()
        if verb == "moments":
            print(json.dumps(moments), flush=True)
            continue
        if verb == "written":
            print(json.dumps(silent.counts()), flush=True)
            continue
        tree = Path(words[0]).read_text(encoding="utf-8")
        if verb == "add":
            devices.mkdir(exist_ok=True)
            named = dict(word.split("=") for word in words[1:])
            # trees have the bus and the hubs in common
            blocks = [block for block in tree.split("\n\n") if block.startswith("P: ")]
            new = [block for block in blocks if not present(bed, block)]
            for block in new:
                for node in nodes(block):
                    connect(bed, node, named.get(node) or silent.open(node))
                    block = block.replace(f"N: {node}\n", "")
                    moments[node] = time.monotonic()
                bed.add_from_string(block + "\n\n")
                time.sleep(NEWS_S)
            added[words[0]] = [block.splitlines()[0][3:] for block in new]
        else:
            for place in reversed(added.pop(words[0])):
                bed.uevent("/sys" + place, "remove")
                time.sleep(NEWS_S)
                bed.remove_device("/sys" + place)
            for node in nodes(tree):
                point(devices / node, "/dev/pts/gone")
                bed.detach_ioctl(f"/dev/{node}")
                silent.close(node)
        print("ok", flush=True)


if __name__ == "__main__":
    main()
