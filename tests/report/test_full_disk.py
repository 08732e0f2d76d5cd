"""A full disk: the kept reserve lets the outbox go on, and what is not stored is said so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from modemagent.errors import OutboxError
from modemagent.logs import Silence
from modemagent.report.outbox import Outbox
from tests.report.conftest import fill

MOUNTABLE = os.geteuid() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no small file system can be mounted here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.skipif(not MOUNTABLE, reason="mounting needs root")
def test_a_full_disk_refuses_in_words_keeps_what_it_has_and_recovers(small_disk: Path) -> None:
    state_dir = small_disk / "state"
    with closing(Outbox(state_dir, gateway_id="gw-1", log=Silence())) as outbox:
        reserves = {state_dir / "reserve-put", state_dir / "reserve-settle"}
        assert {path.stat().st_size for path in reserves} == {256 * 1024}
        with pytest.raises(OutboxError, match="full"):
            for _ in range(5000):
                fill(outbox, 1)
        waiting, _ = outbox.depth()
        assert not (state_dir / "reserve-put").exists()
        assert [s.sequence for s in outbox.batch(9999)] == list(range(1, waiting + 1))
        # a write-ahead log needs room even to delete
        while outbox.depth()[0]:
            outbox.settle(outbox.batch(100))
        assert [path.name for path in reserves if not path.exists()] == []
        fill(outbox, 1)
        assert outbox.batch(1)[0].sequence == waiting + 1
