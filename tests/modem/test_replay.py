"""Every transcript in every recorded state, through a PTY: the identity is as expected.

All modems are identified side by side in one call, as a tray of hardware would be, so the whole
file takes as long as the slowest modem.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from modemagent.channel.runner import run_plans
from modemagent.dialects.allowlist import is_allowed
from modemagent.errors import PortError
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.identify import identify
from tests.simulated import simulated

FOLDER = Path(__file__).parents[2] / "fixtures" / "transcripts"
MODEM_FIELDS = ("manufacturer", "model", "firmware", "imei", "imeisv", "meid", "serial_number")
SIM_FIELDS = ("lock", "lock_code", "iccid", "imsi", "eid")

Case = tuple[str, dict[str, Any]]


def cases() -> list[Case]:
    return [
        (path.parent.name, reading)
        for path in sorted(FOLDER.glob("*/expected.toml"))
        for reading in tomllib.loads(path.read_text())["reading"]
    ]


CASES = cases()


def name_of(case: Case) -> str:
    return f"{case[0]}: {case[1]['state'] or 'ready'}"


@pytest.fixture(scope="module")
def replayed() -> Iterator[dict[str, tuple[object, list[str]]]]:
    """Case name -> what identify made of it, and the command lines the modem received."""
    with ExitStack() as stack:
        players = {
            name_of(case): stack.enter_context(simulated(case[0], state=case[1]["state"]))
            for case in CASES
        }
        outcomes = run_plans(
            {player.path: identify(player.path) for player in players.values()}, timeout_s=50
        )
        yield {
            name: (outcomes[player.path], player.lines_received) for name, player in players.items()
        }


def test_every_transcript_has_its_expected_identity() -> None:
    transcripts = {path.parent.name for path in FOLDER.glob("*/transcript.toml")}
    assert transcripts == {name for name, _ in CASES}
    assert len(transcripts) >= 24


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_transcript_has_its_expected_identity(
    case: Case, replayed: dict[str, tuple[object, list[str]]]
) -> None:
    expected = case[1]
    outcome, lines = replayed[name_of(case)]
    assert all(is_allowed(line) for line in lines if line), lines
    if "failed" in expected:
        assert isinstance(outcome, PortError)
        assert outcome.reason in expected["failed"]
        return
    assert isinstance(outcome, Snapshot), outcome
    modem, sim = outcome.modem, outcome.active_sim
    assert sim is not None
    read = {field: getattr(modem, field) for field in MODEM_FIELDS}
    assert read == {field: expected["modem"].get(field) for field in MODEM_FIELDS}
    card = {"state": str(sim.state)} | {field: getattr(sim, field) for field in SIM_FIELDS}
    wanted = {field: expected["sim"].get(field) for field in SIM_FIELDS}
    assert card == {"state": expected["sim"]["state"]} | wanted


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_unread_fields_have_a_reason(
    case: Case, replayed: dict[str, tuple[object, list[str]]]
) -> None:
    outcome, _ = replayed[name_of(case)]
    if not isinstance(outcome, Snapshot):
        return
    for holder in (outcome.modem, *outcome.sims):
        for field, state in holder.read.items():
            assert (getattr(holder, field) is not None) == (str(state) == "ok"), (field, state)
