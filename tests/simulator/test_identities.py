"""Clones and swapped SIMs: other numbers in the same form with valid check digits."""

from __future__ import annotations

import pytest

from modemagent.simulator.identities import (
    SyntheticIdentities,
    luhn_fits,
    shifted_eid,
    shifted_iccid,
    shifted_imei,
)

IMSI = "310260000000011"


def test_clone_0_keeps_the_numbers_of_the_transcript() -> None:
    text = "+CGSN: 865284040000014 8901260000000000014F"
    assert SyntheticIdentities().rewrite(text) == text


@pytest.mark.parametrize("clone", [1, 2, 64, 998])
def test_clones_have_valid_check_digits(clone: int) -> None:
    assert luhn_fits(shifted_imei("865284040000014", clone * 1000))
    assert luhn_fits(shifted_iccid("8901260000000000014", clone, 0))
    assert luhn_fits(shifted_iccid("89010300000000000315", clone, 0))
    assert int(shifted_eid("89049032000000000000000000000163", clone, 0)) % 97 == 1


def test_999_clones_all_differ() -> None:
    for shift in (
        lambda n: shifted_imei("865284040000014", n * 1000),
        lambda n: shifted_iccid("898600000000A6000125", n, 0),
        lambda n: shifted_iccid("8901260000000000014", n, 0),
    ):
        assert len({shift(n) for n in range(999)}) == 999


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        ("8901260000000000014F", "8988303000000000010F"),
        ("8944501000000002449f", "8988303000000000010f"),
        ("98680000000000007002", ""),
        ('"8931080000000001611",""', '"8988303000000000010",""'),
    ],
)
def test_a_given_iccid_takes_the_form_of_the_old_one(shown: str, wanted: str) -> None:
    given = SyntheticIdentities(iccid="8988303000000000010").rewrite(shown)
    if shown.startswith("98"):
        pairs = "".join(given[i + 1] + given[i] for i in range(0, 20, 2))
        assert pairs == "8988303000000000010F"
    else:
        assert given == wanted


def test_imsi_imei_and_imeisv_are_distinguished() -> None:
    given = SyntheticIdentities(frozenset((IMSI,)), imei="867698040000013", imsi="901288000000001")
    assert given.rewrite(IMSI) == "901288000000001"
    assert given.rewrite('+CGSN: "352656100000010"') == '+CGSN: "867698040000013"'
    assert given.rewrite("3526561000000101") == "8676980400000101"


def test_an_eid_within_an_apdu_response_is_replaced() -> None:
    apdu = '+CGLA: 46,"BF3E125A10890490320000000000000000000007459000"'
    given = SyntheticIdentities(clone=1).rewrite(apdu)
    assert given != apdu
    assert given.startswith('+CGLA: 46,"BF3E125A10') and given.endswith('9000"')
    assert int(given[21:53]) % 97 == 1


def test_a_swap_changes_the_sim_and_not_the_modem() -> None:
    first = SyntheticIdentities(frozenset((IMSI,)), clone=3)
    second = first.other_sim()
    for text in (IMSI, "8901260000000000014"):
        assert first.rewrite(text) != second.rewrite(text)
    assert first.rewrite("865284040000014") == second.rewrite("865284040000014")
