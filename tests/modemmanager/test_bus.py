"""The bus: no call starts ModemManager, and a missing bus is reported."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from modemagent.errors import ModemManagerUnavailable
from modemagent.modemmanager.client import ModemManager, has_bus
from tests.modemmanager.conftest import Bus
from tests.process.conftest import COMMAND, until


async def modems_and_is_running() -> tuple[int, bool]:
    client = await ModemManager.connect()
    try:
        return len(await client.modems()), await client.is_running()
    finally:
        client.close()
        await client.ended()


def test_no_call_starts_modemmanager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started = tmp_path / "started"
    services = tmp_path / "dbus-1" / "services"
    services.mkdir(parents=True)
    (services / "org.freedesktop.ModemManager1.service").write_text(
        f"[D-BUS Service]\nName=org.freedesktop.ModemManager1\nExec=/usr/bin/touch {started}\n"
    )
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    bus = Bus()
    try:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        assert asyncio.run(modems_and_is_running()) == (0, False)
        assert not started.exists()
        # the check works: a call that may start the service does
        subprocess.run(
            ["dbus-send", f"--bus={bus.address}", "--dest=org.freedesktop.ModemManager1",
             "--print-reply", "--reply-timeout=100", "/", "org.freedesktop.DBus.Peer.Ping"],
            capture_output=True, check=False,
        )  # fmt: skip
        until(started.exists)
    finally:
        bus.close()


def test_a_missing_bus_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    assert has_bus()
    with pytest.raises(ModemManagerUnavailable, match="cannot connect to the D-Bus system bus"):
        asyncio.run(ModemManager.connect())


def test_a_bus_without_modemmanager_is_exit_status_4(tmp_path: Path) -> None:
    bus = Bus()
    try:
        environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus.address}
        for words in ((), ("/dev/ttyUSB2",)):
            done = subprocess.run(
                [*COMMAND, "identify", *words, "--via", "modemmanager", "--json"],
                capture_output=True, text=True, timeout=60, env=environment, check=False,
            )  # fmt: skip
            assert done.returncode == 4, done
            assert json.loads(done.stdout)["error"]["code"] == "neighbour_away"
    finally:
        bus.close()


def test_the_end_of_the_bus_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)

    async def connect_and_wait() -> None:
        client = await ModemManager.connect()
        bus.close()
        await asyncio.wait_for(client.ended(), 10)
        with pytest.raises(ModemManagerUnavailable):
            await client.is_running()

    asyncio.run(connect_and_wait())
