"""Case tables of the rules about lists and about models."""

from __future__ import annotations

import pytest

from modemagent.identity.tac import Tac
from modemagent.registry.lists.entries import EntryKind, EntryValue, ListEntry, ListName
from modemagent.registry.rules.inputs import ReportMoment
from modemagent.registry.rules.listed import listed
from modemagent.registry.rules.tac_model import PeerModel, ReadModel, tac_model

AT = ReportMoment(1, 1, 0, 0)
EG25 = Tac("86769804", "Quectel", "EG25-G", "C")
P, T, A = ListName.PROHIBITED, ListName.TRACKED, ListName.PERMITTED


def entry(name: ListName) -> ListEntry:
    return ListEntry(1, name, EntryValue(EntryKind.TAC, "86769804"), None, None, "", "")


@pytest.mark.parametrize(
    ("kind", "lists", "is_excepted", "expected"),
    [
        ("imei", [], False, []),
        ("imei", [A], False, []),
        ("imei", [P], False, ["imei.prohibited"]),
        ("imei", [T], False, ["imei.tracked"]),
        ("imei", [T, A, P, P], False, ["imei.prohibited", "imei.tracked"]),
        ("imei", [P, T], True, []),
        ("iccid", [P], False, ["sim.prohibited"]),
        ("iccid", [A, T], False, ["sim.tracked"]),
    ],
)
def test_listed(kind: str, lists: list[ListName], is_excepted: bool, expected: list[str]) -> None:
    found = listed(kind, map(entry, lists), AT, is_excepted=is_excepted)
    assert [one.rule for one in found] == expected


@pytest.mark.parametrize(
    ("maker", "model", "known", "peers", "expected"),
    [
        ("Quectel", "EG25", EG25, [], None),
        ("Quectel", "EC21", EG25, [], "certain"),
        ("Telit", "", EG25, [], "certain"),
        ("", "", EG25, [], None),
        ("Quectel", "EG25-G", None, [("Quectel", "EG25-G", 21)], None),
        # never seen with this model, among 20 others
        ("Quectel", "EC21", None, [("Quectel", "EC21", 1), ("Quectel", "EG25-G", 20)], "possible"),
        ("Quectel", "EC21", None, [("Quectel", "EC21", 1), ("Quectel", "EG25-G", 19)], None),
        ("Quectel", "EC21", None, [("Quectel", "EC21", 2), ("Quectel", "EG25-G", 21)], None),
        # two firmware versions of one model
        ("Quectel", "EC21", None,
         [("Quectel", "EC21", 1), ("Quectel", "EC21-E", 1), ("Quectel", "EG25-G", 21)], None),
        ("Quectel", "EC21", None,
         [("Quectel", "EC21", 1), ("Telit", "LE910", 10), ("Quectel", "EG25-G", 10)], "possible"),
        ("Quectel", "EC21", None, [("Quectel", "EC21", 1), ("Quectel", "", 21)], None),
        ("Quectel", "", None, [("Quectel", "", 1), ("Quectel", "EG25-G", 21)], None),
        # the record decides, not the others
        ("Quectel", "EG25-G", EG25, [("Quectel", "EG25-G", 1), ("Quectel", "EC21", 21)], None),
    ],
)  # fmt: skip
def test_tac_model(
    maker: str,
    model: str,
    known: Tac | None,
    peers: list[tuple[str, str, int]],
    expected: str | None,
) -> None:
    read = ReadModel(AT, maker, model)
    found = [
        one.grade or "certain" for one in tac_model(read, known, [PeerModel(*p) for p in peers])
    ]
    assert found == ([] if expected is None else [expected])
