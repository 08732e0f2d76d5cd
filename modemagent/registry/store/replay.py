"""Kept reports read back as what they told: for folding a line of history anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, select

from modemagent.registry.observation import CardReading
from modemagent.registry.sightings import LineKey, Sighting
from modemagent.registry.store.schema import card_reading, report

T = TypeVar("T")

_PARAMETERS = 400  # SQLite takes 32,766 in one statement, older builds 999

_facts = msgspec.json.Decoder(dict[str, str])


def portions(values: Sequence[T], size: int = _PARAMETERS) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces that one statement can take."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def reports_of_seat(connection: Connection, line: LineKey) -> list[Sighting]:
    """Return all reports that speak of a port or a slot, in no order."""
    kind, key = line
    left, _, right = key.partition("\t")
    if kind == "modem":
        return _load(connection, and_(report.c.gateway_id == left, report.c.place == right))
    return _load(connection, report.c.imei_key == left)


def reports_of_item(connection: Connection, line: LineKey) -> list[Sighting]:
    """Return all reports that sight a modem or a card, in no order."""
    kind, key = line
    if kind == "modem":
        return _load(connection, report.c.imei_key == key)
    sighted = select(card_reading.c.report).where(card_reading.c.iccid_key == key)
    return _load(connection, report.c.number.in_(sighted))


def reports_numbered(connection: Connection, numbers: Sequence[int]) -> list[Sighting]:
    """Return some reports by their row numbers."""
    return [
        told for some in portions(numbers) for told in _load(connection, report.c.number.in_(some))
    ]


def _load(connection: Connection, which: ColumnElement[bool]) -> list[Sighting]:
    cards: defaultdict[int, list[CardReading]] = defaultdict(list)
    of_cards = (
        select(card_reading)
        .join(report, report.c.number == card_reading.c.report)
        .where(which)
        .order_by(card_reading.c.report, card_reading.c.slot)
    )
    for row in connection.execute(of_cards):
        cards[row.report].append(CardReading(row.slot, row.state, row.iccid, row.imsi, row.eid))
    columns = (
        report.c.number,
        report.c.gateway_id,
        report.c.stream_id,
        report.c.sequence,
        report.c.boot_count,
        report.c.uptime_ms,
        report.c.at_ms,
        report.c.reason,
        report.c.place,
        report.c.imei,
        report.c.facts,
    )
    return [
        Sighting(*row[1:10], _facts.decode(row.facts), tuple(cards.get(row.number, ())))
        for row in connection.execute(select(*columns).where(which))
    ]
