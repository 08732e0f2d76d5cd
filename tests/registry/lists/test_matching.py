"""Case tables of the entries and of the verdict of the lists; no database."""

from __future__ import annotations

import random

import pytest

from modemagent.errors import IdentityError, ModemAgentError, UsageError
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.imsi import Imsi
from modemagent.registry.lists.entries import (
    EntryKind,
    EntryValue,
    ListedNumber,
    ListEntry,
    ListName,
    block_number,
    block_numbers,
    blocks,
    candidates,
    parse_value,
)
from modemagent.registry.lists.matching import match
from modemagent.registry.lists.new_entries import parse_entry, parse_time

IMEI = Imei("867698040000013")
ICCID = Iccid("8988303000000000010")
IMSI = Imsi("901288000000001")
P, T, A = ListName.PROHIBITED, ListName.TRACKED, ListName.PERMITTED
DAY = 86_400_000


def entry(
    number: int, name: ListName, value: EntryValue, since: int | None = None, to: int | None = None
) -> ListEntry:
    return ListEntry(number, name, value, since, to, "", "")


EXACT = parse_value(EntryKind.IMEI, "867698040000013")
RANGE = parse_value(EntryKind.RANGE, "86769804000000", "86769804000099")
WIDE = parse_value(EntryKind.RANGE, "86769804000000", "86769804999999")
TAC = parse_value(EntryKind.TAC, "86769804")


@pytest.mark.parametrize(
    ("entries", "status", "order"),
    [
        ([], None, []),
        ([entry(1, P, EXACT)], P, [1]),
        ([entry(1, P, TAC), entry(2, P, EXACT)], P, [2, 1]),
        ([entry(1, P, WIDE), entry(2, P, RANGE), entry(3, P, TAC)], P, [2, 1, 3]),
        # a wide prohibition outweighs a permitted number: only an exception pair lifts it
        ([entry(1, A, EXACT), entry(2, P, TAC)], P, [2, 1]),
        ([entry(1, A, EXACT), entry(2, T, TAC)], T, [2, 1]),
        ([entry(1, A, RANGE)], A, [1]),
        ([entry(1, T, EXACT), entry(2, P, EXACT, to=10 * DAY)], T, [1]),
        ([entry(1, T, EXACT), entry(2, P, EXACT, to=10 * DAY + 1)], P, [2, 1]),
        ([entry(1, P, EXACT, since=10 * DAY)], P, [1]),
        ([entry(1, P, EXACT, since=10 * DAY + 1)], None, []),
        ([entry(1, P, parse_value(EntryKind.ICCID, str(ICCID)))], None, []),
    ],
)
def test_verdict_follows_the_precedence(
    entries: list[ListEntry], status: ListName | None, order: list[int]
) -> None:
    found = match(IMEI, entries, 10 * DAY)
    assert (found.status, [one.id for one in found.hits]) == (status, order)


@pytest.mark.parametrize(
    ("kind", "first", "last", "number", "covered"),
    [
        (EntryKind.IMEI, "86769804000001", "", IMEI, True),
        (EntryKind.IMEI, "8676980400000177", "", IMEI, True),  # IMEISV
        (EntryKind.IMEI, "86-769804-000002-1", "", IMEI, False),
        (EntryKind.RANGE, "86769804000001", "86769804000001", IMEI, True),
        (EntryKind.RANGE, "86769804000002", "86769804000009", IMEI, False),
        (EntryKind.RANGE, "86769804000000", "86769804000000", IMEI, False),
        (EntryKind.TAC, "86769805", "", IMEI, False),
        (EntryKind.ICCID, "89883030000000000107", "", ICCID, True),  # with a 20th digit
        (EntryKind.ICCID, "8988303000000000010", "", Iccid("89883030000000000107"), True),
        (EntryKind.ICCID, "8988303000000000028", "", ICCID, False),
        (EntryKind.IMSI_PREFIX, "90128", "", IMSI, True),
        (EntryKind.IMSI_PREFIX, "901288000000001", "", IMSI, True),
        (EntryKind.IMSI_PREFIX, "90127", "", IMSI, False),
    ],
)
def test_entry_covers_its_numbers_alone(
    kind: EntryKind, first: str, last: str, number: ListedNumber, covered: bool
) -> None:
    value = parse_value(kind, first, last)
    assert value.covers(number) == covered
    if kind != EntryKind.RANGE:
        assert ((value.kind, value.first) in candidates(number)) == covered


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"kind": "imei", "value": "867698040000014"}, "imei.check_digit"),
        ({"kind": "imei", "value": "000000000000000"}, "imei.placeholder"),
        ({"kind": "imei", "value": ""}, "imei.missing"),
        ({"kind": "iccid", "value": "12345"}, "iccid.length"),
        ({"kind": "tac", "value": "8676980"}, "8 digits"),
        ({"kind": "tac", "value": "00000000"}, "8 digits"),
        ({"kind": "imsi_prefix", "value": "26"}, "3 to 15"),
        ({"kind": "imsi_prefix", "value": "90128A"}, "3 to 15"),
        ({"kind": "range", "value": "86769804000009", "last": "86769804000001"}, "before it"),
        ({"kind": "range", "value": "86769804000009", "last": "86769805000001"}, "TACs"),
        ({"kind": "range", "value": "86769804000009"}, "imei.missing"),
        ({"kind": "imei", "value": str(IMEI), "last": str(IMEI)}, "one number"),
        ({"kind": "phone", "value": "1"}, "is unknown"),
        ({"kind": "tac", "value": "86769804", "valid_to": "soon"}, "RFC 3339"),
        ({"kind": "tac", "value": "86769804", "valid_to": "2026-01-01T00:00:00"}, "RFC 3339"),
        (
            {"kind": "tac", "value": "86769804", "valid_from": "2026-02-02",
             "valid_to": "2026-02-01"},
            "before it",
        ),
        ({"kind": "tac", "value": "86769804", "reason": "x" * 501}, "at most 500"),
        ({"kind": "tac", "value": "86769804", "source": "a\x00b"}, "printable"),
    ],
)  # fmt: skip
def test_invalid_entry_names_the_mistake(given: dict[str, str], problem: str) -> None:
    with pytest.raises(ModemAgentError) as caught:
        parse_entry(given)
    assert isinstance(caught.value, IdentityError | UsageError) and caught.value.hint
    assert problem in (getattr(caught.value, "problem", ""), caught.value.message) or (
        problem in caught.value.message
    )
    digits = given.get("value", "")
    assert len(digits) < 8 or digits not in caught.value.message


def test_day_of_the_end_is_included() -> None:
    found = parse_entry(
        {"kind": "tac", "value": "86769804", "valid_from": "2026-02-01", "valid_to": "2026-02-01"}
    )
    assert found.valid_from_ms is not None and found.valid_to_ms is not None
    assert found.valid_to_ms - found.valid_from_ms == DAY
    assert parse_time("2026-02-01T01:00:00+01:00") == found.valid_from_ms


def test_blocks_are_the_range_and_nothing_else() -> None:
    pick = random.Random(1)
    for _ in range(300):
        low, high = sorted(pick.randrange(10**6) for _ in range(2))
        value = EntryValue(EntryKind.RANGE, f"86769804{low:06d}", f"86769804{high:06d}")
        found = list(blocks(value))
        assert len(found) <= 108
        assert sum(10 ** (14 - len(one)) for one in found) == value.width
        for serial in (low, high, low - 1, high + 1, pick.randrange(10**6)):
            number = f"{86769804 * 10**6 + serial:014d}"
            hits = set(map(block_number, found)) & set(block_numbers(number))
            assert len(hits) == (low <= serial <= high)
