"""Case tables of imported files: what is read, what is repaired, and what is refused."""

from __future__ import annotations

import pytest

from modemagent.identity.checkdigits import luhn_digit
from modemagent.identity.damage import DAMAGES, repair
from modemagent.registry.lists.entries import EntryKind
from modemagent.registry.lists.list_file import ListFile, read_list
from modemagent.registry.lists.size_guard import judge_size
from modemagent.registry.lists.tac_file import read_tacs

IMEI, OTHER = "867698040000013", "867698040000021"
ICCID = "8988303000000000010"


def read(text: str, kind: str | None = None) -> ListFile:
    return read_list(text.encode(), kind=kind)


def codes(found: ListFile) -> list[tuple[int, str, bool]]:
    return [(one.line, one.code, one.is_error) for one in found.problems]


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (f"imei\n{IMEI}\n", [IMEI[:14]]),
        (f"\ufeffIMEI Number;Reason\r\n{IMEI};lost\r\n\r\n{OTHER};\r\n", [IMEI[:14], OTHER[:14]]),
        (f"Licensed to nobody, 2026\n\nReason\tIMEI\nlost\t{IMEI}\n", [IMEI[:14]]),
        ("TAC|Comment\n86769804|x\n01518400|y\n", ["86769804", "01518400"]),
        (f"SIM,note\n{ICCID},\n", [ICCID]),
        ("PLMN\n90128\n", ["90128"]),
        (f'kind,value\nimei,"{IMEI}"\ntac,86769804\niccid,{ICCID}\n',
         [IMEI[:14], "86769804", ICCID]),
        ("from,to\n86769804000001,86769804000009\n", ["86769804000001"]),
        (f'imei,note\n{IMEI},"c, d\ne"\n', [IMEI[:14]]),
    ],
)  # fmt: skip
def test_common_forms_are_read(content: str, values: list[str]) -> None:
    found = read(content)
    assert codes(found) == []
    assert [one.value.first for one in found.entries] == values
    assert found.rows == len(values)


def test_encodings_and_columns_of_spreadsheets() -> None:
    text = f"IMEI;Reason;Source;Valid from;Valid to\n{IMEI};gestöhlen;Müller;2026-01-01;2026-02-01"
    expected = read_list(text.encode()).entries
    (entry,) = expected
    assert (entry.reason, entry.source) == ("gestöhlen", "Müller")
    assert entry.valid_from_ms is not None and entry.valid_to_ms is not None
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        assert read_list(text.encode(encoding)).entries == expected, encoding
    defaults = {"source": "GSMA", "reason": "stolen"}
    (other,) = read_list(f"imei,reason\n{IMEI},lost".encode(), defaults=defaults).entries
    assert (other.source, other.reason) == ("GSMA", "lost")


def test_file_without_header_needs_its_kind() -> None:
    assert codes(read(f"{IMEI}\n{OTHER}\n")) == [(0, "header", True)]
    found = read(f"{IMEI}\n{OTHER}\n", "imei")
    assert (codes(found), len(found.entries)) == ([], 2)
    found = read(f"number\n{IMEI}\n", "imei")
    assert (codes(found), len(found.entries)) == ([], 1)


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (f"imei,IMEI No\n{IMEI},{IMEI}\n", None, "doubled_column"),
        (f"imei,iccid\n{IMEI},{ICCID}\n", None, "several_columns"),
        (f"imei,reason\n{IMEI},x\n", "iccid", "wrong_column"),
        (f"number\n{IMEI}\n", None, "no_kind"),
        ("PK\x03\x04\x00\x00", None, "binary"),
        ("", None, "header"),
        (f"imei,{'x' * 200_000}\n{IMEI},\n", None, "csv"),
    ],
)
def test_unusable_file_has_one_problem(content: str, kind: str | None, code: str) -> None:
    found = read(content, kind)
    assert codes(found) == [(0, code, True)]
    assert found.entries == [] and found.problems[0].remedy


def test_kind_chooses_among_columns() -> None:
    content = f"imei,iccid\n{IMEI},{ICCID}\n"
    assert [one.value.kind for one in read(content, "iccid").entries] == [EntryKind.ICCID]
    assert [one.value.kind for one in read(content, "imei").entries] == [EntryKind.IMEI]


@pytest.mark.parametrize(
    ("kind", "cell", "text", "code", "is_lost"),
    [
        ("imei", IMEI, IMEI, "", False),
        ("imei", "8.67698E+14", "8.67698E+14", "scientific", True),
        ("imei", "8,67698e14", "8,67698e14", "scientific", True),
        ("imei", f"{IMEI}.0", IMEI, "decimals", False),
        ("imei", f"{IMEI},00", IMEI, "decimals", False),
        ("imei", f"'{IMEI}", IMEI, "apostrophe", False),
        ("imei", f'="{IMEI}"', IMEI, "apostrophe", False),
        ("imei", "867,698,040,000,013", IMEI, "thousands", False),
        ("imei", "867.698.040.000.013", IMEI, "thousands", False),
        ("imei", "867\u00a0698\u00a0040\u00a0000\u00a0013", IMEI, "thousands", False),
        ("imei", "15184000000013", "15184000000013", "lost_zeros", True),  # 015184000000013
        ("imei", "1518400000001", "1518400000001", "lost_zeros", True),
        ("imei", "86769804000001", "86769804000001", "", False),  # without a check digit
        ("imei", "86-769804-000001-3", "86-769804-000001-3", "", False),
        ("tac", "1518400", "01518400", "lost_zeros", False),
        ("tac", "8676980.0", "08676980", "lost_zeros", False),
        ("iccid", "8988303000000000000", "8988303000000000000", "rounded", True),
        ("iccid", "8.98830E+18", "8.98830E+18", "scientific", True),
        ("iccid", ICCID, ICCID, "", False),
        ("imsi_prefix", "90128", "90128", "", False),
    ],
)
def test_damage_of_spreadsheets(kind: str, cell: str, text: str, code: str, is_lost: bool) -> None:
    assert tuple(repair(kind, cell)) == (text, code, is_lost)
    assert not code or all(DAMAGES[code])


def test_one_number_that_ends_in_zeros_is_not_damaged() -> None:
    def file(*serials: int) -> str:
        numbers = (f"8988303000000{one:05d}" for one in serials)
        return "\n".join(["iccid", *(one + luhn_digit(one) for one in numbers)])

    assert not read(file(*range(1990, 2050))).problems  # 02000 has the check digit 0
    refused = read(file(2000, 2001)).problems
    assert [(one.line, one.code, one.is_error) for one in refused] == [(2, "rounded", True)]


def test_each_line_has_its_problem_and_remedy() -> None:
    found = read(
        f"imei,reason,valid to\n{IMEI},stolen,\n867698040000014,,\n{ICCID},,\n8.67698E+14,,\n"
        f"'{OTHER},,\n{IMEI},stolen,\n{OTHER},other,\n86769804000003,,soon\n000000000000000,,\n"
        "86769804000004,,\n86769804000005,,\n86769804000006,,\n"
    )
    assert codes(found) == [
        (3, "imei.check_digit", True),
        (4, "wrong_column", True),
        (5, "scientific", True),
        (6, "apostrophe", False),
        (7, "duplicate", False),
        (8, "duplicate", True),
        (9, "invalid", True),
        (10, "imei.placeholder", True),
    ]
    assert len(found.entries) == 5
    assert all(one.message and one.remedy for one in found.problems)
    shown = " ".join(f"{one.message} {one.remedy}" for one in found.problems)
    assert not any(number in shown for number in (IMEI, OTHER, ICCID, "867698040000014"))


def test_wrong_column_is_named_for_the_whole_file() -> None:
    found = read(f"imei\n{ICCID}\n8988303000000000028\n{IMEI}\n8988303000000000036\n")
    assert codes(found)[0] == (0, "wrong_column", True)
    found = read("imei\n123456\n234567\n345678\n")
    assert codes(found)[0] == (0, "wrong_column", True)


@pytest.mark.parametrize(
    ("before", "after", "most", "refused"),
    [
        (0, 100_000, 0.2, False),
        (100, 120, 0.2, False),
        (100, 121, 0.2, True),
        (100, 80, 0.2, False),
        (100, 79, 0.2, True),
        (100, 0, 0.2, True),
        (5, 15, 0.2, False),
        (5, 16, 0.2, True),
        (1000, 1500, 0.5, False),
        (1000, 1501, 0.5, True),
    ],
)
def test_size_guard(before: int, after: int, most: float, refused: bool) -> None:
    assert (judge_size(before, after, most) is not None) == refused


@pytest.mark.parametrize(
    ("content", "records"),
    [
        ("tac,manufacturer,model\n86769804,Quectel,EG25-G\n", [(86769804, "Quectel", "EG25-G")]),
        (
            "Licence line, 2026\nTAC|Manufacturer|Bands|Brand Name|Model Name|Marketing Name\n"
            "01518400|Fibocom Inc|LTE|Fibocom|L850-GL|Fib L850\n",
            [(1518400, "Fibocom Inc", "L850-GL")],
        ),
        (
            'TAC;Brand Name;Marketing Name;Bands\n1518400;Fibocom;"L850;GL";4G\n86532607\n',
            [(1518400, "Fibocom", "L850;GL"), (86532607, "", "")],
        ),
        ("A list (c) 2016\ntac,name,name,contributor\n35265610,Nordic,nRF9160,x\n",
         [(35265610, "Nordic", "nRF9160")]),
    ],
)  # fmt: skip
def test_tac_tables_in_common_forms(content: str, records: list[tuple[int, str, str]]) -> None:
    assert [tuple(one) for one in read_tacs(content.encode()).records] == records


def test_lines_of_a_tac_table_have_problems() -> None:
    found = read_tacs(
        f"tac,model\n86769804,A\n8.67E+07,B\n86769804,C\n1518400,D\n{IMEI},E\n00000000,F\nx,G\n".encode()
    )
    assert [(one.line, one.code, one.is_error) for one in found.problems] == [
        (3, "scientific", True),
        (4, "duplicate", False),
        (5, "lost_zeros", False),
        (6, "wrong_column", True),
        (7, "invalid", True),
        (8, "invalid", True),
    ]
    assert [one.tac for one in found.records] == [86769804, 1518400]
    assert [one.code for one in read_tacs(b"1,2\n3,4\n").problems] == ["header"]
