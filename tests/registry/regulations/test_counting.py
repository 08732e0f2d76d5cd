"""Days that count, and the day on which a rule takes effect."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import pytest

from modemagent.errors import UsageError
from modemagent.registry.regulations.counting import count_days, date_of, day_of
from modemagent.registry.regulations.regulation import (
    Regulation,
    parse_regulation,
    read_regulations,
    shipped,
)
from modemagent.registry.rules.deadlines import deadline
from modemagent.registry.rules.inputs import ReportMoment

RULES = {one.id: one for one in shipped()}
ROLLING = replace(RULES["tr-foreign-sim"], limit_days=5, window_days=10)
YEAR = replace(RULES["tr-local-sim"], limit_days=5)
DUTY = replace(RULES["pk-local-sim"], limit_days=30)
AT_ONCE = RULES["in-import"]
TODAY = day_of(date(2026, 12, 1))


def days(*ago: int | Iterable[int]) -> list[int]:
    found: list[int] = []
    for one in ago:
        found += [TODAY - one] if isinstance(one, int) else [TODAY - each for each in one]
    return found


CASES = [
    # rule, days ago, present: days, due in how many days (None: not due)
    (ROLLING, [0], True, 1, 4),
    (ROLLING, [1, 0], True, 2, 3),
    (ROLLING, [1], True, 1, 3),  # today counts from now on
    (ROLLING, [0, 0, 1, 1], True, 2, 3),  # a day counts once
    (ROLLING, [8, 7, 6, 0], True, 4, 1),
    (ROLLING, [9, 8, 7, 0], True, 4, 4),  # the oldest ones leave the window first
    (ROLLING, [3, 2, 1], False, 3, None),
    (ROLLING, range(5), True, 5, 0),
    (ROLLING, range(3, 8), False, 5, -3),  # reached while it was there
    (ROLLING, range(10, 15), False, None, None),  # reached a whole window ago
    (ROLLING, [-1], True, None, None),  # of a clock that is ahead
    (YEAR, [0], True, 1, 4),
    (YEAR, range(330, 334), False, 4, None),
    (YEAR, range(334, 339), True, 1, 3),  # four of the days are of the year before
    (YEAR, [400, 401, 402, 403, 404], True, None, None),
    (YEAR, range(5), True, 5, 0),
    (DUTY, [20], True, 20, 10),
    (DUTY, [20], False, None, None),
    (DUTY, [40, 3], True, 40, -10),
    (AT_ONCE, [0], True, 0, 0),
    (AT_ONCE, [7], True, 7, -7),
]


@pytest.mark.parametrize(("rule", "ago", "present", "used", "due"), CASES)
def test_days_and_due_day(
    rule: Regulation, ago: Iterable[int], present: bool, used: int | None, due: int | None
) -> None:
    found = count_days(rule, days(ago), TODAY, is_present=present)
    if used is None:
        assert found is None
        return
    assert found is not None
    assert (found.days, found.due_day and found.due_day - TODAY) == (used, due)


def test_due_day_is_the_first_with_a_full_window() -> None:
    rule = RULES["tr-foreign-sim"]
    used = days(range(30, 71), 12, 5, 4)
    found = count_days(rule, used, TODAY, is_present=True)
    assert found is not None
    assert found.due_day is not None
    stays = {*used, *range(TODAY, found.due_day + 1)}
    for day in range(TODAY, found.due_day + 1):
        full = sum(day - rule.window_days < one <= day for one in stays) >= rule.limit_days
        assert full == (day == found.due_day)


def test_days_of_the_next_year_are_counted_from_its_start() -> None:
    late = day_of(date(2026, 12, 30))
    found = count_days(YEAR, [late], late, is_present=True)
    assert found is not None
    assert found.due_day is not None
    assert date_of(found.due_day) == date(2027, 1, 5)


@pytest.mark.parametrize(
    ("used", "severity"),
    [(4, None), (5, "note"), (7, "note"), (8, "warning"), (9, "error"), (10, "error")],
)
def test_severity_rises_with_the_part_of_the_limit(used: int, severity: str | None) -> None:
    rule = replace(ROLLING, limit_days=10, window_days=20)
    count = count_days(rule, days(range(used)), TODAY, is_present=True)
    assert count is not None
    reports = [ReportMoment(1, 1, 0, 0), ReportMoment(1, 9, 0, 0)]
    found = [*deadline(rule, count, reports)]
    assert [(one.severity, one.part) for one in found] == (
        [(severity, "rule:tr-foreign-sim")] if severity else []
    )
    assert all(one.evidence == ((0, 1, 1), (0, 1, 9)) for one in found)


def test_shipped_rules_name_source_date_and_confidence() -> None:
    assert {"tr-foreign-sim", "tr-local-sim", "pk-local-sim", "in-import"} <= set(RULES)
    for one in RULES.values():
        assert one.source
        assert one.mccs
        assert date.fromisoformat(one.as_of) <= date(2026, 12, 1)


GOOD = {
    "id": "br-roaming", "country": "BR", "kind": "days", "sim": "foreign", "limit_days": 90,
    "window": "year", "text": "t", "source": "s", "as_of": date(2026, 1, 1), "confidence": "low",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"country": "XX"}, "the country is unknown"),
        ({"country": "br"}, "the country is unknown"),
        ({"id": "Br_1"}, "the id is not valid"),
        ({"kind": "ban"}, "kind is unknown"),
        ({"limit_days": 0}, "a limit of days is at least 1"),
        ({"limit_days": True}, "limit_days must be a number of days from 0 to 366"),
        ({"limit_days": 9999}, "limit_days must be a number of days from 0 to 366"),
        ({"window": "rolling"}, "window_days belongs to a rolling window"),
        ({"window_days": 9}, "window_days belongs to a rolling window"),
        ({"window": "rolling", "window_days": 30}, "the limit is longer than the window"),
        ({"window": "first_use"}, "days since the first use are a duty"),
        ({"source": " "}, "source must be a text of 1 to 1000 characters"),
        ({"text": "a\x1b[31m"}, "text contains a control character"),
        ({"as_of": "yesterday"}, "as_of is not a date"),
        ({"registered": "yes"}, "registered must be true or false"),
        ({"colour": "red"}, "a rule has no field 'colour'"),
    ],
)
def test_rule_with_a_mistake_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_regulation({**GOOD, **change})
    assert refused.value.message == message


@pytest.mark.parametrize("content", ["", "[rule]\n", "rule = 3\n", "[[rule]]\n", "[["])
def test_file_without_a_rule_is_refused(content: str) -> None:
    with pytest.raises(UsageError):
        read_regulations(content)
