"""Parameters and error causes of 3GPP TS 29.511, and the precedence of what is known."""

from __future__ import annotations

import pytest

from modemagent.registry.equipment.status_query import RefusedQuery, check_target, parse_query
from modemagent.registry.equipment.verdict import Reasons, Status, verdict
from modemagent.registry.lists.entries import EntryKind, EntryValue, ListEntry, ListName
from tests.registry.conftest import IMEI

PATH = "/n5g-eir-eic/v1/equipment-status"
MISSING, INCORRECT = "MANDATORY_QUERY_PARAM_MISSING", "MANDATORY_QUERY_PARAM_INCORRECT"
OPTIONAL, UNSUPPORTED = "OPTIONAL_QUERY_PARAM_INCORRECT", "INVALID_QUERY_PARAM"


@pytest.mark.parametrize(
    ("query", "imei", "imsi"),
    [
        (f"pei=imei-{IMEI}", IMEI, None),
        ("pei=imeisv-8676980400000107", IMEI, None),
        (f"pei=imei-{IMEI}&supi=imsi-901288000000001", IMEI, "901288000000001"),
        (f"pei=imei-{IMEI}&supi=imsi-90128", IMEI, "90128"),
        (f"pei=imei-{IMEI}&supi=nai-x%40example.org&gpsi=msisdn-491700000000", IMEI, None),
        (f"pei=imei-{IMEI}&supi=gci-a&gpsi=extid-a@b&supported-features=1aF", IMEI, None),
        (f"pei=imei-{IMEI}&supported-features=", IMEI, None),
        ("pei=imei%2D867698040000013", IMEI, None),
        ("pei=mac-00-00-5E-00-53-00-untrusted", None, None),
        ("pei=eui-00-00-5E-00-53-00-00-01", None, None),
    ],
)
def test_valid_queries(query: str, imei: str | None, imsi: str | None) -> None:
    assert parse_query(query.encode()) == (imei, imsi)


@pytest.mark.parametrize(
    ("query", "cause", "parameter"),
    [
        ("", MISSING, "pei"),
        ("supi=imsi-901288000000001", MISSING, "pei"),
        ("pei=", INCORRECT, "pei"),
        (f"pei={IMEI}", INCORRECT, "pei"),
        ("pei=imei-86769804000001", INCORRECT, "pei"),
        ("pei=imei-867698040000014", INCORRECT, "pei"),  # check digit
        ("pei=imei-000000000000000", INCORRECT, "pei"),
        ("pei=imeisv-867698040000010", INCORRECT, "pei"),
        ("pei=imeisv-0000000000000000", INCORRECT, "pei"),
        ("pei=imei-86769804000001%D9%A3", INCORRECT, "pei"),  # a digit that is not ASCII
        ("pei=mac-00-00-5E", INCORRECT, "pei"),
        (f"pei=imei-{IMEI}&pei=imei-{IMEI}", INCORRECT, "pei"),
        (f"pei=imei-{IMEI}&supi=", OPTIONAL, "supi"),
        (f"pei=imei-{IMEI}&supi=imsi-1234", OPTIONAL, "supi"),
        (f"pei=imei-{IMEI}&supi=901288000000001", OPTIONAL, "supi"),
        (f"pei=imei-{IMEI}&gpsi=491700000000", OPTIONAL, "gpsi"),
        (f"pei=imei-{IMEI}&supported-features=xyz", OPTIONAL, "supported-features"),
        (f"pei=imei-{IMEI}&colour=red", UNSUPPORTED, "colour"),
        ("pei=%ff", UNSUPPORTED, ""),
    ],
)
def test_wrong_queries_have_a_cause(query: str, cause: str, parameter: str) -> None:
    with pytest.raises(RefusedQuery) as refused:
        parse_query(query.encode())
    found = refused.value
    assert (found.status, found.cause, found.parameter) == (400, cause, parameter)
    assert IMEI not in found.reason


@pytest.mark.parametrize(
    ("method", "path", "accept", "status", "cause"),
    [
        ("GET", "/", "", 400, "INVALID_API"),
        ("GET", "/n5g-eir-eic/v2/equipment-status", "", 400, "INVALID_API"),
        ("GET", "/n5g-eir-eic/v1/status", "", 404, "RESOURCE_URI_STRUCTURE_NOT_FOUND"),
        ("GET", PATH + "/", "", 404, "RESOURCE_URI_STRUCTURE_NOT_FOUND"),
        ("POST", PATH, "", 405, ""),
        ("HEAD", PATH, "", 405, ""),
        ("GET", PATH, "text/html", 406, ""),
        ("GET", PATH, "application/json;q=0, text/html", 406, ""),
    ],
)
def test_wrong_targets(method: str, path: str, accept: str, status: int, cause: str) -> None:
    with pytest.raises(RefusedQuery) as refused:
        check_target(method, path, accept)
    assert (refused.value.status, refused.value.cause) == (status, cause)


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/json, application/problem+json", "application/*;q=0.1"]
)
def test_accepted_targets(accept: str) -> None:
    check_target("GET", PATH, accept)


def entry(name: ListName) -> ListEntry:
    value = EntryValue(EntryKind.IMEI, IMEI[:14])
    return ListEntry(1, name, value, None, None, "", "")


PROHIBITED, TRACKED, PERMITTED = (
    entry(name) for name in (ListName.PROHIBITED, ListName.TRACKED, ListName.PERMITTED)
)


@pytest.mark.parametrize(
    ("reasons", "default", "found"),
    [
        (Reasons([PROHIBITED], is_excepted=True), None, Status.PERMITTED),
        (Reasons([TRACKED], is_excepted=True), Status.PROHIBITED, Status.PERMITTED),
        (Reasons([PROHIBITED, TRACKED, PERMITTED]), None, Status.PROHIBITED),
        (Reasons([PROHIBITED], is_allowed=True), None, Status.PROHIBITED),
        (Reasons([TRACKED], is_allowed=False), None, Status.PROHIBITED),
        (Reasons([PERMITTED], is_allowed=False), None, Status.PROHIBITED),
        (Reasons(is_allowed=False), Status.PERMITTED, Status.PROHIBITED),
        (Reasons([TRACKED], is_allowed=True), None, Status.TRACKED),
        (Reasons([TRACKED, PERMITTED]), None, Status.TRACKED),
        (Reasons([PERMITTED]), Status.TRACKED, Status.PERMITTED),
        (Reasons(is_allowed=True), Status.TRACKED, Status.PERMITTED),
        (Reasons(), Status.TRACKED, Status.TRACKED),
        (Reasons(), None, None),
    ],
)
def test_precedence(reasons: Reasons, default: Status | None, found: Status | None) -> None:
    assert verdict(reasons, default) == found
