"""Tables of production benches: the newest report of each bay, and the turns of units."""

from __future__ import annotations

from sqlalchemy import Index, Table

from modemagent.registry.store.tables.columns import BY_KEY, LONG, TEXT, key, required
from modemagent.registry.store.tables.people_tables import metadata

__all__ = ["bench_place", "bench_turn", "metadata"]

# The newest report of a bench about a place; place 0: about none, for example a module without an
# IMEI. Order, bay and verdict are in the body of the report.
bench_place = Table(
    "bench_place",
    metadata,
    *key(LONG, "gateway", "place"),
    *required(LONG, "stream", "sequence", "position", "received_ms"),
    **BY_KEY,
)

# The turn of a unit at a bench, as the newest report about it states. unit is 0 without an IMEI;
# failed has the steps that a supplier may have caused. The number on the label is not stored.
bench_turn = Table(
    "bench_turn",
    metadata,
    *key(LONG, "gateway"),
    *key(TEXT, "attempt"),
    *required(LONG, "stream", "sequence", "position", "lo_ms", "hi_ms"),
    *required(TEXT, "order_name", "lot", "verdict", "failed"),
    *required(LONG, "unit"),
    *required(TEXT, "label"),
    Index("bench_turn_of_unit", "unit"),
    Index("bench_turn_of_lot", "order_name", "lot"),
    **BY_KEY,
)
