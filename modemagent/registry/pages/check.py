"""The form of a check: is everything in this box fine?"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from modemagent.errors import IdentityError, UsageError
from modemagent.identity.csv_table import LineProblem
from modemagent.identity.damage import DAMAGES, is_rounded, repair
from modemagent.registry.api.checks import MOST_MASKED
from modemagent.registry.api.problem_details import too_many
from modemagent.registry.calls.assets import AssetCalls
from modemagent.registry.calls.lists import ListCalls
from modemagent.registry.lists.check_file import CHECKED_COLUMNS, read_numbers
from modemagent.registry.lists.numbers import AUTO, CHECK_KINDS
from modemagent.registry.pages.figures import ShownTime, moment
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.lookup import MASKED
from modemagent.registry.pages.page_errors import PageError, objection
from modemagent.registry.pages.timeline import actor_text
from modemagent.registry.store.lists.checks import MOST

_RECENT = 8
LONGEST = 64  # characters of a number, as in the API
_ORDERS = 50
_SHOWN_PROBLEMS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentCheck:
    """A check that was made before."""

    url: str
    total: int
    is_done: bool
    actor: str
    time: ShownTime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckForm:
    """The form, with what was typed.

    :param problems: why a file was refused, by line
    :param most: numbers at once, if the viewer does not see identifiers in full
    """

    typed: str
    kind: str
    kinds: tuple[str, ...]
    columns: tuple[str, ...]
    model: str
    order: str
    orders: list[str]
    problem: str
    problems: list[LineProblem]
    recent: list[RecentCheck]
    most: int | None


def form(ask: Ask) -> Answer:
    """Return the empty form with the newest checks."""
    return _form(ask)


def start(ask: Ask) -> Answer:
    """Check the numbers of the form; a file that is damaged is refused as a whole."""
    kind = ask.given("kind") if ask.given("kind") in CHECK_KINDS else AUTO
    lines = [line.strip() for line in ask.form.text("numbers").splitlines()]
    numbers = [line for line in lines if line]
    limits = [one for one in (ask.given("first"), ask.given("last")) if one]
    content = ask.form.files.get("file", b"")
    if sum(map(bool, (numbers, limits, content))) != 1:
        return _form(ask, problem="Give numbers, or a file, or both ends of a range.")
    if content:
        column = ask.given("column")
        found = read_numbers(content, column if column in CHECKED_COLUMNS else "")
        if found.is_refused:
            problem = "The file was not checked: correct it, and choose it again."
            return _form(ask, problem=problem, problems=found.problems[:_SHOWN_PROBLEMS])
        numbers = found.numbers
    elif is_rounded(numbers) and any(repair("iccid", one).code == "rounded" for one in numbers):
        message, remedy = DAMAGES["rounded"]
        return _form(ask, problem=f"Nothing was checked: {message}. {remedy}")
    if len(numbers) > MOST:
        return _form(ask, problem=f"At most {MOST:,} numbers can be checked at once.")
    if limits and len(limits) < 2:
        return _form(ask, problem="A range has a first and a last IMEI.")
    calls = ListCalls(ask.state.database, ask.who.actor)
    try:
        count_numbers(ask, len(numbers) or MOST_MASKED)
        cut = [one[:LONGEST] for one in numbers]
        made = calls.check(cut, kind=kind, limits=limits)
    except (IdentityError, UsageError) as error:
        return _form(ask, problem=objection(error))
    wanted = {name: ask.given(name) for name in ("model", "order") if ask.given(name)}
    return SeeOther(f"/check/C{made['id']}" + (f"?{urlencode(wanted)}" if wanted else ""))


def count_numbers(ask: Ask, numbers: int) -> None:
    """Limit how many numbers a person without full identifiers can try, as the API does.

    :raises PageError: they are too many at once
    """
    if ask.who.full_ids:
        return
    if numbers > MOST_MASKED:
        raise PageError(
            403,
            "Too many numbers",
            f"Without the right to full identifiers, {MOST_MASKED} numbers can be checked at once.",
            "An administrator can give you this right.",
        )
    wait_s = MASKED.hit(str(ask.who.person.number), numbers)
    if wait_s is not None:
        raise too_many("lookups", "too many lookups without full identifiers", wait_s)


def _form(ask: Ask, problem: str = "", problems: list[LineProblem] | None = None) -> Page:
    lists = ListCalls(ask.state.database, ask.who.actor)
    orders = AssetCalls(ask.state.database, ask.who.actor).orders(_ORDERS, None)["orders"]
    model = CheckForm(
        typed=ask.form.text("numbers"),
        kind=ask.given("kind") or AUTO,
        kinds=CHECK_KINDS,
        columns=CHECKED_COLUMNS,
        model=ask.given("model") or ask.query("model"),
        order=ask.given("order") or ask.query("order"),
        orders=[one["number"] for one in orders if ask.who.text(one["number"]) == one["number"]],
        problem=problem,
        problems=problems or [],
        recent=_recent(ask, lists),
        most=None if ask.who.full_ids else MOST_MASKED,
    )
    return Page("check.html", model, status=422 if problem else 200)


def _recent(ask: Ask, lists: ListCalls) -> list[RecentCheck]:
    """Return the newest checks that the viewer may open."""
    found = lists.checks(_RECENT * 4, None)["checks"]
    mine = [one for one in found if may_open(ask, one["checked_by"])]
    return [
        RecentCheck(
            url=f"/check/C{one['id']}",
            total=one["total"],
            is_done=one["state"] == "done",
            actor=actor_text(one["checked_by"]),
            time=moment(one["created_at"], ask.now),
        )
        for one in mine[:_RECENT]
    ]


def may_open(ask: Ask, owner: str) -> bool:
    """Return True if the viewer may see a check: its owner, operators, and who sees all numbers."""
    return owner == ask.who.actor or ask.who.may_operate or ask.who.full_ids
