"""Devices of a machine, added and removed by umockdev; runs under Debian's Python, which has gi.

    umockdev-wrapper /usr/bin/python3 bed.py

Prints the directory that replaces ``/sys`` and ``/dev`` (UMOCKDEV_DIR), then executes lines on
stdin and prints ``ok`` after each: ``add TREE [NODE=PATH]...`` and ``remove TREE`` add and remove
the devices of a tree file, with the pseudo terminal PATH in place of a device file. All other
device files are silent; ``written`` prints, as JSON, the number of bytes written to each, and
``moments`` when each appeared. NEWS_MS in the environment: the pause after each event.
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

#: umockdev's replacement for netlink holds ten messages and fails at the eleventh; the kernel's
#: holds thousands.
NEWS_S = float(os.environ.get("NEWS_MS", "10")) / 1000


def nodes(tree: str) -> list[str]:
    return [row[3:] for row in tree.splitlines() if row.startswith(("N: tty", "N: wwan"))]


class Silent:
    """Silent device files, and the number of bytes written to each.

    They are pseudo terminals, because those of umockdev cannot be created twice with one name. They
    are read continuously, because closing a port discards unread bytes.
    """

    def __init__(self) -> None:
        self._ends: dict[str, tuple[int, int]] = {}
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._wake = os.pipe()
        threading.Thread(target=self._listen, daemon=True).start()

    def open(self, node: str) -> str:
        """Return the path of the terminal that replaces a device file."""
        master, slave = os.openpty()
        tty.setraw(slave)
        with self._lock:
            self._ends[node] = master, slave
            self._counts.setdefault(node, 0)
        os.write(self._wake[1], b"!")
        return os.ttyname(slave)

    def close(self, node: str) -> None:
        """Hang up, as the kernel does when a device is removed."""
        with self._lock:
            self._take()
            for end in self._ends.pop(node, ()):
                os.close(end)

    def counts(self) -> dict[str, int]:
        """Return the number of bytes written to each device file."""
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
            # a closed terminal is removed from the list in the next turn
            with contextlib.suppress(OSError, ValueError):
                if self._wake[0] in select.select([self._wake[0], *masters], [], [], 0.2)[0]:
                    os.read(self._wake[0], 64)
            with self._lock:
                self._take()


def pass_on(_: UMockdev.IoctlBase, client: UMockdev.IoctlClient) -> bool:
    """Pass an ioctl to the terminal: ModemManager ignores a port whose ioctls fail."""
    result, number = client.execute()
    client.complete(result, number)
    return True


def present(bed: UMockdev.Testbed, block: str) -> bool:
    return Path(bed.get_root_dir() + "/sys" + block.splitlines()[0][3:]).exists()


def point(link: Path, target: str) -> None:
    """Replace a link atomically: umockdev fails if one disappears while it is read."""
    link.parent.mkdir(exist_ok=True)
    new = link.with_name(f".new-{link.name}")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def connect(bed: UMockdev.Testbed, node: str, path: str) -> None:
    """Put a terminal in place of a device file."""
    devices = Path(bed.get_root_dir(), "dev")
    kind = Path(path).stat().st_rdev
    # the real path of the terminal: opened under another name in /dev it has no ioctls
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
            # trees share the bus and the hubs
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
