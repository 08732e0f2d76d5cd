"""Findings that follow from the history now, compared with the recorded ones.

A finding keeps its row, and with it the decisions made about it, while it holds. If a late report
becomes the first to show it, its id changes and the old id stays valid as an alias.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from modemagent.registry.history.events import HistoryFinding, gateway_findings
from modemagent.registry.history.individuals import Related
from modemagent.registry.store import dialect, schema
from modemagent.registry.store.batch import Batch
from modemagent.registry.store.occurrences import keyed_id

_STORED = (
    "SELECT id, finding_id, type, grade, unit, gateway, stream, sequence FROM finding"
    " WHERE {column} IN {{keys}} AND recorded_to IS NULL"
)
_FORKED = "SELECT id, gateway_id, forked FROM gateway WHERE id IN {keys}"
# the first report of each boot that a copy of the disk made, or whose clock is refuted
_BOOTS = (
    "SELECT b.gateway, b.alien, b.suspect, x.stream, x.first_sequence, b.boot_id, b.start_lo,"
    " b.start_hi, x.first_uptime_ms FROM boot b JOIN boot_stream x ON x.boot = b.id"
    " WHERE b.gateway IN {keys} AND (b.alien OR b.suspect)"
)
_CONFLICTS = (
    "SELECT s.gateway, min(c.stream), min(c.sequence) FROM conflict c JOIN stream s"
    " ON s.id = c.stream WHERE s.gateway IN {keys} GROUP BY s.gateway"
)
_COLUMNS = (
    "id", "finding_id", "type", "severity", "grade", "unit", "gateway", "stream", "sequence",
    "lo_ms", "hi_ms", "state", "recorded_from",
)  # fmt: skip

Report = tuple[int, int]
Shown = tuple[Report, int, int]  # report, earliest and latest date


class FindingLog:
    """The recorded findings of some units and gateways, and the changes to them."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._stored: dict[tuple[str, int], dict[str, tuple[Any, ...]]] = defaultdict(dict)
        self._new: list[tuple[Any, ...]] = []
        self._ended: list[tuple[str, int, int]] = []
        self._updated: list[tuple[Any, ...]] = []
        self._aliases: list[tuple[bytes, int]] = []
        self._reports: dict[int, list[tuple[int, Report]]] = {}

    def load(self, units: Iterable[int]) -> None:
        """Read the findings about units that hold by what is recorded."""
        self._load("unit", units)

    def _load(self, column: str, keys: Iterable[int]) -> None:
        query = _STORED.format(column=column)
        for row in dialect.query_keys(self._batch.connection, query, keys):
            self._stored[column, row[4] if column == "unit" else row[5]][row[2]] = row

    def set(self, unit: int, verdicts: Sequence[HistoryFinding], related: Related | None) -> None:
        """Make these the findings about a unit."""
        if not verdicts and ("unit", unit) not in self._stored:
            return
        firsts = [] if related is None else [
            (one.number, one.stays[0].opened_by.report) for one in related.individuals
        ]  # fmt: skip
        shown = {
            one.kind: ((one.at.report, one.at.lo_ms, one.at.hi_ms), firsts)
            for one in verdicts
            if one.at is not None
        }
        self._set("unit", unit, verdicts, shown)

    def set_gateways(self, gateways: Iterable[int]) -> None:
        """Derive the findings about gateways again."""
        keys = sorted(gateways)
        if not keys:
            return
        connection = self._batch.connection
        self._load("gateway", keys)
        first: dict[tuple[int, str], tuple[Any, ...]] = {}
        for row in sorted(
            dialect.query_keys(connection, _BOOTS, keys), key=lambda row: (row[4], row[5])
        ):
            gateway, alien, suspect, stream, sequence, _, start_lo, start_hi, uptime = row
            shown = ((stream, sequence), start_lo + uptime, start_hi + uptime)
            if alien:
                first.setdefault((gateway, "gateway.identity_forked"), shown)
            elif suspect:
                first.setdefault((gateway, "gateway.clock_suspect"), shown)
        for gateway, stream, sequence in dialect.query_keys(connection, _CONFLICTS, keys):
            shown = ((stream, sequence), self._batch.now_ms, self._batch.now_ms)
            first.setdefault((gateway, "gateway.identity_forked"), shown)
        for gateway, _, forked in dialect.query_keys(connection, _FORKED, keys):
            verdicts = [
                *gateway_findings(
                    gateway,
                    forked=bool(forked),
                    suspect=(gateway, "gateway.clock_suspect") in first,
                )
            ]
            shown_by: dict[str, tuple[Shown, list[tuple[int, Report]]]] = {}
            for one in verdicts:
                shown = first.get((gateway, one.kind), ((0, 0), 0, 0))
                shown_by[one.kind] = (shown, [(0, shown[0])])
            self._set("gateway", gateway, verdicts, shown_by)

    def _set(
        self,
        column: str,
        key: int,
        verdicts: Sequence[HistoryFinding],
        shown: dict[str, tuple[Shown, list[tuple[int, Report]]]],
    ) -> None:
        batch = self._batch
        stored = dict(self._stored.get((column, key), {}))
        for one in verdicts:
            (report, lo_ms, hi_ms), reports = shown[one.kind]
            # a severity of its own for a grade that may be a coincidence
            severity = "warning" if one.grade == "possible" else "error"
            row = stored.pop(one.kind, None)
            values = (severity, one.grade, *report, lo_ms, hi_ms)
            if row is None:
                row_id = batch.key()
                unit, gateway = (key, None) if column == "unit" else (None, key)
                self._new.append(
                    (row_id, self._id(one.kind, key, report), one.kind, severity, one.grade, unit,
                     gateway, *report, lo_ms, hi_ms, "undecided", batch.now_ms)
                )  # fmt: skip
            else:
                row_id = row[0]
                finding_id = bytes(row[1])
                if (row[6], row[7]) != report:
                    self._aliases.append((finding_id, row_id))
                    finding_id = self._id(one.kind, key, report)
                self._updated.append((finding_id, *values, row_id))
            self._reports[row_id] = reports
        self._ended += [("resolved", batch.now_ms, row[0]) for row in stored.values()]

    def _id(self, kind: str, subject: int, report: Report) -> bytes:
        return keyed_id(self._batch.secret, kind, *self._names(kind, subject, report))

    def _names(self, kind: str, subject: int, report: Report) -> tuple[object, ...]:
        """Return the number of a unit or the id of a gateway, and the key of the report."""
        connection = self._batch.connection
        is_gateway = kind.startswith("gateway.")
        table = schema.gateway if is_gateway else schema.unit
        column = "gateway_id" if is_gateway else "key"
        ((name,),) = dialect.select_rows(connection, table, ("id",), (column,), [(subject,)])
        streams = dialect.select_rows(
            connection, schema.stream, ("id",), ("gateway", "stream_id"), [(report[0],)]
        )
        gateways = dialect.select_rows(
            connection, schema.gateway, ("id",), ("gateway_id",), [(row[0],) for row in streams]
        )
        names = [value for (value,) in gateways] + [row[1] for row in streams]
        return (name, *names, report[1])

    def write(self) -> None:
        if not (self._new or self._updated or self._ended):
            return
        connection, table = self._batch.connection, schema.finding
        dialect.insert_rows(connection, table, _COLUMNS, self._new)
        changed = ("finding_id", "severity", "grade", "stream", "sequence", "lo_ms", "hi_ms")
        dialect.update_rows(connection, table, ("id",), changed, self._updated)
        dialect.update_rows(connection, table, ("id",), ("state", "recorded_to"), self._ended)
        dialect.insert_new(
            connection, schema.finding_alias, ("finding_id", "finding"), self._aliases
        )
        dialect.delete_rows(
            connection, schema.finding_report, ("finding",), [(row,) for row in self._reports]
        )
        names = ("finding", "individual", "stream", "sequence")
        rows = sorted(
            {
                (row, number, *report)
                for row, reports in self._reports.items()
                for number, report in reports
            }
        )
        dialect.insert_rows(connection, schema.finding_report, names, rows)
