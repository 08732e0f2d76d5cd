"""The TAC table of the operator: its source, its records, and the import of another file."""

from __future__ import annotations

from dataclasses import dataclass

from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page
from modemagent.registry.pages.imports import ImportRow, import_row
from modemagent.registry.pages.links import Link
from modemagent.registry.pages.page_errors import PageError
from modemagent.registry.store.fleet.documents import to_rfc3339
from modemagent.registry.store.lists import tac_table
from modemagent.registry.store.lists.imports import TACS

_ROWS, _IMPORTS = 50, 5
_LONGEST = 8  # digits of a TAC


@dataclass(frozen=True, slots=True, kw_only=True)
class TacRow:
    """A record.

    :param modems: number of modems with the TAC
    :param source: the import that brought it; None: it is shipped with modemagent
    """

    tac: str
    maker: str
    model: str
    modems: int
    source: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TacPage:
    """Records of the table, in the order of their digits.

    :param total: number of records
    :param changed: when the table was changed last
    :param prefix: the first digits that were searched
    """

    rows: list[TacRow]
    total: int
    changed: ShownTime | None
    prefix: str
    following: str | None
    most: int
    imports: list[ImportRow]


def show(ask: Ask) -> Answer:
    """Return the table, or the records whose TAC begins with some digits."""
    prefix = ask.query("prefix")
    if prefix and not (prefix.isascii() and prefix.isdecimal() and len(prefix) <= _LONGEST):
        raise PageError(
            400,
            "Not the beginning of a TAC",
            "A TAC has 8 digits, the first ones of the IMEI.",
            "Search for its first digits, at most 8.",
        )
    with ask.reading() as connection:
        state = tac_table.table_state(connection)
        found = tac_table.records(connection, prefix, limit=_ROWS, after=ask.number("after"))
        if prefix and not found.rows and ask.number("after") is None:
            found = tac_table.shipped_record(connection, prefix)
    listed = ListCalls(ask.state.database, ask.who.actor).imports(_IMPORTS, None, TACS)
    after = f"&after={found.following}" if found.following is not None else ""
    model = TacPage(
        rows=[
            TacRow(
                tac=one.tac,
                maker=ask.who.text(one.maker),
                model=ask.who.text(one.model),
                modems=one.modems,
                source=_import_link(one.import_run),
            )
            for one in found.rows
        ],
        total=state.records,
        changed=moment(to_rfc3339(state.changed_ms), ask.now),
        prefix=prefix,
        following=f"/admin/tac?prefix={prefix}{after}" if after else None,
        most=tac_table.MOST_MODEMS,
        imports=[import_row(one, ask) for one in listed["imports"]],
    )
    return Page("tac.html", model)


def _import_link(run: int | None) -> Link | None:
    return None if run is None else Link(f"I{run}", f"/imports/I{run}")
