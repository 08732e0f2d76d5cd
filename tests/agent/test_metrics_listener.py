"""The file for the node exporter, in a folder where others may write too."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from modemagent.agent.exposure import MetricsExporter
from modemagent.agent.metrics import Metrics
from modemagent.logs import NullLog
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.status import outbox_json
from modemagent.watching.events import EventBus


@asynccontextmanager
async def written(folder: Path, file: Path) -> AsyncIterator[MetricsExporter]:
    outbox = Outbox(folder / "state", gateway_id="gw-1", log=NullLog())

    def status() -> dict[str, object]:
        return {"modems": [], "outbox": outbox_json(outbox), "uplink": {"state": "off"}}

    exposure = MetricsExporter(Metrics(EventBus(), status=status, outbox=outbox), NullLog())
    try:
        await exposure.open(None, file)
        await asyncio.sleep(0)  # its first turn writes
        yield exposure
    finally:
        await exposure.close()
        outbox.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "collector"
    folder.mkdir()
    return folder / "modemagent.prom"


async def test_what_others_planted_under_its_names_is_not_written_to(
    tmp_path: Path, file: Path
) -> None:
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


async def test_the_file_goes_with_the_exposure_and_nothing_lies_beside_it(
    tmp_path: Path, file: Path
) -> None:
    async with written(tmp_path, file):
        assert list(file.parent.iterdir()) == [file]
    assert not list(file.parent.iterdir())


async def test_a_file_that_is_written_anew_at_once_is_left(tmp_path: Path, file: Path) -> None:
    async with written(tmp_path, file) as exposure:
        await exposure.close(goes_on_with=file)
        assert file.exists()


class Kept(NullLog):
    """Keeps what is said as an error."""

    def __init__(self) -> None:
        self.errors: list[dict[str, object]] = []

    def error(self, event: str, **values: object) -> None:
        self.errors.append({"event": event, **values})


@pytest.mark.parametrize(
    ("listen", "remedy"),
    [("nobody-has-this-name.invalid:9470", "write an address"), ("{taken}", "another program")],
)
async def test_an_address_that_can_not_be_listened_at_comes_with_its_own_remedy(
    listen: str, remedy: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        log = Kept()
        exposure = MetricsExporter(Metrics(EventBus(), status=dict, outbox=None), log)
        await exposure.open(listen.format(taken=f"127.0.0.1:{other.getsockname()[1]}"), None)
        await exposure.close()
    (told,) = log.errors
    assert told["event"] == "metrics_listener_failed"
    assert remedy in str(told["hint"])
