"""The result of a check: FINE or NOT FINE first, then what needs attention and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from modemagent.registry.api.masked_lists import shown_check
from modemagent.registry.calls.assets import AssetCalls
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.lists.results import to_csv
from modemagent.registry.pages.check import LONGEST, count_numbers, may_open
from modemagent.registry.pages.check_rows import (
    CheckRow,
    Expected,
    bare,
    change_text,
    check_row,
    issues_of,
    key_of_number,
    needs_attention,
)
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Download, Page, SeeOther
from modemagent.registry.pages.links import Links
from modemagent.registry.pages.page_errors import PageError, not_found
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.pages.words import CHECKS, Word
from modemagent.registry.store.fleet.documents import Document
from modemagent.registry.store.lists.checks import AT_ONCE, MOST

_SHOWN = 200  # rows of a page
_COUNTED = 20  # parts of a check that are counted on request, of 1,000 numbers each
_REFRESH_S = "3"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueCount:
    """How many numbers need attention for the same reason."""

    word: Word
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedRow:
    """A number whose result differs from that of the previous check."""

    position: int
    typed: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMatch:
    """What the check and an order have in common.

    :param missing: numbers of the order that were not scanned, as shown
    """

    number: str
    url: str
    expected: int
    scanned: int
    missing: list[str]
    missing_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """A check with its verdict.

    :param bad: numbers that need attention
    :param rows: those of the page: the ones that need attention, or all in the order of scanning
    :param changed: differences from the check before; None: it is the first
    :param counted: numbers that the verdict is about, if not all
    """

    key: str
    url: str
    total: int
    done: int
    actor: str
    time: ShownTime | None
    bad: int
    issues: list[IssueCount]
    rows: list[CheckRow]
    shows_all: bool
    older: str | None
    changed: list[ChangedRow] | None
    previous: str | None
    order: OrderMatch | None
    model: str
    counted: int | None
    may_track: bool
    trackable: int
    query: str

    @property
    def is_done(self) -> bool:
        """Return True if every number has a result."""
        return self.done == self.total

    @property
    def is_fine(self) -> bool:
        """Return True if nothing needs attention, and nothing of the order is missing."""
        return not self.bad and not (self.order and self.order.missing_count)


def show(ask: Ask) -> Answer:
    """Return the page of a check; while its job runs, the page loads again by itself."""
    found, calls = opened_check(ask)
    order, expected = expected_in(ask)
    first = calls.check_results(found["id"], AT_ONCE, None) or found
    shows_all = ask.query("show") == "all"
    is_own = found["checked_by"] == ask.who.actor
    counts: Counter[str] = Counter()
    bad = trackable = counted = 0
    scanned: set[str] = set()
    shown: list[Document] = []
    after = ask.number("after") or 0
    for part in parts_of(calls, first):
        for one in part:
            issues = issues_of(one, expected, ask.who)
            worst = [issue.code for issue in issues if issue.word.tone in ("bad", "warn")]
            counts.update(worst[:1] or [issue.code for issue in issues[:1]] or ["fine"])
            bad += bool(worst)
            trackable += bool(worst) and one["valid"] and one["repeats"] is None
            if one["normalized"]:
                scanned.add(key_of_number(one["kind"], one["normalized"]))
            if one["position"] > after and (worst or shows_all) and len(shown) <= _SHOWN:
                shown.append(one)
        counted += len(part)
    with ask.reading() as connection:
        links = Links(connection, ask.who)
        rows = [
            check_row(one, expected, links, ask.who, ask.now, is_own=is_own)
            for one in shown[:_SHOWN]
        ]
    kept = {name: ask.query(name) for name in ("model", "order", "show") if ask.query(name)}
    model = CheckView(
        key=f"C{found['id']}",
        url=f"/check/C{found['id']}",
        total=found["total"],
        done=found["done"],
        actor=actor_text(found["checked_by"]),
        time=moment(found["created_at"], ask.now),
        bad=bad,
        issues=[
            IssueCount(word=CHECKS[code], count=counts[code]) for code in CHECKS if counts[code]
        ],
        rows=rows,
        shows_all=shows_all,
        older=_query({**kept, "after": str(rows[-1].position)}) if len(shown) > _SHOWN else None,
        changed=_changed(first, ask, is_own),
        previous=found["previous"] and f"/check/C{found['previous']}",
        order=match_of(order, scanned, ask) if order else None,
        model=ask.query("model"),
        counted=counted if counted < found["done"] else None,
        may_track=ask.who.may_operate,
        trackable=trackable,
        query=_query({name: kept[name] for name in ("model", "order") if name in kept}),
    )
    headers = {} if model.is_done else {"Refresh": _REFRESH_S}
    return Page("check_result.html", model, headers=headers)


def csv(ask: Ask) -> Answer:
    """Return all results as CSV, masked as on the page."""
    found, calls = opened_check(ask)
    whole = calls.check_results(found["id"], MOST, None) or found
    if found["checked_by"] != ask.who.actor:
        whole = shown_check(whole, ask.who)
    as_text = ask.query("numbers") == "text"
    return Download(f"check-C{found['id']}.csv", [to_csv(whole["results"], as_text=as_text)])


def again(ask: Ask) -> Answer:
    """Check the same numbers again; those that were scanned replace what needs attention."""
    found, calls = opened_check(ask)
    lines = [line.strip()[:LONGEST] for line in ask.given("numbers").splitlines()]
    scanned = [line for line in lines if line]
    count_numbers(ask, found["total"] + len(scanned))
    bad = positions_of_bad(ask, calls, found) if scanned else []
    instead = dict(zip(bad, scanned, strict=False))
    more = scanned[len(bad) :]
    if found["total"] + len(more) > MOST:
        raise PageError(422, "Too many numbers", f"At most {MOST:,} can be checked at once.")
    made = calls.check_again(found["id"], instead=instead, more=more)
    return SeeOther(f"/check/C{(made or found)['id']}{_query(dict(_kept(ask)))}")


def positions_of_bad(ask: Ask, calls: ListCalls, found: Document) -> list[int]:
    """Return the positions of the numbers that need attention, in the order of scanning."""
    _, expected = expected_in(ask)
    first = calls.check_results(found["id"], AT_ONCE, None) or found
    return [
        one["position"]
        for part in parts_of(calls, first)
        for one in part
        if needs_attention(issues_of(one, expected, ask.who))
    ]


def track(ask: Ask) -> Answer:
    """Put the numbers that need attention on the tracked list, as an import that can be undone."""
    found, calls = opened_check(ask)
    _, expected = expected_in(ask)
    first = calls.check_results(found["id"], AT_ONCE, None) or found
    lines = ["kind,value"]
    for one in (result for part in parts_of(calls, first) for result in part):
        issues = issues_of(one, expected, ask.who)
        if (
            needs_attention(issues)
            and one["valid"]
            and one["repeats"] is None
            and one["kind"] in ("imei", "iccid")
        ):
            lines.append(f"{one['kind']},{one['normalized']}")
    made = calls.import_file(
        "\n".join(lines).encode(),
        dry_run=False,
        target="tracked",
        source=f"check C{found['id']}",
        reason=ask.given("reason")[:200] or "needs attention",
        force=True,
    )
    return SeeOther(f"/imports/I{made['id']}")


def opened_check(ask: Ask) -> tuple[Document, ListCalls]:
    """Return the check of an address, if the viewer may open it."""
    calls = ListCalls(ask.state.database, ask.who.actor)
    found = calls.check_results(ask.key("C", "check"), 1, None)
    if found is None or not may_open(ask, found["checked_by"]):
        raise not_found("check")
    return found, calls


def parts_of(calls: ListCalls, first: Document) -> Iterator[list[Any]]:
    """Yield the results of a check in parts, up to a limit."""
    page = first
    for _ in range(_COUNTED):
        yield page["results"]
        if page["next"] is None:
            return
        page = calls.check_results(page["id"], AT_ONCE, page["next"]) or {**page, "next": None}


def _kept(ask: Ask) -> Iterator[tuple[str, str]]:
    for name in ("model", "order"):
        if value := ask.given(name) or ask.query(name):
            yield name, value


def _query(values: dict[str, str]) -> str:
    return f"?{urlencode(values)}" if values else ""


def expected_in(ask: Ask) -> tuple[Document | None, Expected]:
    """Return the order and what the box should contain, by the address or the form."""
    wanted = dict(_kept(ask))
    number = wanted.get("order")
    order = None
    numbers: dict[str, str] = {}
    if number:
        calls, after = AssetCalls(ask.state.database, ask.who.actor), None
        for _ in range(_COUNTED):
            order = calls.order(number, AT_ONCE, after)
            if order is None:
                break
            for row in order["rows"]:
                for kind in ("imei", "iccid"):
                    if row[kind]:
                        numbers[key_of_number(kind, row[kind])] = row[kind]
            after = order["next"]
            if after is None:
                break
    expected = Expected(bare(wanted.get("model", "")), frozenset(numbers) or None)
    return order and {**order, "numbers": numbers}, expected


def match_of(order: Document, scanned: set[str], ask: Ask) -> OrderMatch:
    """Return what a check and an order have in common."""
    numbers: dict[str, str] = order["numbers"]
    missing = [whole for key, whole in numbers.items() if key not in scanned]
    expected = len(numbers) or order["expected"]
    count = len(missing) if numbers else max(order["expected"] - len(scanned), 0)
    return OrderMatch(
        number=ask.who.text(order["number"]),
        url=f"/orders/O{order['id']}",
        expected=expected,
        scanned=expected - count,
        missing=[ask.who.digits(one) for one in missing[:_SHOWN]],
        missing_count=count,
    )


def _changed(first: Document, ask: Ask, is_own: bool) -> list[ChangedRow] | None:
    if first["changes"] is None:
        return None
    return [
        ChangedRow(
            position=one["position"],
            typed=one["input"] if is_own else ask.who.digits(one["input"]),
            text=change_text(one["changes"], ask.who),
        )
        for one in first["changes"][:_SHOWN]
    ]
