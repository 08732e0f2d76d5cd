"""Signal lines: numbers worked out by hand from the scales in the standard and the manuals."""

from __future__ import annotations

import pytest

from modemagent.explain import explain
from modemagent.explain.signal_levels import MEASURES, level

# TS 27.007 clause 8.5: 0 is -113 dBm or less, 2 to 30 are -109 to -53, 31 is -51 or more
CSQ = [
    ("+CSQ: 0,0", -113),
    ("+CSQ: 1,99", -111),
    ("+CSQ: 2,99", -109),
    ("+CSQ: 15,99", -83),
    ("+CSQ: 18,99", -77),
    ("+CSQ:19,99", -75),
    ("+CSQ: 30,99", -53),
    ("+CSQ: 31,99", -51),
    ("+CSQ: 29,99", -55),
    ("+CSQ: 11,99", -91),
    ("+CSQ: 5,99", -103),
    ("^RSSI: 19", -75),
    ("^RSSI:25", -63),
    # SIMCom SIM7500/SIM7600 manual: TD-SCDMA, 100 is -116 dBm or less, 191 -25 or more
    ("+CSQ: 100,99", -116),
    ("+CSQ: 101,99", -115),
    ("+CSQ: 191,99", -25),
]


@pytest.mark.parametrize(("line", "dbm"), CSQ)
def test_csq(line, dbm):
    found = explain("", line)
    assert found is not None
    assert found["fields"]["rssi_dbm"] == dbm
    assert f"{dbm} dBm" in str(found["text"])


@pytest.mark.parametrize("line", ["+CSQ: 99,99", "+CSQ: 199,99", "^RSSI: 99"])
def test_unknown_signal_has_no_value(line):
    found = explain("", line)
    assert found is not None
    assert "fields" not in found
    assert "AT+CESQ" in str(found["text"])


def test_level_outside_the_scale_has_no_value():
    found = explain("", "+CSQ: 64,0")
    assert found is not None
    assert "fields" not in found


# TS 27.007 clause 8.69: rxlev n is -111+n dBm, rscp n -121+n, ecno n -24.5+n/2, rsrq n -20+n/2,
# rsrp n -141+n, ss_rsrq n -43.5+n/2, ss_rsrp n -157+n, ss_sinr n -23.5+n/2; lower ends
CESQ = [
    ("+CESQ: 99,99,255,255,20,80", {"rsrq_db": -10, "rsrp_dbm": -61}),
    ("+CESQ: 99,99,255,255,255,62", {"rsrp_dbm": -79}),
    ("+CESQ: 99,99,255,255,16,44", {"rsrq_db": -12, "rsrp_dbm": -97}),
    ("+CESQ: 27,99,255,255,16,44,255,255,255", {"rxlev_dbm": -84, "rsrp_dbm": -97}),
    ("+CESQ: 30,3,255,255,255,255", {"rxlev_dbm": -81, "ber_class": 3}),
    ("+CESQ: 99,99,31,33,255,255", {"rscp_dbm": -90, "ecno_db": -8}),
    (
        "+CESQ: 99,99,255,255,255,255,65,70,77",
        {"ss_rsrq_db": -11, "ss_rsrp_dbm": -87, "ss_sinr_db": 15},
    ),
    ("+CESQ: 99,99,255,255,255,255,83,73,77", {"ss_rsrq_db": -2, "ss_rsrp_dbm": -84}),
    ("+CESQ: 99,99,255,255,255,255,75,67,73", {"ss_rsrp_dbm": -90, "ss_sinr_db": 13}),
    ("+CESQ: 17,99,255,255,4,29,75,52,57", {"rxlev_dbm": -94, "rsrq_db": -18, "rsrp_dbm": -112}),
    ("+CESQ: 99,99,255,255,0,0", {"rsrq_db": -19.5, "rsrp_dbm": -140}),
    ("+CESQ: 99,99,255,255,34,97", {"rsrq_db": -3, "rsrp_dbm": -44}),
    ("%CESQ: 54,2,16,2", {"rsrp_dbm": -87, "rsrq_db": -12}),
    ("%CESQ: 35,1,10,1", {"rsrp_dbm": -106, "rsrq_db": -15}),
]


@pytest.mark.parametrize(("line", "values"), CESQ)
def test_cesq(line, values):
    found = explain("", line)
    assert found is not None
    fields = found["fields"]
    assert {name: fields[name] for name in values} == values
    assert not [name for name in fields if fields[name] == 255]


@pytest.mark.parametrize(
    "line", ["+CESQ: 99,99,255,255,255,255", "+CESQ: 99,99,255,255,255,255,255,255,255"]
)
def test_cesq_without_signal(line):
    found = explain("AT+CESQ", line)
    assert found is not None
    assert (found["text"], "fields" in found) == ("signal unknown", False)


# Huawei: rssi n is -121+n dBm, rsrp n -141+n, sinr n -20.2+n/5, rsrq n -20+n/2; lower ends
HCSQ = [
    (
        '^HCSQ: "LTE",57,56,130,24',
        {"rssi_dbm": -64, "rsrp_dbm": -85, "sinr_db": 5.8, "rsrq_db": -8},
    ),
    (
        '^HCSQ: "LTE",54,51,224,26',
        {"rssi_dbm": -67, "rsrp_dbm": -90, "sinr_db": 24.6, "rsrq_db": -7},
    ),
    ('^HCSQ:"LTE",50,44,151,22', {"rssi_dbm": -71, "rsrp_dbm": -97, "sinr_db": 10, "rsrq_db": -9}),
    ('^HCSQ: "LTE",45,34,106,19', {"rsrp_dbm": -107, "sinr_db": 1, "rsrq_db": -10.5}),
    ('^HCSQ: "WCDMA",30,30,58', {"rssi_dbm": -91, "rscp_dbm": -91, "ecno_db": -3.5}),
    ('^HCSQ: "GSM",36,255', {"rssi_dbm": -85}),
]


@pytest.mark.parametrize(("line", "values"), HCSQ)
def test_hcsq(line, values):
    found = explain("", line)
    assert found is not None
    assert {name: found["fields"][name] for name in values} == values


# Quectel: dBm and dB as they are, SINR n is n/5-20
QCSQ = [
    ('+QCSQ: "LTE",-69,-102,150,-12', {"rssi_dbm": -69, "rsrp_dbm": -102, "sinr_db": 10}),
    ('+QCSQ: "LTE",-65,-95,150,-12', {"rsrp_dbm": -95, "rsrq_db": -12}),
    ('+QCSQ: "eMTC",-75,-104,84,-13', {"rsrp_dbm": -104, "sinr_db": -3.2}),
    ('+QCSQ: "WCDMA",-70,-80,-6', {"rssi_dbm": -70, "rscp_dbm": -80, "ecno_db": -6}),
    ('+QCSQ: "GSM",-71', {"rssi_dbm": -71}),
]


@pytest.mark.parametrize(("line", "values"), QCSQ)
def test_qcsq(line, values):
    found = explain("", line)
    assert found is not None
    assert {name: found["fields"][name] for name in values} == values


def test_positive_strength_is_rejected():
    found = explain("", '+QCSQ: "GSM",125')
    assert found is not None
    assert "rssi_dbm" not in found["fields"]
    assert explain("AT+QCSQ", '+QCSQ: "NOSERVICE"')["text"] == "no service"


# Sources: modemagent/explain/signal_levels.py
LIMITS = {
    "rsrp": (-98, -108, -128),
    "ss_rsrp": (-98, -108, -128),
    "rscp": (-85, -95, -115),
    "rxlev": (-83, -93, -109),
    "rssi": (-83, -93, -109),
    "rsrq": (-14, -17, -19),
    "ss_rsrq": (-14, -17, -19),
    "sinr": (5, 1, -3),
    "ss_sinr": (5, 1, -3),
    "ecno": (-10, -15, -20),
}


def test_every_measure_has_limits():
    assert LIMITS.keys() == MEASURES.keys()


@pytest.mark.parametrize(("name", "limits"), LIMITS.items())
def test_words_on_both_sides_of_each_limit(name, limits):
    good, fair, weak = limits
    assert [level(name, good), level(name, good - 0.1)] == ["good", "fair"]
    assert [level(name, fair), level(name, fair - 0.1)] == ["fair", "weak"]
    assert [level(name, weak), level(name, weak - 0.1)] == ["weak", "unusable"]


def test_text_names_noise_worse_than_strength():
    found = explain("", '+QCSQ: "LTE",-60,-85,80,-9')
    assert found is not None
    assert (found["fields"]["level"], found["fields"]["quality"]) == ("good", "unusable")
    assert "good, but disturbed (SINR unusable)" in str(found["text"])
