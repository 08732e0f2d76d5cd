"""Figures of the overview as pages show them: bars of the last hours, and clusters of findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from sqlalchemy import Connection

from modemagent.privacy.masking import mask_text
from modemagent.registry.pages.figures import count
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.store.database import dialect
from modemagent.registry.store.fleet.fleet_figures import (
    HOUR_MS,
    HOURS,
    FindingCluster,
    FleetFigures,
)
from modemagent.registry.store.tables.asset_tables import purchase_order

_HIGHEST = 20


@dataclass(frozen=True, slots=True)
class HourBar:
    """A bar of the last 24 hours: its place from the left, its height of 20, and its words."""

    x: int
    height: int
    title: str


def hour_bars(found: FleetFigures, now: datetime) -> list[HourBar]:
    """Return the bars of the hours that were counted, the present one last."""
    most = max([one for one in found.hours if one] or [1])
    last = found.at_ms // HOUR_MS
    return [
        HourBar(
            x=place,
            height=max(1, _HIGHEST * number // most),
            title=f"{_hour(last - HOURS + 1 + place)}: {count(number)} gateways",
        )
        for place, number in enumerate(found.hours)
        if number is not None
    ]


def _hour(number: int) -> str:
    at = datetime.fromtimestamp(number * HOUR_MS / 1000, UTC)
    return f"{at:%H:%M} UTC"


def clusters_of(
    connection: Connection, found: Sequence[FindingCluster], links: Links
) -> list[tuple[str, Link, int]]:
    """Return what many findings have in common: its kind, its link and their number."""
    keys = [(int(one.name),) for one in found if one.kind == "order"]
    rows = dialect.select_rows(connection, purchase_order, ("id",), ("id", "number"), keys)
    orders = {str(row): number for row, number in rows}
    shown = []
    for one in found:
        name = orders.get(one.name, "") if one.kind == "order" else one.name
        url: str | None = f"/findings?{urlencode({one.kind: name})}"
        if one.kind == "order":
            url = f"/orders/O{one.name}"
        elif mask_text(name) != name:
            url = None  # an address has no identifier
        if name:
            shown.append((one.kind, Link(links.text(name), url), one.findings))
    return shown
