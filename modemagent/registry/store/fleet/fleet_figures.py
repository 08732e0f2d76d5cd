"""Figures of the overview that a timer counts, because counting takes longer than a page may.

They are rows of ``tally``, whose names have a dot: gateways that reported in each hour of the last
day, sites, firmware and orders with many findings, and the end of the audit's chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, text

from modemagent.registry.store.findings.finding_search import SITE
from modemagent.registry.store.findings.triage import MOST_COUNTED
from modemagent.registry.store.privacy import audit

HOURS = 24
HOUR_MS = 3_600_000
_AT, _REPORTED, _BROKEN, _CHECKED = "figures.at", "heard.last", "audit.broken", "audit.checked"
_OF_HOUR, _CLUSTER = "heard.of.", "cluster."
_MOST_CLUSTERS = 3  # of a kind
_LEAST_ALIKE = 2
_MOST_CHECKED = 1000  # entries of the audit
_HEARD = (
    "SELECT coalesce(sum(CASE WHEN at >= :hour_ago THEN 1 ELSE 0 END), 0),"
    " coalesce(sum(CASE WHEN at >= :hour THEN 1 ELSE 0 END), 0)"
    " FROM (SELECT max(x.received_ms) AS at FROM gateway g"
    " JOIN boot_stream x ON x.boot = g.last_boot GROUP BY g.id) AS q"
)
#: What the findings of a cluster have in common: a text, or the row of an order.
_KINDS = {
    "site": SITE,
    "firmware": "(SELECT m.firmware FROM modem_type t JOIN make m ON m.id = t.make"
    " WHERE t.unit = finding.unit AND m.firmware <> '')",
    "order": "(SELECT CAST(r.purchase_order AS text) FROM unit n JOIN order_row r ON r.imei = n.key"
    " WHERE n.id = finding.unit AND n.kind = 1 LIMIT 1)",
}
# The condition of the index of open findings comes first: SQLite does not derive it from the state.
_OPEN = (
    "SELECT {} AS name FROM finding WHERE severity BETWEEN '{}' AND '{}'"  # noqa: S608
    " AND recorded_to IS NULL AND state <> 'resolved' AND state = 'undecided'"
    f" ORDER BY severity DESC, id DESC LIMIT {MOST_COUNTED}"
)
_COUNTED = (
    "SELECT name, count(*) FROM (SELECT * FROM ({}) AS e UNION ALL SELECT * FROM ({}) AS w) AS q"  # noqa: S608
    f" WHERE name IS NOT NULL GROUP BY name HAVING count(*) >= {_LEAST_ALIKE}"
    f" ORDER BY count(*) DESC, name LIMIT {_MOST_CLUSTERS}"
)


class FindingCluster(NamedTuple):
    """Where many undecided errors and warnings are.

    :param kind: site, firmware or order
    :param name: of the site or the firmware, or the row of the order
    """

    kind: str
    name: str
    findings: int


class FleetFigures(NamedTuple):
    """Figures as of the last count.

    :param reported: gateways that reported within the last hour
    :param hours: gateways that reported in each of the last hours, the present one last; None: not
        counted
    :param checked: newest entries of the audit that were verified
    :param is_intact: their chain is whole
    """

    at_ms: int
    reported: int
    hours: list[int | None]
    clusters: list[FindingCluster]
    checked: int
    is_intact: bool


def counted(connection: Connection, at_ms: int) -> dict[str, int]:
    """Return the figures by the names of their rows."""
    hour = at_ms // HOUR_MS
    values = {"hour_ago": at_ms - HOUR_MS, "hour": hour * HOUR_MS}
    last, of_hour = connection.execute(text(_HEARD), values).one()
    found = {_AT: at_ms, _REPORTED: int(last), f"{_OF_HOUR}{hour}": int(of_hour)}
    for kind, name in _KINDS.items():
        open_ = [_OPEN.format(name, one, one) for one in ("error", "warning")]
        for row in connection.execute(text(_COUNTED.format(*open_))):
            found[f"{_CLUSTER}{kind}.{row[0]}"] = row[1]
    checked, broken = audit.verify_end(connection, _MOST_CHECKED)
    return found | {_CHECKED: checked, _BROKEN: broken}


def is_stale(name: str, at_ms: int) -> bool:
    """Return True if a row is of an earlier count, and is not kept."""
    if name.startswith(_OF_HOUR):
        return int(name.removeprefix(_OF_HOUR)) <= at_ms // HOUR_MS - HOURS
    return name.startswith(_CLUSTER)


def figures_of(rows: Mapping[str, int]) -> FleetFigures | None:
    """Return the figures in rows; None: nothing was counted yet."""
    if _AT not in rows:
        return None
    hour = rows[_AT] // HOUR_MS
    clusters = [
        FindingCluster(kind, shared, number)
        for name, number in rows.items()
        if name.startswith(_CLUSTER)
        for kind, _, shared in [name.removeprefix(_CLUSTER).partition(".")]
    ]
    return FleetFigures(
        at_ms=rows[_AT],
        reported=rows[_REPORTED],
        hours=[rows.get(f"{_OF_HOUR}{one}") for one in range(hour - HOURS + 1, hour + 1)],
        clusters=sorted(clusters, key=lambda one: (-one.findings, one.kind, one.name)),
        checked=rows[_CHECKED],
        is_intact=not rows[_BROKEN],
    )
