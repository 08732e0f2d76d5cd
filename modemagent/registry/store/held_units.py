"""Units whose findings wait for a re-check: it may find too many, and then none is recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from modemagent.registry.rules.catalogue import OF_DEADLINES, OF_LISTS, OF_POLICIES, OF_TACS
from modemagent.registry.store import dialect

#: Rules that a re-check of each scope evaluates; ``rules`` are all of them.
SCOPES: dict[str, Collection[str]] = {
    "list": OF_LISTS,
    "tac": OF_TACS,
    "policy": OF_POLICIES | OF_LISTS,
    "deadlines": OF_DEADLINES,
}
_HELD = (
    "SELECT u.unit, r.scope, r.id FROM recheck_unit u JOIN recheck_run r ON r.id = u.run"
    " WHERE u.unit IN {keys} AND NOT r.dry"
)


def held_rules(
    connection: Connection, units: Iterable[int], run: int | None = None
) -> dict[int, set[str]]:
    """Return the rules whose findings about units stay as they are.

    :param run: re-check that is not counted
    """
    found: dict[int, set[str]] = defaultdict(set)
    for unit, scope, other in dialect.query_keys(connection, _HELD, units):
        if other != run:
            found[unit] |= set(SCOPES[scope])
    return dict(found)
