"""Pairs of modem and SIM by the state of their link, in the order of their rows.

Few modems in a state are found by index. Otherwise rows are read in their order, at most some
thousand for a page, so a page may have fewer entries than its limit and still a next page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from modemagent.registry.rules.pairing import LinkState
from modemagent.registry.store.fleet.stays import StayRow, load_stays
from modemagent.registry.store.fleet.view import View
from modemagent.registry.store.tables import schema
from modemagent.registry.store.tables.recheck_tables import modem_type

_FEW = 2000  # modems whose stays are read at once
_PAIRS = 1000  # read at once
_ROUNDS = 10  # of reading for one page

Cut = tuple[list[int], str | None]


def pairs_in_state(view: View, state: str, limit: int, after: int) -> Cut:
    """Return the rows of the next open pairs in a state, and the cursor of the page that follows.

    :param state: as shown, such as ``linked``
    """
    modems = few_modems(view.connection, state)
    if modems is not None:
        return cut([one.id for one in _open_pairs(view, modems, state)], limit, after)
    c = schema.stay.c
    query = select(c.id, c.holder, c.slot).where(
        c.holder.is_not(None), c.recorded_to.is_(None), c.cause.is_(None)
    )

    def in_state(rows: Sequence[Any]) -> list[int]:
        view.load(links=[row.holder for row in rows])
        return [row.id for row in rows if view.link_state(row.holder, row.slot) == state]

    return _walk(view.connection, query, c.id, in_state, _PAIRS, limit, after)


def sims_of_modems(view: View, modems: Sequence[int], state: str) -> list[int]:
    """Return the SIMs in slots of some modems that are in a state."""
    return sorted({one.unit for one in _open_pairs(view, modems, state)})


def cut(rows: Sequence[int], limit: int, after: int) -> Cut:
    """Return a page of rows in their order, and the cursor of the next page if there are more."""
    rest = sorted(one for one in rows if one > after)
    return rest[:limit], str(rest[limit - 1]) if len(rest) > limit else None


def few_modems(connection: Connection, state: str) -> list[int] | None:
    """Return the modems that may have a slot in a state; None: there are too many.

    A modem has the largest state of its slots, and is unlinked as a whole.
    """
    wanted = LinkState[state.upper()]
    states = [wanted] if wanted == LinkState.UNLINKED else [
        one for one in LinkState if one >= wanted and one != LinkState.UNLINKED
    ]  # fmt: skip
    c = modem_type.c
    found: list[int] = []
    for one in states:
        query = select(c.unit).where(c.link_state == int(one)).limit(_FEW + 1 - len(found))
        found += connection.execute(query).scalars()
        if len(found) > _FEW:
            return None
    return found


def _open_pairs(view: View, modems: Sequence[int], state: str) -> list[StayRow]:
    view.load(links=modems)
    return [
        one
        for one in load_stays(view, "holder", modems)
        if one.is_open and view.link_state(one.holder, one.slot) == state
    ]


def _walk(
    connection: Connection,
    query: Any,
    key: Any,
    in_state: Callable[[Sequence[Any]], list[int]],
    at_once: int,
    limit: int,
    after: int,
) -> Cut:
    found: list[int] = []
    size = min(at_once, limit + 1)  # most rows may be in this state
    for _ in range(_ROUNDS):
        rows = connection.execute(query.where(key > after).order_by(key).limit(size)).all()
        found += in_state(rows)
        if len(found) > limit:
            return found[:limit], str(found[limit - 1])
        if len(rows) < size:
            return found, None
        after, size = rows[-1].id, at_once
    return found, str(after)
