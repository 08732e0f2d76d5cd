"""Registration reports of real modules: answer or URC, which status, which cell.

Lines marked MM are from ModemManager's ``test-modem-helpers.c``, NCS from nRF Connect SDK's
``lte_lc_modem_hooks`` parser tests, the others from the place named. What they mean is worked out
from 3GPP TS 27.007 clauses 7.2, 10.1.20, 10.1.22 and 10.1.47.
"""

from __future__ import annotations

import pytest

from modemagent.at.registration import active_time, periodic_update
from modemagent.explain import explain

# line, mode (None: a URC), status, area, cell, technology
FORMS = [
    # MM
    ("+CREG: 1,3", 1, 3, None, None, None),
    ("+CREG: 3", None, 3, None, None, None),
    ("+CREG: 0,1,84CD,00D30173", 0, 1, 0x84CD, 0xD30173, None),
    ("+CREG: 1,84CD,00D30156", None, 1, 0x84CD, 0xD30156, None),
    ('+CREG: 2,1,"CE00","01CEAD8F"', 2, 1, 0xCE00, 0x01CEAD8F, None),
    ('+CREG: 1,"CE00","00005449"', None, 1, 0xCE00, 0x5449, None),
    ("+CREG: 2,0,00,0", 2, 0, 0, 0, None),
    ("+CREG: 2,1,8BE3,2BAF", 2, 1, 0x8BE3, 0x2BAF, None),
    ("+CREG: 2,8BE3,2BAF", None, 2, 0x8BE3, 0x2BAF, None),
    ("+CREG: 1,8BE3,2BAF", None, 1, 0x8BE3, 0x2BAF, None),
    ('+CREG: 2,1,"8BE3","00002BAF"', 2, 1, 0x8BE3, 0x2BAF, None),
    ("+CREG: 2,,", None, 2, None, None, None),
    ('+CREG:002,001,"18d8","ffff"', 2, 1, 0x18D8, 0xFFFF, None),
    ("+CREG:2,1,0001,0010", 2, 1, 1, 0x10, None),
    ('+CREG:002,001,"0001","0010"', 2, 1, 1, 0x10, None),
    ("+CREG: 1,0001,0010,0", None, 1, 1, 0x10, "GSM"),
    ('+CREG: 001,"0001","0010",000', None, 1, 1, 0x10, "GSM"),
    ('+CREG: 2,6,"8B37","0A265185",7', 2, 6, 0x8B37, 0x0A265185, "LTE"),
    ('+CREG: 6,"8B37","0A265185",7', None, 6, 0x8B37, 0x0A265185, "LTE"),
    ('+CREG: 2,5,"0502","0404736D"', 2, 5, 0x0502, 0x0404736D, None),
    ("+CREG: 5", None, 5, None, None, None),
    ("+CREG: 2,1,000B,2816, B, C2816", 2, 1, 0x0B, 0x2816, None),
    ("+CREG: 2,1,  0 5, 2715", 2, 1, None, 0x2715, None),
    ("+CGREG: 1,3", 1, 3, None, None, None),
    ("+CGREG: 3", None, 3, None, None, None),
    ("+CGREG: 0", None, 0, None, None, None),
    ('+CGREG: 2,1,"8BE3","00002B5D",3', 2, 1, 0x8BE3, 0x2B5D, "GSM with EGPRS"),
    ('+CGREG: 1,"8BE3","00002B5D",3', None, 1, 0x8BE3, 0x2B5D, "GSM with EGPRS"),
    ('+CGREG: 5,"0502","0404736D",2', None, 5, 0x0502, 0x0404736D, "UMTS"),
    ("+CGREG: 2,1, 81ED, 1A9CEB", 2, 1, 0x81ED, 0x1A9CEB, None),
    ('+CGREG: 1,"1422","00000142",3,"00"', None, 1, 0x1422, 0x142, "GSM with EGPRS"),
    ('+CGREG: 2, 1, "0426", "F00F"', 2, 1, 0x0426, 0xF00F, None),
    ('+CGREG: 1, "0426", "F00F"', None, 1, 0x0426, 0xF00F, None),
    ("+CEREG: 1,3", 1, 3, None, None, None),
    ("+CEREG: 3", None, 3, None, None, None),
    ("+CEREG: 2,1, 1F00, 79D903 ,7", 2, 1, 0x1F00, 0x79D903, "LTE"),
    ("+CEREG: 1, 1F00, 79D903 ,7", None, 1, 0x1F00, 0x79D903, "LTE"),
    ("+CEREG: 1, 2, 0001, 00000100, 7", 1, 2, 1, 0x100, "LTE"),
    ("+CEREG: 2, 0001, 00000100, 7", None, 2, 1, 0x100, "LTE"),
    ("+CEREG: 2,1, 1F00, 20 ,79D903 ,7", 2, 1, 0x1F00, 0x79D903, "LTE"),
    ("+CEREG: 1, 1F00, 20 ,79D903 ,7", None, 1, 0x1F00, 0x79D903, "LTE"),
    ("+C5GREG: 1,3", 1, 3, None, None, None),
    ("+C5GREG: 3", None, 3, None, None, None),
    ("+C5GREG: 2,1,1F00,79D903,11,6,ABCDEF", 2, 1, 0x1F00, 0x79D903, "5G NR with 5G core"),
    ("+C5GREG: 1,1F00,79D903,11,6,ABCDEF", None, 1, 0x1F00, 0x79D903, "5G NR with 5G core"),
    # NCS: mode 5 makes answer and URC look alike
    ("+CEREG: 5,0,,,9,0,0,,", 5, 0, None, None, "NB-IoT"),
    ('+CEREG: 5,2,"0A0B","01020304",9,0,0,"11100000","11100000"', 5, 2, 0xA0B, 0x1020304, "NB-IoT"),
    ('+CEREG: 5,3,"0A0B","01020304",9,0,0,,', 5, 3, 0xA0B, 0x1020304, "NB-IoT"),
    ('+CEREG: 5,4,"0A0B","FFFFFFFF",9,0,0,,', 5, 4, 0xA0B, 0xFFFFFFFF, "NB-IoT"),
    ('+CEREG: 5,8,"0A0B","01020304",9,0,0,,', 5, 8, 0xA0B, 0x1020304, "NB-IoT"),
    ('+CEREG: 5,90,,"FFFFFFFF",,,,,', 5, 90, None, 0xFFFFFFFF, None),
    ('+CEREG: 0,"FFFF","FFFFFFFF",9,0,0,,', None, 0, 0xFFFF, 0xFFFFFFFF, "NB-IoT"),
    (
        '+CEREG: 5,"0A0B","01020304",9,0,0,"11100000","00011111"',
        None,
        5,
        0xA0B,
        0x1020304,
        "NB-IoT",
    ),
    ('+CEREG: 8,"0A0B","01020304",9,0,0,,', None, 8, 0xA0B, 0x1020304, "NB-IoT"),
    ('+CEREG: 90,,"FFFFFFFF",,,,,', None, 90, None, 0xFFFFFFFF, None),
    # u-blox LENA-R8, ubxlib u_cell_net.c
    ('+CEREG: 5,"2046","07ba7016",7', None, 5, 0x2046, 0x07BA7016, "LTE"),
    ('+CREG: 5,"2046","07BA"', None, 5, 0x2046, 0x07BA, None),
    ('+CGREG: 0,"0000","0000"', None, 0, 0, 0, None),
    # Fibocom FM350 answers AT+C5GREG? in the URC's form; its cell numbers have nine digits
    ("+C5GREG: 0", None, 0, None, None, None),
    ('+CEREG: 3,5,"1A2B","0012345AB",7', 3, 5, 0x1A2B, 0x12345AB, "LTE"),
    # nRF9160 while it searches, sdk-nrf log
    ('+CEREG: 2,,,,,,"00100011",', None, 2, None, None, None),
    ("+CREG: 0,00,0", None, 0, 0, 0, None),
]


@pytest.mark.parametrize("form", FORMS, ids=[form[0] for form in FORMS])
@pytest.mark.parametrize("asked", ["", "AT+CREG?;+CGREG?;+CEREG?;+C5GREG?"])
def test_forms(form, asked):
    line, mode, status, area, cell, technology = form
    found = explain(asked, line)
    assert found is not None
    fields = found["fields"]
    assert fields["status"] == status
    assert fields.get("mode") == mode
    assert (fields.get("area_code"), fields.get("cell_id")) == (area, cell)
    assert fields.get("technology") == technology
    assert fields["registered"] is (status in (1, 5, 6, 7))


@pytest.mark.parametrize(
    ("line", "cause", "words"),
    [
        ("+CEREG: 3,3,,,,0,15", 15, "EMM cause 15, no suitable cells in tracking area"),
        ("+CEREG: 3,,,,0,15", 15, "EMM cause 15, no suitable cells in tracking area"),
        ('+CEREG: 5,3,"0A0B","01020304",9,0,8,,', 8, "EPS services and non-EPS services"),
        ('+CEREG: 3,3,"002F","0012BEEF",7,12,13', 13, "specific to the maker"),
        ('+CEREG: 3,"B400","000A0001",9,1,7', 7, "cause 7, specific to the maker"),
        ("+CREG: 3,3,,,,0,2", 2, "MM cause 2, IMSI unknown in HLR"),
        ('+CGREG: 3,3,"00C3","0001",2,"",0,14', 14, "GMM cause 14, GPRS services not allowed in"),
        ('+CGREG: 3,"00C3","0001",2,"00",0,7', 7, "GMM cause 7, GPRS services not allowed"),
        ('+C5GREG: 3,3,"0000C3","01",11,,,0,27', 27, "5GMM cause 27, N1 mode not allowed"),
        ('+C5GREG: 3,"0000C3","01",11,4,"01.010203",0,62', 62, "no network slices available"),
        ("+CEREG: 3,3,,,,0,251", 251, "unknown to the standard"),
        # Quectel BC66: a routing area code, perhaps empty, before the cause
        ("+CEREG: 5,3,,,,,0,15", 15, "EMM cause 15, no suitable cells in tracking area"),
        ("+CEREG: 3,,,,,0,15", 15, "EMM cause 15, no suitable cells in tracking area"),
        ('+CEREG: 5,3,"00A0","0002920C",9,"00",0,15', 15, "denied, NB-IoT: EMM cause 15"),
        ('+CEREG: 5,3,"00A0","0002920C",9,"00",0,15,"00100110","01011111"', 15, "EMM cause 15"),
        # CSG fields of n = 6 and 7 after the cause; zero padding; empty fields left out
        ('+CEREG: 7,3,"00A0","0002920C",7,0,11,1', 11, "EMM cause 11, PLMN not allowed"),
        ('+CEREG: 003,003,"00a0","0002920c",007,000,015', 15, "EMM cause 15"),
        ("+CEREG: 3,3,,,0,15", 15, "EMM cause 15"),
        ("+CEREG: 3,3,0,15", 15, "EMM cause 15"),
        ('+C5GREG: 3,3,"0000C3","01",11,0,"",0,27', 27, "5GMM cause 27, N1 mode not allowed"),
        ('+C5GREG: 3,3,"0000C3","01",11,0,27', 27, "5GMM cause 27, N1 mode not allowed"),
        ("+C5GREG: 3,,,,,,0,11", 11, "5GMM cause 11"),
        ('+CGREG: 4,3,"00C3","0001",2,"01",0,8,"00000101","00100110"', 8, "GMM cause 8"),
    ],
)
def test_reject_causes(line, cause, words):
    found = explain("", line)
    assert found is not None
    assert found["fields"]["status"] == 3
    assert found["fields"]["reject_cause"] == cause
    assert str(found["text"]).startswith("registration denied")
    assert words in str(found["text"])


# Both forms fit these lines: <n>,<stat>,<area>,<cell> or <stat>,<area>,<cell>[,<AcT>].
@pytest.mark.parametrize("line", ["+CREG: 1,5,10", "+CREG: 1,5,10,7", "+CREG: 1,0,0"])
def test_command_decides_if_both_forms_fit(line):
    for command, mode in (("AT+CREG?", 1), ("AT+CSQ", None)):
        found = explain(command, line)
        assert found is not None
        assert found["fields"].get("mode") == mode


def test_cause_has_no_remedy_once_registered():
    found = explain("AT+CEREG?", '+CEREG: 5,5,"00A0","0002920C",9,0,15')
    assert found is not None
    assert found["fields"]["reject_cause"] == 15
    assert "remedy" not in found


def test_cause_zero_is_not_a_cause():
    found = explain("", '+CEREG: 5,3,"0A0B","01020304",9,0,0,,')
    assert found is not None
    assert "reject_cause" not in found["fields"]
    assert "AT+CEREG=3" in str(found["remedy"])
    assert "terminal program" in str(found["remedy"])  # at does not send it


def test_frequent_cause_has_a_remedy():
    found = explain("", "+CEREG: 3,,,,0,2")
    assert found is not None
    assert "activated" in str(found["remedy"])


@pytest.mark.parametrize("line", ["+CREG: 0,0", "+CREG: 0,3", "+CGREG: 4"])
def test_older_domains_are_not_decisive(line):
    found = explain("", line)
    assert found is not None
    assert str(found["remedy"]).startswith("On LTE and 5G check AT+CEREG?")


def test_registered_modem_needs_no_remedy():
    for line in ("+CREG: 0,1", "+CEREG: 0,5", "+C5GREG: 1"):
        found = explain("", line)
        assert found is not None
        assert "remedy" not in found


# T3324: unit 000 is 2 s, 001 1 min, 010 6 min, 111 off, all else minutes. T3412 extended: 000 is
# 10 min, 001 1 h, 010 10 h, 011 2 s, 100 30 s, 101 1 min, 110 320 h, 111 off.
@pytest.mark.parametrize(
    ("bits", "active", "periodic"),
    [
        ("00000001", 2, 600),
        ("00000101", 10, 3000),
        ("00100001", 60, 3600),
        ("00100011", 180, 3 * 3600),
        ("01000010", 720, 20 * 3600),
        ("01100010", 120, 4),
        ("10000011", 180, 90),
        ("10111111", 31 * 60, 31 * 60),
        ("11000001", 60, 320 * 3600),
        ("11100000", None, None),
        ("11111111", None, None),
        ("1110000", None, None),
        ("0010002x", None, None),
        ("", None, None),
    ],
)
def test_timers(bits, active, periodic):
    assert (active_time(bits), periodic_update(bits)) == (active, periodic)


@pytest.mark.parametrize(
    ("line", "active", "periodic", "words"),
    [
        (
            '+CEREG: 5,1,"0A0B","01020304",9,0,0,"00100110","01011111"',
            360,
            1116000,
            "power saving after 6 min, wakes every 310 h",
        ),
        ('+CEREG: 1,"4321","12345678",7,,,"11100000","00010011"', None, 19 * 600, "home network"),
        ('+CEREG: 5,"0010","0824800B",7,,,"00100011",', 180, None, "power saving after 3 min"),
        ('+CGREG: 4,1,"00C3","0001",2,"00",,,"00000101","00100110"', 10, 6 * 3600, "after 10 s"),
        ('+CEREG: 4,1,"00C3","0001",9,"00",,,"00000101","00100110"', 10, 6 * 3600, "after 10 s"),
        ('+CEREG: 4,1,"00C3","0001",9,,,,"00000101","00100110"', 10, 6 * 3600, "after 10 s"),
        ('+CEREG: 4,1,"00C3","0001",9,,,00000101,00100110', 10, 6 * 3600, "after 10 s"),
        ('+CEREG: 4,1,"00C3","0001",9,0,0,"00000101"', 10, None, "after 10 s"),
        ('+CEREG: 5,5,"00C3","0001",9,0,18,,"00100110"', None, 6 * 3600, "CS domain not available"),
    ],
)
def test_power_saving(line, active, periodic, words):
    found = explain("", line)
    assert found is not None
    fields = found["fields"]
    assert (fields["active_time_s"], fields["periodic_tau_s"]) == (active, periodic)
    assert words in str(found["text"])


def test_slices_of_5g():
    found = explain("", '+C5GREG: 2,1,"0000C3","000000010000001A",11,4,"01.010203"')
    assert found is not None
    assert found["fields"]["nssai_length"] == 4
    assert found["fields"]["nssai"] == "01.010203"
    assert found["fields"]["cell_id"] == 0x10000001A


@pytest.mark.parametrize("line", ["+CREG: ", "+CREG: ,", "+CREG: (0-2)", "+CEREG: x,1"])
def test_line_without_status_has_no_explanation(line):
    found = explain("AT+CREG?;+CEREG?", line)
    assert found is None
