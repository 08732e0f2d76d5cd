"""Health checks: a stuck part is detected, and one stuck port does not affect the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modemagent.agent.health import COURIER_STUCK_S, PORT_STUCK_S, HealthCheck, PortHealth
from modemagent.errors import OutboxError
from modemagent.report.delivery.courier import Uplink, UplinkState
from modemagent.watching.port_state import PortState

EVERY_S = 30.0
WITH_A_REASON = (PortState.BROKEN, PortState.STANDBY, PortState.ABSENT)
LONG = 2 * max(PORT_STUCK_S, COURIER_STUCK_S)


class Daemon:
    """The parts as plain values, with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ports: dict[str, PortHealth] = {}
        self.uplink: Uplink | None = None
        self.waiting: int | None = 0
        self.health = HealthCheck(
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
        """Set the state of a port whose next step is due in the given time."""
        due = None if state in WITH_A_REASON else self.now + in_s
        self.ports[name] = PortHealth(state, due)

    def stuck(self) -> tuple[str, ...]:
        """Check twice, because one overdue check is not enough."""
        self.health.check()
        self.now += EVERY_S
        return self.health.check().stuck


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


def test_gateway_without_modems_and_registry_is_healthy(daemon: Daemon) -> None:
    daemon.waiting = 3
    daemon.now += LONG
    report = daemon.health.check()
    assert report == ("", (), "0 of 0 ports watched, 3 reports waiting, no registry set")


BUSY = [PortState.OPENING, PortState.IDENTIFYING, PortState.WATCHING]


@pytest.mark.parametrize("state", BUSY)
def test_one_stuck_port_is_listed_without_an_error(daemon: Daemon, state: PortState) -> None:
    daemon.port("/dev/ttyUSB2", state)
    daemon.port("/dev/ttyUSB6", PortState.WATCHING, in_s=LONG)
    assert not daemon.stuck()
    daemon.now += PORT_STUCK_S
    assert daemon.stuck() == ("/dev/ttyUSB2",)
    report = daemon.health.check()
    assert not report.error
    assert "stuck: /dev/ttyUSB2" in report.summary


def test_summary_masks_the_imei_in_a_stuck_path(daemon: Daemon) -> None:
    port = "/dev/serial/by-id/usb-Quectel_867698040000013-if02-port0"
    daemon.port(port, PortState.OPENING)
    daemon.now += PORT_STUCK_S + 1
    assert daemon.stuck() == (port,)
    assert "stuck: /dev/serial/by-id/usb-Quectel_867698*****0013" in daemon.health.check().summary


def test_port_with_a_daily_step_is_stuck_after_that_day(daemon: Daemon) -> None:
    daemon.port("/dev/ttyUSB2", PortState.WATCHING, in_s=86400)
    daemon.now += 86400 + PORT_STUCK_S
    assert not daemon.stuck()
    daemon.now += 1
    assert daemon.stuck()


def test_suspended_process_has_no_stuck_ports(daemon: Daemon) -> None:
    daemon.port("/dev/ttyUSB2", PortState.WATCHING, in_s=60)
    daemon.port("/dev/ttyUSB6", PortState.IDENTIFYING)
    daemon.health.check()
    daemon.now += 86400  # SIGSTOP, or a paused virtual machine
    assert daemon.health.check()[:2] == ("", ())
    daemon.port("/dev/ttyUSB2", PortState.WATCHING, in_s=60)
    daemon.port("/dev/ttyUSB6", PortState.WATCHING, in_s=60)
    daemon.now += EVERY_S
    assert daemon.health.check()[:2] == ("", ())


def test_error_if_all_ports_are_stuck_after_a_restart(daemon: Daemon) -> None:
    daemon.port("/dev/ttyUSB2", PortState.OPENING)
    daemon.port("/dev/ttyUSB6", PortState.IDENTIFYING)
    daemon.port("/dev/ttyUSB9", PortState.ABSENT)
    daemon.now += PORT_STUCK_S + 1
    assert daemon.stuck() == ("/dev/ttyUSB2", "/dev/ttyUSB6")
    assert "no port has made progress" in daemon.health.check().error
    daemon.port("/dev/ttyUSB6", PortState.BROKEN)
    assert not daemon.health.check().error


def test_error_if_a_port_is_stuck_again_until_it_is_watched(
    daemon: Daemon,
) -> None:
    for time in (1, 2):
        daemon.port("/dev/ttyUSB2", PortState.IDENTIFYING)
        daemon.now += PORT_STUCK_S + 1
        assert daemon.stuck()
        daemon.port("/dev/ttyUSB2", PortState.BROKEN)
        assert bool(daemon.health.check().error) == (time == 2)
    daemon.port("/dev/ttyUSB2", PortState.WATCHING, in_s=60)
    assert not daemon.health.check().error
    daemon.port("/dev/ttyUSB2", PortState.IDENTIFYING)
    daemon.now += PORT_STUCK_S + 1
    assert daemon.stuck()
    daemon.port("/dev/ttyUSB2", PortState.BROKEN)
    assert not daemon.health.check().error


@pytest.mark.parametrize("state", [PortState.BROKEN, PortState.STANDBY])
def test_broken_and_standby_ports_are_not_stuck(daemon: Daemon, state: PortState) -> None:
    daemon.port("/dev/ttyUSB2", state)
    daemon.now += LONG
    assert not daemon.stuck()
    assert not daemon.health.check().error


@pytest.mark.parametrize("state", UplinkState)
def test_error_if_reports_wait_and_the_courier_is_stuck(daemon: Daemon, state: UplinkState) -> None:
    daemon.uplink, daemon.waiting = Uplink(state=state), 5
    assert not daemon.health.check().error
    daemon.now += COURIER_STUCK_S
    assert not daemon.health.check().error
    daemon.now += 1
    assert "courier" in daemon.health.check().error
    daemon.uplink = replace(daemon.uplink, delivered=1)
    assert not daemon.health.check().error


def test_failing_courier_makes_progress(daemon: Daemon) -> None:
    daemon.waiting = 5
    for attempts in range(1, 6):
        daemon.uplink = Uplink(state=UplinkState.UNREACHABLE, attempts=attempts)
        daemon.now += COURIER_STUCK_S
        assert not daemon.health.check().error


def test_courier_may_wait_for_its_next_attempt(daemon: Daemon) -> None:
    daemon.waiting = 5
    daemon.uplink = Uplink(
        state=UplinkState.UNREACHABLE, attempts=1, next_attempt=daemon.now + 86400
    )
    daemon.now += 86399
    assert not daemon.health.check().error
    daemon.now += 1 + COURIER_STUCK_S
    assert "courier" in daemon.health.check().error


def test_courier_may_wait_after_a_boot(daemon: Daemon) -> None:
    daemon.waiting = 5
    daemon.uplink = Uplink(state=UplinkState.IDLE, next_attempt=daemon.now + LONG)
    daemon.now += LONG - 1
    assert not daemon.health.check().error
    daemon.now += 1 + COURIER_STUCK_S
    assert "courier" in daemon.health.check().error


def test_idle_courier_is_healthy(daemon: Daemon) -> None:
    daemon.uplink = Uplink(state=UplinkState.IDLE)
    daemon.now += LONG
    assert not daemon.health.check().error
    daemon.waiting = 1
    assert not daemon.health.check().error


def test_full_disk_is_shown_without_an_error(daemon: Daemon) -> None:
    daemon.uplink, daemon.waiting = Uplink(state=UplinkState.OUTBOX_FAILED), None
    for _ in range(3):
        daemon.now += LONG
        report = daemon.health.check()
        assert (report.error, "outbox error" in report.summary) == ("", True)
