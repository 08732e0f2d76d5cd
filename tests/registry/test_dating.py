"""Dating of reports from gateways whose clocks are wrong."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modemagent.registry.dating import (
    EARLIEST_MS,
    FUTURE_MS,
    ClockReading,
    StreamClock,
    date_stream,
)

NOW = 1_790_000_000_000
HOUR = 3_600_000


def reading(
    sequence: int,
    observed_ms: int,
    *,
    boot: int = 1,
    synchronized: bool = True,
    latest_ms: int = NOW,
) -> ClockReading:
    return ClockReading((boot, sequence * 1000, sequence), observed_ms, latest_ms, synchronized)


def dates(*readings: ClockReading) -> list[int]:
    return date_stream(sorted(readings, key=lambda one: one.order))[0]


def test_synchronized_clock_dates_the_report() -> None:
    assert dates(reading(1, NOW - HOUR), reading(2, NOW - HOUR + 5)) == [NOW - HOUR, NOW - HOUR + 5]


def test_boot_in_1970_is_dated_by_its_first_trusted_clock() -> None:
    before = reading(1, 12_000, synchronized=False)
    assert dates(before, reading(9, NOW - HOUR)) == [NOW - HOUR - 8000, NOW - HOUR]


def test_boot_without_a_trusted_clock_is_dated_by_receipt() -> None:
    first = reading(1, 5, synchronized=False, latest_ms=NOW - 1000)
    second = reading(2, 6, synchronized=False)
    assert dates(first, second) == [NOW - 1000, NOW]


def test_plausible_unsynchronized_clock_dates_the_report() -> None:
    assert dates(reading(1, NOW - HOUR, synchronized=False)) == [NOW - HOUR]


def test_clock_in_the_future_is_not_trusted() -> None:
    assert dates(reading(1, NOW + FUTURE_MS + 1)) == [NOW]
    assert dates(reading(1, NOW + FUTURE_MS)) == [NOW + FUTURE_MS]


def test_dates_of_a_stream_never_run_backwards() -> None:
    assert dates(reading(1, NOW - 10), reading(2, NOW - HOUR), reading(1, NOW - HOUR, boot=2)) == [
        NOW - 10,
        NOW - 10,
        NOW - 10,
    ]


readings = st.lists(
    st.builds(
        ClockReading,
        st.tuples(st.integers(1, 3), st.integers(0, 10**7), st.integers(1, 10**6)),
        st.one_of(st.integers(0, 10**9), st.integers(EARLIEST_MS, NOW + HOUR)),
        st.just(NOW),
        st.booleans(),
    ),
    unique_by=lambda one: one.order,
    max_size=12,
)


@given(readings)
def test_dates_rise_and_stay_below_the_limit(found: list[ClockReading]) -> None:
    dated = dates(*found)
    assert dated == sorted(dated)
    assert all(0 < at_ms <= NOW + FUTURE_MS for at_ms in dated)


@given(readings)
def test_advancing_dates_like_the_whole_stream(found: list[ClockReading]) -> None:
    clock, one_by_one = StreamClock(), []
    for one in sorted(found, key=lambda one: one.order):
        if clock.must_rewind(one):
            return
        one_by_one.append(clock.advance(one))
    assert one_by_one == dates(*found)
