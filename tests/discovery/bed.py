"""A machine's devices, made and unmade by umockdev; runs under Debian's own Python, which has gi.

    umockdev-wrapper /usr/bin/python3 bed.py

Prints the folder that stands for ``/sys`` and ``/dev`` (UMOCKDEV_DIR), then obeys lines on stdin,
each answered by ``ok``: ``add TREE [NODE=PATH]...`` and ``remove TREE`` plug in and out what a tree
file describes, with the pseudo terminal PATH in the place of a device file. At all other device
files nobody answers; ``written`` tells, as JSON, how many bytes were written to each.
"""

import contextlib
import json
import os
import select
import sys
import time
from pathlib import Path

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402 - the version has to be named first

#: umockdev's stand-in for netlink holds ten messages and gives up on the eleventh; the kernel's
#: holds thousands.
NEWS_S = 0.01


def nodes(tree: str) -> list[str]:
    return [row[3:] for row in tree.splitlines() if row.startswith(("N: tty", "N: wwan"))]


def heard(bed: UMockdev.Testbed, node: str, counts: dict[str, int]) -> int:
    """Add what was written to a device file since the last look to its count."""
    descriptor = bed.get_dev_fd(f"/dev/{node}")
    with contextlib.suppress(OSError):  # nobody has it open, and all is read
        while descriptor >= 0 and select.select([descriptor], [], [], 0)[0]:
            counts[node] += len(os.read(descriptor, 4096))
    return counts[node]


def pass_on(_: UMockdev.IoctlBase, client: UMockdev.IoctlClient) -> bool:
    """Let the terminal itself answer: ModemManager leaves a port whose ioctls fail."""
    result, number = client.execute()
    client.complete(result, number)
    return True


def present(bed: UMockdev.Testbed, block: str) -> bool:
    return Path(bed.get_root_dir() + "/sys" + block.splitlines()[0][3:]).exists()


def main() -> None:
    bed = UMockdev.Testbed.new()
    devices = Path(bed.get_root_dir(), "dev")
    counts: dict[str, int] = {}
    added: dict[str, list[str]] = {}
    answered: set[str] = set()
    print(bed.get_root_dir(), flush=True)
    for line in sys.stdin:
        verb, *words = line.split()
        if verb == "written":
            print(json.dumps({node: heard(bed, node, counts) for node in counts}), flush=True)
            continue
        tree = Path(words[0]).read_text(encoding="utf-8")
        if verb == "add":
            devices.mkdir(exist_ok=True)
            for node, _, path in (word.partition("=") for word in words[1:]):
                (devices / node).unlink(missing_ok=True)
                (devices / node).symlink_to(path)
                tree = tree.replace(f"N: {node}\n", "")
            # trees have the bus and the hubs in common
            blocks = [block for block in tree.split("\n\n") if block.startswith("P: ")]
            new = [block for block in blocks if not present(bed, block)]
            for block in new:
                bed.add_from_string(block + "\n\n")
                time.sleep(NEWS_S)
            for word in words[1:]:
                calls = UMockdev.IoctlBase()
                calls.connect("handle-ioctl", pass_on)
                node = word.partition("=")[0]
                bed.attach_ioctl(f"/dev/{node}", calls)
                answered.add(node)
            added[words[0]] = [block.splitlines()[0][3:] for block in new]
            counts.update(dict.fromkeys(nodes(tree), 0))
        else:
            for place in reversed(added.pop(words[0])):
                bed.uevent("/sys" + place, "remove")
                time.sleep(NEWS_S)
                bed.remove_device("/sys" + place)
            for node in nodes(tree):
                (devices / node).unlink(missing_ok=True)
                if node in answered:
                    answered.remove(node)
                    bed.detach_ioctl(f"/dev/{node}")
        print("ok", flush=True)


if __name__ == "__main__":
    main()
