"""The identity rules by example: raw text, normalized form and codes."""

from __future__ import annotations

import pytest

from modemagent.errors import IdentityError, UsageError
from modemagent.identity.check import IDENTIFIERS, KINDS, validate
from modemagent.identity.checkdigits import luhn_digit, mod97_digits
from modemagent.identity.cleaning import swap_nibbles
from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.imeisv import Imeisv
from modemagent.identity.imsi import Imsi
from modemagent.identity.meid import Meid
from modemagent.identity.problems import CODES, Severity

IMEI = "867698040000013"
ICCID = "8988303000000000010"  # check digit fits
EID = "89049032000000000000000000000066"


def luhn10(digits: str) -> str:
    return digits + luhn_digit(digits)


def with_mod97(thirty: str) -> str:
    return thirty + mod97_digits(thirty)


# kind, text, normalized (None: not valid), codes
CASES: list[tuple[str, str, str | None, tuple[str, ...]]] = [
    # --- IMEI
    ("imei", IMEI, IMEI, ()),
    ("imei", IMEI[:14], IMEI, ("imei.no_check_digit",)),
    ("imei", IMEI[:14] + "0", IMEI, ("imei.spare_digit",)),
    ("imei", IMEI[:14] + "01", IMEI, ("imei.is_imeisv",)),
    ("imei", IMEI[:14] + "99", IMEI, ("imei.is_imeisv",)),
    ("imei", IMEI[:14] + "4", None, ("imei.check_digit",)),
    ("imei", luhn10("86769804000009"), luhn10("86769804000009"), ()),
    ("imei", "86769804000004" + "0", luhn10("86769804000004"), ("imei.spare_digit",)),
    ("imei", "8676980400001", None, ("imei.length",)),
    ("imei", IMEI + "01", None, ("imei.length",)),
    ("imei", "", None, ("imei.missing",)),
    ("imei", "AT+CGSN\r\r\nERROR\r\n", None, ("imei.missing",)),
    ("imei", "86769804000001X", None, ("imei.charset",)),
    (
        "imei",
        IMEI.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"}),
        None,
        ("imei.charset",),
    ),
    ("imei", "٨٦٧٦٩٨٠٤٠٠٠٠٠١٣", None, ("imei.charset",)),
    ("imei", "86769804000001³", None, ("imei.charset",)),
    ("imei", "000000000000000", None, ("imei.placeholder",)),
    ("imei", "0", None, ("imei.placeholder",)),
    ("imei", "FFFFFFFFFFFFFFF", None, ("imei.placeholder",)),
    ("imei", "????????", None, ("imei.placeholder",)),
    ("imei", "???????", None, ("imei.charset",)),
    ("imei", "1111111", None, ("imei.length",)),
    ("imei", "111111111111119", None, ("imei.placeholder",)),
    ("imei", "123456789012347", None, ("imei.placeholder",)),
    ("imei", "00499901064000" + "5", None, ("imei.placeholder",)),
    ("imei", "490154203237518", None, ("imei.placeholder",)),
    ("imei", luhn10("00440123000017"), luhn10("00440123000017"), ("imei.test_tac",)),
    ("imei", luhn10("02440123000017"), luhn10("02440123000017"), ("imei.test_tac",)),
    ("imei", luhn10("09440123000017"), luhn10("09440123000017"), ("imei.test_tac",)),
    ("imei", luhn10("01440123000017"), luhn10("01440123000017"), ()),
    ("imei", luhn10("98440123000017"), luhn10("98440123000017"), ("imei.unknown_rbi",)),
    ("imei", luhn10("99440123000017"), luhn10("99440123000017"), ()),
    ("imei", luhn10("86769804000000"), luhn10("86769804000000"), ("imei.serial_suspect",)),
    ("imei", luhn10("86769804777777"), luhn10("86769804777777"), ("imei.serial_suspect",)),
    ("imei", luhn10("86769804123456"), luhn10("86769804123456"), ("imei.serial_suspect",)),
    ("imei", luhn10("86769804012345"), luhn10("86769804012345"), ("imei.serial_suspect",)),
    ("imei", luhn10("86769804654321"), luhn10("86769804654321"), ("imei.serial_suspect",)),
    (
        "imei",
        "98440123654321",
        luhn10("98440123654321"),
        ("imei.no_check_digit", "imei.unknown_rbi", "imei.serial_suspect"),
    ),
    # --- IMEISV
    ("imeisv", "3526561000000101", "3526561000000101", ()),
    ("imeisv", "3526561000000199", "3526561000000199", ("imeisv.svn_reserved",)),
    ("imeisv", "352656100000010", None, ("imeisv.length",)),
    ("imeisv", "35265610000001A1", None, ("imeisv.charset",)),
    ("imeisv", "4901542032375101", None, ("imeisv.placeholder",)),
    ("imeisv", "OK", None, ("imeisv.missing",)),
    ("imeisv", "0044012312345601", "0044012312345601", ("imei.test_tac", "imei.serial_suspect")),
    ("imeisv", "9844012300001701", "9844012300001701", ("imei.unknown_rbi",)),
    # --- MEID
    ("meid", "AF0123450ABCDE", "AF0123450ABCDE", ()),
    ("meid", "af0123450abcdec", "AF0123450ABCDE", ()),
    ("meid", "AF0123450ABCDE1", None, ("meid.check_digit",)),
    ("meid", "0xAF0123450ABCDE", "AF0123450ABCDE", ()),
    ("meid", "00AF0123450ABCDE", "AF0123450ABCDE", ()),
    ("meid", "0x00AF0123450ABCDE", "AF0123450ABCDE", ()),
    ("meid", "01AF0123450ABCDE", None, ("meid.length",)),
    ("meid", "293608736500703710", "AF0123450ABCDE", ()),
    ("meid", "2936087365007037100", "AF0123450ABCDE", ()),
    ("meid", "2936087365007037101", None, ("meid.check_digit",)),
    ("meid", "429496729516777215", "FFFFFFFFFFFFFF", ()),
    ("meid", "429496729600000001", None, ("meid.range",)),
    ("meid", "293608736516777216", None, ("meid.range",)),
    ("meid", "99000012345678", "99000012345678", ("meid.imei_form",)),
    ("meid", luhn10("99000012345678"), "99000012345678", ("meid.imei_form",)),
    ("meid", "9900001234567A", "9900001234567A", ("meid.region_code",)),
    ("meid", "80ABCDEF", None, ("meid.length",)),
    ("meid", "29360873650070371A", None, ("meid.charset",)),  # 18 digits are decimal ones
    ("meid", "429496729600000000A", None, ("meid.charset",)),  # found before the range
    ("meid", "AG0123450ABCDE", None, ("meid.charset",)),
    ("meid", "A\ufb000123450ABCDE", None, ("meid.charset",)),  # an ff ligature is not hexadecimal
    ("meid", "0x00000000", None, ("meid.placeholder",)),
    ("meid", "0xFFFFFFFFFFFFFF", None, ("meid.placeholder",)),
    ("meid", "00FFFFFFFFFFFFFF", None, ("meid.placeholder",)),
    ("meid", "0x", None, ("meid.missing",)),
    ("meid", "+CME ERROR: 4", None, ("meid.missing",)),
    # --- IMSI
    ("imsi", "262010000000001", "262010000000001", ()),
    ("imsi", "26201000000000", "26201000000000", ()),
    ("imsi", "2620100000001", "2620100000001", ("imsi.short",)),
    ("imsi", "262011", "262011", ("imsi.short",)),
    ("imsi", "26201", None, ("imsi.length",)),
    ("imsi", "2620100000000011", None, ("imsi.length",)),
    ("imsi", "26201000000000A", None, ("imsi.charset",)),
    ("imsi", "310260000000000", None, ("imsi.placeholder",)),
    ("imsi", "123456789012345", None, ("imsi.placeholder",)),
    ("imsi", "unknown", None, ("imsi.missing",)),
    ("imsi", "001010123456789", "001010123456789", ("imsi.test_network",)),
    ("imsi", "999700000000001", "999700000000001", ("imsi.private_network",)),
    ("imsi", "315010000000001", "315010000000001", ("imsi.private_network",)),
    ("imsi", "315020000000001", "315020000000001", ()),
    ("imsi", "901288000000001", "901288000000001", ("imsi.shared_mcc",)),
    ("imsi", "902010000000001", "902010000000001", ("imsi.shared_mcc",)),
    ("imsi", "991010000000001", "991010000000001", ("imsi.shared_mcc",)),
    ("imsi", "199010000000001", "199010000000001", ("imsi.unknown_mcc",)),
    ("imsi", "1990100", "1990100", ("imsi.short", "imsi.unknown_mcc")),
    ("imsi", "082926100000000010", "262010000000001", ("imsi.ef_encoded",)),
    ("imsi", "0821261000000000F1", "26201000000001", ("imsi.ef_encoded",)),
    ("imsi", "0829261000000000F1", None, ("imsi.charset",)),  # odd by its nibble, even by count
    ("imsi", "08292610F000000010", None, ("imsi.charset",)),  # filler in the middle
    ("imsi", "082826100000000010", None, ("imsi.length",)),  # no parity nibble
    ("imsi", "082926100000000010FF", None, ("imsi.charset",)),
    ("imsi", "080900000000000000", None, ("imsi.placeholder",)),
    # --- ICCID
    ("iccid", ICCID, ICCID, ()),
    ("iccid", ICCID + "F", ICCID, ()),
    ("iccid", ICCID + "f", ICCID, ()),
    ("iccid", "988803030000000010F0", "8988303000000000010", ("iccid.swapped",)),
    ("iccid", "98680000000000007002", "89860000000000000720", ("iccid.swapped",)),
    ("iccid", "8949210000000001112", "8949210000000001112", ("iccid.luhn",)),
    ("iccid", ICCID + "7", ICCID + "7", ("iccid.extra_digit",)),
    ("iccid", "898600f00A0000000051", "898600F00A0000000051", ("iccid.hex_digit",)),
    ("iccid", luhn10("89883030000000001"), luhn10("89883030000000001"), ("iccid.length_unusual",)),
    (
        "iccid",
        luhn10("890001234567890124"),
        luhn10("890001234567890124"),
        ("iccid.unknown_country",),
    ),
    (
        "iccid",
        luhn10("892100000000000017"),
        luhn10("892100000000000017"),
        ("iccid.unknown_country",),
    ),
    ("iccid", luhn10("890126000000000017"), luhn10("890126000000000017"), ()),
    ("iccid", luhn10("891260000000000017"), luhn10("891260000000000017"), ()),
    ("iccid", luhn10("899970000000000017"), luhn10("899970000000000017"), ()),
    (
        "iccid",
        luhn10("898000000000000017"),
        luhn10("898000000000000017"),
        ("iccid.unknown_country",),
    ),
    ("iccid", luhn10("888830300000000017"), None, ("iccid.non_telecom_mii",)),
    ("iccid", "8988303000000000", None, ("iccid.length",)),
    ("iccid", ICCID + "71", None, ("iccid.length",)),
    ("iccid", "8988G03000000000010", None, ("iccid.charset",)),
    ("iccid", "8986A03000000000010", None, ("iccid.charset",)),
    ("iccid", "89A6", None, ("iccid.charset",)),
    ("iccid", "89014103211118510720", None, ("iccid.placeholder",)),
    ("iccid", "8988300000000000000", None, ("iccid.placeholder",)),
    ("iccid", "89883011111111111111", None, ("iccid.placeholder",)),
    ("iccid", "FFFFFFFFFFFFFFFFFFFF", None, ("iccid.placeholder",)),
    ("iccid", "98FFFFFFFFFFFFFFFFFF", None, ("iccid.length",)),
    ("iccid", "+CME ERROR: SIM not inserted", None, ("iccid.missing",)),
    ("iccid", "89000123456789012341", "89000123456789012341", ("iccid.test_profile",)),
    ("iccid", "8929901012345678905", "8929901012345678905", ("iccid.test_profile",)),
    ("iccid", "8929901012345678905F", "8929901012345678905", ("iccid.test_profile",)),
    (
        "iccid",
        "989210103254769850F5",
        "8929010123456789055",
        ("iccid.swapped", "iccid.luhn"),
    ),
    # --- EID
    ("eid", EID, EID, ()),
    (
        "eid",
        "89049032123451234512345678901235",
        "89049032123451234512345678901235",
        ("eid.test_value",),
    ),
    ("eid", "89049032123451234512345678901236", None, ("eid.check_digits",)),
    (
        "eid",
        with_mod97("350490320000000000000000000000"),
        with_mod97("350490320000000000000000000000"),
        ("eid.not_e118",),
    ),
    ("eid", f"5A10{EID}", EID, ("eid.tlv_encoded",)),
    ("eid", f"BF3E125A10{EID}9000", EID, ("eid.tlv_encoded",)),
    ("eid", f"bf3e125a10{EID}", EID, ("eid.tlv_encoded",)),
    ("eid", f'+CGLA: 46,"BF3E125A10{EID}9000"', EID, ("eid.tlv_encoded",)),
    ("eid", f"BF3E125A10{EID}6A88", None, ("eid.charset",)),
    ("eid", f"5A10{'0' * 32}", None, ("eid.placeholder",)),
    ("eid", f"5A10{'F' * 32}9000", None, ("eid.placeholder",)),
    ("eid", EID[:31], None, ("eid.length",)),
    ("eid", EID + "9000", None, ("eid.length",)),
    ("eid", EID[:31] + "A", None, ("eid.charset",)),
    ("eid", "0" * 32, None, ("eid.placeholder",)),
    ("eid", "", None, ("eid.missing",)),
    ("eid", "N/A", None, ("eid.missing",)),
]


@pytest.mark.parametrize(("kind", "text", "normalized", "codes"), CASES)
def test_identity_rule(
    kind: str, text: str, normalized: str | None, codes: tuple[str, ...]
) -> None:
    verdict = validate(kind, text)
    assert (verdict.normalized, verdict.codes) == (normalized, codes)
    assert verdict.valid is (normalized is not None)
    assert verdict.input == text
    assert [problem.code for problem in verdict.problems()] == list(codes)


def test_every_code_of_a_number_has_a_case() -> None:
    seen = {code for case in CASES for code in case[3]}
    assert {code for code in CODES if code.split(".")[0] in KINDS} - seen == set()


def test_an_error_is_the_only_code() -> None:
    for kind, text, normalized, codes in CASES:
        errors = [code for code in codes if CODES[code][0] is Severity.ERROR]
        assert bool(errors) is (normalized is None), (kind, text)
        assert not errors or len(codes) == 1


def test_ef_imsi_with_an_even_number_of_digits() -> None:
    coded = swap_nibbles("1" + "26201000000001" + "F")
    assert validate("imsi", "08" + coded).normalized == "26201000000001"
    # the parity nibble says odd and the digits are even: not taken for EF content
    coded = swap_nibbles("9" + "26201000000001" + "F")
    assert validate("imsi", "08" + coded).codes == ("imsi.charset",)


def test_details_contain_the_parts() -> None:
    assert validate("imei", "865326060000017"[:14]).details == {
        "tac": "86532606",
        "serial": "000001",
        "rbi": "86",
        "reporting_body": "TAF, China",
        "maker": "Quectel",
        "model": "EG25-G",
        "basis": "L",
        "check_digit": luhn_digit("86532606000001"),
    }
    details = validate("imsi", "262010000000001").details
    assert (details["mcc"], details["mnc"], details["msin"]) == ("262", "01", "0000000001")
    assert details["mnc_certain"] is True
    details = validate("iccid", "8949210000000001111").details
    assert (details["country"], details["country_code"], details["mii"]) == ("DE", "49", "89")
    assert validate("imeisv", "3526561000000101").details["imei"] == "352656100000010"
    assert validate("eid", EID).details["country"] == "DE"


def test_parts_of_typed_values() -> None:
    assert Imei.parse(IMEI).check_digit == "3"
    assert Imeisv.parse("3526561000000101").imei.serial == "000001"
    assert Meid.parse("AF0123450ABCDE").manufacturer == "012345"
    assert Imsi.parse("262010000000001").plmn().mnc == "01"
    assert Imsi.parse("722070000000001").plmn(2).mnc == "07"
    assert Eid.parse(EID) == EID
    assert {Iccid.parse(ICCID): 1}[Iccid(ICCID)] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_grouped_form_is_parsed_again(kind: str) -> None:
    identifier = IDENTIFIERS[kind]
    for case in CASES:
        if case[0] == kind and case[2] is not None and case[2] != "FFFFFFFFFFFFFF":
            value = identifier.parse(case[2])
            assert type(value) is identifier
            assert identifier.parse(value.grouped()) == value
            assert identifier.from_normalized(value) == value


def test_from_normalized_rejects_other_forms() -> None:
    for text in (IMEI[:14], IMEI + "0", "86769804000001X", ""):
        with pytest.raises(ValueError, match="normalized IMEI"):
            Imei.from_normalized(text)


def test_error_never_contains_the_number() -> None:
    with pytest.raises(IdentityError) as caught:
        Imei.parse("867698040000014")
    assert caught.value.problem == "imei.check_digit"
    assert "8676" not in str(caught.value)


def test_unknown_kind_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        validate("vin", "1")


def test_same_sim() -> None:
    assert Iccid(ICCID).same_sim(ICCID)
    assert Iccid(ICCID + "7").same_sim(ICCID)
    assert not Iccid(ICCID + "7").same_sim(ICCID + "8")
    assert not Iccid(ICCID[:18]).same_sim(ICCID)


def test_same_equipment() -> None:
    assert Imei(IMEI).same_equipment(IMEI[:14] + "07")
    assert not Imei(IMEI).same_equipment("867698040000021")
