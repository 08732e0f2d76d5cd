"""Pages of production benches: bays, verdicts with blame, counts, and news as they arrive."""

from __future__ import annotations

import http.client
import re

import pytest

from modemagent.registry.store.people import PersonRole
from tests.registry.conftest import Gateway
from tests.registry.pages.conftest import BENCH, BENCH_IMEIS, Browser, Story, bench_report


@pytest.fixture(scope="module")
def viewer(story: Story) -> Browser:
    return story.person("line-lead", PersonRole.VIEWER)


@pytest.fixture(scope="module")
def path(viewer: Browser) -> str:
    return viewer.get(f"/bench/{BENCH}").headers["Location"]


def tiles(page: str) -> dict[str, str]:
    """Return the text of the tile of each bay."""
    found = re.search(r'<ul class="bays">(.*?)</ul>', page, re.DOTALL)
    assert found
    texts = (re.sub(r"<[^>]+>", " ", one) for one in found[1].split("<li ")[1:])
    words = (text.partition(">")[2].split() for text in texts)
    return {bay: " ".join(rest) for bay, *rest in words}


def test_bay_has_the_last_verdict_with_reason_and_blame(viewer: Browser, path: str) -> None:
    found = tiles(viewer.get(path).text)
    assert list(found) == ["01", "02", "03", "04"]
    assert found["01"] == "..2001 FAIL revoked: unique"  # revoked, without the module
    assert found["02"].startswith("..2019 FAIL firmware: wants BR07 &lt;script&gt;")
    assert found["02"].endswith("the unit")
    assert found["03"] == "FAIL answers the unit"  # a module without an IMEI
    assert found["04"] == "..2027 checked line 4"


def test_counts_are_those_of_the_station(viewer: Browser, path: str) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", viewer.get(path).text).split())
    assert "41 passed of 48, 1 with a waiver" in text
    assert "3 failed, the fault of the unit 2, the operator 1" in text
    assert "93 % passed at once" in text
    assert "Shift since 1 Dec 2026 07:58:00 UTC" in text
    assert "order 2026-44" in text


@pytest.mark.parametrize("where", ["/", "/bench", "/orders", "/gateways/B2", "order"])
def test_bench_is_linked_from_what_it_works_on(viewer: Browser, path: str, where: str) -> None:
    if where == "order":
        where = next(one for one in viewer.get(path).links if one.startswith("/orders/O"))
    answer = viewer.get(where)
    page = viewer.get(answer.headers["Location"]) if answer.status == 303 else answer
    assert path in page.links


def test_stream_states_that_a_station_has_reported(story: Story, path: str) -> None:
    person = story.person("watch", PersonRole.VIEWER)
    after = re.search(r'data-after="(\d+)"', person.get(path).text)
    assert after
    connection = http.client.HTTPConnection("127.0.0.1", person.port, timeout=20)
    head = {"Cookie": f"registry={person.cookie}"}
    connection.request("GET", f"{path}/stream?after={after[1]}", headers=head)
    response = connection.getresponse()
    assert response.readline().startswith(b": ")
    bench = Gateway(BENCH, sequence=50)
    client = story.registry.client("--scope", "gateway", "--gateway-id", BENCH)
    gone = bench_report(bench, "04", "removed", BENCH_IMEIS[2], verdict="pass")
    assert client.post(gone) == ["accepted"]
    lines = iter(response.readline, b"")
    assert b"data: news\n" in lines
    connection.close()
    assert tiles(person.get(path).text)["04"] == "..2027 taken out line 4"


def test_gateway_that_is_not_a_bench_has_no_such_page(viewer: Browser) -> None:
    assert viewer.get("/bench/gw-1").status == 404
    assert viewer.get("/bench/nothing").status == 404
