"""The message both sides share: fixed names, tolerance, and one byte string per meaning."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.errors import ReportError
from modemagent.report.message import Health, Reason, Report, canonical_body

FIXTURES = sorted((Path(__file__).parents[2] / "fixtures/reports/v1").glob("*.json"))
OPTIONAL_KEYS = {"reader", "evidence", "heartbeat_s", "health"}
FIXED_KEYS = {
    "schema", "report_id", "gateway_id", "stream_id", "sequence", "boot_id", "boot_count",
    "uptime_ms", "observed_at", "clock_synchronized", "agent_version", "reason", "port", "modem",
    "sims", "problems", "network",
}  # fmt: skip


def body(name: str = "identified") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FIXTURES[0].with_name(f"{name}.json").read_text())
    return found


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_frozen_report_round_trips_without_loss(path: Path) -> None:
    frozen = json.loads(path.read_text())
    written = Report.from_json(frozen).to_json()
    assert set(written) - OPTIONAL_KEYS == FIXED_KEYS
    assert written == {key: frozen[key] for key in written}
    assert OPTIONAL_KEYS & written.keys() == OPTIONAL_KEYS & frozen.keys()


def test_every_reason_has_a_frozen_report() -> None:
    assert {json.loads(path.read_text())["reason"] for path in FIXTURES} == set(Reason)


def test_unknown_keys_are_ignored_but_part_of_the_digest() -> None:
    more = body("unknown_keys")
    report = Report.from_json(more)
    assert "later_addition" not in report.to_json()
    assert canonical_body(report.to_json()) != canonical_body(more)


def test_health_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    report = Report.from_json(body("heartbeat_health"))
    assert report.heartbeat_s == 3600
    assert report.health and [modem.drops for modem in report.health.modems] == [8, 0]
    later = Report.from_json(body("heartbeat_health") | {"health": {"load": 1}})
    assert later.health == Health()


@pytest.mark.parametrize(
    "missing", sorted(FIXED_KEYS - {"port", "modem", "sims", "problems", "network"})
)
def test_a_missing_required_key_is_named(missing: str) -> None:
    broken = body()
    del broken[missing]
    with pytest.raises(ReportError) as refused:
        Report.from_json(broken)
    assert refused.value.key == missing


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", 2), ("schema", True), ("sequence", 0), ("sequence", 2**63), ("sequence", "17"),
        ("sequence", 1.0), ("uptime_ms", -1), ("boot_count", False), ("gateway_id", ""),
        ("gateway_id", "gw\x00"), ("gateway_id", "\ud800"), ("gateway_id", "g" * 257),
        ("reason", "moved"), ("observed_at", "2026-11-20"), ("observed_at", "2026-13-20T19:00:00Z"),
        ("observed_at", "2026-11-20 19:00:00Z"), ("observed_at", "2026-11-20T19:00:00"),
        ("clock_synchronized", "yes"), ("sims", {}), ("sims", ["x"]), ("sims", "x"), ("modem", []),
        ("port", "x"), ("port", {}), ("port", {"path": 5}), ("network", 1),
        ("heartbeat_s", 0), ("heartbeat_s", "3600"), ("heartbeat_s", True), ("health", []),
        ("health", {"outbox": -1}), ("health", {"modems": [{"port_id": "usb:1-2:1.2"}]}),
        ("health", {"modems": [{"port_id": "usb:1-2:1.2", "state": "watching", "drops": 1.5}]}),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_refused(key: str, value: object) -> None:
    with pytest.raises(ReportError) as refused:
        Report.from_json(body() | {key: value})
    assert refused.value.key.partition(".")[0] == key


@pytest.mark.parametrize("what", [None, [], "x", 1])
def test_value_other_than_an_object_is_refused(what: object) -> None:
    with pytest.raises(ReportError):
        Report.from_json(what)


def test_times_are_converted_to_utc_with_milliseconds() -> None:
    report = Report.from_json(body() | {"observed_at": "2026-11-20T20:00:00.5+01:00"})
    assert report.observed_at == "2026-11-20T19:00:00.500Z"


def test_key_order_and_escapes_do_not_change_the_digest() -> None:
    one = json.loads('{"a": "\\u00e9", "b": {"y": 1, "x": 2}}')
    two = json.loads('{"b": {"x": 2, "y": 1}, "a": "é"}')
    assert canonical_body(one) == canonical_body(two)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20,
))  # fmt: skip
def test_only_the_declared_error_is_raised(anything: object) -> None:
    with contextlib.suppress(ReportError):
        Report.from_json(anything)
    for key in FIXED_KEYS:
        try:
            Report.from_json(body() | {key: anything})
        except ReportError as refused:
            assert refused.key.partition(".")[0] == key
