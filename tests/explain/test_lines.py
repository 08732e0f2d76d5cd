"""Operators, cells, SIMs, states and events: real lines, meanings from standard and manual.

Operator lists are from ModemManager's ``test-modem-helpers.c``; lines of makers are from public
drivers and their tests, with synthetic identity numbers.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemagent.explain import decoder, explain, explain_code, identities
from modemagent.explain.explanation import LONGEST, LONGEST_TEXT
from modemagent.explain.identities import explain_identity

DECODERS = sorted({*decoder.decoders(), *identities.DECODERS})

# line, names and values that must be among the fields, words that must be in the text
CASES = [
    # TS 27.007 clause 7.3
    ('+COPS: 0,0,"SGP-M1",2', {"operator": "SGP-M1", "technology": "UMTS"}, "SGP-M1, UMTS"),
    ('+COPS: 0,0,"Vodafone.de"', {"operator": "Vodafone.de"}, "Vodafone.de (automatic"),
    ('+COPS: 0,1,"TMO",7', {"operator": "TMO"}, "TMO, LTE"),
    ('+COPS:0,2,"26202",13', {"mcc": "262", "mnc": "02"}, "network 262 02, LTE and 5G NR"),
    ('+COPS: 1,2,"310410",7', {"mcc": "310", "mnc": "410"}, "manual selection"),
    ("+COPS: 0,2,26201,0", {"mcc": "262", "mnc": "01"}, "GSM"),
    ("+COPS: 0", {"mode": "automatic selection"}, "no operator"),
    ("+COPS: 2", {"mode": "deregistered"}, "no operator, deregistered"),
    (
        '+COPS: 0,0,"0056006F006400610066006F006E0065",7',
        {"operator": "Vodafone"},
        "Vodafone, LTE",
    ),
    # clauses 8.1 to 9.1
    ("+CPIN: READY", {"state": "READY"}, "no PIN"),
    ("+CPIN:SIM PUK", {"state": "SIM PUK"}, "blocked"),
    ("+CPIN: PH-NET PIN", {"state": "PH-NET PIN"}, "another network"),
    (
        "+CPIN: PH-NETSUB PUK",
        {"lock": "network_subset", "lock_code": "puk"},
        "subset, unlock code blocked",
    ),
    ('+CPIN: "ph_network pin"', {"lock": "network", "lock_code": "pin"}, "another network"),
    ("+CPIN: PH-SIMLOCK", {"lock": "sim"}, "another SIM card"),
    ("^CPIN: PH-SP PIN", {"lock": "service_provider"}, "another service provider"),
    ("+CPIN: PH-XY PIN", {"lock": None}, "certain SIM cards"),
    ("+CPIN: SIM PIN2", {"state": "SIM PIN2"}, "the SIM is ready"),
    ("+CPIN: NOT INSERTED", {}, "no SIM"),
    ("+CPIN: WAIT", {"state": "WAIT"}, "specific to the maker"),
    ("+CFUN: 1", {"level": 1}, "full functionality"),
    ("+CFUN: 4", {"level": 4}, "flight mode"),
    ("+CFUN: 0,0", {"level": 0}, "minimum"),
    ("+CPAS: 0", {"status": 0}, "ready"),
    ("+CMEE: 2", {"format": 2}, "texts"),
    ("+CGATT: 1", {"attached": 1}, "attached"),
    ("+CGATT: 0", {"attached": 0}, "not attached"),
    # the makers' manuals named in modemagent/explain/technologies.py; clause 5.9
    ('+QCFG: "nwscanmode",3', {"technologies": ["LTE"]}, "LTE only"),
    ('+QCFG: "nwscanmode",0', {}, "all technologies"),
    ('+QCFG: "iotopmode",1', {"technologies": ["NB-IoT"]}, "NB-IoT only"),
    ('+QCFG: "band",0x93,0x80004,0x0', {"lte_bands": [3, 20]}, "LTE bands 3, 20"),
    ('+QNWPREFCFG: "mode_pref",LTE:NR5G', {"technologies": ["LTE", "NR"]}, "LTE and 5G NR only"),
    ('+QNWPREFCFG: "mode_pref",AUTO', {}, "all technologies"),
    ('+QNWPREFCFG: "mode_pref",WCDMA', {"technologies": ["UMTS"]}, "UMTS only"),
    ('+QNWPREFCFG: "lte_band",20', {"lte_bands": [20]}, "LTE band 20"),
    ("+CNMP: 38", {"technologies": ["LTE"]}, "LTE only"),
    ("+CNMP: 2", {}, "all technologies"),
    ("+CMNB: 3", {"technologies": ["LTE-M", "NB-IoT"]}, "LTE-M and NB-IoT only"),
    ("+CNBP: 0x0002000000400183,0x000001E000000095", {}, "LTE bands 1, 3, 5, 8, 38, 39, 40, 41"),
    ("+WS46: 31", {"technologies": ["UMTS", "LTE"]}, "UMTS and LTE only"),
    ("+URAT: 7,9", {"technologies": ["LTE-M", "GSM"]}, "LTE-M and GSM only"),
    ("!SELRAT: 06, LTE Only", {"technologies": ["LTE"]}, "LTE only"),
    ("!SELRAT: 03, UMTS 3G Preferred", {}, "all technologies"),
    ('^SYSCFGEX: "02",3FFFFFFF,1,2,80000', {"lte_bands": [20]}, "UMTS only"),
    ('^SYSCFGEX: "00",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF,,', {}, "all technologies"),
    ("+GTACT: 14,,,5078", {"technologies": ["NR"]}, "5G NR only"),
    ("^SXRAT: 3, 3", {"technologies": ["LTE"]}, "LTE only"),
    ("%XSYSTEMMODE: 1,0,1,0", {"technologies": ["LTE-M"]}, "LTE-M only"),
    ("%XSYSTEMMODE: 0,0,1,0", {"technologies": []}, "GNSS only"),
    ("Power supply voltage: 3300 mV (ADC: 97)", {"voltage_v": 3.3}, "supply 3.3 V"),
    ("#TEMPMEAS: 0,33", {"temperatures_c": [33.0]}, "33 °C"),
    ("+CSCON: 0", {"state": 0}, "idle"),
    ("+CSCON: 0,1", {"state": 1}, "connected"),
    # URC with state and access, sdk-nrf documentation of the nRF91; read forms of n = 2 and 3
    ("+CSCON: 1", {"state": 1, "connected": True}, "connected"),
    ("+CSCON: 1,7", {"state": 1, "radio_state": "LTE connected state"}, "connected, LTE connected"),
    ("+CSCON: 1,7,4", {"radio_access": "LTE FDD"}, "connected, LTE connected state, LTE FDD"),
    ("+CSCON: 0,7,4", {"state": 0, "connected": False}, "idle, LTE connected state"),
    ("+CSCON: 2,0,7", {"state": 0, "radio_state": "LTE connected state"}, "idle, LTE"),
    ("+CSCON: 3,1,8,5", {"state": 1, "radio_access": "5G NR"}, "connected, 5G NR connected state"),
    # clause 7.21; SIMCom and Cinterion; names under CSCS="UCS2"
    ('+COPN: "26201","Telekom.de"', {"mcc": "262", "mnc": "01"}, "network 262 01 is Telekom.de"),
    (
        '+COPN: "00320036003200300031","00540065006C0065006B006F006D"',
        {"mnc": "01", "name": "Telekom"},
        "network 262 01 is Telekom",
    ),
    ('+CSPN: "Orange",0', {"provider": "Orange"}, "service provider Orange"),
    ('+CSPN: "004F00720061006E00670065",1', {"provider": "Orange"}, "service provider Orange"),
    (
        '+CNUM: "004C0069006E00650031","002B0034003900310035003100320033",145',
        {"name": "Line1", "number": "+4915123"},
        "own number +49151",
    ),
    ('+CNUM: "","0049151230000123",129', {"number": "0049151230000123"}, "own number 00491512"),
    # clause 10.1
    ("+CGACT: 1,1", {"cid": 1, "active": True}, "is active"),
    ("+CGACT: 2,0", {"cid": 2, "active": False}, "not active"),
    ("+CGPADDR: 1,10.64.12.34", {"addresses": ["10.64.12.34"]}, "has 10.64.12.34"),
    ('+CGPADDR: 1,"0.0.0.0"', {"addresses": []}, "no address"),
    ("+CGPADDR: 2", {"cid": 2, "addresses": []}, "no address"),
    ('+CGDCONT: 1,"IP",,,0,0', {"cid": 1, "apn": ""}, "IPv4, no APN"),
    ('+CGDCONT: 2,"IP","epc.tmobile.com","",0,0', {"apn": "epc.tmobile.com"}, "epc.tmobile.com"),
    ('+CGDCONT: 3,"IPV4V6","ims","0.0.0.0",0,0', {"type": "IPV4V6"}, "IPv4 and IPv6, APN ims"),
    ("+CGEV: NW DETACH", {"event": "NW DETACH"}, "network detached"),
    ("+CGEV: ME PDN ACT 1", {"cid": 1}, "modem activated a data connection"),
    ("+CGEV: NW PDN DEACT 5,1", {"cid": 5}, "network deactivated a data connection"),
    # clauses 6.10, 7.1, 7.15, 8.9, 8.15, 8.41, 8.65
    ("+CEER: No cause information available", {}, "No cause information available"),
    ('+CNUM: "something","1234567890",161', {"number": "1234567890"}, "own number 1234567890"),
    ('+CNUM: ,"1234567890",161', {"international": False}, "1234567890"),
    ('+CNUM: something,"+34600000001",145', {"international": True}, "+34600000001"),
    ('+CUSD: 0,"balance",15', {"status": 0}, "no response"),
    ("+CIEV: 2,4", {"indicator": "2", "value": "4"}, "AT+CIND=?"),
    ("+CIEV: simstatus,5", {"indicator": "simstatus"}, "simstatus is now 5"),
    ('+CCLK: "26/11/20,19:05:07+04"', {"utc_offset_min": 60}, "2026-11-20 19:05:07, UTC+01:00"),
    ('+CCLK: "26/11/20,19:05:07-18"', {"utc_offset_min": -270}, "UTC-04:30"),
    ('+CCLK: "80/01/06,00:00:12"', {"local_time": "2080-01-06 00:00:12"}, "2080"),
    ('+CTZV: "+8"', {"utc_offset_min": 120}, "UTC+02:00"),
    ("+CTZV: -20", {"utc_offset_min": -300}, "UTC-05:00"),
    ("+CPINR: SIM PIN,3,3", {"attempts_left": 3}, "SIM PIN: 3 of 3"),
    ('+CPINR: "SIM PUK",10', {"attempts_left": 10}, "10 attempts"),
    ('+CMTI: "SM",3', {"store": "SM", "index": 3}, "stored in the SIM, index 3"),
    # TS 102 221 clause 10.2.1
    ('+CRSM: 144,0,"98101430121181157002"', {"sw": "9000", "success": True}, "9000: done"),
    ("+CRSM: 106,130", {"sw": "6A82", "success": False}, "file not found"),
    ('+CRSM: 148,8,""', {"sw": "9408"}, "inconsistent with the command"),
    ("+CRSM: 105,130", {"sw": "6982"}, "security status"),
    ("+CRSM: 159,12", {"sw": "9F0C", "success": True}, "12 bytes"),
    ("+CRSM: 103,0", {"sw": "6700"}, "wrong length"),
    ("+CRSM: 99,194", {"sw": "63C2"}, "2 attempts left"),
    ('+CGLA: 4,"6985"', {"sw": "6985"}, "conditions of use"),
    ('+CGLA: 42,"BF3E125A10000000000000000000000000000000009000"', {"sw": "9000"}, "done"),
    ('+CSIM: 4,"6A86"', {"sw": "6A86"}, "incorrect parameters"),
    # ICCIDs; identities are synthetic
    ("+CCID: 8988303000000000010", {"iccid": "8988303000000000010"}, "ICCID"),
    ("+QCCID: 8901260000000000014F", {"iccid": "8901260000000000014F"}, "filler"),
    ('^ICCID: "98883203000000000010"', {}, "swapped"),
    ("%XICCID: 8944501000000000328F", {}, "ICCID"),
    ("ICCID: 8988303000000000010", {}, "ICCID"),
    # Quectel
    ("+QSIMSTAT: 1,1", {"inserted": 1}, "SIM inserted"),
    ("+QSIMSTAT : 1,0", {"inserted": 0}, "no SIM"),
    ("+QSIMSTAT: 0,2", {"inserted": 2}, "not known"),
    ("+QINISTAT: 7", {"done": True}, "PIN state known, messages ready, phonebook ready"),
    ("+QINISTAT: 3", {"done": False}, "messages ready"),
    ("+QINISTAT: 0", {"done": False}, "not initialised"),
    ("+QUIMSLOT: 2", {"slot": 2}, "slot 2"),
    ("+QUSIM: 1", {"kind": 1}, "USIM"),
    ("+QIND: SMS DONE", {}, "messages are ready"),
    ('+QIND: "csq",20,99', {}, "signal changed: 20, 99"),
    ('+QPINC: "SC",3,10', {"attempts_left": 3, "puk_attempts_left": 10}, "PIN: 3"),
    ('+QESIM: "eid","89049032000000000000000000000163"', {}, "EID"),
    ('+QESIM: "eid",0,"89049032000000000000000000000163"', {}, "EID"),
    (
        '+QNWINFO: "FDD LTE","46001","LTE BAND 3",1650',
        {"technology": "FDD LTE", "mcc": "460", "mnc": "01", "band": "LTE BAND 3", "channel": 1650},
        "network 460 01, LTE BAND 3",
    ),
    ('+QNWINFO: "eMTC","26201","LTE BAND 20",6300', {"technology": "eMTC"}, "eMTC"),
    ('+QNWINFO: "EDGE","23203","GSM 900",1', {"band": "GSM 900"}, "EDGE"),
    ("+QNWINFO: No Service", {}, "no service"),
    (
        '+QENG: "servingcell","NOCONN","LTE","FDD",510,11,1A2B3C,218,1675,3,5,5,9A4F,-85,-9,-62,18,'
        "0,-",
        {"mcc": 510, "cell_id": 0x1A2B3C, "pci": 218, "earfcn": 1675, "band": 3, "area": "9A4F"}
        | {"rsrp_dbm": -85, "rsrq_db": -9, "rssi_dbm": -62, "state": "NOCONN"},
        "LTE, registered, idle, network 510 11, band 3, RSRP -85 dBm",
    ),
    (
        '+QENG: "servingcell","NOCONN","LTE","FDD",432,35,1E77017,456,2850,7,5,5,584E,-100,-17,-62,'
        "-1,23",
        {"rsrp_dbm": -100, "rsrq_db": -17, "level": "fair", "quality": "fair"},
        "RSRP -100 dBm, RSRQ -17 dB, RSSI -62 dBm, fair",
    ),
    (
        '+QENG: "servingcell","NOCONN","NR5G-SA","TDD",310,260,18666712F,335,794E00,516270,41,12,'
        "-75,-11,5,1,-",
        {"cell_id": 0x18666712F, "area": "794E00", "arfcn": 516270, "band": 41}
        | {"rsrp_dbm": -75, "rsrq_db": -11, "sinr_db": 5},
        "NR5G-SA",
    ),
    (
        '+QENG: "NR5G-NSA",262,01,774,-82,30,-11,431070,1,3,0',
        {"pci": 774, "rsrp_dbm": -82, "sinr_db": 30, "rsrq_db": -11, "arfcn": 431070},
        "network 262 01",
    ),
    (
        '+QENG: "LTE","FDD",262,01,1929500,321,1300,3,5,5,34BA,-75,-8,-50,24,12,120,-',
        {"cell": "1929500", "area": "34BA", "rsrp_dbm": -75},
        "band 3",
    ),
    ('+QENG: "servingcell","SEARCH"', {"state": "SEARCH"}, "searching"),
    ('+QENG: "servingcell","NOCONN"', {"state": "NOCONN"}, "registered, idle"),
    # not measured: the values Quectel fills in
    ('+QENG: "NR5G-NSA",460,00,65535,-32768,-32768,-32768', {"mcc": 460}, "network 460 00"),
    # SIMCom: tenths of a dB on SIM7500/SIM7600, whole ones on SIM7000/SIM7080
    (
        "+CPSI: LTE,Online,460-01,0x7496,251941991,203,EUTRAN-BAND8,3740,3,3,-92,-672,-418,14",
        {"mcc": "460", "mnc": "01", "band": 8, "rsrp_dbm": -67.2, "rsrq_db": -9.2},
        "LTE, online, network 460 01",
    ),
    (
        "+CPSI: LTE,Online,505-01,0x5A1E,187214780,257,EUTRAN-BAND3,1850,5,5,-94,-850,-545,15",
        {"rsrp_dbm": -85.0, "rssi_dbm": -54.5},
        "RSRP -85 dBm",
    ),
    (
        "+CPSI: LTE CAT-M1,Online,234-30,0x4A0B,26281474,280,EUTRAN-BAND20,6300,3,3,-9,-94,-65,15",
        {"rsrp_dbm": -94, "rsrq_db": -9, "rssi_dbm": -65},
        "LTE CAT-M1",
    ),
    ("+CPSI: NO SERVICE,Online", {"technology": "NO SERVICE"}, "NO SERVICE"),
    ("+CPSI: GSM,Online,216-30,0x0D45,5513,0,0", {"mcc": "216"}, "network 216 30"),
    ("+CNSMOD: 8", {"technology": 8}, "LTE"),
    ("+CNSMOD: 1,4", {"technology": 4}, "WCDMA"),
    ("+CSMINS: 0,1", {"inserted": 1}, "SIM inserted"),
    # Telit
    ("#QSS: 0,1", {"state": 1}, "SIM inserted"),
    ("#QSS: 3", {"state": 3}, "ready"),
    ("#QSS:0,0", {"state": 0}, "no SIM"),
    ("#QSS: 2,3", {"state": 3}, "ready"),
    (
        '#RFSTS: "310 260",66786,-101,-68,-13,2D18,255,,640,1,0,3089F02,"","T-Mobile",3,66',
        {"mcc": "310", "mnc": "260", "rsrp_dbm": -101, "rssi_dbm": -68, "rsrq_db": -13},
        "network 310 260",
    ),
    (
        '#RFSTS: "204 08",14,-83,0CBC,00,5,19,10,,BEE9,"","NL KPN",0,2',
        {"rssi_dbm": -83, "channel": 14},
        "network 204 08",
    ),
    ("#PSNT: 1,4", {"technology": 4}, "LTE"),
    # u-blox
    ("+UUSIMSTAT:6", {"state": 6}, "registration may begin"),
    ("+UUSIMSTAT: 0", {"state": 0}, "no SIM"),
    # Nordic; nRF91 reference guide: RSRP n is -141+n dBm, SNR n is n-25 dB
    ("%XSIM: 1", {"state": 1}, "initialised"),
    ("%XSIM: 0,2", {"state": 0}, "not initialised"),
    (
        '%XMONITOR: 1,"EDAV","EDAV","26295","00B7",7,4,"00011B07",7,2300,63,39,"", "11100000",'
        '"11100000","11100000"',
        {"mcc": "262", "mnc": "95", "technology": "LTE", "band": 4, "rsrp_dbm": -78, "sinr_db": 14},
        "registered, home network, LTE, network 262 95, band 4",
    ),
    ("%XMONITOR: 2", {"status": 2}, "searching"),
    ("%XMODEMSLEEP: 1,36000", {"type": 1, "time_ms": 36000}, "36 s"),
    ("%XMODEMSLEEP: 4", {"type": 4}, "flight mode"),
    # Huawei
    (
        '^SYSINFOEX:2,3,0,1,,6,"LTE",101,"LTE"',
        {"service": 2, "roaming": False, "technology": "LTE"},
        "full service, circuit switched and packet, not roaming, SIM valid, LTE",
    ),
    ('^SYSINFOEX: 2,3,1,1,0,3,"WCDMA",41,"HSPA+"', {"roaming": True}, "roaming, SIM valid, HSPA+"),
    ("^SYSINFO: 2,3,0,5,1", {"technology": "WCDMA"}, "full service"),
    ("^SYSINFO:2,4,5,3,1,0,6", {"technology": "GSM"}, "searching"),
    ("^SYSINFO: 0,0,0,0,255", {"sim": 255, "roaming": None}, "no service, no domain, no SIM"),
    ("^SYSINFO: 2,3,1,5,1", {"roaming": True}, "circuit switched and packet, roaming, SIM valid"),
    ("^SYSINFO: 2,3,2,5,1", {"roaming": None}, "circuit switched and packet, SIM valid"),
    ("^SYSINFO: 2,3,,5,1", {"roaming": None}, "circuit switched and packet, SIM valid"),
    ('^SYSINFOEX:2,3,0,1,,6,"LTE",101,"LTE"', {"roaming": False}, "not roaming, SIM valid, LTE"),
    ('^SYSINFOEX:0,,,1,,0,"NO SERVICE",0,"NO SERVICE"', {"roaming": None}, "no service, SIM"),
    ("^SIMST:1", {"state": 1}, "SIM valid"),
    ("^SIMST: 255", {"state": 255}, "no SIM"),
    ("^SRVST:2", {"service": 2}, "full service"),
    (
        "^MONSC: LTE,460,11,2650,1A2B3C,5AE,1234,-95,-10,-75",
        {"earfcn": 2650, "cell_id": 0x1A2B3C, "area": "1234", "rsrp_dbm": -95, "rsrq_db": -10},
        "network 460 11",
    ),
    # others
    ("^SCKS: 0", {"inserted": 0}, "no SIM"),
    ("^SCKS: 1,1", {"inserted": 1}, "SIM inserted"),
    ("*CNTI: 0,UMTS", {"technology": "UMTS"}, "UMTS"),
    ("+WIND: 4", {"step": 4}, "all AT commands"),
    ("+SIM: Inserted", {"state": "Inserted"}, "SIM inserted"),
]


@pytest.mark.parametrize(("line", "values", "words"), CASES, ids=[case[0] for case in CASES])
def test_lines(line, values, words):
    found = explain("", line) or explain_identity("", line)
    assert found is not None
    assert words in str(found["text"])
    assert found["about"] != "unsolicited"
    assert found["source"]
    fields = found.get("fields", {})
    # a PLMN's parts are text where leading zeros count
    got = {name: fields.get(name) for name in values}
    wanted = {
        name: str(value) if name in ("mcc", "mnc") else value for name, value in values.items()
    }
    assert got == wanted


# ModemManager: number of networks, status of the first, PLMNs, technologies
LISTS = [
    (
        '+COPS: (2,"blau","","26203"),(2,"blau","","26203"),(3,"","","26201"),(3,"","","26202")',
        ["26203", "26203", "26201", "26202"],
        ["in use", "in use", "forbidden", "forbidden"],
        [None, None, None, None],
    ),
    (
        '+COPS: (2,"T-Mobile US","TMO US","31026",0),(1,"AT&T","AT&T","310410",2),'
        '(1,"AT&T","AT&T","310410",0),,(0,1,2,3,4),(0,1,2)',
        ["31026", "310410", "310410"],
        ["in use", "available", "available"],
        ["GSM", "UMTS", "GSM"],
    ),
    (
        '+COPS: (2,"","T-Mobile","31026",0),(2,"T - Mobile","T - Mobile","310260"),2),'
        '(1,"AT&T","AT&T","310410"),0)',
        ["31026", "310260", "310410"],
        ["in use", "in use", "available"],
        ["GSM", "UMTS", "GSM"],
    ),
    (
        '+COPS: (1,"T-Mobile US","TMO US","31026",0),(1,"Cingular","Cingular","310410",0),,'
        "(0, 1, 3),(0-2)",
        ["31026", "310410"],
        ["available", "available"],
        ["GSM", "GSM"],
    ),
    (
        '+COPS: (2,"T-Mobile","TMO","31026",0),(1,"Cingular","Cinglr","310410",2),,)',
        ["31026", "310410"],
        ["in use", "available"],
        ["GSM", "UMTS"],
    ),
    (
        '+COPS: (2,"AT&T@","AT&TD","310410",0),(3,"Voicestream Wireless Corporation","VSTREAM",'
        '"31026",0),',
        ["310410", "31026"],
        ["in use", "forbidden"],
        ["GSM", "GSM"],
    ),
    (
        '+COPS: (2,"T - Mobile",,"31026"),(1,"Einstein PCS",,"31064"),(1,"Cingular",,"31041"),,'
        "(0,1,3),(0,2)",
        ["31026", "31064", "31041"],
        ["in use", "available", "available"],
        [None, None, None],
    ),
    (
        '+COPS: (0,"AT&T MicroCell","AT&T MicroCell","310410",2)',
        ["310410"],
        ["unknown"],
        ["UMTS"],
    ),
    (
        '+COPS: (2,"T-Mobile","","310260"),(0,"Cingular Wireless","","310410")',
        ["310260", "310410"],
        ["in use", "unknown"],
        [None, None],
    ),
]


@pytest.mark.parametrize(("line", "plmns", "states", "technologies"), LISTS)
def test_lists_of_networks(line, plmns, states, technologies):
    found = explain("AT+COPS=?", line)
    assert found is not None
    networks = found["fields"]["networks"]
    assert [network["plmn"] for network in networks] == plmns
    assert [network["status"] for network in networks] == states
    assert [network.get("technology") for network in networks] == technologies
    assert f"{len(plmns)} network" in str(found["text"])


@pytest.mark.parametrize("line", ["+COPS: (0,1,2,3),(1,2,3,4)", "+COPS: (0,1,2,3,4),(1,2,3,4,5)"])
def test_ranges_are_not_networks(line):
    assert explain("AT+COPS=?", line) is None


def test_unset_clock_has_a_remedy():
    found = explain("AT+CCLK?", '+CCLK: "80/01/06,00:00:12+00"')
    assert found is not None
    assert "not set" in str(found["remedy"])


def test_last_attempt_has_a_remedy():
    found = explain("AT+CPINR", "+CPINR: SIM PIN,1,3")
    assert found is not None
    assert "blocks" in str(found["remedy"])


@pytest.mark.parametrize("rest", ["", " ", ",", ",,,,,,,,,,,,,,,,", "x", '"', "(", "-1", "9" * 40])
def test_every_decoder_accepts_odd_fields(rest):
    for prefix in DECODERS:
        explain("", f"{prefix}: {rest}")
        explain_identity("", f"{prefix}: {rest}")


PREFIX = st.sampled_from([f"{prefix}:" for prefix in DECODERS])
REST = st.text(alphabet='0123456789,"A-F.()+-: \\x', max_size=60) | st.text(max_size=60)


@given(asked=st.text(max_size=30), head=PREFIX | st.text(max_size=8), rest=REST)
def test_any_line_explains_without_control_characters(asked, head, rest):
    line = head + rest
    for found in (explain(asked, line), explain_identity(asked, line), explain_code(line)):
        if found is not None:
            assert str(found["text"]).isprintable()
            assert str(found["about"]).isprintable()
            _assert_printable(found.get("fields", {}))


def _assert_printable(value):
    if isinstance(value, dict):
        for each in value.values():
            _assert_printable(each)
    elif isinstance(value, list):
        for each in value:
            _assert_printable(each)
    elif isinstance(value, str):
        assert value.isprintable()


@pytest.mark.parametrize("piece", ['"\x1b[2J",', "1,", "(2,", "\\22", "FF"])
def test_line_of_four_kibibytes_is_accepted(piece):
    for prefix in DECODERS:
        line = f"{prefix}: {piece * LONGEST}"[: LONGEST + 100]
        found = explain("", line) or explain_identity("", line)
        if found is not None:
            assert len(str(found["text"])) <= LONGEST_TEXT
            _assert_printable(found)
