"""Pages of production benches: bays, verdicts with blame, counts, and news as they arrive."""

from __future__ import annotations

import http.client
import re

import pytest

from modemagent.registry.store.people.people import PersonRole
from tests.registry.conftest import OTHER_IMEI, Gateway
from tests.registry.history.wire import imei
from tests.registry.pages.conftest import BENCH, BENCH_IMEIS, Browser, Story, bench_report, wait_for


@pytest.fixture(scope="module")
def viewer(story: Story) -> Browser:
    return story.person("line-lead", PersonRole.VIEWER)


def path_of(person: Browser, name: str) -> str:
    return person.get(f"/bench/{name}").headers["Location"]


@pytest.fixture(scope="module")
def path(viewer: Browser) -> str:
    return path_of(viewer, BENCH)


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


def test_findings_of_a_bench_are_on_its_pages_and_the_order(story: Story) -> None:
    bench, person = Gateway("B7"), story.person("quality", PersonRole.VIEWER)
    client = story.registry.client("--scope", "gateway", "--gateway-id", "B7")
    failed = {"verdict": "fail", "failed": ["label", "firmware"], "lot": "L-9", "row": None}
    label = {"imei": OTHER_IMEI[:14]}
    for bay in ("05", "06", "07"):
        number = imei(f"b{bay}")
        client.post(bench_report(bench, bay, "ended", number, label=label, **failed))
    wait_for(story.registry.client("--scope", "read"), "lot.failures")
    order = next(one for one in person.get(path_of(person, "B7")).links if "/orders/O" in one)
    for where in (path_of(person, "B7"), order, "/findings"):
        text = " ".join(re.sub(r"<[^>]+>", " ", person.get(where).text).split())
        assert "Failures in a lot order 2026-44, lot L-9: firmware B7 gateway" in text, where
        assert text.count("IMEI and label differ bench") == 3, where
