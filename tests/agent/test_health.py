"""What counts as progress: one stuck part never hides behind a timer, nor stops the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modemagent.agent.health import COURIER_STUCK_S, PORT_STUCK_S, HealthCheck, PortHealth
from modemagent.errors import OutboxError
from modemagent.report.delivery.courier import Uplink, UplinkState
from modemagent.watching.lifecycle import PortState

EVERY_S = 30.0
WITH_A_REASON = (PortState.BROKEN, PortState.STANDBY, PortState.ABSENT)
LONG = 2 * max(PORT_STUCK_S, COURIER_STUCK_S)


class Daemon:
    """The parts as plain values, and a clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ports: dict[str, PortHealth] = {}
        self.uplink: Uplink | None = None
        self.waiting: int | None = 0
        self.progress = HealthCheck(
            ports=lambda: self.ports,
            uplink=lambda: self.uplink,
            waiting=self._depth,
            clock=lambda: self.now,
        )

    def _depth(self) -> int:
        if self.waiting is None:
            raise OutboxError("the disk is full")
        return self.waiting

    def port(self, name: str, state: PortState, *, in_s: float = 0.0) -> None:
        """Have a port stand so, its next step being due in so many seconds."""
        due = None if state in WITH_A_REASON else self.now + in_s
        self.ports[name] = PortHealth(state, due)

    def stuck(self) -> tuple[str, ...]:
        """Look twice, as what was late once may have had no turn yet."""
        self.progress.look()
        self.now += EVERY_S
        return self.progress.look().stuck


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


def test_a_gateway_without_modems_and_registry_gets_on(daemon: Daemon) -> None:
    daemon.waiting = 3
    daemon.now += LONG
    look = daemon.progress.look()
    assert look == ("", (), "0 of 0 ports watched, 3 reports waiting, no registry set")


BUSY = [PortState.OPENING, PortState.IDENTIFYING, PortState.WATCHING]


@pytest.mark.parametrize("state", BUSY)
def test_one_stuck_port_is_named_and_stops_nothing(daemon: Daemon, state: PortState) -> None:
    daemon.port("/dev/ttyUSB2", state)
    daemon.port("/dev/ttyUSB6", PortState.WATCHING, in_s=LONG)
    assert not daemon.stuck()
    daemon.now += PORT_STUCK_S
    assert daemon.stuck() == ("/dev/ttyUSB2",)
    look = daemon.progress.look()
    assert not look.obstacle
    assert "stuck: /dev/ttyUSB2" in look.summary


def test_the_summary_names_a_stuck_port_without_the_imei_in_its_path(daemon: Daemon) -> None:
    port = "/dev/serial/by-id/usb-Quectel_867698040000013-if02-port0"
    daemon.port(port, PortState.OPENING)
    daemon.now += PORT_STUCK_S + 1
    assert daemon.stuck() == (port,)
    assert "stuck: /dev/serial/by-id/usb-Quectel_867698*****0013" in daemon.progress.look().summary


def test_a_port_that_looks_once_a_day_is_stuck_only_when_it_does_not(daemon: Daemon) -> None:
    daemon.port("/dev/ttyUSB2", PortState.WATCHING, in_s=86400)
    daemon.now += 86400 + PORT_STUCK_S
    assert not daemon.stuck()
    daemon.now += 1
    assert daemon.stuck()


def test_a_process_that_was_stopped_for_long_has_no_stuck_ports(daemon: Daemon) -> None:
    daemon.port("/dev/ttyUSB2", PortState.WATCHING, in_s=60)
    daemon.port("/dev/ttyUSB6", PortState.IDENTIFYING)
    daemon.progress.look()
    daemon.now += 86400  # SIGSTOP, or a virtual machine that was held
    assert daemon.progress.look()[:2] == ("", ())
    daemon.port("/dev/ttyUSB2", PortState.WATCHING, in_s=60)
    daemon.port("/dev/ttyUSB6", PortState.WATCHING, in_s=60)
    daemon.now += EVERY_S
    assert daemon.progress.look()[:2] == ("", ())


def test_every_port_stuck_is_no_progress_unless_beginning_anew_helps(daemon: Daemon) -> None:
    daemon.port("/dev/ttyUSB2", PortState.OPENING)
    daemon.port("/dev/ttyUSB6", PortState.IDENTIFYING)
    daemon.port("/dev/ttyUSB9", PortState.ABSENT)
    daemon.now += PORT_STUCK_S + 1
    assert daemon.stuck() == ("/dev/ttyUSB2", "/dev/ttyUSB6")
    assert "no port has made a step" in daemon.progress.look().obstacle
    daemon.port("/dev/ttyUSB6", PortState.BROKEN)
    assert not daemon.progress.look().obstacle


def test_a_port_that_is_stuck_again_and_again_is_no_progress_until_it_is_watched(
    daemon: Daemon,
) -> None:
    for time in (1, 2):
        daemon.port("/dev/ttyUSB2", PortState.IDENTIFYING)
        daemon.now += PORT_STUCK_S + 1
        assert daemon.stuck()
        daemon.port("/dev/ttyUSB2", PortState.BROKEN)
        assert bool(daemon.progress.look().obstacle) == (time == 2)
    daemon.port("/dev/ttyUSB2", PortState.WATCHING, in_s=60)
    assert not daemon.progress.look().obstacle
    daemon.port("/dev/ttyUSB2", PortState.IDENTIFYING)
    daemon.now += PORT_STUCK_S + 1
    assert daemon.stuck()
    daemon.port("/dev/ttyUSB2", PortState.BROKEN)
    assert not daemon.progress.look().obstacle


@pytest.mark.parametrize("state", [PortState.BROKEN, PortState.STANDBY])
def test_a_port_that_waits_with_a_reason_is_not_stuck(daemon: Daemon, state: PortState) -> None:
    daemon.port("/dev/ttyUSB2", state)
    daemon.now += LONG
    assert not daemon.stuck()
    assert not daemon.progress.look().obstacle


@pytest.mark.parametrize("state", UplinkState)
def test_reports_that_wait_for_a_courier_that_does_not_move(
    daemon: Daemon, state: UplinkState
) -> None:
    daemon.uplink, daemon.waiting = Uplink(state=state), 5
    assert not daemon.progress.look().obstacle
    daemon.now += COURIER_STUCK_S
    assert not daemon.progress.look().obstacle
    daemon.now += 1
    assert "courier" in daemon.progress.look().obstacle
    daemon.uplink = replace(daemon.uplink, delivered=1)
    assert not daemon.progress.look().obstacle


def test_a_courier_that_fails_again_and_again_gets_on(daemon: Daemon) -> None:
    daemon.waiting = 5
    for attempts in range(1, 6):
        daemon.uplink = Uplink(state=UplinkState.UNREACHABLE, attempts=attempts)
        daemon.now += COURIER_STUCK_S
        assert not daemon.progress.look().obstacle


def test_a_rest_is_no_standstill_until_it_is_over(daemon: Daemon) -> None:
    daemon.waiting = 5
    daemon.uplink = Uplink(
        state=UplinkState.UNREACHABLE, attempts=1, next_attempt=daemon.now + 86400
    )
    daemon.now += 86399
    assert not daemon.progress.look().obstacle
    daemon.now += 1 + COURIER_STUCK_S
    assert "courier" in daemon.progress.look().obstacle


def test_the_wait_after_a_boot_is_a_rest_too(daemon: Daemon) -> None:
    daemon.waiting = 5
    daemon.uplink = Uplink(state=UplinkState.IDLE, next_attempt=daemon.now + LONG)
    daemon.now += LONG - 1
    assert not daemon.progress.look().obstacle
    daemon.now += 1 + COURIER_STUCK_S
    assert "courier" in daemon.progress.look().obstacle


def test_nothing_to_send_is_no_standstill(daemon: Daemon) -> None:
    daemon.uplink = Uplink(state=UplinkState.IDLE)
    daemon.now += LONG
    assert not daemon.progress.look().obstacle
    daemon.waiting = 1
    assert not daemon.progress.look().obstacle


def test_a_full_disk_is_said_and_no_reason_to_start_again(daemon: Daemon) -> None:
    daemon.uplink, daemon.waiting = Uplink(state=UplinkState.OUTBOX_FAILED), None
    for _ in range(3):
        daemon.now += LONG
        look = daemon.progress.look()
        assert (look.obstacle, "outbox in trouble" in look.summary) == ("", True)
