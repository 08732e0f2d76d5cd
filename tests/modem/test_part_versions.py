"""Firmware versions of several parts, with empty lines between them, as Iridium 9523 sends them."""

from __future__ import annotations

import pytest

from modemagent.identity.snapshot import Snapshot
from modemagent.modem.identify import identify
from tests.modem.byte_modem import ByteModem, Wire, run

PARTS = (
    "Call Processor Version: IS04002",
    "Modem DSP Version: 1.7 svn: 2358",
    "DBB Version: 0x0001 (ASIC)",
)


def firmware(*lines: str, wire: Wire = Wire()) -> str | None:  # noqa: B008 - it is immutable
    modem = ByteModem({"AT+CGMI": ("Iridium", "OK"), "AT+CGMR": (*lines, "OK")}, wire)
    reading = run(lambda: identify("port", age=lambda: 3600.0), modem, timeout_s=300.0)
    assert isinstance(reading, Snapshot)
    return reading.modem.firmware


@pytest.mark.parametrize("echo", [True, False])
@pytest.mark.parametrize("count", [2, 3])
def test_versions_of_parts_are_one_text(count: int, echo: bool) -> None:
    assert firmware(*PARTS[:count], wire=Wire(echo=echo)) == " ".join(PARTS[:count])


@pytest.mark.parametrize("other", ["864337050000216", "SMS DONE", "Version: 2", "+QIND: VERSION"])
def test_line_that_names_no_part_is_not_joined(other: str) -> None:
    found = firmware(PARTS[0], other)
    assert found is None or other not in found


def test_line_between_versions_is_not_part_of_them() -> None:
    wire = Wire(urcs=(("MODEM 2", 0.05),))
    found = firmware(*PARTS, wire=wire)
    assert found in (None, " ".join(PARTS))
