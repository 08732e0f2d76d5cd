"""What a scanned text is: numbers of labels, codes of ours, damage, and hostile texts."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

from modemagent.labels.fields import FIELDS, filled
from modemagent.labels.template import parse, shipped, shipped_text
from modemagent.provisioning.scans.keyboard import (
    CHECK_GS1,
    CHECK_GS1_TEXT,
    CHECK_TEXTS,
    damage,
    typed_on,
)
from modemagent.provisioning.scans.shapes import LONGEST, ParsedScan, parse_scan

IMEI, ICCID, EID = "867698040000013", "8988303000000000010", "89049032123451234512345678901235"
UNIT = IMEI[:14]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (IMEI, {"imei": UNIT}),
        (f" '{IMEI}'\r\n", {"imei": UNIT}),
        ("86-769804-000001-3", {"imei": UNIT}),
        (UNIT, {"imei": UNIT}),
        (f"{UNIT}17", {"imei": UNIT}),
        (ICCID, {"iccid": ICCID}),
        (f"{ICCID}F", {"iccid": ICCID}),
        ("8988 3030 0000 0000 010", {"iccid": ICCID}),
        (EID, {"eid": EID}),
        ("MPN21A4X000123W", {"serial_number": "MPN21A4X000123W"}),
        (f"]C0{IMEI}", {"imei": UNIT}),
        (f"]C18002{IMEI}", {"imei": UNIT}),
        (f"8002{IMEI}", {"imei": UNIT}),
        ("(01)04012345678901(21)A7", {"serial_number": "A7"}),
        (f"IMEI:{IMEI}", {"imei": UNIT}),
        (f"IMEI {IMEI}", {"imei": UNIT}),
        (f"IMEI{IMEI}", {"imei": UNIT}),
        ("IMEI: 86-769804-000001-3", {"imei": UNIT}),
        ("Imei : 86769804 000001 3", {"imei": UNIT}),
        (f"IMEI/SN: {IMEI}", {"imei": UNIT}),
        (f"SIM ICCID: {ICCID}", {"iccid": ICCID}),
        ("S/N:E1Q20A7", {"serial_number": "E1Q20A7"}),
        ("Serial No. E1Q20A7", {"serial_number": "E1Q20A7"}),
        (f"PCB SN: X1 SN: A7 IMEI: {IMEI}", {"imei": UNIT, "serial_number": "A7"}),
        (f"IMEI:{IMEI};SN:A7;PWD:secret", {"imei": UNIT, "serial_number": "A7"}),
        (f"IMEI:{IMEI}\nICCID:{ICCID}\nKEY=secret", {"imei": UNIT, "iccid": ICCID}),
        (f"https://m.example/?imei={IMEI}&sn=A7", {"imei": UNIT, "serial_number": "A7"}),
        (f'{{"imei":"{IMEI}","sn":"A7","key":"x"}}', {"imei": UNIT, "serial_number": "A7"}),
        (f"FCC ID: XMR201707EC25 IMEI: {IMEI}", {"imei": UNIT}),
        (f"IMEI1: {IMEI} IMEI2: 867698040000021", {"imei": UNIT}),
        (f"{IMEI};EC25-EFA-512;SECRET", {"imei": UNIT}),
        (f"EC25 {ICCID},{IMEI}|{EID}", {"imei": UNIT, "iccid": ICCID, "eid": EID}),
    ],
)
def test_numbers_of_labels_are_recognized(text: str, fields: dict[str, str]) -> None:
    scan = parse_scan(text)
    assert (scan.fields, scan.problem) == (fields, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no number that is known"),
        ("867698040000014", "check digit of the IMEI is wrong"),
        ("IMEI:867698040000014;SN:A7", "check digit of the IMEI is wrong"),
        ("89049032123451234512345678901236", "check digits? of the EID is wrong"),
        ("00000000000000", "not a usable IMEI"),
        ("IMEI: unknown", "not a usable IMEI"),
        ("P044ABC SECRETSECRET", "no number that is known"),
        ("WIFI:S:net;T:WPA;P:secret;;", "no number that is known"),
        ("https://maker.example/help", "no number that is known"),
        ("MAC:AABBCCDDEEFF", "no number that is known"),
        ("04012345678901", "number of a product"),
        ("]C10104012345678901", "number of a product only"),
        (f"{IMEI} 867698040000021", "two numbers of the kind IMEI"),
        (f"SN:A7 SN:A8 IMEI:{IMEI}", "two values for serial number"),
        (f"]C18002{IMEI}21A7", "separator"),
        ("A\x00B", "cannot be printed"),
        ("A" * (LONGEST + 1), "too long"),
    ],
)
def test_unusable_scans_have_a_reason_and_a_remedy(text: str, problem: str) -> None:
    scan = parse_scan(text)
    assert re.search(problem, scan.problem)
    assert scan.remedy
    assert scan == ParsedScan(problem=scan.problem, remedy=scan.remedy)


@pytest.mark.parametrize(
    ("text", "scan"),
    [
        ("MA-BAY-07", ParsedScan(bay="07")),
        ("ma-bay-7", ParsedScan(bay="7")),
        ("]Q1MA-PRINT", ParsedScan(command="print")),
        ("MA-BADGE-ANNA", ParsedScan(command="badge", argument="ANNA")),
    ],
)
def test_codes_of_the_bench_are_commands(text: str, scan: ParsedScan) -> None:
    assert parse_scan(text) == scan


def test_no_label_can_end_a_shift() -> None:
    assert parse_scan("MA-END") == ParsedScan(fields={"serial_number": "MA-END"})


def test_patterns_of_the_order_come_first() -> None:
    maker = re.compile(r"(?P<serial_number>[A-Z0-9]{6})\$(?P<imei>\d{15})\$.*")
    assert parse_scan(f"A1B2C3${IMEI}$secret", formats=[maker]).fields == {
        "serial_number": "A1B2C3",
        "imei": UNIT,
    }
    assert "check digit" in parse_scan("A1B2C3$867698040000014$x", formats=[maker]).problem
    serial = re.compile(r"E\d[A-Z]\d{4}")
    assert parse_scan("E1Q2047", serial=serial).fields == {"serial_number": "E1Q2047"}
    assert parse_scan("other", serial=serial).problem


@pytest.mark.parametrize("layout", ["QWERTZ", "AZERTY"])
def test_a_wrong_keyboard_layout_is_named(layout: str) -> None:
    for text in (*CHECK_TEXTS, f"IMEI:{IMEI}", "MA-BAY-07", f"{IMEI};{ICCID}"):
        typed = typed_on(layout, text)
        scan = parse_scan(typed)
        if layout == "QWERTZ" and text == f"{IMEI};{ICCID}":
            assert damage(typed) == layout
        assert layout in (scan.problem or scan.argument), typed
    assert damage("Prüfstand 7 é") == ""


def test_a_german_word_beside_a_number_is_accepted() -> None:
    assert parse_scan(f"Prüfung;IMEI:{IMEI}").fields == {"imei": UNIT}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (CHECK_GS1, ""),
        ("]C1" + CHECK_GS1, ""),
        (CHECK_GS1_TEXT, ""),
        (CHECK_GS1.replace("\x1d", ""), "loses the separator GS"),
        (CHECK_TEXTS[0], ""),
        (CHECK_TEXTS[1].upper(), "upper and lower case"),
        (CHECK_TEXTS[1].swapcase(), "upper and lower case"),
        (CHECK_TEXTS[0][4:], "loses the first characters"),
        (CHECK_TEXTS[2][:-3], "loses or changes characters"),
    ],
)
def test_the_check_sheet_judges_the_scanner(text: str, what: str) -> None:
    scan = parse_scan(text)
    assert scan.command == "check"
    assert scan.argument == "" if not what else what in scan.argument


def test_symbols_of_shipped_templates_are_read_back() -> None:
    wanted = {"imei": FIELDS["imei"][:14], "iccid": FIELDS["iccid"],
              "serial_number": FIELDS["serial_number"]}  # fmt: skip
    for name in shipped():
        template = parse(shipped_text(name), file=name)
        for element in template.elements:
            if element.kind not in ("text", "box"):
                found = parse_scan(filled(element.value, FIELDS)).fields
                assert found
                assert found.items() <= wanted.items()


_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+#:!\"%&'()*,\-;<=>?_ ]{0,89}")


def hostile(count: int) -> Iterator[str]:
    """Yield texts made of codes, markup, formulas, escapes and noise."""
    chance = random.Random(0)
    pieces = (
        "IMEI", "imei:", IMEI, ICCID, EID, "SN:", "S/N", "]C1", "]d2", "8002", "(8002)", "(01)",
        "04012345678901", "\x1d", "\x1b[2J", "\x1b]0;x\x07", "\x00", "=cmd|'/c calc'!A1", "^XA^XZ",
        "~JA", "<script>alert(1)</script>", "'; DROP TABLE x;--", "{0.__class__}", "%s%n",
        "MA-BAY-", "MA-BADGE-", "../", "\u202e", "\ufeff", "\u0663", "\uff18\uff16",
        "ß", "é", "\ud800", " ", "\n", "A" * 90,
    )  # fmt: skip
    for _ in range(count):
        text = "".join(chance.choices(pieces, k=chance.randrange(1, 9)))
        if chance.random() < 0.3:
            at = chance.randrange(len(text))
            text = text[:at] + chr(chance.randrange(0x3000)) + text[at:]
        yield text


def test_hostile_scans_leave_only_harmless_values() -> None:
    used = 0
    for text in hostile(6000):
        scan = parse_scan(text)
        assert not (scan.problem and (scan.fields or scan.bay or scan.command)), text
        used += bool(scan.fields)
        for name, value in scan.fields.items():
            assert name in ("imei", "iccid", "eid", "serial_number")
            assert _ALLOWED.fullmatch(value), text
            assert value.isascii()
        assert scan.problem.isprintable()
        assert not re.search(r"\d{14}", scan.problem), text
    assert 100 < used < 5000
