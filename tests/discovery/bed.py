"""A machine's devices, made and unmade by umockdev; runs under Debian's own Python, which has gi.

    umockdev-wrapper /usr/bin/python3 bed.py

Prints the folder that stands for ``/sys`` and ``/dev`` (UMOCKDEV_DIR), then obeys lines on stdin,
each answered by ``ok``: ``add TREE`` and ``remove TREE`` plug in and out what a tree file
describes, ``link NODE PATH`` puts a pseudo terminal in the place of a device file.
"""

import sys
from pathlib import Path

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402 - the version has to be named first


def places(tree: str) -> list[str]:
    """Return the devices of a tree that news is told of."""
    blocks = [block for block in tree.split("\n\n") if block.startswith("P: ")]
    told = ("SUBSYSTEM=tty", "SUBSYSTEM=wwan", "DEVTYPE=usb_device")
    return [
        block.splitlines()[0][3:] for block in blocks if any(f"E: {word}" in block for word in told)
    ]


def present(bed: UMockdev.Testbed, block: str) -> bool:
    return Path(bed.get_root_dir() + "/sys" + block.splitlines()[0][3:]).exists()


def main() -> None:
    bed = UMockdev.Testbed.new()
    print(bed.get_root_dir(), flush=True)
    for line in sys.stdin:
        verb, *words = line.split()
        if verb == "link":
            node = Path(bed.get_root_dir(), "dev", words[0])
            node.unlink(missing_ok=True)
            node.symlink_to(words[1])
        else:
            tree = Path(words[0]).read_text(encoding="utf-8")
            if verb == "add":
                # trees have the bus and the hubs in common
                blocks = [block for block in tree.split("\n\n") if block.startswith("P: ")]
                new = [block for block in blocks if not present(bed, block)]
                bed.add_from_string("\n\n".join(new) + "\n")
            else:
                for place in reversed(places(tree)):
                    bed.uevent("/sys" + place, "remove")
                    bed.remove_device("/sys" + place)
                for node in [row[3:] for row in tree.splitlines() if row.startswith("N: tty")]:
                    Path(bed.get_root_dir(), "dev", node).unlink(missing_ok=True)
        print("ok", flush=True)


if __name__ == "__main__":
    main()
