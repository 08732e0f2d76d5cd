"""Reading of the serving cell with the maker's command for the signal of the cell."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from modemagent.at.steps import Outcome, Step
from modemagent.dialects.diagnostic_reads import SIGNAL
from modemagent.explain import explain
from modemagent.identity.network import ServingCell
from modemagent.modem.at_client import AtClient

_TIMEOUT_S = 5.0


def read_serving_cell(
    client: AtClient, dialect: str
) -> Generator[Step, Outcome, ServingCell | None]:
    """Read the serving cell; None: the modem has no command for it, or reports no cell.

    :param dialect: name of the modem's dialect
    """
    for command in SIGNAL.get(dialect, ()):
        response = yield from client.query(command, _TIMEOUT_S)
        for line in response.lines if response.ok else ():
            cell = _cell(explain(command, line))
            if cell is not None:
                return cell
    return None


def _cell(found: Mapping[str, object] | None) -> ServingCell | None:
    """Return the cell in an explanation, the first of which is about the serving one."""
    fields = found.get("fields") if found else None
    if not isinstance(fields, dict) or not isinstance(fields.get("cell_id"), int):
        return None
    area = fields.get("area_code")
    return ServingCell(
        fields["cell_id"],
        area if isinstance(area, int) else None,
        *(fields[name] if isinstance(fields.get(name), str) else None for name in ("mcc", "mnc")),
    )
