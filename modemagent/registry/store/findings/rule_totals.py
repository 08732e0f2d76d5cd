"""How many findings of each rule are open, counted up to a limit."""

from __future__ import annotations

from sqlalchemy import Connection, text

from modemagent.registry.rules.catalogue import CATALOGUE
from modemagent.registry.store.findings.finding_reader import SEVERITIES

#: Numbers above it are shown as "more than".
MOST_OPEN = 1000
_OPEN = "finding f WHERE f.recorded_to IS NULL AND f.state <> 'resolved'"
_PAIRS = ", ".join(f"('{severity}', '{rule}')" for rule in CATALOGUE for severity in SEVERITIES)
_FOUND = text(
    f"WITH wanted (severity, type) AS (VALUES {_PAIRS}) SELECT severity, type FROM wanted"  # noqa: S608
    f" WHERE EXISTS (SELECT 1 FROM {_OPEN}"
    " AND f.severity = wanted.severity AND f.type = wanted.type)"
)


def open_findings(connection: Connection) -> dict[str, int]:
    """Return the number of open findings of each rule that has some.

    Of a rule and a severity, at most one more than :data:`MOST_OPEN` are counted.
    """
    counted = [_count(*row) for row in connection.execute(_FOUND)]
    totals: dict[str, int] = {}
    for rule, number in connection.execute(text(" UNION ALL ".join(counted))) if counted else ():
        totals[rule] = min(totals.get(rule, 0) + number, MOST_OPEN + 1)
    return totals


def _count(severity: str, rule: str) -> str:
    """Return the query that counts.

    It has constants and a range of one value in the order of the index: after an equation, or with
    parameters, PostgreSQL would read all findings of the rule before it counts the first ones.
    """
    return (
        f"SELECT '{rule}', count(*) FROM (SELECT f.id FROM {_OPEN} AND f.severity = '{severity}'"  # noqa: S608
        f" AND f.type >= '{rule}' AND f.type <= '{rule}'"
        f" ORDER BY f.type, f.id LIMIT {MOST_OPEN + 1}) AS one"
    )
