"""A check on paper: for the bench with the line numbers, and for the supplier without internals."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from modemagent.registry.pages.check_result import (
    IssueCount,
    OrderMatch,
    expected_in,
    match_of,
    opened_check,
    parts_of,
)
from modemagent.registry.pages.check_rows import (
    CheckRow,
    Issue,
    check_row,
    issues_of,
    key_of_number,
    needs_attention,
)
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page
from modemagent.registry.pages.links import Links
from modemagent.registry.pages.qr_path import QrPath, qr_path
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import CHECKS
from modemagent.registry.store.lists.checks import AT_ONCE

_ROWS = 1000
#: Reasons that are not the supplier's concern, and those whose sources are not.
_INTERNAL = ("tracked", "machines")
_WITHOUT_NOTE = ("prohibited",)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSheet:
    """A check for paper.

    :param rows: numbers that need attention, in the order of scanning
    :param rest: how many more need attention
    :param code: address of the check
    :param supplier: of the order
    """

    key: str
    url: str
    is_for_supplier: bool
    is_done: bool
    total: int
    bad: int
    time: ShownTime | None
    actor: str
    model: str
    order: OrderMatch | None
    supplier: str
    issues: list[IssueCount]
    rows: list[CheckRow]
    rest: int
    code: QrPath


def sheet(ask: Ask) -> Answer:
    """Return the sheet for the bench."""
    return _sheet(ask, is_for_supplier=False)


def lot_report(ask: Ask) -> Answer:
    """Return the report for the supplier."""
    return _sheet(ask, is_for_supplier=True)


def _sheet(ask: Ask, *, is_for_supplier: bool) -> Answer:
    found, calls = opened_check(ask)
    order, expected = expected_in(ask)
    is_own = found["checked_by"] == ask.who.actor
    first = calls.check_results(found["id"], AT_ONCE, None) or found
    counts: Counter[str] = Counter()
    scanned: set[str] = set()
    rows: list[CheckRow] = []
    bad = 0
    with ask.reading() as connection:
        links = Links(connection, ask.who)
        for one in (result for part in parts_of(calls, first) for result in part):
            if one["normalized"]:
                scanned.add(key_of_number(one["kind"], one["normalized"]))
            issues = issues_of(one, expected, ask.who)
            issues = _for_supplier(issues) if is_for_supplier else issues
            if not needs_attention(issues):
                continue
            bad += 1
            counts[issues[0].code] += 1
            if len(rows) < _ROWS:
                row = check_row(one, expected, links, ask.who, ask.now, is_own=is_own)
                rows.append(replace(row, issues=issues))
    url = f"/check/C{found['id']}"
    query = ask.request.url.query
    model = CheckSheet(
        key=f"C{found['id']}",
        url=url + (f"?{query}" if query else ""),
        is_for_supplier=is_for_supplier,
        is_done=found["done"] == found["total"],
        total=found["total"],
        bad=bad,
        time=moment(found["created_at"], ask.now),
        actor=actor_text(found["checked_by"]),
        model=ask.query("model"),
        order=match_of(order, scanned, ask) if order else None,
        supplier=ask.who.text(order["supplier"] or "") if order else "",
        issues=[IssueCount(word=CHECKS[one], count=counts[one]) for one in CHECKS if counts[one]],
        rows=rows,
        rest=bad - len(rows),
        code=qr_path(ask.origin + url),
    )
    return Page("check_sheet.html", model)


def _for_supplier(issues: list[Issue]) -> list[Issue]:
    return [
        one._replace(note="") if one.code in _WITHOUT_NOTE else one
        for one in issues
        if one.code not in _INTERNAL
    ]
