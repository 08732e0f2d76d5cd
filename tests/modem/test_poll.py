"""Polls of an identified modem, played without a port."""

from __future__ import annotations

import pytest

from modemagent.at.results import parse_final
from modemagent.at.steps import Command, Response
from modemagent.identity.eid import Eid
from modemagent.identity.snapshot import Modem, ReadState, Sim, SimState, Snapshot
from modemagent.modem.poll import poll

EID = "89049032000000000000000000000163"
EG25 = Modem("Quectel", "EG25", "EG25GGBR07A08M2G")
EMPTY_EUICC = Sim(state=SimState.NO_PROFILE, eid=Eid(EID), read={"eid": ReadState.OK})


def is_due(sim: Sim, answers: dict[str, str]) -> bool:
    """Return what a poll concludes; a command that is not in ``answers`` is refused."""
    plan = poll(Snapshot("port", modem=EG25, sims=(sim,)))
    step = next(plan)
    try:
        while True:
            assert isinstance(step, Command)
            *lines, last = answers.get(step.line, "ERROR").split("\n")
            final = parse_final(last)
            assert final is not None
            step = plan.send(Response(step.line, tuple(lines), final, echoed=True))
    except StopIteration as done:
        return bool(done.value)


@pytest.mark.parametrize(
    ("answer", "due"),
    [
        (f'+QESIM: "eid",0,"{EID}"\nOK', False),
        ('+QESIM: "eid",0,"89049032000000000000000000000260"\nOK', True),
        ("+CME ERROR: 10", True),
    ],
)
def test_an_eid_shows_that_an_empty_euicc_is_still_there(answer: str, due: bool) -> None:
    answers = {"AT+CPIN?": "+CME ERROR: 10", 'AT+QESIM="eid"': answer}
    assert is_due(EMPTY_EUICC, answers) is due


def test_an_enabled_profile_is_read() -> None:
    assert is_due(EMPTY_EUICC, {"AT+CPIN?": "+CPIN: READY\nOK"})


def test_an_absent_sim_is_polled_with_one_command() -> None:
    assert not is_due(Sim(state=SimState.ABSENT, read={}), {"AT+CPIN?": "+CME ERROR: 10"})
