"""Case tables of pairs, of the states of links, and of the content of policies."""

from __future__ import annotations

from typing import Any

import pytest

from modemagent.errors import IdentityError, UsageError
from modemagent.registry.policies.pair_file import pairs_csv, read_pairs
from modemagent.registry.policies.policy_content import parse_policy
from modemagent.registry.rules.inputs import ReportMoment
from modemagent.registry.rules.pairing import (
    HeldSim,
    LinkState,
    PairPolicy,
    link_state,
    pairing,
)
from tests.registry.conftest import ICCID, IMEI, OTHER_ICCID

AT = ReportMoment(1, 1, 0, 0)
SIM, OTHER = 7, 8
IMSI = "901288000000001"
LEARNS = PairPolicy(1, "p", False)


def reading(iccid: str = ICCID, sim: int = SIM, imsi: str | None = IMSI) -> HeldSim:
    return HeldSim(1, sim, iccid, imsi, AT)


def policy(**values: Any) -> PairPolicy:
    return PairPolicy(1, "p", True)._replace(**values)


@pytest.mark.parametrize(
    ("chosen", "read", "learned", "expected"),
    [
        (None, reading(), None, "unlinked"),
        (LEARNS, None, None, "armed"),
        (LEARNS, reading(), None, "linked"),
        (LEARNS, reading(), SIM, "linked"),
        (LEARNS, reading(), OTHER, "differed"),
        (policy(iccids=frozenset({ICCID})), reading(), None, "linked"),
        (policy(iccids=frozenset({ICCID})), None, None, "armed"),
        (policy(iccids=frozenset({OTHER_ICCID})), reading(), None, "differed"),
        # what was learned before does not count once SIMs are listed
        (policy(iccids=frozenset({OTHER_ICCID})), reading(), SIM, "differed"),
        (policy(prefixes=("8988303",)), reading(), None, "linked"),
        (policy(prefixes=("894910", "894920")), reading(), None, "differed"),
        (policy(imsis=frozenset({IMSI})), reading(), None, "linked"),
        (policy(imsis=frozenset({IMSI})), reading(imsi=None), None, "differed"),
        (policy(own=frozenset({ICCID}), has_pairs=True), reading(), None, "linked"),
        (policy(own=frozenset({OTHER_ICCID}), has_pairs=True), reading(), None, "differed"),
        # an exception is allowed beside what is learned
        (policy(own=frozenset({ICCID})), reading(), OTHER, "linked"),
        (policy(own_imsis=frozenset({IMSI}), iccids=frozenset({OTHER_ICCID})), reading(), None,
         "linked"),
    ],
)  # fmt: skip
def test_link_state(
    chosen: PairPolicy | None, read: HeldSim | None, learned: int | None, expected: str
) -> None:
    assert link_state(chosen, read, learned).shown == expected


@pytest.mark.parametrize(
    ("is_enforced", "state", "is_announced", "expected"),
    [
        (True, LinkState.DIFFERED, False, [("pairing.violation", "1")]),
        (True, LinkState.DIFFERED, True, []),
        (False, LinkState.DIFFERED, False, []),
        (True, LinkState.LINKED, False, []),
    ],
)
def test_violation(
    is_enforced: bool, state: LinkState, is_announced: bool, expected: list[tuple[str, str]]
) -> None:
    chosen = policy(is_enforced=is_enforced)
    found = pairing(chosen, [(reading(), state)], is_announced=is_announced)
    assert [(one.rule, one.part) for one in found] == expected


@pytest.mark.parametrize(
    "given",
    [
        {"name": "p"},
        {"name": "", "covers": {"tacs": ["86769804"]}},
        {"name": "p", "covers": {"tacs": ["8676980"]}},
        {"name": "p", "covers": {"imeis": ["867698040000014"]}},
        {"name": "p", "covers": {"site": "s"}, "iccid_prefixes": ["12345"]},
        {"name": "p", "covers": {"site": "s"}, "exceptions": [{"imei": IMEI}]},
        {"name": "p", "covers": {"site": "s"}, "mode": "lock"},
        {"name": "p", "covers": {"site": "s"}, "valid_from": "2026-12-02",
         "valid_to": "2026-12-01"},
    ],
)  # fmt: skip
def test_policy_that_is_not_valid_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises((UsageError, IdentityError)):
        parse_policy(given)


@pytest.mark.parametrize(
    ("content", "pairs", "codes"),
    [
        (f"iccid,imei\n{ICCID},{IMEI}\n", 1, []),
        (f"IMEI;SIM ICCID\n{IMEI};{ICCID}\n", 1, []),
        (f"iccid,imei\n{ICCID},{IMEI}\n{ICCID},{IMEI}\n", 1, ["duplicate"]),
        (f"iccid,imei\n{ICCID},8.67698E+14\n", 0, ["scientific"]),
        (f"iccid,imei\n{ICCID},{IMEI[:-1]}9\n", 0, ["invalid"]),
        (f"imei\n{IMEI}\n", 0, ["column"]),
        ("name\nx\n", 0, ["header"]),
    ],
)
def test_file_of_pairs(content: str, pairs: int, codes: list[str]) -> None:
    found = read_pairs(content.encode())
    assert len(found.pairs) == pairs
    assert [one.code for one in found.problems] == codes


def test_exported_pairs_are_read_again() -> None:
    pairs = [{"imei": IMEI, "iccid": ICCID, "imsi": None}]
    text = "".join(pairs_csv("iccid-imei", pairs))
    assert read_pairs(text.encode()).pairs == [(IMEI[:14], ICCID)]
    assert "".join(pairs_csv("1nce", pairs)).splitlines()[1] == f"{ICCID},{IMEI},true"
    assert "".join(pairs_csv("imsi-imei", pairs)).splitlines() == ["imsi,imei"]
