"""Copies of the revisions of an order, and what a revision may change.

Rows may be added, and rows without a unit may be removed. A row that has a unit stays.
"""

from __future__ import annotations

from pathlib import Path

from modemagent.errors import UsageError
from modemagent.provisioning.ledger import Ledger
from modemagent.provisioning.order import BenchOrder


def keep_order(order: BenchOrder, folder: Path, ledger: Ledger) -> None:
    """Copy the file of an order beside its journal, if this revision is new.

    :param ledger: what the journal states
    :raises UsageError: the revision removes or changes a row that has a unit
    """
    rows = {row.key: row for row in order.rows}
    for key, units in ledger.claims.items():
        row = rows.get(key)
        if units and (row is None or row.quantity < len(units)):
            count = "a unit" if len(units) == 1 else f"{len(units)} units"
            raise UsageError(
                f"the order has changed a row that has {count}: {_plain(key)}",
                hint="Put the row back as it was; rows without a unit may be changed.",
            )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = folder / f"order-{order.digest[:12]}.csv"
    if order.content and not copy.exists():
        copy.write_bytes(order.content)
        copy.chmod(0o600)


def _plain(key: str) -> str:
    """Return the key of a row without a number in full."""
    kind, _, rest = key.partition(" ")
    return rest if kind == "kind" else f"a row with an {kind}"
