"""What the reading of a modem comes to when the time given to the call was up."""

from __future__ import annotations

from dataclasses import replace

from modemagent.errors import DeadlinePassed, ModemAgentError
from modemagent.identity.snapshot import ReadState, Snapshot


def partial_result(
    path: str, answer: Snapshot | ModemAgentError, timeout_s: float
) -> tuple[Snapshot | ModemAgentError, bool]:
    """Return what is known of a modem, and False where it lacks what there was no time for.

    A reading that did not get to the IMEI is a failure.

    :param timeout_s: what the user gave the call; what was left of it is of no interest
    """
    if isinstance(answer, DeadlinePassed):
        return DeadlinePassed(
            f"{path} was not done within {timeout_s:g} s",
            port=path,
            hint=f"raise --timeout, or see whether it answers at all: modemagent diagnose {path}",
        ), True
    if not isinstance(answer, Snapshot):
        return answer, True
    if answer.modem.read.get("imei") is ReadState.TIMEOUT:
        return DeadlinePassed(
            f"{path} was stopped after {timeout_s:g} s, before its IMEI was read",
            port=path,
            hint="raise --timeout",
        ), True
    states = [answer.modem.read, *(sim.read for sim in answer.sims)]
    unread = {name for each in states for name in each if each[name] is ReadState.TIMEOUT}
    # what nobody had the time to ask for is not missing
    asked = (p for p in answer.problems if p.code not in {f"{name}.missing" for name in unread})
    return replace(answer, problems=tuple(asked)), not unread
