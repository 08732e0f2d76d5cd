"""Errors thrown into plans."""

from __future__ import annotations

import pytest

from modemagent.at.steps import Command, Plan, throw_into_plan
from modemagent.errors import DeadlinePassed

LATE = DeadlinePassed("too late", port="port")


def two_parts() -> Plan[str]:
    """Read in two parts, each of which returns what it has."""
    result = "nothing"
    try:
        yield Command("AT+CGSN", 1.0)
    except DeadlinePassed:
        result = "a part"
    try:
        yield Command("AT+CIMI", 1.0)
    except DeadlinePassed:
        return result
    return "everything"


def test_part_after_the_deadline_fails_too_and_the_result_stays() -> None:
    plan = two_parts()
    next(plan)
    assert throw_into_plan(plan, LATE) == "a part"


def test_plan_that_ignores_the_error_is_closed() -> None:
    def endless() -> Plan[str]:
        while True:
            try:
                yield Command("AT", 1.0)
            except DeadlinePassed:
                continue

    plan = endless()
    next(plan)
    with pytest.raises(DeadlinePassed):
        throw_into_plan(plan, LATE)
    assert plan.gi_frame is None
