"""Reports whose parts repeat those of the newest report of their place are stored undecoded."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from modemagent.registry.envelope import Envelope, open_envelope, open_parts
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.intake import opening
from modemagent.registry.store.intake.arrivals import Arrival
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.record import record
from modemagent.registry.store.intake.recorder import Recorder
from modemagent.report.message import canonical_body
from tests.registry.conftest import Body, Gateway
from tests.registry.history.wire import body_of
from tests.registry.history.world import Fleet, SentReport
from tests.registry.store.test_refold import LONG_AFTER_MS, SECRET, batched, stored

_NETWORKS = (
    None,
    {"mcc": "262", "registration": "home"},
    {"mcc": "262", "registration": "roaming", "rat": "lte"},
    {"mcc": "286", "registration": "denied"},
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    yield found
    found.close()


def receipts(database: Database, *raws: bytes) -> list[str]:
    arrivals = [Arrival(open_envelope(one), now_ms()) for one in raws]
    return [str(one.status) for one in Recorder(database).record(arrivals)[0]]


def sent(*reports: Body) -> list[bytes]:
    return [canonical_body(one) for one in reports]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sequence numbers of the reports whose parts were decoded."""
    found: list[int] = []

    def counted(raw: bytes, likeness: int = 0) -> Envelope:
        one = open_parts(raw, likeness)
        found.append(one.sequence)
        return one

    monkeypatch.setattr(opening, "open_parts", counted)
    return found


def test_repeated_parts_are_not_decoded(database_url: str, decoded: list[int]) -> None:
    gateway = Gateway()
    for _ in range(3):  # each with another process
        database = Database(database_url)
        assert receipts(database, *sent(gateway.report(), gateway.report())) == ["accepted"] * 2
        database.close()
    assert decoded == [1]


def test_other_parts_are_decoded(database: Database, decoded: list[int]) -> None:
    gateway = Gateway()
    for network in (*_NETWORKS, _NETWORKS[-1]):
        receipts(database, *sent(gateway.report(network=network)))
    assert decoded == [1, 2, 3, 4]


def test_duplicates_are_not_decoded(database: Database, decoded: list[int]) -> None:
    gateway = Gateway()
    reports = sent(gateway.report(), gateway.report(imei="867698040000021"))
    receipts(database, *reports)
    decoded.clear()
    assert receipts(database, *reports) == ["duplicate"] * 2
    assert decoded == []


@pytest.mark.parametrize("together", [True, False])
def test_report_with_its_keys_in_another_order_is_a_duplicate(
    together: bool, database: Database
) -> None:
    report = Gateway().report()
    modem = dict(sorted(report["modem"].items(), reverse=True))
    other = msgspec.json.encode(dict(sorted({**report, "modem": modem}.items())))
    assert open_envelope(other).parts is None
    assert open_envelope(other).digest != open_envelope(canonical_body(report)).digest
    raws = [other, canonical_body(report), other]
    found = (
        receipts(database, *raws)
        if together
        else [one for raw in raws for one in receipts(database, raw)]
    )
    assert found == ["accepted", "duplicate", "duplicate"]


def test_number_of_a_report_with_invalid_parts_is_received(database: Database) -> None:
    gateway = Gateway()
    first, wrong, third = gateway.report(), gateway.report(), gateway.report()
    wrong["sims"] = [{"slot": "one"}]
    raws = sent(first, wrong, third)
    assert open_envelope(raws[1]).error is None, "its parts are not decoded"
    assert receipts(database, *raws) == ["accepted", "rejected", "accepted"]
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM sighting")).scalar() == 1
        assert connection.execute(text("SELECT agreeing FROM place")).scalar() == 0


def bodies(fleet: list[SentReport], seed: int) -> Callable[[SentReport], bytes]:
    """Return a function for the bodies of reports, whose network changes at random."""
    pick = random.Random(seed)
    networks = {id(one): pick.choice(_NETWORKS) for one in fleet[:: pick.choice((1, 5, 9))]}
    current: Any = None
    for one in fleet:
        current = networks.setdefault(id(one), current)
    return lambda one: canonical_body({**body_of(one), "network": networks[id(one)]})


def places(database: Database) -> list[Any]:
    names = "g.gateway_id, p.device_id, p.identity, p.problems, p.mcc, p.heard_day, p.last_sequence"
    queries = (
        f"SELECT {names}, p.agreeing FROM place p JOIN gateway g ON g.id = p.gateway",
        "SELECT mcc, year, days FROM presence",
        "SELECT t.stream_id, r.sequence, r.body FROM report r JOIN stream t ON t.id = r.stream",
        "SELECT t.stream_id, s.sequence, s.counts, s.agreeing, s.identity"
        " FROM sighting s JOIN stream t ON t.id = s.stream",
    )
    with database.reading() as connection:
        return [
            sorted((tuple(row) for row in connection.execute(text(one))), key=repr)
            for one in queries
        ]


@pytest.mark.parametrize("seed", range(4))
def test_history_is_that_of_reports_decoded_as_a_whole(
    seed: int, tmp_path: Path, decoded: list[int]
) -> None:
    fleet = Fleet(seed).sent
    body = bodies(fleet, seed)
    order = list(fleet)
    if seed % 2:
        random.Random(seed).shuffle(order)
    results = []
    for name, opened in (("likeness", open_envelope), ("whole", open_parts)):
        database = Database(f"sqlite:///{tmp_path}/{name}.db", secret=SECRET)
        for number, batch in enumerate(batched(order, seed)):
            arrivals = [Arrival(opened(body(one)), one.report.received_ms) for one in batch]
            with database.writing() as connection:
                record(Batch(connection, database.keys, LONG_AFTER_MS + number, SECRET), arrivals)
        results.append((places(database), stored(database)))
        database.close()
    assert results[0] == results[1]
    assert len(decoded) < len(fleet)
