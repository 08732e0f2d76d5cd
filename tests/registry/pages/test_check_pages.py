"""Checks of a box: the verdict first, what needs attention, guards against spreadsheets."""

from __future__ import annotations

import csv

import pytest

from modemagent.registry.lists.check_file import read_numbers
from modemagent.registry.store.people.people import PersonRole
from tests.registry.conftest import IMEI, OTHER_IMEI
from tests.registry.pages.conftest import Browser, Story

FINE = "867698040000047"


@pytest.fixture(scope="module")
def operator(story: Story) -> Browser:
    return story.person("checker", PersonRole.OPERATOR, full_ids=True)


def checked(browser: Browser, numbers: str, **more: str) -> str:
    answer = browser.post("/check", {"numbers": numbers, **more})
    assert answer.status == 303, answer.text
    return str(answer.headers["Location"])


def rows_of(browser: Browser, path: str) -> list[dict[str, str]]:
    text = browser.get(f"{path.partition('?')[0]}/csv").text
    return list(csv.DictReader(text.splitlines()))


def test_box_without_faults_is_fine(operator: Browser) -> None:
    page = operator.get(checked(operator, FINE)).text
    assert "FINE <small>1 number, none needs attention" in page
    assert "NOT FINE" not in page


def test_faults_come_first_with_their_reasons(operator: Browser) -> None:
    numbers = f"{FINE}\n{FINE}\n{FINE[:-1]}1\n8.67698E+14\n{OTHER_IMEI}"
    path = checked(operator, numbers)
    page = operator.get(path).text
    assert "NOT FINE <small>4 of 5 need attention" in page
    for word in ("twice in this box", "not valid", "damaged by a spreadsheet", "prohibited"):
        assert word in page
    assert 'id="n1"' not in page
    assert 'id="n1"' in operator.get(f"{path}?show=all").text


def test_expected_model_and_order_are_compared(operator: Browser) -> None:
    path = checked(operator, IMEI, model="BG95-M3", order="2026-44")
    assert path.endswith("?model=BG95-M3&order=2026-44")
    page = operator.get(path).text
    assert "1 of 2 scanned" in page
    assert OTHER_IMEI in page  # of the order, not scanned


def test_check_again_shows_what_changed(operator: Browser) -> None:
    other = "867698040000054"
    path = checked(operator, other)
    again = operator.post(f"{path}/again").headers["Location"]
    assert "Nothing changed." in operator.get(again).text
    form = {"kind": "imei", "value": other, "reason": "found", "source": "police"}
    assert operator.post("/lists/tracked/put", form).status == 303
    later = operator.get(operator.post(f"{path}/again").headers["Location"]).text
    assert "list: none, now tracked" in later


def test_replacements_are_checked_in_place_of_bad_numbers(operator: Browser) -> None:
    path = checked(operator, f"{FINE[:-1]}1\n{IMEI}\n{IMEI}", order="2026-44")
    scanned = [FINE, "867698040000054", "867698040000062", "867698040000070"]
    form = {"numbers": "\n".join(scanned), "order": "2026-44"}
    again = operator.post(f"{path.partition('?')[0]}/again", form).headers["Location"]
    page = operator.get(again)
    assert f'1: <span class="number">{FINE}</span> replaces another number' in page.text
    assert [one["input"] for one in rows_of(operator, again)] == scanned
    sheet, lot = (operator.get(one.replace("?", f"/{name}?")).text
                  for one, name in ((path, "sheet"), (path, "lot")))  # fmt: skip
    assert "twice in this box" in sheet
    assert "QR code" in sheet
    assert "not in the box" in lot
    assert "Replaced by" not in lot


def test_bad_numbers_are_tracked_by_an_import_that_is_undone(operator: Browser) -> None:
    path = checked(operator, f"{OTHER_IMEI}\n{FINE}")
    made = operator.post(f"{path}/track", {"reason": "from the box"}).headers["Location"]
    page = operator.get(made).text
    assert "<b>1</b> new" in page
    undone = operator.post(f"{made}/undo").headers["Location"]
    assert "1 removed, 0 restored, 0 kept" in operator.get(undone).text
    assert "was undone before" in operator.post(f"{made}/undo").text


def test_csv_has_numbers_as_text_on_request(operator: Browser) -> None:
    path = checked(operator, f"{FINE}\n=1+1")
    plain = operator.get(f"{path}/csv").text
    assert f"1,{FINE},imei,yes,{FINE}," in plain
    assert "'=1+1" in plain
    assert f'"=""{FINE}"""' in operator.get(f"{path}/csv?numbers=text").text


def test_damaged_file_is_refused_as_a_whole(operator: Browser) -> None:
    content = f"imei,box\n{FINE},A\n8.67698E+14,A\n867698040000000000,B\n".encode()
    answer = operator.upload("/check", {"numbers": "", "kind": "auto"}, "file", content)
    assert answer.status == 422
    assert "rounded to a power of ten" in answer.text
    assert "column 2 is not read" in answer.text
    made = operator.upload("/check", {"column": "imei"}, "file", f"imei\n{FINE}\n".encode())
    assert made.status == 303


@pytest.mark.parametrize(
    ("content", "numbers", "codes"),
    [
        (b"867698040000013\n867698040000021\n", [IMEI, OTHER_IMEI], []),
        (b"imei\n86769804000001\n", ["86769804000001"], []),
        (b"imei\n5204860012345\n", [], ["lost_zeros"]),
        (b"a,b\n1,2\n", [], ["header"]),
        (b"imei\n", [], ["empty"]),
        (b"PK\x03\x04\x00\x00", [], ["binary"]),
    ],
)
def test_numbers_of_a_file(content: bytes, numbers: list[str], codes: list[str]) -> None:
    found = read_numbers(content)
    assert found.numbers == numbers
    assert [one.code for one in found.problems] == codes


def test_own_input_is_shown_in_full_to_masked_people(story: Story, operator: Browser) -> None:
    masked = story.person("scanner", PersonRole.VIEWER)
    path = checked(masked, f"{IMEI}\n{IMEI}")
    assert IMEI in masked.get(path).text
    assert IMEI in masked.get(f"{path}/csv").text
    stranger = story.person("stranger", PersonRole.VIEWER)
    assert stranger.get(path).status == 404
    clerk = story.person("clerk", PersonRole.OPERATOR)
    assert IMEI not in clerk.get(path).text
    assert IMEI not in clerk.get(f"{path}/csv").text
    refused = masked.post("/check", {"numbers": "\n".join([IMEI] * 61)})
    assert refused.status == 403
    assert "60 numbers" in refused.text
    assert operator.get("/check/C999999").status == 404
    assert operator.get("/check/867698040000013").status == 404


@pytest.mark.parametrize(
    "form", [{}, {"numbers": FINE, "first": FINE, "last": FINE}, {"first": FINE}]
)
def test_form_needs_one_kind_of_input(operator: Browser, form: dict[str, str]) -> None:
    answer = operator.post("/check", form)
    assert answer.status == 422
    assert 'role="alert"' in answer.text


def test_range_is_checked(operator: Browser) -> None:
    path = operator.post("/check", {"first": "867698047000016", "last": "867698047000032"})
    assert "3 numbers" in operator.get(path.headers["Location"]).text
