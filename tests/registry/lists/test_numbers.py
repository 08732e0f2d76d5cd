"""Case tables of checks: kinds of numbers, repetitions, changes, CSV; no database."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from modemagent.errors import UsageError
from modemagent.registry.lists.numbers import first_positions, numbers_of_range, read_number
from modemagent.registry.lists.results import compare_results, to_csv

IMEI, ICCID, IMSI = "867698040000013", "8988303000000000010", "901288000000001"
RESULT: dict[str, Any] = {
    "position": 1, "input": IMEI, "kind": "imei", "valid": True, "normalized": IMEI, "codes": [],
    "status": None, "hits": [], "repeats": None, "model": None, "known": False, "ref": None,
    "individuals": 0, "last_place": None,
}  # fmt: skip
PLACE = {"gateway_id": "gw-1", "port": "usb:1-2", "present": True, "last_seen": "x",
         "last_report": "y", "imei": IMEI}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind", "valid", "listed"),
    [
        (IMEI, "imei", True, IMEI),
        ("86-769804-000001-3", "imei", True, IMEI),
        (f"{IMEI[:14]}77", "imeisv", True, IMEI),
        ("867698040000014", "imei", False, None),
        (ICCID, "iccid", True, ICCID),
        (IMSI, "imsi", True, IMSI),  # its last digit would be a check digit
        ("262010000000000", "imsi", True, "262010000000000"),
        ("867698040000010", "imei", True, IMEI),
        ("89044000000000000000000000000039", "eid", True, None),
        ("12345", "imei", False, None),
        ("", "imei", False, None),
        ("=cmd()", "imei", False, None),
    ],
)
def test_kind_follows_from_the_number(
    text: str, kind: str, valid: bool, listed: str | None
) -> None:
    found = read_number(text)
    assert (found.verdict.kind, found.verdict.valid, found.listed) == (kind, valid, listed)


def test_spellings_of_one_number_are_repetitions() -> None:
    texts = [IMEI, ICCID, IMEI[:14], f"{IMEI[:14]}77", f"{ICCID}7", "x", "x", IMSI]
    assert list(first_positions(texts, "auto")) == [None, None, 1, 1, 2, None, 6, None]


def test_range_has_at_most_a_thousand_numbers() -> None:
    numbers = numbers_of_range("86769804000000", "86769804000999")
    assert (len(numbers), numbers[1]) == (1000, IMEI)
    with pytest.raises(UsageError, match="more than 1000"):
        numbers_of_range("86769804000000", "86769804001000")


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        ({}, {}, []),
        ({}, {"known": True, "individuals": 1, "last_place": PLACE},
         ["known", "individuals", "place"]),
        ({"last_place": PLACE}, {"last_place": {**PLACE, "last_seen": "z"}}, []),
        ({"last_place": PLACE}, {"last_place": {**PLACE, "gateway_id": "gw-2"}}, ["place"]),
        ({"last_place": PLACE}, {"last_place": {**PLACE, "present": False}}, ["place"]),
        ({}, {"status": "prohibited", "hits": [{"id": "7"}]}, ["status", "hits"]),
        ({}, {"model": {"manufacturer": "A", "model": "B"}}, ["model"]),
        ({}, {"valid": False, "codes": ["imei.check_digit"]}, ["valid", "codes"]),
    ],
)  # fmt: skip
def test_changes_name_the_fields(
    before: dict[str, Any], after: dict[str, Any], fields: list[str]
) -> None:
    assert list(compare_results({**RESULT, **before}, {**RESULT, **after})) == fields


def test_csv_has_no_formulas() -> None:
    hit = {"reason": "-stolen, twice", "source": "police"}
    rows = [
        {**RESULT, "hits": [hit], "last_place": PLACE},
        {**RESULT, "input": "=cmd()", "valid": False, "codes": ["imei.length"]},
    ]
    header, first, second = csv.reader(io.StringIO(to_csv(rows)))
    found = dict(zip(header, first, strict=True))
    assert (found["reasons"], found["gateway_id"], found["valid"]) == (
        "'-stolen, twice", "gw-1", "yes",
    )  # fmt: skip
    assert dict(zip(header, second, strict=True))["input"] == "'=cmd()"
