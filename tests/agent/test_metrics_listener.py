"""The metrics file in a directory where other users may write, and the listener."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from modemagent.agent.metrics_exporter import MetricsExporter
from modemagent.logs import NullLog
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.status import outbox_json
from modemagent.watching.events import EventBus


@asynccontextmanager
async def written(folder: Path, file: Path) -> AsyncIterator[MetricsExporter]:
    outbox = Outbox(folder / "state", gateway_id="gw-1", log=NullLog())

    def status() -> dict[str, object]:
        return {"modems": [], "outbox": outbox_json(outbox), "uplink": {"state": "off"}}

    exporter = MetricsExporter(EventBus(), status, outbox, NullLog())
    try:
        await exporter.open(None, file)
        await asyncio.sleep(0)  # the first write
        yield exporter
    finally:
        await exporter.close()
        outbox.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "collector"
    folder.mkdir()
    return folder / "modemagent.prom"


async def test_planted_links_are_not_followed(tmp_path: Path, file: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    precious.chmod(0o600)
    for name in (file.name, f".{file.name}.new", f".{file.name}.{os.getpid()}"):
        file.with_name(name).symlink_to(precious)
    async with written(tmp_path, file):
        assert "modemagent_build_info" in file.read_text()
        assert not file.is_symlink()
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert (precious.read_text(), stat.S_IMODE(precious.stat().st_mode)) == ("mine", 0o600)


async def test_file_is_removed_without_leftovers(tmp_path: Path, file: Path) -> None:
    async with written(tmp_path, file):
        assert list(file.parent.iterdir()) == [file]
    assert not list(file.parent.iterdir())


async def test_file_of_the_next_exporter_is_kept(tmp_path: Path, file: Path) -> None:
    async with written(tmp_path, file) as exporter:
        await exporter.close(replaced_by=file)
        assert file.exists()


class ErrorLog(NullLog):
    """A log that keeps its errors."""

    def __init__(self) -> None:
        self.errors: list[dict[str, object]] = []

    def error(self, event: str, **values: object) -> None:
        self.errors.append({"event": event, **values})


@pytest.mark.parametrize(
    ("listen", "remedy"),
    [("nobody-has-this-name.invalid:9470", "Use an address"), ("{taken}", "other program")],
)
async def test_unusable_address_is_logged_with_its_remedy(listen: str, remedy: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        log = ErrorLog()
        exporter = MetricsExporter(EventBus(), dict, None, log)
        await exporter.open(listen.format(taken=f"127.0.0.1:{other.getsockname()[1]}"), None)
        await exporter.close()
    (error,) = log.errors
    assert error["event"] == "metrics_listener_failed"
    assert remedy in str(error["hint"])
