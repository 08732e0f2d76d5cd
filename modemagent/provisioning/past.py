"""Units that have passed in other orders of this station."""

from __future__ import annotations

from pathlib import Path

from modemagent.errors import ModemAgentError
from modemagent.provisioning.journal import JOURNAL_NAME, read_journal
from modemagent.provisioning.ledger import replayed
from modemagent.provisioning.unit_counts import PASSING


def passed_elsewhere(folder: Path) -> dict[str, str]:
    """Return 14 digits of each IMEI that has passed in another order, and where.

    :param folder: directory of the present order; the others are beside it
    """
    found: dict[str, str] = {}
    for file in sorted(folder.parent.glob(f"*/{JOURNAL_NAME}")):
        if file.parent == folder:
            continue
        for unit, at in _passed_in(file).items():
            found[unit] = f"order {file.parent.name}, {at[:10]}"
    return found


def _passed_in(file: Path) -> dict[str, str]:
    try:
        records, _ = read_journal(file)
    except (OSError, ModemAgentError):
        return {}  # its own session reports what is wrong with it
    units = replayed(records).units
    return {unit: each.at for unit, each in units.items() if each.verdict in PASSING}
