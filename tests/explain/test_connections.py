"""Data connections, failure reports, power saving, supply and temperature."""

from __future__ import annotations

import pytest

# TS 27.007 clause 6.10 leaves the form of +CEER to the maker
REPORTS = [
    ("No cause information available", "No cause information available", ""),
    ("EMM cause 15", "EMM cause 15, no suitable cells in tracking area", "roaming"),
    ("EMM_CAUSE 15", "EMM cause 15, no suitable cells in tracking area", "roaming"),
    ("EMM reject cause: #3", "(EMM cause 3, illegal UE)", "Ask the operator"),
    ("ESM cause: 27", "missing or unknown APN", "Check the APN"),
    ("5GMM cause 27", "5GMM cause 27, N1 mode not allowed", "standalone 5G"),
    ("GMM 7", "GPRS services not allowed", "packet data"),
    ('"SM activation error",33,"Requested service option not subscribed"', "(SM cause 33)", "APN"),
    # u-blox: attaching is mobility management
    ('"SM attach error",14,"GPRS services not allowed in this PLMN"', "(GMM cause 14)", "roam"),
    ("Requested service option not subscribed", "(ESM cause 33)", "APN"),
    ("EPS services not allowed in this PLMN", "(EMM cause 14)", "roam"),
    ("Illegal message", "Illegal message", ""),
    ("EMM cause 250", "EMM cause 250", ""),
    ("5,33", "cause 33: requested service option not subscribed if it is an ESM cause", ""),
    ("15", "cause 15: no suitable cells in tracking area if it is an EMM cause", ""),
    ("0", "no cause", ""),
]


@pytest.mark.parametrize(("report", "words", "advice"), REPORTS)
def test_failure_reports(check, report, words, advice):
    check("AT+CEER", f"+CEER: {report}", {}, words, advice)


CASES = [
    (
        '+CGCONTRDP: 1,5,"internet","10.0.0.2.255.255.255.0","10.0.0.1","8.8.8.8","8.8.4.4"',
        {"cid": 1, "apn": "internet", "address": "10.0.0.2", "dns": ["8.8.8.8", "8.8.4.4"]},
        "APN internet, address 10.0.0.2, gateway 10.0.0.1, DNS 8.8.8.8 and 8.8.4.4",
    ),
    ("+CGCONTRDP: 2,6", {"apn": ""}, "no APN, no address"),
    ('+QIACT: 1,1,1,"10.7.157.1"', {"cid": 1, "active": True}, "active, address 10.7.157.1"),
    ('+CNACT: 0,1,"10.1.2.3"', {"cid": 0, "active": True}, "data connection 0 is active"),
    ('+CNACT: 0,0,"0.0.0.0"', {"active": False, "addresses": []}, "is not active"),
    ('+CNACT: 1,"10.1.2.3"', {"cid": None}, "address 10.1.2.3"),
    ("+GTRNDIS: 0", {"active": False}, "data connection is not active"),
    ('+GTRNDIS: 1,1,"10.0.0.2","8.8.8.8","8.8.4.4"', {"cid": 1}, "connection 1 is active"),
    # TS 27.007 clause 7.38, TS 24.008 table 10.5.5.32
    (
        '+CPSMS: 1,,,"01011111","00000001"',
        {"periodic_tau_s": 1116000, "active_time_s": 2},
        "power saving mode is on, sleep requested 2 s after the last use, wakes every 310 h",
    ),
    ("+CPSMS: 0", {"mode": 0}, "power saving mode is off"),
    ('+CEDRXS: 4,"0101"', {"requested_s": 81.92}, "LTE and LTE-M, requested 81.92 s"),
    (
        '+CEDRXRDP: 5,"1001","0010","0011"',
        {"network_s": 20.48, "paging_window_s": 10.24},
        "NB-IoT, requested 163.84 s, from the network 20.48 s, paging time window 10.24 s",
    ),
    ('+CEDRXP: 4,"0010","0010","0001"', {"paging_window_s": 2.56}, "paging time window 2.56 s"),
    ("+CEDRXRDP: 0", {"type": 0}, "eDRX is not used"),
    ("+CBC: 0,75,3880", {"voltage_v": 3.88, "percent": 75}, "supply 3.88 V, battery 75 %"),
    ("+CBC: 3.749V", {"voltage_v": 3.749}, "supply 3.749 V"),
    ("+CBC: 0,100,4.232V", {"voltage_v": 4.232, "percent": 100}, "battery 100 %"),
    ("+CBC: 3,0,3300", {"voltage_v": 3.3}, "power fault"),
    ("#CBC: 0,378", {"voltage_v": 3.78}, "supply 3.78 V"),
    ("^SBV: 3950", {"voltage_v": 3.95}, "supply 3.95 V"),
    ("+QTEMP: 28,24,24", {"temperatures_c": [28, 24, 24]}, "28 °C"),
    ('+QTEMP:"modem-lte-sub6-pa1","42"', {"temperatures_c": [42]}, "modem-lte-sub6-pa1 42 °C"),
    ("+QTEMP: -273,31", {"temperatures_c": [31]}, "31 °C"),
    ("+CPMUTEMP: 33", {"temperatures_c": [33]}, "33 °C"),
    ("#TEMPMEAS: -1,-12", {"temperatures_c": [-12]}, "-12 °C"),
    ("^SCTM: 0,0,25", {"temperatures_c": [25]}, "25 °C"),
    ("^CHIPTEMP: 432,445,65535", {"temperatures_c": [43.2, 44.5]}, "43.2 °C"),
    ("+GTSENRDTEMP: 1,45300", {"temperatures_c": [45.3]}, "45.3 °C"),
    ("+MTSM: 1,45", {"temperatures_c": [45]}, "45 °C"),
    ('+TEMP: "soc-thermal","38000"', {"temperatures_c": [38]}, "soc-thermal 38 °C"),
    ("+UTEMP: 291", {"temperatures_c": [29.1]}, "29.1 °C"),
    ("TSENS: 34C", {"temperatures_c": [34]}, "TSENS 34 °C"),
    ("Temperature: 25.86", {"temperatures_c": [25.9]}, "25.9 °C"),
]


@pytest.mark.parametrize(("line", "values", "words"), CASES)
def test_connections_and_supply(check, line, values, words):
    check("", line, values, words)
