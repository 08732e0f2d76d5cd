"""Findings that hold now, compared with the recorded ones.

A finding keeps its row, and with it the decisions made about it, while it holds. If a late report
becomes the first to show it, its id changes and the old id stays valid as an alias. A finding whose
cause is gone is resolved; if the cause returns, a new finding counts the earlier ones.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from modemagent.registry.rules.catalogue import CATALOGUE, severity_of
from modemagent.registry.rules.inputs import RuleFinding
from modemagent.registry.store.database import dialect
from modemagent.registry.store.database.dialect import Read, Rows
from modemagent.registry.store.history.occurrences import keyed_id
from modemagent.registry.store.intake.batch import Batch
from modemagent.registry.store.outbound import notices
from modemagent.registry.store.tables import finding_tables, schema

#: Who changes a finding if its cause is gone, or if late reports change it.
REGISTRY = "registry"
CAUSE_GONE, CHANGED = "cause_gone", "changed"

_STORED = (
    "SELECT {column}, id, finding_id, type, part, severity, grade, state, revision, stream,"
    " sequence, lo_ms, hi_ms FROM finding WHERE {column} IN {{keys}} AND recorded_to IS NULL"
)
_EARLIER = (
    "SELECT {column}, type, part, count(*) FROM finding WHERE {column} IN {{keys}}"
    " GROUP BY {column}, type, part"
)
_COLUMNS = (
    "id", "finding_id", "type", "severity", "grade", "unit", "gateway", "place", "part", "stream",
    "sequence", "lo_ms", "hi_ms", "state", "late", "again", "revision", "recorded_from",
)  # fmt: skip
_CHANGED = ("finding_id", "severity", "grade", "stream", "sequence", "lo_ms", "hi_ms", "revision")


class Subject(NamedTuple):
    """What findings are about, by the columns of their rows.

    :param column: ``unit``, ``gateway`` or ``place``: the narrowest one
    """

    column: str
    unit: int | None = None
    gateway: int | None = None
    place: int | None = None

    @property
    def key(self) -> int:
        return int(getattr(self, self.column))


class _Stored(NamedTuple):
    id: int
    finding_id: bytes
    rule: str
    part: str
    severity: str
    grade: str | None
    state: str
    revision: int
    stream: int
    sequence: int
    lo_ms: int
    hi_ms: int

    @property
    def report(self) -> tuple[int, int]:
        return self.stream, self.sequence

    @property
    def order(self) -> tuple[int, int, int]:
        return self.hi_ms, self.stream, self.sequence


class FindingLog:
    """The recorded findings of some subjects, and the changes to them.

    :param rules: those whose findings are compared; all others stay as they are
    :param held: rules whose findings stay as they are, by unit
    :param parts: only findings about one of these parts are compared; None: about any
    """

    def __init__(
        self,
        batch: Batch,
        rules: Collection[str],
        held: Mapping[int, Collection[str]] | None = None,
        *,
        parts: Collection[str] | None = None,
    ) -> None:
        self._batch = batch
        self._rules = rules
        self._held = held or {}
        self._parts = parts
        self._stored: dict[tuple[str, int], list[_Stored]] = defaultdict(list)
        self._others: set[tuple[str, int, str]] = set()
        self._new: list[tuple[Subject, RuleFinding]] = []
        self._kept: list[tuple[Subject, _Stored, RuleFinding]] = []
        self._ended: list[_Stored] = []
        self._evidence: list[tuple[int, RuleFinding]] = []
        self._evidence_of_new: list[tuple[int, RuleFinding]] = []

    def load(self, column: str, keys: Iterable[int]) -> None:
        """Read the findings about subjects that hold by what is recorded."""
        (rows,) = dialect.read_together(self._batch.connection, [self.read(column, keys)])
        self.add(column, rows)

    def read(self, column: str, keys: Iterable[int]) -> Read | None:
        """Return the query for the findings about subjects that hold by what is recorded."""
        return dialect.rows_by(self._batch.connection, _STORED.format(column=column), keys)

    def add(self, column: str, rows: Rows) -> None:
        """Add the stored findings in rows of this query."""
        for key, *values in rows:
            row = _Stored(*values)
            is_about = self._parts is None or row.part in self._parts
            if row.rule in self._rules and row.rule not in self._held.get(key, ()) and is_about:
                self._stored[column, key].append(row)
            else:
                self._others.add((column, key, row.rule))

    def holds(self, column: str, key: int, rule: str) -> bool:
        """Return True if a finding of a rule that is not compared is recorded."""
        return (column, key, rule) in self._others

    @property
    def added(self) -> list[tuple[int, str]]:
        """Subject and rule of each finding that is not recorded."""
        return [(subject.key, one.rule) for subject, one in self._new]

    @property
    def ended(self) -> list[str]:
        """The rule of each recorded finding whose cause is gone."""
        return [row.rule for row in self._ended]

    def set(self, subject: Subject, findings: Sequence[RuleFinding]) -> None:
        """Make these the findings about a subject."""
        key = subject.key
        if held := self._held.get(key):
            findings = [one for one in findings if one.rule not in held]
        stored = self._stored.pop((subject.column, key), None)
        if stored is None:
            self._new += [(subject, one) for one in findings]
            return
        left = {(row.rule, row.part, row.report): row for row in stored}
        others = []
        for one in findings:
            row = left.pop((one.rule, one.part, one.at.report), None)
            if row is None:
                others.append(one)
            else:
                self._keep(subject, row, one)
        waiting: dict[tuple[str, str], list[_Stored]] = defaultdict(list)
        for row in sorted(left.values(), key=lambda row: row.order):
            waiting[row.rule, row.part].append(row)
        for one in others:
            rows = waiting[one.rule, one.part]
            if rows:
                self._keep(subject, rows.pop(0), one)
            else:
                self._new.append((subject, one))
        self._ended += [row for rows in waiting.values() for row in rows]

    def _keep(self, subject: Subject, row: _Stored, one: RuleFinding) -> None:
        lasts = CATALOGUE[one.rule].lasting and not one.evidence
        if lasts and (row.hi_ms, row.lo_ms) <= (one.at.hi_ms, one.at.lo_ms):
            # a later report shows the same condition
            one = one._replace(at=one.at._replace(
                stream=row.stream, sequence=row.sequence, lo_ms=row.lo_ms, hi_ms=row.hi_ms
            ))  # fmt: skip
        self._kept.append((subject, row, one))

    def write(self) -> None:
        """Write what has changed."""
        batch = self._batch
        changed, updates, aliases, decisions = [], [], [], []
        for subject, row, one in self._kept:
            values = (_severity(one), one.grade, *one.at)
            if values[2:4] != row.report or one.evidence:
                self._evidence.append((row.id, one))
            if values != (row.severity, row.grade, *row.report, row.lo_ms, row.hi_ms):
                changed.append((subject, row, one, values))
        ids = self._ids([(subject, one) for subject, _, one, _ in changed] + self._new)
        for (_, row, _, values), finding_id in zip(changed, ids, strict=False):
            if finding_id != bytes(row.finding_id):
                aliases.append((bytes(row.finding_id), row.id))
            is_news = values[:4] != (row.severity, row.grade, *row.report)
            revision = row.revision + is_news
            updates.append((finding_id, *values, revision, row.id))
            if is_news:
                decisions.append((row.id, revision, CHANGED, REGISTRY, "", batch.now_ms))
        ended = []
        for row in self._ended:
            ended.append(("resolved", batch.now_ms, row.revision + 1, row.id))
            decisions.append((row.id, row.revision + 1, CAUSE_GONE, REGISTRY, "", batch.now_ms))
        new = self._new_rows(ids[len(changed) :])
        connection, table = batch.connection, finding_tables.finding
        dialect.insert_rows(connection, table, _COLUMNS, new)
        notices.note_findings(batch, [(row[0], row[2], row[3]) for row in new])
        dialect.update_rows(connection, table, ("id",), _CHANGED, updates)
        dialect.update_rows(connection, table, ("id",), ("state", "recorded_to", "revision"), ended)
        dialect.insert_new(
            connection, finding_tables.finding_alias, ("finding_id", "finding"), aliases
        )
        made = ("finding", "revision", "action", "actor", "reason", "made_ms")
        dialect.insert_rows(connection, finding_tables.decision, made, decisions)
        self._write_evidence()

    def _new_rows(self, ids: list[bytes]) -> list[tuple[Any, ...]]:
        batch = self._batch
        earlier = self._earlier()
        rows = []
        for (subject, one), finding_id in zip(self._new, ids, strict=True):
            key = subject.column, subject.key, one.rule, one.part
            row_id = batch.key()
            rows.append(
                (row_id, finding_id, one.rule, _severity(one), one.grade, *subject[1:], one.part,
                 *one.at, "undecided", one.is_late, earlier[key], 1, batch.now_ms)
            )  # fmt: skip
            earlier[key] += 1
            self._evidence_of_new.append((row_id, one))
        return rows

    def _earlier(self) -> Counter[tuple[str, int, str, str]]:
        """Return how many findings were recorded of the kind of each new one."""
        keys: dict[str, set[int]] = defaultdict(set)
        for subject, _ in self._new:
            keys[subject.column].add(subject.key)
        found: Counter[tuple[str, int, str, str]] = Counter()
        for column, some in keys.items():
            query = _EARLIER.format(column=column)
            for key, rule, part, count in dialect.query_keys(self._batch.connection, query, some):
                found[column, key, rule, part] = count
        return found

    def _write_evidence(self) -> None:
        connection, table = self._batch.connection, finding_tables.finding_report
        rows = {
            (finding, *report)
            for finding, one in self._evidence + self._evidence_of_new
            for report in one.evidence or ((0, *one.at.report),)
        }
        dialect.delete_rows(
            connection, table, ("finding",), [(finding,) for finding, _ in self._evidence]
        )
        names = ("finding", "individual", "stream", "sequence")
        dialect.insert_rows(connection, table, names, sorted(rows))

    def _ids(self, findings: Sequence[tuple[Subject, RuleFinding]]) -> list[bytes]:
        """Return the id of each finding: keyed by kind, subject, and the report that shows it."""
        connection = self._batch.connection
        units = {one.unit for one, _ in findings if one.column == "unit"}
        places = {one.place for one, _ in findings if one.column == "place"}
        gateways = {one.gateway for one, _ in findings if one.column != "unit"}
        streams = _named(
            connection, "stream", ("gateway", "stream_id"), {one.at.stream for _, one in findings}
        )
        gateways |= {row[0] for row in streams.values()}
        unit_names = _named(connection, "unit", ("key",), units)
        place_names = _named(connection, "place", ("device_id",), places)
        gateway_names = _named(connection, "gateway", ("gateway_id",), gateways)
        ids = []
        for subject, one in findings:
            if subject.column == "unit":
                names = list(unit_names[subject.key])
            else:
                names = list(gateway_names[subject.gateway])
            if subject.column == "place":
                names += place_names[subject.key]
            names += [one.part] if one.part else []
            if one.at.stream in streams:
                gateway, stream_id = streams[one.at.stream]
                names += [*gateway_names[gateway], stream_id]
            ids.append(keyed_id(self._batch.secret, one.rule, *names, one.at.sequence))
        return ids


def _severity(one: RuleFinding) -> str:
    return one.severity or severity_of(one.rule, one.grade)


def _named(
    connection: Any, table: str, columns: tuple[str, ...], keys: Iterable[int | None]
) -> dict[int | None, tuple[Any, ...]]:
    wanted = [(key,) for key in sorted({key for key in keys if key})]
    rows = dialect.select_rows(
        connection, schema.metadata.tables[table], ("id",), ("id", *columns), wanted
    )
    return {row[0]: tuple(row[1:]) for row in rows}
