"""Waking a port, step by step: the plan is driven by hand."""

from __future__ import annotations

from modemagent.at.steps import Command, FinalResult, Listen, Received, Response
from modemagent.modem.at_client import AtClient
from modemagent.modem.wake_up import probe


def wake(*finals: str) -> list[str]:
    """Drive the plan with one final result per command; return the commands that were sent."""
    plan, asked, waiting = probe(AtClient("port")), [], list(finals)
    step = next(plan)
    try:
        while True:
            if isinstance(step, Listen):
                step = plan.send(Received((), b""))
                continue
            assert isinstance(step, Command)
            asked.append(step.line)
            text = waiting.pop(0)
            final = FinalResult("ok" if text in ("OK", "0") else "error", None, text)
            step = plan.send(Response(step.line, (), final, raw=text.encode(), elapsed_s=0.01))
    except StopIteration:
        return asked


def test_clean_ok_wakes_the_port() -> None:
    assert wake("OK") == ["AT"]


def test_error_is_followed_by_another_at() -> None:
    assert wake("ERROR", "OK") == ["AT", "AT"]


def test_numeric_results_become_verbose() -> None:
    assert wake("0", "OK", "OK") == ["AT", "ATV1", "AT"]


def test_modem_may_keep_numeric_results() -> None:
    assert wake("0", "0", "0") == ["AT", "ATV1", "AT"]
