"""Several commands in one line (V.250 clause 5.2.1): faster, and equally certain."""

from __future__ import annotations

import pytest

from modemagent.channel.runner import run_plans
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.identify import identify
from tests.simulated import RunningModem, simulated

MODEM = "quectel-eg25-g"
RIGHT = ("Quectel", "EG25", "EG25GGBR07A08M2G", "865284040000014")
CARD = ("8901260000000000014", "310260000000011")
EQUIPMENT = "AT+CGMM;+CGMR;+CGSN"
NUMBERS = "AT+CIMI;+QCCID"


def identified(modem: RunningModem) -> Snapshot:
    outcome = run_plans({modem.path: identify(modem.path)}, timeout_s=40)[modem.path]
    assert isinstance(outcome, Snapshot), outcome
    modem_said = outcome.modem
    said = (modem_said.manufacturer, modem_said.model, modem_said.firmware, modem_said.imei)
    assert said == RIGHT
    assert (outcome.sims[0].iccid, outcome.sims[0].imsi) == CARD
    return outcome


@pytest.mark.parametrize("faults", [(), ("echo-off",), ("chunk=1",), ("lf-only",), ("cr-only",)])
def test_two_lines_instead_of_five(faults: tuple[str, ...]) -> None:
    with simulated(MODEM, faults=faults) as modem:
        identified(modem)
        lines = modem.lines_received
    assert EQUIPMENT in lines and NUMBERS in lines
    assert not {"AT+CGMM", "AT+CGMR", "AT+CGSN", "AT+CIMI", "AT+QCCID"} & set(lines)


@pytest.mark.parametrize(
    "faults",
    [
        (f"refuse={EQUIPMENT}",),
        (f"silent={EQUIPMENT}",),
        (f"refuse={NUMBERS}",),
        ("urc-once=123456789012347",),
        ("urc-once=123456789012347", "echo-off"),
        ("urc=+QIND: SMS DONE", "echo-off"),
        ("late=3", "echo-off"),
        ("late=4", "echo-off"),
        ("late=5", "echo-off"),
        ("late=6", "echo-off"),
        ("boot-lag=1",),
        ("stale", "echo-off"),
        ("sim-busy=3",),
    ],
    ids=", ".join,
)
def test_unclean_joined_response_is_read_one_by_one(faults: tuple[str, ...]) -> None:
    with simulated(MODEM, faults=faults) as modem:
        identified(modem)


def test_refused_joined_line_is_not_repeated() -> None:
    with simulated(MODEM, faults=(f"refuse={EQUIPMENT}",)) as modem:
        identified(modem)
        assert NUMBERS not in modem.lines_received


def test_every_joined_value_has_evidence() -> None:
    with simulated(MODEM) as modem:
        reading = identified(modem)
    evidence = {each.field: each for each in reading.evidence}
    assert evidence["imei"].command == evidence["firmware"].command == EQUIPMENT
    assert RIGHT[3] in evidence["imei"].answer
    assert evidence["iccid"].command == NUMBERS
