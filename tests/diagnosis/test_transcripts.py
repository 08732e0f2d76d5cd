"""Every modem of the fixtures, ready: diagnose finds only what the transcript contains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from modemagent.channel.runner import run_plans
from modemagent.diagnosis.check_list import check_modem
from modemagent.diagnosis.collect import Collected, collect
from modemagent.diagnosis.facts import Facts
from tests.simulated import simulated

FOLDER = Path(__file__).parents[2] / "fixtures" / "transcripts"
MODEMS = sorted(path.parent.name for path in FOLDER.glob("*/transcript.toml"))
#: The transcript has an IMEI with a test TAC instead of the real one.
TEST_TAC = {"identity": "warning"}
#: The transcript has no response with the IMSI or the ICCID.
NO_NUMBER = {"sim_numbers": "error"}
#: The transcript has no response to AT+CPIN?.
NO_STATE = {"sim": "error"}
SEARCHING = {"registration": "error"}
#: Modem to the findings that are warnings or errors.
STORIES: Mapping[str, Mapping[str, str]] = {
    "cinterion-ehs6": TEST_TAC,
    "ericsson-md300": TEST_TAC | NO_STATE,
    "huawei-e1752": NO_NUMBER,
    "huawei-e3372": TEST_TAC,
    "meig-slm770a": TEST_TAC,
    "neoway-m590": TEST_TAC | NO_NUMBER,
    "nordic-nrf9160": SEARCHING,
    "option-gtm382": NO_STATE,
    "quectel-bg95-m3": {"sim": "error"},  # No IMSI, and no network.
    "sierra-wp7702": NO_STATE,
    "simcom-a7670": NO_NUMBER,
    "simcom-sim868": {"identity": "warning"},  # A SIM868 that reports the model SIM800.
    "ublox-sara-r410m": NO_NUMBER,
    "wavecom-multiband": TEST_TAC | NO_NUMBER,
    "zte-mf627": TEST_TAC | NO_NUMBER,
}


@pytest.fixture(scope="module")
def findings() -> Iterator[dict[str, dict[str, str]]]:
    with ExitStack() as stack:
        players = {name: stack.enter_context(simulated(name)) for name in MODEMS}
        outcomes = run_plans(
            {each.path: collect(each.path, None) for each in players.values()}, timeout_s=50
        )
        found = {}
        for name, player in players.items():
            outcome = outcomes[player.path]
            assert isinstance(outcome, Collected), outcome
            results = check_modem(
                Facts(player.path, snapshot=outcome.snapshot, responses=outcome.responses)
            )
            found[name] = {
                each.name: str(each.finding.state) for each in results if each.finding.is_bad
            }
        yield found


@pytest.mark.parametrize("name", MODEMS)
def test_healthy_modem_has_no_invented_finding(
    name: str, findings: dict[str, dict[str, str]]
) -> None:
    assert findings[name] == STORIES.get(name, {})
