"""Modem candidates: ports by device, ranked by how likely they take AT commands."""

from __future__ import annotations

from modemagent.discovery.candidate import Candidate, Role
from modemagent.discovery.modems import ModemCandidate, find_modems


def port(device: str, number: int, role: Role, **more: object) -> Candidate:
    return Candidate(
        path=f"/dev/ttyUSB{number}", port_id=f"usb:{device}:1.{number}", modem_id=f"usb:{device}",
        usb_vid="2c7c", usb_pid="0125", role=role, cellular=True, **more,
    )  # fmt: skip


def paths(modem: ModemCandidate) -> list[str]:
    return [each.path for each in modem.ranked]


def test_secondary_at_port_comes_first() -> None:
    ports = [
        port("1-1", 0, Role.DIAG),
        port("1-1", 2, Role.AT),
        port("1-1", 3, Role.AT, secondary=True),
        port("1-1", 4, Role.UNKNOWN),
    ]
    [modem] = find_modems(ports)
    assert paths(modem) == ["/dev/ttyUSB3", "/dev/ttyUSB2"]
    assert not modem.awaits_at_port


def test_unknown_ports_are_ranked_without_an_at_port() -> None:
    [modem] = find_modems([port("1-1", 1, Role.NMEA), port("1-1", 4, Role.UNKNOWN)])
    assert paths(modem) == ["/dev/ttyUSB4"]
    assert modem.awaits_at_port, "the table lists AT ports for this product"


def test_devices_are_separate_and_others_left_out() -> None:
    ports = [
        port("1-1", 2, Role.AT),
        port("1-2", 6, Role.AT),
        port("1-3", 9, Role.UNKNOWN, is_recovery=True),
        port("1-4", 10, Role.AT)._replace(cellular=False),
        Candidate(path="/dev/ttyS0", port_id="tty:ttyS0"),
    ]
    assert [modem.device_id for modem in find_modems(ports)] == ["usb:1-1", "usb:1-2"]
