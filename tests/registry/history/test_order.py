"""Any order of arrival gives the same history, in one call or report by report."""

from __future__ import annotations

import random
from typing import Any

import pytest

from modemagent.registry.history.derive import History, derive
from tests.registry.history.incremental import MemoryStore
from tests.registry.history.world import Fleet, SentReport

WORLDS = range(60)


def shown(history: History | MemoryStore, *, last: bool = True) -> dict[str, Any]:
    """Return a history as plain values that are equal if the histories are."""
    if isinstance(history, MemoryStore):
        modems, sims = history.related, history.sim_related
        events = [one for log in history.events.values() for one in log.values()]
        findings = [one for some in history.findings.values() for one in some]
    else:
        modems, sims = history.modems, history.sims
        events, findings = history.events, history.findings
    return {
        "stays": {
            (name, unit): [
                [
                    (
                        stay.place,
                        stay.opened_by,
                        stay.closed_by,
                        stay.cause,
                        stay.moved_from,
                        *(((span.first, span.last) for span in stay.spans) if last else ()),
                    )
                    for stay in individual.stays
                ]
                for individual in related.individuals
            ]
            for name, units in (("modem", modems), ("sim", sims))
            for unit, related in units.items()
        },
        "events": sorted(events, key=repr),
        "findings": sorted(findings, key=repr),
    }


def deliveries(sent: list[SentReport], seed: int) -> list[SentReport]:
    pick = random.Random(seed)
    repeated = [*sent, *pick.sample(sent, len(sent) // 3)]
    pick.shuffle(repeated)
    return repeated


def test_memory_store_with_all_its_parts(  # the property below is worth what its worlds contain
) -> None:
    kinds: set[str] = set()
    skipped = forgotten = 0
    for seed in WORLDS:
        sent = Fleet(seed).sent
        history = derive(
            [one.report for one in sent], [one.batch for one in sent if one.batch is not None]
        )
        kinds |= {one.kind for one in (*history.events, *history.findings)}
        store = MemoryStore()
        for one in sent:
            store.receive(one.report, one.batch)
        skipped += store.skipped
        forgotten += store.forgotten
    assert kinds >= {
        "modem.first_seen", "modem.moved", "modem.removed", "modem.swapped",
        "sim.first_seen", "sim.swapped", "sim.moved", "sim.removed", "sim.imsi_switched",
        "imei.duplicate", "imei.cloned", "sim.cloned",
        "gateway.identity_forked", "gateway.clock_suspect",
    }  # fmt: skip
    assert skipped > 20
    assert forgotten > 20


@pytest.mark.parametrize("seed", WORLDS)
def test_order_and_repetition_have_no_effect(seed: int) -> None:
    sent = Fleet(seed).sent
    expected = shown(derive([one.report for one in sent], [one.batch for one in sent]))
    for order in range(3):
        arrived = deliveries(sent, order)
        found = derive([one.report for one in arrived], [one.batch for one in arrived])
        assert shown(found) == expected


@pytest.mark.parametrize("seed", WORLDS)
def test_report_by_report_is_the_same_as_at_once(seed: int) -> None:
    sent = Fleet(seed).sent
    expected = shown(derive([one.report for one in sent], [one.batch for one in sent]), last=False)
    for order in range(3):
        store = MemoryStore()
        for one in sent if order == 0 else deliveries(sent, order):
            store.receive(one.report, one.batch)
        assert shown(store, last=False) == expected
