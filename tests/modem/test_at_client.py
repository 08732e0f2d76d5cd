"""Waking a port, step by step, without one: the plan is fed by hand."""

from __future__ import annotations

from modemagent.at.steps import Command, FinalResult, Listen, Received, Response
from modemagent.modem.at_client import AtClient


def wake(*finals: str) -> list[str]:
    """Feed one final result per question; return what was asked until the port was awake."""
    plan, asked, waiting = AtClient("port").probe(), [], list(finals)
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


def test_a_clean_ok_is_enough() -> None:
    assert wake("OK") == ["AT"]


def test_an_error_proves_life_and_is_asked_again() -> None:
    assert wake("ERROR", "OK") == ["AT", "AT"]


def test_numeric_results_are_turned_into_words() -> None:
    assert wake("0", "OK", "OK") == ["AT", "ATV1", "AT"]


def test_a_modem_that_keeps_numeric_results_is_taken_as_it_is() -> None:
    assert wake("0", "0", "0") == ["AT", "ATV1", "AT"]
