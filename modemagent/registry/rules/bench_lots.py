"""What benches have found: labels of other modems, failures in a lot, duplicates learnt later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from modemagent.registry.rules.inputs import ReportMoment, RuleFinding

#: Failures count from this many units and this share of those with a verdict.
LEAST_UNITS, LEAST_SHARE = 3, 0.05
#: Steps of the bench that can fail because of what the supplier has delivered.
OF_SUPPLIER = frozenset(
    {"firmware", "identity", "identity_hints", "label", "model", "tac", "unique"}
)
PASSING, COUNTED = frozenset({"pass", "waived"}), frozenset({"pass", "waived", "fail"})
#: What a scanned label states: the IMEI of the modem, or another one.
SAME, OTHER = "same", "other"
_LABEL, _DUPLICATE = ("imei.label_mismatch", "bench"), ("recall.matched", "duplicate")
#: Findings about modems that only benches can show, as rule and part.
OF_BENCHES = (_LABEL, _DUPLICATE)


class BenchTurn(NamedTuple):
    """The turn of a unit at a bench, as the bench has reported it last.

    :param unit: row of the modem; 0 without an IMEI
    :param verdict: ``pass``, ``waived``, ``fail`` or ``aborted``; "" before it
    :param failed: steps that have failed
    :param label: :data:`SAME` or :data:`OTHER`; "" without a scanned IMEI
    """

    gateway: int
    at: ReportMoment
    unit: int = 0
    verdict: str = ""
    failed: tuple[str, ...] = ()
    label: str = ""


def mislabelled(turns: Iterable[BenchTurn]) -> Iterator[RuleFinding]:
    """Yield ``imei.label_mismatch`` if the label scanned last has another IMEI than the modem.

    :param turns: of one modem
    """
    scanned = [one for one in turns if one.label]
    last = max(scanned, key=_date, default=None)
    if last is not None and last.label == OTHER:
        rule, part = _LABEL
        yield RuleFinding(rule, last.at, part)


def passed_duplicate(turns: Iterable[BenchTurn], *, is_shared: bool) -> Iterator[RuleFinding]:
    """Yield ``recall.matched`` if a modem has passed and another one has its IMEI.

    :param turns: of one modem
    :param is_shared: several modems have its IMEI
    """
    judged = [one for one in turns if one.verdict in COUNTED]
    last = max(judged, key=_date, default=None)
    if is_shared and last is not None and last.verdict in PASSING:
        rule, part = _DUPLICATE
        yield RuleFinding(rule, last.at, part, severity="error")


def lot_failures(
    turns: Collection[BenchTurn], units: int, lot: str
) -> Iterator[tuple[int, RuleFinding]]:
    """Yield ``lot.failures`` for each step that too many units have failed, with its bench.

    :param turns: of the units that have failed, at all benches
    :param units: number of units of the lot that have a verdict
    :param lot: what the findings name it
    """
    by_step: dict[str, list[BenchTurn]] = defaultdict(list)
    for one in turns:
        for step in OF_SUPPLIER.intersection(one.failed):
            by_step[step].append(one)
    for step, some in sorted(by_step.items()):
        count = len({one.unit for one in some if one.unit})
        if count < LEAST_UNITS or count < units * LEAST_SHARE:
            continue
        for gateway in sorted({one.gateway for one in some}):
            first = min((one for one in some if one.gateway == gateway), key=_date)
            yield gateway, RuleFinding("lot.failures", first.at, f"{lot}/{step}")


def _date(turn: BenchTurn) -> tuple[int, int, int]:
    return turn.at.hi_ms, turn.at.stream, turn.at.sequence
