"""Turns of units at production benches, for the rules: written from the bodies of the reports."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from modemagent.registry.history.readings import position
from modemagent.registry.received import decode_report
from modemagent.registry.rules.bench_lots import (
    COUNTED,
    OF_SUPPLIER,
    OTHER,
    SAME,
    BenchTurn,
    lot_failures,
)
from modemagent.registry.rules.inputs import ReportMoment, RuleFinding
from modemagent.registry.store.database import dialect
from modemagent.registry.store.findings.finding_log import FindingLog, Subject
from modemagent.registry.store.history.units import UnitKind
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.intake.bodies import decompress
from modemagent.registry.store.intake.boots import load_boots
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.bench_tables import bench_turn

RULES = frozenset({"lot.failures"})
_KEY = ("gateway", "attempt")
_STATED = (
    "stream", "sequence", "position", "lo_ms", "hi_ms", "order_name", "lot", "verdict", "failed",
)  # fmt: skip
_COLUMNS = (*_KEY, *_STATED, "unit", "label")
_TURNS = (
    "SELECT unit, gateway, stream, sequence, lo_ms, hi_ms, verdict, failed, label FROM bench_turn"
    " WHERE unit IN {keys}"
)
#: What an order or a lot is called at most.
_LONGEST = 100
_IMEI_DIGITS = 14


class Lot(NamedTuple):
    """A lot of an order, as benches name both; without a name it is the rest of the order."""

    order: str
    name: str

    @property
    def part(self) -> str:
        """The part of findings about it, without the step."""
        return f"lot:{self.order}/{self.name}"


class _Stated(NamedTuple):
    """What a report states about a turn.

    :param values: of the columns that the newest report decides
    :param imei: 14 digits, "" without a modem
    :param label: see :class:`BenchTurn`
    """

    key: tuple[int, str]
    values: tuple[Any, ...]
    imei: str
    label: str

    @property
    def position(self) -> int:
        return int(self.values[2])


def note(batch: Batch, reports: Sequence[tuple[int, int]]) -> tuple[set[int], set[Lot]]:
    """Note what reports of benches state; return the modems and the lots that have changed.

    :param reports: stream and number of each
    """
    connection = batch.connection
    stated = _stated(connection, reports)
    imeis = sorted({one.imei for one in stated if one.imei})
    modems = dialect.select_rows(
        connection, schema.unit, ("kind", "key"), ("key", "id"),
        [(int(UnitKind.MODEM), one) for one in imeis],
    )  # fmt: skip
    units: dict[str, int] = dict(modems)
    keys = sorted({one.key for one in stated})
    rows = dialect.select_rows(connection, bench_turn, _KEY, _COLUMNS, keys, lock=True)
    stored: dict[Any, tuple[Any, ...]] = {row[:2]: tuple(row) for row in rows}
    changed, lots = set[int](), set[Lot]()
    for one in sorted(stated, key=lambda each: each.position):
        before = stored.get(one.key)
        unit, label, values = units.get(one.imei, 0), one.label, one.values
        if before is not None:
            # a report about a revoked verdict is without modem, and may arrive before the others
            is_newer = before[4] < one.position
            unit = unit or before[-2]
            label = (label or before[-1]) if is_newer else (before[-1] or label)
            values = values if is_newer else before[2:-2]
        after = (*one.key, *values, unit, label)
        if after != before:
            stored[one.key] = after
            changed.add(unit)
            lots.add(Lot(*values[5:7]))
    written = [stored[key] for key in keys]
    dialect.upsert_rows(connection, bench_turn, _KEY, _COLUMNS[2:], written)
    return changed - {0}, lots


def of_units(connection: Connection, units: Iterable[int]) -> Mapping[int, list[BenchTurn]]:
    """Return the turns of modems."""
    found: dict[int, list[BenchTurn]] = defaultdict(list)
    for row in dialect.query_keys(connection, _TURNS, units):
        found[row[0]].append(_turn(row))
    return found


def any_turns(connection: Connection) -> bool:
    """Return True if a bench has reported."""
    return connection.execute(select(bench_turn.c.gateway).limit(1)).first() is not None


def evaluate_lots(batch: Batch, lots: Collection[Lot]) -> None:
    """Evaluate the rule about lots for some of them."""
    connection, c = batch.connection, bench_turn.c
    columns = (
        c.unit, c.gateway, c.stream, c.sequence, c.lo_ms, c.hi_ms, c.verdict, c.failed, c.label,
    )  # fmt: skip
    found: dict[int, list[RuleFinding]] = defaultdict(list)
    for lot in sorted(lots):
        in_lot = select(*columns).where(c.order_name == lot.order, c.lot == lot.name)
        turns = [_turn(row) for row in connection.execute(in_lot.where(c.failed != ""))]
        sized = select(func.count(c.unit.distinct())).where(
            c.order_name == lot.order, c.lot == lot.name, c.verdict.in_(COUNTED)
        )
        units = connection.execute(sized).scalar_one()
        found |= {one.gateway: found[one.gateway] for one in turns}
        for gateway, one in lot_failures(turns, units, lot.part):
            found[gateway].append(one)
    log = FindingLog(batch, RULES, parts={f"{lot.part}/{step}" for lot in lots
                                          for step in OF_SUPPLIER})  # fmt: skip
    log.load("gateway", sorted(found))
    for gateway, findings in sorted(found.items()):
        log.set(Subject("gateway", gateway=gateway), findings)
    log.write()


def _turn(row: Sequence[Any]) -> BenchTurn:
    unit, gateway, stream, sequence, lo_ms, hi_ms, verdict, failed, label = row
    at = ReportMoment(stream, sequence, lo_ms, hi_ms)
    return BenchTurn(gateway, at, unit, verdict, tuple(failed.split()), label)


def _stated(connection: Connection, reports: Sequence[tuple[int, int]]) -> list[_Stated]:
    names = ("stream", "sequence", "body")
    rows = dialect.select_rows(connection, schema.report, names[:2], names, reports)
    streams = {
        row: (gateway, rank)
        for row, gateway, rank in dialect.select_rows(
            connection, schema.stream, ("id",), ("id", "gateway", "rank"),
            [(one,) for one in sorted({stream for stream, _ in reports})],
        )
    }  # fmt: skip
    bodies = [(stream, number, decompress(body)) for stream, number, body in rows]
    decoded = [(stream, number, json.loads(body), decode_report(body)) for stream, number, body
               in bodies]  # fmt: skip
    named = {(streams[stream][0], report.boot_id) for stream, _, _, (report, *_) in decoded}
    boots = {
        (one.gateway, one.boot_id): one
        for one in load_boots(connection, ("gateway", "boot_id"), sorted(named)).values()
    }
    found = []
    for stream, number, document, (report, wall_ms, _) in decoded:
        gateway, rank = streams[stream]
        bench, boot = document.get("provision"), boots.get((gateway, report.boot_id))
        attempt = _text(bench, "attempt_id")
        if boot is None or not attempt:
            continue
        lo_ms, hi_ms = boot.date(report.uptime_ms, wall_ms, report.clock_synchronized)
        order = _text(bench, "order").replace("/", "_")
        failed = bench.get("failed")
        steps = [one for one in failed if isinstance(one, str)] if isinstance(failed, list) else []
        values = (
            stream, number, position(rank, number), lo_ms, hi_ms, order, _text(bench, "lot"),
            _text(bench, "verdict"), " ".join(OF_SUPPLIER.intersection(steps)),
        )  # fmt: skip
        imei = _text(document.get("modem"), "imei")[:_IMEI_DIGITS]
        label = _text(bench.get("label"), "imei")[:_IMEI_DIGITS]
        matched = "" if not (imei and label) else SAME if imei == label else OTHER
        found.append(_Stated((gateway, attempt), values, imei, matched))
    return found


def _text(document: Any, name: str) -> str:
    """Return a text of an object that may be anything."""
    value = document.get(name) if isinstance(document, dict) else None
    is_usable = isinstance(value, str) and value.isprintable()
    return str(value)[:_LONGEST] if is_usable else ""
