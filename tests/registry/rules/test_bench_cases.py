"""What reports of production benches show: labels, lots, and duplicates learnt later."""

from __future__ import annotations

from typing import Any

import pytest

from modemagent.registry.rules.bench_lots import (
    OTHER,
    SAME,
    BenchTurn,
    lot_failures,
    mislabelled,
    passed_duplicate,
)
from modemagent.registry.rules.inputs import ReportMoment
from tests.registry.conftest import IMEI, OTHER_IMEI, Body, Gateway
from tests.registry.history.wire import imei
from tests.registry.rules.conftest import Store


def turn(sequence: int, **values: Any) -> BenchTurn:
    gateway, unit = values.pop("gateway", 1), values.pop("unit", 1)
    return BenchTurn(gateway, ReportMoment(1, sequence, sequence, sequence), unit, **values)


@pytest.mark.parametrize(
    ("labels", "found"),
    [([], []), (["", SAME], []), ([OTHER], [1]), ([OTHER, ""], [1]), ([OTHER, SAME], []),
     ([SAME, OTHER, ""], [2])],
)  # fmt: skip
def test_label_scanned_last_counts(labels: list[str], found: list[int]) -> None:
    turns = [turn(number, label=label) for number, label in enumerate(labels, 1)]
    findings = [*mislabelled(turns[::-1])]
    assert [one.at.sequence for one in findings] == found
    assert all((one.rule, one.part) == ("imei.label_mismatch", "bench") for one in findings)


@pytest.mark.parametrize(
    ("verdicts", "is_shared", "found"),
    [([], True, []), (["pass"], False, []), (["pass"], True, [1]),
     (["waived", "aborted"], True, [1]), (["fail", "pass"], True, [2]),
     (["pass", "fail"], True, []), ([""], True, [])],
)  # fmt: skip
def test_passed_unit_is_recalled_if_another_has_its_imei(
    verdicts: list[str], is_shared: bool, found: list[int]
) -> None:
    turns = [turn(number, verdict=one) for number, one in enumerate(verdicts, 1)]
    findings = [*passed_duplicate(turns, is_shared=is_shared)]
    assert [one.at.sequence for one in findings] == found
    assert all((one.rule, one.severity) == ("recall.matched", "error") for one in findings)


@pytest.mark.parametrize(
    ("failed", "size", "found"),
    [
        ([(1, 1, "model"), (1, 2, "model")], 3, []),
        ([(1, 1, "model"), (1, 2, "model"), (1, 3, "model")], 60, [(1, "lot:4711//model")]),
        ([(1, 1, "model"), (1, 2, "model"), (1, 3, "model")], 61, []),
        ([(1, 1, "model"), (1, 2, "model"), (1, 2, "model")], 9, []),  # tested again
        ([(1, 1, "model"), (1, 2, "model"), (1, 3, "label")], 9, []),
        ([(1, 1, "sim"), (1, 2, "sim"), (1, 3, "sim")], 9, []),  # not of the supplier
        ([(1, 0, "model"), (1, 0, "model"), (1, 0, "model")], 9, []),  # without IMEI
        ([(1, 1, "tac"), (2, 2, "tac"), (2, 3, "tac model")], 9,
         [(1, "lot:4711//tac"), (2, "lot:4711//tac")]),
    ],
)  # fmt: skip
def test_failures_of_a_lot_count_from_three_units_and_5_percent(
    failed: list[tuple[int, int, str]], size: int, found: list[tuple[int, str]]
) -> None:
    turns = [
        turn(at, gateway=gateway, unit=unit, verdict="fail", failed=tuple(steps.split()))
        for at, (gateway, unit, steps) in enumerate(failed, 1)
    ]
    findings = [*lot_failures(turns, size, "lot:4711/")]
    assert [(gateway, one.part) for gateway, one in findings] == found


class Bench(Gateway):
    """A station whose reports are about one unit each."""

    def unit(self, number: int, imei: str, verdict: str, *failed: str, **more: Any) -> Body:
        provision = {"attempt_id": f"4711/{number}", "stage": "ended", "order": "4711",
                     "lot": "L-2", "verdict": verdict, "failed": list(failed), **more}  # fmt: skip
        port = {"path": f"/dev/ttyUSB{number}", "id": f"usb:3-{number}:1.2"}
        return self.report("identified", imei, sims=[], port=port, provision=provision)

    def revoked(self, number: int) -> Body:
        provision = {"attempt_id": f"4711/{number}", "stage": "ended", "order": "4711",
                     "lot": "L-2", "verdict": "fail", "failed": ["unique"],
                     "revoked": True}  # fmt: skip
        return self.report("heartbeat", modem=None, sims=[], port=None, provision=provision)


def shown(store: Store) -> list[tuple[str, str, str | None]]:
    store.evaluate()
    kinds = ("imei.label_mismatch", "recall.matched", "lot.failures")
    found = (one for one in store.findings() if one["type"] in kinds)
    return sorted((one["type"], one["part"], one["imei"] or one["gateway_id"]) for one in found)


def test_label_of_another_module_is_found_until_it_is_right(store: Store) -> None:
    bench = Bench("B2")
    label = {"label": {"imei": OTHER_IMEI[:14]}}
    store.add(bench.unit(1, IMEI, "fail", "label", **label))
    assert shown(store) == [("imei.label_mismatch", "bench", IMEI)]
    (finding,) = store.findings()
    assert OTHER_IMEI[:14] not in str(store.finding(finding["id"]))
    store.add(bench.unit(2, IMEI, "pass", label={"imei": IMEI[:14]}))
    assert shown(store) == []


def test_failures_of_a_lot_are_found_at_its_bench(store: Store) -> None:
    bench = Bench("B2")
    units = [bench.unit(n, imei(f"{n}"), "fail", "firmware", "model") for n in range(1, 4)]
    store.add(*units[:2])
    assert shown(store) == []
    store.add(units[2], bench.report("identified", imei("9"), provision={"order": 4711}))
    assert shown(store) == [
        ("lot.failures", "lot:4711/L-2/firmware", "B2"),
        ("lot.failures", "lot:4711/L-2/model", "B2"),
    ]
    other = Bench("B3", "stream-3")
    store.add(*(other.unit(n, imei(f"{n}"), "pass") for n in range(10, 68)))
    assert shown(store) == []  # 3 of 61


def test_duplicate_that_is_learnt_later_recalls_what_has_passed(store: Store) -> None:
    bench, field = Bench("B2"), Gateway("gw-2", "stream-2", started="2026-03-01T13:")
    passed = bench.unit(1, IMEI, "pass")
    gone = bench.report("removed", sims=[], port=passed["port"], provision=passed["provision"])
    store.add(passed, gone, bench.unit(2, OTHER_IMEI, "pass"))
    store.add(field.report("identified"))
    assert shown(store) == []  # it was moved into the field
    third = Gateway("gw-3", "stream-3", started="2026-03-01T14:")
    store.add(third.report("identified"), field.report("refresh", uptime_ms=7_202_000))
    assert shown(store) == [("recall.matched", "duplicate", IMEI)]
    store.add(bench.revoked(1))
    assert shown(store) == []
