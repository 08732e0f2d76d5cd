"""Baselines across boots: a modem is recognized by its USB socket, whatever the bus number."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from modemagent.agent.reporting import Reporter
from modemagent.discovery.candidate import Candidate, Role
from modemagent.discovery.sockets import find_socket
from modemagent.logs import NullLog
from modemagent.report.outbox.outbox import Outbox
from modemagent.report.outbox.tables import read_outbox
from modemagent.settings import Settings
from modemagent.simulator.server import RunningModem
from modemagent.watching.events import EventBus, ModemEvent
from modemagent.watching.supervisor import Supervisor
from tests.discovery.usb_tree import CONTROLLER, UsbTree
from tests.simulated import simulated_fleet

CONTROLLERS = CONTROLLER, "pci0000:00/0000:02:00.0"
SOCKETS = {f"{controller}/usb2/2" for controller in CONTROLLERS}


class Gateway:
    """A gateway with two USB controllers, and one modem in the second socket of each."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, modems: Sequence[RunningModem]
    ) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._modems = modems
        self._boots = 0

    def boot(
        self, *buses: str, has_sockets: bool = True, unplugged: str = ""
    ) -> list[tuple[str, str | None]]:
        """Start the agent until it has sent two reports; return their reasons and port ids.

        :param buses: the number of the bus of each controller
        :param has_sockets: False for the keys of version 0.1.0
        :param unplugged: the bus without a modem
        """
        controllers = dict(zip(buses, CONTROLLERS, strict=True))
        self._boots += 1
        tree = UsbTree(self._folder / f"boot{self._boots}", controllers)
        ports = []
        for bus, modem in zip(buses, self._modems, strict=True):
            if bus != unplugged:
                tree.plug(f"{bus}-2")
                ports.append(port_of(bus, modem.path))
        self._monkeypatch.setattr("modemagent.watching.selection.scan", lambda hints: tuple(ports))
        for module in ("watching.places", "agent.reporting"):
            self._monkeypatch.setattr(
                f"modemagent.{module}.find_socket",
                lambda device: find_socket(device, tree.root) if has_sockets else None,
            )
        return asyncio.run(self._run())

    async def _run(self) -> list[tuple[str, str | None]]:
        outbox = Outbox(self._folder / "state", gateway_id="gw-0042", log=NullLog())
        events = EventBus()
        stored: asyncio.Queue[ModemEvent] = asyncio.Queue()
        events.subscribe(stored.put_nowait)
        reporter = Reporter(outbox, NullLog(), events)
        settings = Settings(discovery=True, via="port", poll_interval=60.0)
        task = asyncio.create_task(Supervisor(settings, reporter, NullLog(), events).run())
        reports: list[ModemEvent] = []
        try:
            while len(reports) < 2:
                event = await asyncio.wait_for(stored.get(), 20)
                reports += [event] if event.name == "report.stored" else []
            await asyncio.sleep(0.2)  # a wrong removal would follow
            while not stored.empty():
                event = stored.get_nowait()
                reports += [event] if event.name == "report.stored" else []
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            outbox.close()
        return sorted((str(each.data["reason"]), each.port_id) for each in reports)

    def baselines(self) -> set[str]:
        with read_outbox(self._folder / "state") as outbox:
            return set(outbox.baselines())


def port_of(bus: str, path: str) -> Candidate:
    return Candidate(
        path=path, port_id=f"usb:{bus}-2:1.2", modem_id=f"usb:{bus}-2", usb_vid="2c7c",
        usb_pid="0125", role=Role.AT, cellular=True,
    )  # fmt: skip


def reports(reason: str, *buses: str) -> list[tuple[str, str | None]]:
    return [(reason, f"usb:{bus}-2:1.2") for bus in buses]


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setattr("modemagent.watching.removal._RESET_GRACE_S", 0.0)
    monkeypatch.setattr("modemagent.report.origin.uptime_ms", lambda: 3_600_000)
    with simulated_fleet(["quectel-eg25-g"], count=2) as modems:
        yield Gateway(tmp_path, monkeypatch, modems)


def test_exchanged_bus_numbers_change_nothing(gateway: Gateway) -> None:
    assert gateway.boot("1", "3") == reports("identified", "1", "3")
    assert gateway.baselines() == SOCKETS
    assert gateway.boot("3", "1") == reports("refresh", "1", "3")
    assert gateway.baselines() == SOCKETS


def test_modem_on_a_new_bus_is_not_removed(gateway: Gateway) -> None:
    gateway.boot("1", "3")
    assert gateway.boot("5", "1") == reports("refresh", "1", "5")


def test_modem_removed_before_the_boot_is_reported(gateway: Gateway) -> None:
    gateway.boot("1", "3")
    first, second = gateway.boot("3", "1", unplugged="3")
    assert first == ("refresh", "usb:1-2:1.2")
    assert second == ("removed", "usb:1-2:1.2"), "the port as it was last reported"
    assert len(gateway.baselines()) == 1


def test_baselines_of_0_1_0_are_found_and_rewritten(gateway: Gateway) -> None:
    gateway.boot("1", "3", has_sockets=False)
    assert gateway.baselines() == {"usb:1-2", "usb:3-2"}
    assert gateway.boot("1", "3") == reports("refresh", "1", "3")
    assert gateway.baselines() == SOCKETS
    assert gateway.boot("3", "1") == reports("refresh", "1", "3")


def test_modem_of_0_1_0_that_is_missing_is_removed(gateway: Gateway) -> None:
    gateway.boot("1", "3", has_sockets=False)
    assert gateway.boot("1", "3", unplugged="3") == [
        ("refresh", "usb:1-2:1.2"), ("removed", "usb:3-2:1.2")
    ]  # fmt: skip
    assert gateway.baselines() == {f"{CONTROLLER}/usb2/2"}
