"""The data files and the look-ups in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemagent.identity import tac
from modemagent.identity.checkdigits import luhn_digit
from modemagent.identity.lookup_tables import about, row, rows, text_of
from modemagent.identity.numbering import (
    country_of_iccid,
    country_of_mcc,
    mncs_of,
    reporting_body,
    split_imsi,
)
from modemagent.identity.problems import CODES, Severity, problem

DATA = Path(tac.__file__).parent / "data"
BY_LIST = ("placeholders.txt", "test_values.txt")  # the first field is the kind, not a key


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.iterdir()))
def test_table_is_sorted_with_unique_keys(name: str) -> None:
    head = about(name)
    assert head["source"]
    assert head["as_of"].startswith("20")
    width = head["columns"].count(", ") + 1
    found = list(rows(name))
    assert found == sorted(found)
    assert text_of(name).endswith("\n")
    if name not in BY_LIST:
        keys = [fields[0] for fields in found]
        assert len(set(keys)) == len(keys)
        assert all(row(name, fields[0]) == tuple(fields) for fields in found)
    assert {len(fields) for fields in found} == {WIDTHS.get(name, width)}


# tables whose column descriptions contain commas
WIDTHS = {"mcc.txt": 3, "calling_codes.txt": 3, "plmn.txt": 2, "mnc_lengths.txt": 3}


def test_mcc_table() -> None:
    codes = {fields[0] for fields in rows("mcc.txt")}
    assert all(len(code) == 3 and code.isdecimal() for code in codes)
    assert not [code for code in codes if code[0] in "18"]
    assert [code for code in codes if code < "200"] == ["001"]
    assert codes >= {"225", "315", "332", "406", "430", "431", "441", "461", "742", "901", "999"}
    assert {fields[0] for fields in rows("plmn.txt")} <= codes


def test_reporting_bodies_match_the_rules() -> None:
    known = {f"{number:02d}" for number in range(100) if reporting_body(f"{number:02d}")}
    expected = "00 01 10 30 33 35 44 45 49 50 51 52 53 54 86 91 99".split()  # noqa: SIM905
    assert known == {*expected, *(f"0{digit}" for digit in range(2, 10))}


def test_calling_codes_are_prefix_free() -> None:
    codes = [fields[0] for fields in rows("calling_codes.txt")]
    for code in codes:
        assert not [other for other in codes if other != code and other.startswith(code)]
    assert {"870", "878", "881", "882", "883", "888", "979", "997", "01", "1"} <= set(codes)
    assert not {"800", "808", "210", "999"} & set(codes)


def test_country_of_iccid() -> None:
    assert country_of_iccid("8900") is None
    found = country_of_iccid("897010100000")
    assert found is not None
    assert found.prefix == "7"


@pytest.mark.parametrize(
    ("imsi", "mnc_length", "expected"),
    [
        ("262010000000001", None, ("262", "01", True)),
        ("310410000000001", None, ("310", "410", True)),
        ("302720000000001", None, ("302", "720", True)),
        ("315999000000001", None, ("315", "999", True)),
        ("262990000000001", None, ("262", "99", True)),
        ("199010000000001", None, ("199", "01", False)),
        ("405050000000001", None, ("405", "05", False)),
        ("405854000000001", None, ("405", "854", False)),
        ("405854000000001", 3, ("405", "854", True)),
        ("722310000000001", 2, ("722", "31", True)),
        ("262010000000001", 0, ("262", "01", True)),
        ("262010000000001", 255, ("262", "01", True)),
        ("999010000000001", None, ("999", "01", False)),
        ("350000000000001", None, ("350", "00", False)),
        ("708123000000001", None, ("708", "123", True)),
    ],
)
def test_split_imsi(imsi: str, mnc_length: int | None, expected: tuple[str, str, bool]) -> None:
    assert split_imsi(imsi, mnc_length=mnc_length) == expected


def test_countries_of_shared_numbers() -> None:
    assert [country_of_mcc(mcc).codes for mcc in ("001", "901", "999")] == [(), (), ()]  # type: ignore[union-attr]
    assert mncs_of("199") == ()


def test_tac_facts() -> None:
    assert tac.find("86875903") == tac.Tac(
        "86875903", "Quectel", "EG06-E (also Teltonika TCR100)", "M"
    )
    assert sum(1 for _ in rows("tac.txt")) == 38


def test_problem_codes() -> None:
    assert problem("sim.absent", "sim").severity is Severity.NOTE
    assert problem("imei.length", "imei", "13 digits").message == "13 digits"
    assert all(meaning and not meaning.endswith(".") for _, meaning in CODES.values())
    with pytest.raises(KeyError):
        problem("imei.unlisted", "imei")


def test_luhn_rejects_other_characters() -> None:
    with pytest.raises(ValueError, match="substring"):
        luhn_digit("12X")
