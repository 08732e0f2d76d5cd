"""Masking of identifiers in every form they have on the wire and in logs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.imei import Imei
from modemagent.identity.imsi import Imsi
from modemagent.identity.meid import Meid
from modemagent.privacy.masking import mask, mask_text

IDENTIFIERS = {
    "imei": "867698040000013",
    "imei 14": "86769804000001",
    "imeisv": "3526561000000101",
    "imsi": "901288000000001",
    "iccid 18": "898830300000000001",
    "iccid": "8988303000000000010",
    "iccid hexadecimal": "898600F00A0000000051",
    "iccid lower case": "898600f00a0000000051",
    "iccid swapped": "988830030000000000F0",
    "eid": "89049032000000000000000000000066",
    "eid object": "BF3E125A10890490320000000000000000000000669000",
    "meid": "AF0123450ABCDE",
    "meid letters": "ABCDEFABCDEFAB",
    "meid decimal": "293608736500703710",
    "ef imsi": "082926100000000010",
}
WRAPS = [
    "{}",
    "+CGSN: {}",
    '+CGSN:"{}"',
    "b'\\r\\n{}\\r\\n\\r\\nOK\\r\\n'",
    "IMEI{}OK",
    "\x00{}\x00",
    '{{"iccid": "{}", "slot": 1}}',
    "read imei={} on /dev/ttyUSB2 at 2026-11-20 19:00:00",
    "2026-11-20 19:00:00.123 {}",
    "ICCID,EID: {},{}",
    "10.0.0.1 {}",
    "+CRSM: 144,0,{}",
]


def leaked(identifier: str, text: str) -> bool:
    """Return True if seven consecutive characters of the number are readable."""
    bare = "".join(sign for sign in text if sign.isalnum() or sign == "*").upper()
    wanted = identifier.upper()
    return any(wanted[at : at + 7] in bare for at in range(len(wanted) - 6))


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", IDENTIFIERS)
def test_every_form_of_an_identifier_is_masked(name: str, wrap: str) -> None:
    text = wrap.replace("{}", IDENTIFIERS[name])
    assert not leaked(IDENTIFIERS[name], mask_text(text)), mask_text(text)


@pytest.mark.parametrize(
    "text",
    [
        Imei("867698040000013").grouped(),
        Iccid("8988303000000000010").grouped(),
        Iccid("898600F00A0000000051").grouped(),
        Imsi("262010000000001").grouped(),
        Eid(IDENTIFIERS["eid"]).grouped(),
        Meid("AF0123450ABCDE").grouped(),
        "86 769804\u00a0000001\u20103",
        "38 36 37 36 39 38 30 34 30 30 30 30 30 31 33",
        "38363736393830343030303030313 3",
        "\\x38\\x36\\x37\\x36\\x39\\x38\\x30\\x34",
    ],
)
def test_separated_and_dumped_forms_are_masked(text: str) -> None:
    digits = "".join(sign for sign in text if sign.isalnum())
    assert not leaked(digits, mask_text(text)), mask_text(text)


IMEI, ICCID, IMSI, EID = (IDENTIFIERS[name] for name in ("imei", "iccid", "imsi", "eid"))


@pytest.mark.parametrize(
    "text",
    [
        ",".join(IMEI),
        ", ".join(ICCID),
        ";".join(IMSI),
        "|".join(IMEI),
        "   ".join(IMEI),
        "%20".join(IMEI),
        str([*IMEI]),
        str([*map(int, IMSI)]),
        repr(tuple(ICCID)),
        str(list(IMSI.encode())),
        str(list(IMEI.encode("utf-16-be"))),
        str(list(EID.encode("utf-16-le"))),
        ", ".join(f"0x{code:x}" for code in IMSI.encode()),
        ", ".join(f"{code:x}" for code in ICCID.encode()),
        repr(IMEI.encode("utf-16-be")),
        repr(ICCID.encode("utf-16-le")),
        IMSI.encode("utf-16-be").decode("latin-1"),
        f"{IMEI[:6]},{IMEI[6:8]},{IMEI[8:14]},{IMEI[14]}",
        f"+WHAT: 1,{IMEI[:6]},{IMEI[6:8]},{IMEI[8:14]},{IMEI[14]},7",
        ",".join(ICCID[at : at + 2] for at in range(0, len(ICCID), 2)),
        ",".join(EID[at : at + 4] for at in range(0, len(EID), 4)),
        f'"{IMEI[:8]}","{IMEI[8:]}"',
        f"{IMEI[:7]}'{IMEI[7:]}",
        f"{IMEI[:8]}+{IMEI[8:]}",
        f"{IMEI[:9]} ({IMEI[9:]})",
        f"{ICCID[:10]},{ICCID[10:]}",
        f"{IMEI[:10]}\n{IMEI[10:]}",
        f"\r\n{IMSI[:8]}\r\n{IMSI[8:]}\r\n",
        repr(f"\r\n{IMSI[:8]}\r\r\n{IMSI[8:]}\r\n".encode()),
        f"IMEI: {IMEI[:8]}\r\n{IMEI[8:]}",
    ],
)
def test_numbers_in_pieces_are_masked(text: str) -> None:
    once = mask_text(text)
    digits = "".join(sign for sign in once if sign.isdigit() or sign == "*")
    assert not any(leaked(number, digits) for number in (IMEI, ICCID, IMSI, EID)), once
    assert "***" in once and mask_text(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "+CSQ: 23,99",
        "+CESQ: 99,99,255,255,20,45",
        '+CREG: 2,1,"1A2B","01A2B3C4",7',
        "+CIND: 5,5,1,0,0,0,1,0,0,0,0,0,0,0,2",
        "+CNMI: (0-3),(0-3),(0,2),(0-2),(0,1)",
        '+CGDCONT: (1-24),"IP",,,(0-2),(0-4),(0-1),(0-1),(0-2),(0-1),(0-1),(0-8),(0-1),(0-1)',
        '+COPS: (2,"Telekom.de","TDG","26201",7),(1,"o2 - de","o2","26203",7),,(0-4),(0-2)',
        '+CPMS: "SM",0,20,"SM",0,20,"SM",0,20',
        '+QENG: "servingcell","NOCONN","LTE","FDD",262,01,1A2D003,123,1300,3,5,5,1234,-95,-12,-64',
        "+CPSI: LTE,Online,262-01,0x1234,12345678,123,EUTRAN-BAND3,1300,5,5,-110,-900,-600,12",
        "$GPGSV,3,1,12,01,05,060,18,02,17,259,43,04,56,287,28,09,08,277,28*77",
        '+CCLK: "35/11/20,19:00:00+04",2',
        '+QLTS: "2035/11/20,19:00:00+04,0",2',
        "+QGDCNT: 1234567,12345678",
        "[1, 2, 3, 0, 0, 0, 1, 1, 0, 2, 4, 5, 0, 0, 1, 0]",
        "[115200, 57600, 9600, 921600, 230400]",
        "ports 8470, 8471, 8472 and 8473",
        "modemagent 0.1.0, Python 3.11.7, Linux 6.1.0-37, urllib3 2.2.1",
    ],
)
def test_lists_without_identifiers_stay(text: str) -> None:
    assert mask_text(text) == text


def test_number_broken_after_a_label() -> None:
    assert mask_text("IMEI: 8676980 40000013") == "IMEI: 867698*****0013"


def test_short_numbers_after_a_label() -> None:
    assert "80ABCD" not in mask_text("ESN: 0x80ABCDEF")
    assert "262011" not in mask_text('{"imsi": "262011"}')


@pytest.mark.parametrize(
    "text",
    [
        "EG25GGBR07A08M2G",
        "SWI9X30C_02.24.05.06 r7040 CARMD-EV-FRMWR2 2017/05/19 06:23:09",
        "L0.0.00.00.05.08,A.02.04",
        "REVISION 03.006 [Sep 15 2014 13:21:35]",
        "mfw_nrf9160_1.3.5",
        "/dev/ttyUSB2 usb:1-2:1.2 2c7c:0125",
        "2026-11-20T19:00:00.000Z report 0192f7c0-1234-7abc-8def-0123456789ab",
        "192.168.100.200:8470",
        '+CREG: 2,5,"0502","0404736D"',
        '+CCLK: "26/11/20,19:00:00+04"',
        "AT+CRSM=176,28589,0,0,4",
        "the modem answered after 1234 ms",
        "+CPIN: READY",
        "",
    ],
)
def test_text_without_identifiers_stays(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", IDENTIFIERS)
def test_masking_a_text_is_idempotent(name: str, wrap: str) -> None:
    once = mask_text(wrap.replace("{}", IDENTIFIERS[name]))
    assert mask_text(once) == once


@given(st.lists(st.text("0189", max_size=16), max_size=20), st.sampled_from([",", "\n", "|", "*"]))
def test_masking_a_list_is_idempotent(pieces: list[str], between: str) -> None:
    once = mask_text(between.join(pieces))
    assert mask_text(once) == once


@given(st.text('0123456789AF -:,\r\nimeisdc=*"x\\', max_size=80))
def test_no_run_of_ten_digits_is_left(text: str) -> None:
    run = 0
    for sign in mask_text(text):
        run = run + 1 if sign.isdigit() else 0
        assert run < 10


def test_mask_of_one_value() -> None:
    assert mask("867698040000013") == "867698*****0013"
    assert mask("86-769804-000001-3") == "867698*****0013"
    assert mask("0123456789") == "******6789"
    assert mask("80ABCDEF") == "******EF"
    assert mask("") == ""
