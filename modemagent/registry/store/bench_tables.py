"""Table of production benches: where the newest report of each bay is."""

from __future__ import annotations

from sqlalchemy import Table

from modemagent.registry.store.columns import BY_KEY, LONG, key, required
from modemagent.registry.store.people_tables import metadata

__all__ = ["bench_place", "metadata"]

# The newest report of a bench about a place; place 0: about none, for example a module without an
# IMEI. Order, bay and verdict are in the body of the report.
bench_place = Table(
    "bench_place",
    metadata,
    *key(LONG, "gateway", "place"),
    *required(LONG, "stream", "sequence", "position", "received_ms"),
    **BY_KEY,
)
