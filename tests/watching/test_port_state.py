"""States of a port, transitions between them, and the reasons shown for them."""

from __future__ import annotations

import pytest

from modemagent.errors import NoAnswer, PortBusy
from modemagent.watching.port_state import TRANSITIONS, PortCondition, PortState


def test_every_state_has_a_row_and_can_stop() -> None:
    assert set(TRANSITIONS) == set(PortState)
    for state, following in TRANSITIONS.items():
        assert (PortState.STOPPED in following) == (state is not PortState.STOPPED)


@pytest.mark.parametrize("state", [state for state in PortState if state is not PortState.STOPPED])
def test_any_state_can_be_opened_broken_removed_and_stopped(state: PortState) -> None:
    for after in (
        PortState.OPENING,  # ModemManager has started or stopped
        PortState.BROKEN,  # an internal error
        PortState.ABSENT,  # the modem is unplugged
        PortState.STOPPED,
    ):
        condition = PortCondition(state=state)
        condition.enter(after)
        assert condition.state is after
    condition = PortCondition(state=state)
    condition.mark_broken(NoAnswer("silent", port="/dev/x"))
    assert condition.state is PortState.BROKEN


def test_transition_outside_the_table_is_rejected() -> None:
    with pytest.raises(ValueError, match="absent to watching"):
        PortCondition().enter(PortState.WATCHING)


def test_broken_port_shows_reason_holder_and_failures() -> None:
    condition = PortCondition()
    condition.enter(PortState.OPENING)
    error = PortBusy("held", port="/dev/x", holder_pid=7, holder_name="minicom", hint="stop it")
    assert condition.mark_broken(error)
    shown = condition.to_json()
    assert (shown["state"], shown["reason"], shown["hint"]) == ("broken", "busy", "stop it")
    assert shown["holder"] == {"pid": 7, "name": "minicom"}
    condition.enter(PortState.OPENING)
    assert not condition.mark_broken(error), "the same error is not new"
    condition.enter(PortState.OPENING)
    assert condition.mark_broken(NoAnswer("silent", port="/dev/x"))
    assert condition.to_json()["failures"] == 3
    assert "holder" not in condition.to_json()
