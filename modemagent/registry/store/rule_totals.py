"""How many findings of each rule are open, counted up to a limit."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from modemagent.registry.rules.catalogue import CATALOGUE
from modemagent.registry.store.finding_reader import SEVERITIES

#: Numbers above it are shown as "more than".
MOST_OPEN = 1000


def open_findings(
    connection: Connection, rules: Iterable[str] = tuple(CATALOGUE)
) -> dict[str, int]:
    """Return the number of open findings of each rule that has some.

    Of a rule and a severity, at most one more than :data:`MOST_OPEN` are counted.
    """
    pairs = ", ".join(f"('{severity}', '{rule}')" for rule in rules for severity in SEVERITIES)
    query = text(
        f"WITH wanted (severity, type) AS (VALUES {pairs})"  # noqa: S608 - own names
        " SELECT type, (SELECT count(*) FROM (SELECT 1 FROM finding f"
        " WHERE f.recorded_to IS NULL AND f.state <> 'resolved'"
        " AND f.severity = wanted.severity AND f.type = wanted.type"
        f" LIMIT {MOST_OPEN + 1}) AS one) FROM wanted"
    )
    found: dict[str, int] = {}
    for rule, number in connection.execute(query):
        if number:
            found[rule] = min(found.get(rule, 0) + number, MOST_OPEN + 1)
    return found
