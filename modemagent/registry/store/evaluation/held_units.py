"""Units whose findings wait for a re-check: it may find too many, and then none is recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from modemagent.registry.rules.catalogue import OF_DEADLINES, OF_LISTS, OF_POLICIES, OF_TACS
from modemagent.registry.rules.definitions import FOUND_BY
from modemagent.registry.store.database import dialect

#: Scope of a run after a change of rules, named by its subject, or of all rules for all units.
RULES = "rules"
#: Findings that a re-check of each other scope is about.
SCOPES: dict[str, Collection[str]] = {
    "list": OF_LISTS,
    "tac": OF_TACS,
    "policy": OF_POLICIES | OF_LISTS,
    "deadlines": OF_DEADLINES,
}
_HELD = (
    "SELECT u.unit, r.scope, r.subject, r.id FROM recheck_unit u JOIN recheck_run r ON r.id = u.run"
    " WHERE u.unit IN {keys} AND NOT r.dry"
)


def changed_rules(scope: str, subject: str) -> frozenset[str]:
    """Return the rules that a subject names: modules, separated by spaces."""
    return frozenset(FOUND_BY.keys() & subject.split()) if scope == RULES else frozenset()


def found_by(scope: str, subject: str) -> Collection[str]:
    """Return the findings that a re-check is about."""
    if scope != RULES:
        return SCOPES[scope]
    return frozenset().union(*(FOUND_BY[one] for one in changed_rules(scope, subject)))


def held_rules(
    connection: Connection, units: Iterable[int], run: int | None = None
) -> dict[int, set[str]]:
    """Return the rules whose findings about units stay as they are.

    :param run: re-check that is not counted
    """
    found: dict[int, set[str]] = defaultdict(set)
    for unit, scope, subject, other in dialect.query_keys(connection, _HELD, units):
        if other != run:
            found[unit].update(found_by(scope, subject))
    return dict(found)
