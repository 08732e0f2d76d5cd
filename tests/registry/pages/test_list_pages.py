"""Lists: filters in the address, views with a name, CSV of what is shown, decisions about many."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.datastructures import State
from starlette.requests import Request

from modemagent.registry.pages import findings, gateways, list_query, overview, unit_lists
from modemagent.registry.pages.csv_files import BROKEN, complete_or_marked
from modemagent.registry.pages.finding_filters import Filters, hidden_by
from modemagent.registry.pages.forms import Form
from modemagent.registry.pages.frame import Answer, Ask, Page, SeeOther
from modemagent.registry.pages.links import Link, Links
from modemagent.registry.pages.viewer import Viewer
from modemagent.registry.store.database.engine import Database, now_ms
from modemagent.registry.store.findings import finding_search, finding_sets
from modemagent.registry.store.findings.decisions import Decision, DecisionAction
from modemagent.registry.store.findings.finding_search import FindingFilter
from modemagent.registry.store.findings.triage import RuleTotal
from modemagent.registry.store.fleet.fleet_figures import FindingCluster, FleetFigures
from modemagent.registry.store.people import people, saved_views
from modemagent.registry.store.people.people import PersonRole
from tests.registry.conftest import IMEI
from tests.registry.pages.conftest import FORMULA, NUMBER_LIKE_GATEWAY, Browser, Story

UNTIL = "2100-01-01 12:00"


@pytest.fixture(scope="module")
def operator(story: Story) -> Browser:
    return story.person("lister", PersonRole.OPERATOR, full_ids=True)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_filter_by_gateway_has_its_reference_in_the_address(operator: Browser) -> None:
    answer = operator.get(f"/modems?gateway={NUMBER_LIKE_GATEWAY}")
    assert answer.status == 303
    path = answer.headers["Location"]
    assert "867698" not in path
    page = operator.get(path).text
    assert f"All modems in gateway {NUMBER_LIKE_GATEWAY}" in page
    assert len(re.findall(r"<tr data-row", page)) == 1
    unknown = operator.get("/modems?gateway=nowhere").text
    assert "No gateway has this id" in unknown
    assert "gateway: nowhere" in unknown
    assert "Nothing matches these filters" in unknown
    assert "All modems that are armed" in operator.get("/modems?link_state=armed").text


def test_csv_has_the_rows_of_the_page(operator: Browser) -> None:
    page = operator.get("/modems").text
    rows = rows_of(operator.get("/modems/csv").text)
    assert len(rows) == len(re.findall(r"<tr data-row", page)) >= 3
    assert [row["imei"] for row in rows] == re.findall(r"<tr data-row><td><a [^>]+>(\d+)<", page)
    assert {row["imei"] for row in rows} >= {IMEI}
    assert f'=""{IMEI}""' in operator.get("/modems/csv?numbers=text").text
    assert any(FORMULA in row["model"] for row in rows)
    assert not any(row["model"].startswith("=") for row in rows)
    sims = rows_of(operator.get("/sims/csv").text)
    assert sims[0].keys() >= {"iccid", "imsi", "imei", "gateway"}
    before: list[str] = []
    after = ["none"]
    while before != after:  # the rules may find something new meanwhile
        before = after
        found = rows_of(operator.get("/findings/csv?state=all&severity=any").text)
        after = re.findall(
            r'<tr data-row id="([^"]+)"', operator.get("/findings?state=all&severity=any").text
        )
    assert [row["id"] for row in found] == after != []


def test_filters_and_columns_are_in_the_address_and_in_the_file(operator: Browser) -> None:
    form = operator.get(f"/modems?site=Hamburg&tac={IMEI}&column=firmware&column=site&rows=25")
    path = form.headers["Location"]
    assert path == f"/modems?site=Hamburg&tac={IMEI[:8]}&columns=imei%2Cfirmware%2Csite&rows=25"
    page = operator.get(path)
    assert f"All modems with an IMEI that begins with {IMEI[:8]}, at site Hamburg" in page.text
    assert re.findall("<th>(.*?)</th>", page.text) == ["IMEI", "Firmware", "Site"]
    assert '<option value="Hamburg">' in page.text
    without = [one for one in page.links if one.startswith("/modems?") and "site=" not in one]
    assert f"/modems?tac={IMEI[:8]}&columns=imei%2Cfirmware%2Csite&rows=25" in without
    (file,) = rows_of(operator.get(path.replace("?", "/csv?")).text)
    assert file == {"imei": IMEI, "firmware": file["firmware"], "site": "Hamburg"}
    for given, named, reason in (
        (f"/modems?model={IMEI}&tac={IMEI}", f"/modems?tac={IMEI[:8]}&left-out=model", "Use Find"),
        (f"/sims?gateway={IMEI}", "/sims?left-out=gateway", "Not filtered by gateway"),
        ("/gateways?site=867698040000013", "/gateways?left-out=site", "Not filtered by site"),
        ("/findings?tac=abc", "/findings?left-out=tac", "takes digits alone"),
    ):
        assert operator.get(given).headers["Location"] == named
        assert reason in operator.get(named).text
    assert "Nothing matches" in operator.get("/sims?list=prohibited&site=Hamburg").text


@pytest.mark.parametrize(
    ("show", "path"),
    [
        (unit_lists.modems, "/modems"),
        (gateways.show, "/gateways"),
        (findings.show, "/findings?state=all&severity=any"),
    ],
)
def test_newer_and_older_pages_have_each_row_once(
    story: Story,
    monkeypatch: pytest.MonkeyPatch,
    show: Callable[[Ask], Answer],
    path: str,
) -> None:
    monkeypatch.setattr(list_query, "USUAL_ROWS", 1)
    story.person(f"pager of {path[1:8]}", PersonRole.VIEWER)
    with story.database.reading() as connection:
        person = people.all_people(connection)[0]

    def page(url: str) -> Any:
        query = url.partition("?")[2].encode()
        scope = {"type": "http", "method": "GET", "path": path, "headers": [],
                 "query_string": query}  # fmt: skip
        ask = Ask(
            state=State({"database": story.database}), request=Request(scope),
            viewer=Viewer(person), form=Form(), is_secure=False, client="",
        )  # fmt: skip
        answer = show(ask)
        if isinstance(answer, SeeOther):
            return page(answer.url)
        assert isinstance(answer, Page)
        return answer.model

    def urls(model: Any) -> list[str]:
        return [row.id or row.link.url for row in model.rows]

    newest = page(path)
    assert newest.newer is None
    pages = [newest]
    while pages[-1].older:
        pages.append(page(pages[-1].older))
    shown = [url for one in pages for url in urls(one)]
    assert len(shown) == len(set(shown)) >= 2
    monkeypatch.setattr(list_query, "USUAL_ROWS", 50)
    assert shown == urls(page(path))
    monkeypatch.setattr(list_query, "USUAL_ROWS", 1)
    assert urls(page(pages[1].newer or "")) == urls(newest)
    monkeypatch.setattr(list_query, "USUAL_ROWS", 1)
    assert urls(page(pages[1].newer or "")) == urls(newest)[-1:]


def test_gateways_are_filtered_and_in_the_file(operator: Browser) -> None:
    page = operator.get("/gateways?columns=gateway,site,state").text
    rows = rows_of(operator.get("/gateways/csv?columns=gateway,site,state").text)
    assert [row["gateway"] for row in rows] == re.findall(r'href="/gateways/\w+">([^<]+)<', page)
    assert rows[0].keys() == {"gateway", "site", "state", "silent_since"}
    assert "Nothing matches" in operator.get("/gateways?site=nowhere").text
    assert 'value="Hamburg"' not in operator.get("/gateways").text  # that of an asset alone
    assert rows_of(operator.get("/gateways/csv?site=nowhere").text) == []


def test_modems_are_filtered_by_state(operator: Browser) -> None:
    assert "<tr data-row" in operator.get("/modems?link_state=unlinked").text


def test_broken_export_is_marked() -> None:
    def lines() -> object:
        yield "a\r\n"
        raise OSError

    assert "".join(complete_or_marked(lines())) == f"a\r\n{BROKEN}\r\n"  # type: ignore[arg-type]


def test_view_is_a_name_for_an_address(story: Story, operator: Browser) -> None:
    form = {"section": "findings", "query": "severity=any&before=9", "name": "my queue"}
    made = operator.post("/views", form)
    assert made.headers["Location"] == "/findings?severity=any"
    page = operator.get("/findings?severity=any").text
    assert '<a class="wide" href="/findings?severity=any" aria-current="true">my queue</a>' in page
    other = story.person("another", PersonRole.VIEWER)
    assert "my queue" not in other.get("/findings").text
    assert operator.post("/views", {**form, "shared": "on"}).status == 303
    assert "my queue" in other.get("/findings").text
    key = re.search(r"/views/(V\d+)/remove", operator.get("/findings").text)
    assert key
    other.post(f"/views/{key[1]}/remove", {"section": "findings"})  # not hers
    assert "my queue" in other.get("/findings").text
    assert operator.post(f"/views/{key[1]}/remove", {"section": "findings"}).status == 303
    assert "my queue" not in operator.get("/findings").text


@pytest.mark.parametrize(
    "changed", [{"name": " "}, {"section": "moon"}, {"query": f"gateway={IMEI}"}]
)
def test_view_without_name_or_with_a_number_is_refused(
    operator: Browser, changed: dict[str, str]
) -> None:
    form = {"section": "findings", "query": "severity=any", "name": "x", **changed}
    assert operator.post("/views", form).status == 422


def test_overview_states_reports_cases_and_clusters(story: Story, operator: Browser) -> None:
    figures = FleetFigures(
        now_ms() - 9 * 60_000, 2, [None] * 22 + [4, 2],
        [FindingCluster("site", "Hamburg", 9), FindingCluster("firmware", IMEI, 4)], 7, False,
    )  # fmt: skip
    now = datetime.now(UTC)
    with story.database.reading() as connection:
        links = Links(connection, Viewer(people.all_people(connection)[0]))
        found = overview._figures(connection, figures, {"gateways": 3}, links, now)
    assert found is not None
    assert (found.share, found.age, found.is_intact) == ("66.7 %", "9 min ago", False)
    assert [(one.x, one.height) for one in found.bars] == [(22, 20), (23, 10)]
    assert found.clusters[0] == ("site", Link("Hamburg", "/findings?site=Hamburg"), 9)
    assert found.clusters[1][1].url is None  # it looks like a number
    page = operator.get("/").text
    assert "Reported last hour" in page
    assert re.search(r"No case is open|\d+ open cases?</a>", page)


def test_group_of_findings_leads_to_its_rule_and_site(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding_search, "FEW_ALIKE", 0)
    story.person("grouping", PersonRole.OPERATOR)
    with story.database.reading() as connection:
        person = people.all_people(connection)[0]
        wanted = FindingFilter(state=None, rule="imei.prohibited")
        (group,) = finding_search.grouped(connection, wanted, 9)[0]
    group.rows.append(group.rows[0]._replace(gateway=7, site="Lyon"))
    group.rows[0] = group.rows[1]
    scope = {"type": "http", "method": "GET", "path": "/findings", "headers": [],
             "query_string": b"severity=error&columns=what,site"}  # fmt: skip
    ask = Ask(state=State(), request=Request(scope), viewer=Viewer(person), form=Form(),
              is_secure=False, client="")  # fmt: skip
    row = findings._group_row(findings.query_of(ask), group, ask)
    address = "/findings?severity=error&rule=imei.prohibited&site=Lyon&columns=what%2Csite"
    assert row.cells[0].link == Link("IMEI prohibited", address)
    assert row.cells[0].note == "2 alike"
    assert row.tick and row.tick[:2] == ("group", "error|imei.prohibited|Lyon")


def test_ticked_group_is_all_of_its_rule_and_site(operator: Browser) -> None:
    form = {"which": "ticked", "group": "error|imei.prohibited|nowhere"}
    assert operator.post("/selections", form).status == 422
    page = operator.get("/findings?site=Hamburg").text
    assert "Undecided errors and warnings, at site Hamburg, those found last first." in page
    assert "outside this view" in page
    file = rows_of(operator.get("/findings/csv?site=Hamburg&columns=what,site").text)
    assert {row["site"] for row in file} == {"Hamburg"}
    form["group"] = f"{file[0]['severity']}|{file[0]['type']}|Hamburg"
    assert operator.post("/selections", form).status == 303


def test_decision_about_ticked_findings(operator: Browser) -> None:
    page = operator.get("/findings?state=all&severity=any").text
    ids = re.findall(r'name="finding" value="([^"]+)"', page)[:1]
    assert ids
    frozen = operator.post("/selections", {"finding": ids, "which": "ticked", "severity": "any"})
    path = frozen.headers["Location"]
    page = operator.get(path).text
    assert "1 finding chosen" in page
    form = {"acts": "0", "reason": "a crew is there", "assignee": "ben"}
    assert operator.post(f"{path}/assign", {**form, "reason": ""}).status == 422
    assert operator.post(f"{path}/assign", form).status == 303
    page = operator.get(path).text
    assert "Done: 1 assigned" in page
    assert operator.post(f"{path}/assign", form).status == 303  # the same form again
    history = operator.get(f"/findings/{ids[0]}").text
    assert history.count("a crew is there") == 1
    assert operator.get(path.replace("S", "S9")).status == 404


def test_changed_finding_is_left_out(story: Story, operator: Browser) -> None:
    form = {"which": "all", "state": "all", "severity": "any"}
    path = operator.post("/selections", form).headers["Location"]
    first = re.search(r'href="(/findings/[0-9a-f-]+)"', operator.get(path).text)
    assert first
    revision = operator.get(first[1]).field("revision")
    moved = {"revision": revision, "reason": "meanwhile", "assignee": "eve"}
    assert operator.post(f"{first[1]}/assign", moved).status == 303
    operator.post(f"{path}/assign", {"acts": "0", "reason": "many", "assignee": "ben"})
    page = operator.get(path).text
    assert "has changed since it was chosen" in page
    assert "1 left as they were" in page
    stranger = story.person("stranger-2", PersonRole.OPERATOR)
    assert stranger.get(path).status == 404


@pytest.mark.parametrize("form", [{}, {"finding": "x"}, {"which": "all", "rule": "sim.cloned"}])
def test_selection_of_nothing_is_refused(operator: Browser, form: dict[str, str]) -> None:
    assert operator.post("/selections", form).status == 422


def test_views_and_selections_work_on_both_engines(database_url: str) -> None:
    database = Database(database_url)
    assert saved_views.save(database, 1, "modems", "mine", "link_state=armed", shared=False)
    assert saved_views.save(database, 1, "modems", "mine", "link_state=linked", shared=True)
    with database.reading() as connection:
        (view,) = saved_views.views_of(connection, "modems", 2)
    assert (view.query, view.is_own) == ("link_state=linked", False)
    unknown = "00000000-0000-0000-0000-000000000000"
    key = finding_sets.freeze(database, 1, "two", [(unknown, 1)])
    with database.reading() as connection:
        assert finding_sets.find(connection, 2, key) is None
        found = finding_sets.find(connection, 1, key)
    assert found is not None
    decision = Decision(DecisionAction.RESOLVE, "why", "person:ann", None, None)
    outcome = finding_sets.decide_about(database, found, decision)
    assert (outcome.done, outcome.stale) == (0, [unknown])
    database.close()


@pytest.mark.parametrize(
    ("filters", "sentence", "hidden"),
    [
        (("undecided", "", ""), "13 undecided errors and warnings, those found last first.", ""),
        (
            ("undecided", "error", "sim.swapped"),
            "1 undecided error of the rule SIM swapped, those found last first.",
            "2 undecided errors and 10 undecided warnings are outside this view.",
        ),
        (("suppressed", "", ""), "Suppressed errors and warnings, those found last first.",
         "3 undecided errors and 10 undecided warnings are outside this view."),
        (("all", "any", ""), "All findings, those found last first.", ""),
    ],
)  # fmt: skip
def test_list_states_how_many_wait_and_what_it_hides(
    filters: tuple[str, str, str], sentence: str, hidden: str
) -> None:
    totals = [
        RuleTotal("imei.duplicate", "error", 2, None),
        RuleTotal("sim.swapped", "error", 1, None),
        RuleTotal("sim.swapped", "warning", 10, None),
    ]
    chosen = Filters(*filters)
    assert chosen.sentence(totals) == sentence
    assert hidden_by(totals, chosen) == hidden
