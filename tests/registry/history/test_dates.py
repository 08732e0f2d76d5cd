"""Dates of boots: those at the end of a gateway's history are dated without the others."""

from __future__ import annotations

import random

import pytest

from modemagent.registry.history.dates import (
    BootClock,
    BootDates,
    Cluster,
    date_boots,
    date_next_boot,
    least_bound,
)

HOUR_MS = 3_600_000
START_MS = 1_767_225_600_000


def chain(pick: random.Random) -> list[BootClock]:
    """Return boots with one cluster each, most of them in good order."""
    boots = []
    now_ms = START_MS
    for number in range(pick.randint(2, 6)):
        up_ms = pick.randint(0, 3 * HOUR_MS)
        start_ms = now_ms + pick.choice((0, 0, 0, -8, 8, -HOUR_MS, 90 * HOUR_MS)) * 60_000
        end_ms = start_ms + pick.choice((0, 40, 9 * 60_000))
        received_ms = now_ms + up_ms + pick.choice((-20, 0, 1, 30, 5000)) * 60_000
        bound_ms = received_ms - up_ms
        boots.append(BootClock(number, up_ms, bound_ms, (Cluster(start_ms, end_ms, 3),)))
        now_ms += up_ms + pick.choice((0, 5, 30)) * 60_000
    return boots


def is_simple(dates: list[BootDates]) -> bool:
    return all(one.chosen and not one.suspect for one in dates)


@pytest.mark.parametrize("seed", range(5))
def test_next_boot_is_dated_as_with_all_others(seed: int) -> None:
    pick = random.Random(seed)
    dated = given_up = 0
    for _ in range(4000):
        *before, boot = chain(pick)
        dates = date_boots(before)
        if not is_simple(dates):
            continue
        least = date_next_boot(least_bound(before), before[-1], boot)
        if least is None:
            given_up += 1
            continue
        dated += 1
        (cluster,) = boot.clusters
        own = BootDates(cluster.min_ms, cluster.max_ms, chosen=True, suspect=False)
        assert date_boots([*before, boot]) == [*dates, own]
        assert least == least_bound([*before, boot])
    assert dated > 200
    assert given_up > 200


def test_bound_of_the_next_boot_refutes_an_earlier_clock() -> None:
    fast = Cluster(START_MS + 90 * HOUR_MS, START_MS + 90 * HOUR_MS, 9)
    before = [BootClock("a", HOUR_MS, START_MS + 100 * HOUR_MS, (fast,))]
    honest = Cluster(START_MS + 95 * HOUR_MS, START_MS + 95 * HOUR_MS, 1)
    boot = BootClock("b", HOUR_MS, START_MS + 95 * HOUR_MS, (honest,))
    assert date_next_boot(least_bound(before), before[0], boot) is not None
    early = boot._replace(bound_ms=START_MS + 90 * HOUR_MS)
    assert date_next_boot(least_bound(before), before[0], early) is None


def test_boot_without_a_clock_is_not_dated_alone() -> None:
    before = [BootClock("a", 0, START_MS, (Cluster(START_MS, START_MS, 1),))]
    assert date_next_boot(least_bound(before), before[0], BootClock("b", 0, START_MS)) is None
