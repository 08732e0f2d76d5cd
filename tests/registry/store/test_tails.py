"""Readings at the end of a history are derived from the newest one before, with equal results."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from modemagent.registry.envelope import open_envelope
from modemagent.registry.store.database.engine import Database
from modemagent.registry.store.history import refold
from modemagent.registry.store.history.tails import Tail, choose_tails
from modemagent.registry.store.intake.arrivals import Arrival
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.record import record
from modemagent.report.message import canonical_body
from tests.registry.history.wire import body_of
from tests.registry.history.world import HOUR, START, Gateway, ModemUnit, SentReport, SimCard
from tests.registry.store.test_refold import LONG_AFTER_MS, SECRET, batched, expected, stored


class CalmFleet:
    """Modems that stay where they are: SIMs are swapped, removed, put back and switched."""

    def __init__(self, seed: int, steps: int = 50) -> None:
        self.random = random.Random(seed)
        self.sent: list[SentReport] = []
        self.cards = 0
        self.spare: list[SimCard] = []
        self.gateways = [Gateway(name, self.sent) for name in "ab"]
        for gateway in self.gateways:
            for place in ("p1", "p2"):
                name = f"{gateway.name}{place}"
                gateway.places[place] = ModemUnit(name, self._new_sim(), self._new_sim())
        now_ms = START
        for _ in range(steps):
            now_ms += HOUR
            gateway = self.random.choice(self.gateways)
            place = self.random.choice(("p1", "p2"))
            unit = gateway.places[place]
            assert unit is not None
            for _ in range(self.random.choice((0, 1, 1, 2))):
                self._change(gateway, unit, now_ms)
            gateway.report(now_ms, place)

    def _new_sim(self) -> SimCard:
        self.cards += 1
        card = SimCard(f"s{self.cards}", eid=self.random.choice((None, None, "e1")))
        if self.random.random() < 0.2:
            card.imsi = None
        return card

    def _change(self, gateway: Gateway, unit: ModemUnit, now_ms: int) -> None:
        slot = self.random.choice((1, 2))
        card = unit.slots[slot]
        what = self.random.choice(
            (*["swap"] * 6, "remove", "back", "imsi", "cross", "boot", "lose", "unread", "slot",
             "extra", "maker", "move")
        )  # fmt: skip
        if what == "swap" or (what == "back" and not self.spare):
            if card is not None:
                self.spare.append(card)
            unit.slots[slot] = self._new_sim()
        elif what == "back":
            unit.slots[slot] = self.spare.pop(self.random.randrange(len(self.spare)))
        elif what == "remove":
            unit.slots[slot] = None
        elif what == "cross":
            unit.slots[1], unit.slots[2] = unit.slots[2], unit.slots[1]
        elif what == "imsi" and card is not None:
            card.imsi = self.random.choice((None, f"n{self.cards}"))
        elif what == "extra" and card is not None:
            card.extra = self.random.choice(("", "4"))
        elif what == "boot":
            gateway.boot(now_ms - HOUR // 2)
        elif what == "lose":
            gateway.lose()
        elif what == "unread":
            unit.unread = self.random.random() < 0.2
        elif what == "slot":
            unit.unread_slots ^= {slot}
        elif what == "maker":
            unit.maker = self.random.choice(("Quectel", "Other"))
        elif what == "move" and self.random.random() < 0.2:
            one, other = self.gateways
            one.places["p1"], other.places["p1"] = other.places["p1"], one.places["p1"]


def store(database: Database, batches: list[list[SentReport]]) -> None:
    for number, sent in enumerate(batches):
        arrivals = [
            Arrival(open_envelope(canonical_body(body_of(one))), one.report.received_ms)
            for one in sent
        ]
        with database.writing() as connection:
            record(Batch(connection, database.keys, LONG_AFTER_MS + number, SECRET), arrivals)


def kept(database: Database) -> dict[str, list[Any]]:
    """Return history, facts and places, with numbers instead of keys."""
    queries = {
        "facts": "SELECT u.key, m.manufacturer, t.stream_id, f.sequence, f.lo_ms, f.hi_ms,"
        " f.recorded_to FROM fact f JOIN unit u ON u.id = f.unit JOIN make m ON m.id = f.make"
        " JOIN stream t ON t.id = f.stream",
        "places": "SELECT g.gateway_id, p.device_id, u.key, p.contested, p.last_sequence"
        " FROM place p JOIN gateway g ON g.id = p.gateway LEFT JOIN unit u ON u.id = p.unit",
        "ends": "SELECT u.key, s.opened_sequence, s.last_sequence, s.last_lo, s.last_hi,"
        " s.recorded_from, s.recorded_to FROM stay s JOIN unit u ON u.id = s.unit",
        "log": "SELECT u.key, e.type, e.sequence, e.revision, e.withdrawn, e.recorded_ms"
        " FROM event e JOIN unit u ON u.id = e.unit",
    }
    with database.reading() as connection:
        found = {
            name: sorted((tuple(row) for row in connection.execute(text(query))), key=repr)
            for name, query in queries.items()
        }
    return {**found, **stored(database)}


class Chosen:
    """Counts the tails that are derived alone."""

    def __init__(self) -> None:
        self.new = self.known = 0

    def __call__(self, batch: Batch, tails: list[Tail], stays: Any, booted: Any) -> Any:
        found = refold_derive_tails(batch, tails, stays, booted)
        self.new += sum(one.tail.known is None for one in found)
        self.known += sum(one.tail.known is not None for one in found)
        return found


refold_derive_tails = refold.derive_tails


def no_tails(batch: Batch) -> tuple[list[Tail], set[int]]:
    tails, sims = choose_tails(batch)
    batch.modems.update(tail.unit for tail in tails)
    return [], sims


@pytest.mark.parametrize("seed", range(6))
def test_tails_equal_histories_derived_as_a_whole(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = CalmFleet(seed).sent
    batches = batched(sent, seed)
    chosen = Chosen()
    monkeypatch.setattr(refold, "derive_tails", chosen)
    database = Database(f"sqlite:///{tmp_path}/tails.db", secret=SECRET)
    store(database, batches)
    found = kept(database)
    database.close()
    monkeypatch.setattr(refold, "choose_tails", no_tails)
    database = Database(f"sqlite:///{tmp_path}/whole.db", secret=SECRET)
    store(database, batches)
    wanted = kept(database)
    database.close()
    for name in wanted:
        assert found[name] == wanted[name]
    assert {name: found[name] for name in ("stays", "events")} == {
        name: expected(sent)[name] for name in ("stays", "events")
    }
    assert chosen.new > 0


def test_many_changes_are_derived_as_tails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = Chosen()
    monkeypatch.setattr(refold, "derive_tails", chosen)
    for seed in range(10):
        database = Database(f"sqlite:///{tmp_path}/{seed}.db", secret=SECRET)
        store(database, batched(CalmFleet(seed).sent, seed))
        database.close()
    assert chosen.new > 30
    assert chosen.known > 50


def test_swap_after_many_reads_no_older_reading(tmp_path: Path) -> None:
    sent: list[SentReport] = []
    gateway = Gateway("a", sent)
    unit = gateway.places["p1"] = ModemUnit("m1", SimCard("s0"), None)
    for number in range(40):
        unit.slots[1] = SimCard(f"s{number}")
        gateway.report(START + number * HOUR, "p1")
    database = Database(f"sqlite:///{tmp_path}/long.db", secret=SECRET)
    store(database, [sent[:-1]])
    statements: list[str] = []

    with database.writing() as connection:
        driver: Any = connection.connection.driver_connection
    driver.set_trace_callback(statements.append)  # of the only writing connection
    store(database, [sent[-1:]])
    assert stored(database) == expected(sent)
    database.close()
    reads = [one for one in statements if "sighting" in one and one.startswith("SELECT")]
    assert [one for one in reads if "unit" in one.partition("WHERE")[2]] == []
    assert reads != []
