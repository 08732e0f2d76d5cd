"""A set of reports gives the same history in any order and with any duplicates."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from modemagent.registry.store import schema
from modemagent.registry.store.engine import Database
from modemagent.registry.store.writer import Arrival, record
from modemagent.registry.validation import parse_report

IMEIS = ("867698040000013", "867698040000013", "867698040000021", None)
ICCIDS = (
    "8988303000000000010",
    "8988303000000000010",
    "89883030000000000104",  # the same SIM with the 20th digit
    "8988303000000000028",
    "89860000000000000012",  # two SIMs that differ in the 20th digit only
    "89860000000000000013",
    None,
)
IMSIS = ("901288000000001", "901288000000002", None)
EIDS = ("89044000000000000000000000000039", None)
RECEIVED_MS = 1_775_000_000_000  # long after all dates below
START_MS = 1_772_366_400_000

Body = dict[str, Any]


@st.composite
def slots(draw: st.DrawFn) -> Body:
    state = draw(st.sampled_from(("ready", "ready", "ready", "absent", "pin_required", "busy")))
    found = {
        "iccid": draw(st.sampled_from(ICCIDS)),
        "imsi": draw(st.sampled_from(IMSIS)),
        "eid": draw(st.sampled_from(EIDS)),
    }
    if state != "ready":
        found = dict.fromkeys(found)
    return {
        "slot": draw(st.sampled_from((1, 1, 1, 2))),
        "state": state,
        **found,
        "read": {name: "ok" if value else "failed" for name, value in found.items()},
    }


@st.composite
def fleets(draw: st.DrawFn) -> list[Body]:
    """Up to 18 reports of up to three streams in two gateways, each in the order of its stream."""
    reports: list[Body] = []
    for gateway_id, stream_id in draw(
        st.lists(
            st.sampled_from((("a", "1"), ("b", "1"), ("a", "2"))),
            min_size=1,
            max_size=3,
            unique=True,
        )
    ):
        uptime_ms, boot = 0, 1
        for sequence in range(1, draw(st.integers(1, 6)) + 1):
            if draw(st.integers(0, 4)) == 0:
                uptime_ms, boot = 0, boot + 1
            uptime_ms += draw(st.sampled_from((0, 1000, 700_000)))
            offset_ms = draw(st.sampled_from((0, 0, 1000, 650_000, -START_MS)))
            observed_ms = START_MS + boot * 3_600_000 + uptime_ms + offset_ms
            imei = draw(st.sampled_from(IMEIS))
            reason = draw(st.sampled_from(("identified", "refresh", "sim_changed", "removed")))
            seconds, ms = divmod(max(observed_ms, 0), 1000)
            reports.append(
                {
                    "schema": 1,
                    "report_id": f"{gateway_id}{stream_id}{sequence}",
                    "gateway_id": gateway_id,
                    "stream_id": stream_id,
                    "sequence": sequence,
                    "boot_id": f"{boot}",
                    "boot_count": boot,
                    "uptime_ms": uptime_ms,
                    "observed_at": _rfc3339(seconds, ms),
                    "clock_synchronized": draw(st.booleans()),
                    "agent_version": "0",
                    "reason": reason,
                    "port": {"path": draw(st.sampled_from(("/dev/ttyS1", "/dev/ttyS2")))},
                    "modem": {"imei": imei, "read": {"imei": "ok" if imei else "failed"}},
                    "sims": draw(st.lists(slots(), min_size=1, max_size=2)),
                }
            )
    return reports


def _rfc3339(seconds: int, ms: int) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Body], list[list[Body]]]:
    """The reports of a fleet in order, and the same shuffled, repeated and split into batches."""
    reports = draw(fleets())
    repeated = draw(st.lists(st.sampled_from(reports), max_size=4))
    shuffled = draw(st.permutations([*reports, *repeated]))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=6)))
    edges = [0, *cuts, len(shuffled)]
    return reports, [list(shuffled[start:end]) for start, end in pairwise(edges)]


def history(directory: Path, batches: Sequence[Sequence[Body]]) -> dict[str, Any]:
    """Return what a registry derives from batches, without the time and order of recording."""
    database = Database(f"sqlite:///{directory}/registry.db")
    for batch in batches:
        arrivals = [
            Arrival(parse_report(json.dumps(body).encode()), RECEIVED_MS, RECEIVED_MS)
            for body in batch
        ]
        with database.writing() as connection:
            record(connection, arrivals, 0)
    with database.reading() as connection:

        def rows(table: Any, *left_out: str) -> Iterator[Any]:
            columns = [column for column in table.c if column.name not in left_out]
            found = (tuple(row) for row in connection.execute(select(*columns)))
            return iter(sorted(found, key=repr))

        live = select(schema.event).where(~schema.event.c.withdrawn)
        found = {
            "intervals": list(rows(schema.interval, "recorded_ms")),
            "places": list(rows(schema.place)),
            "units": list(rows(schema.unit, "number")),
            "departures": list(rows(schema.departure)),
            "dates": list(rows(schema.report, "number", "received_ms")),
            "streams": list(rows(schema.stream)),
            "events": sorted(
                (row.id, row.type, row.at_ms, row.subject, row.timeline, row.report, row.data)
                for row in connection.execute(live)
            ),
        }
    database.close()
    return found


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(deliveries())
@pytest.mark.timeout(300)
def test_any_order_of_arrival_gives_the_same_history(
    quick_dir: Path, delivery: tuple[list[Body], list[list[Body]]]
) -> None:
    reports, batches = delivery
    with (
        tempfile.TemporaryDirectory(dir=quick_dir) as one,
        tempfile.TemporaryDirectory(dir=quick_dir) as other,
    ):
        in_order = history(Path(one), [[report] for report in reports])
        shuffled = history(Path(other), batches)
    for name, found in in_order.items():
        assert shuffled[name] == found, name
