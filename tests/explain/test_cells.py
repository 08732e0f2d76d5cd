"""Cells and signal in the makers' own lines, from manuals, public drivers and their tests.

Cell identities are synthetic. Numbers are worked out by hand from the scales in the manuals.
"""

from __future__ import annotations

import pytest

from modemagent.explain import explain

# line, names and values among the fields, words in the text
LINES = [
    # Quectel BG95 and BG96: as LTE
    (
        '+QENG: "servingcell","NOCONN","CAT-M","FDD",262,01,1A2D003,123,1300,3,5,5,1234,-95,-12,'
        "-64,15,22",
        {"mcc": "262", "mnc": "01", "band": 3, "rsrp_dbm": -95, "cell_id": 0x1A2D003},
        "CAT-M, registered, idle, network 262 01, band 3, RSRP -95 dBm",
    ),
    (
        '+QENG: "servingcell","SEARCH","NBIoT","FDD",262,01,1A2D003,123,6300,20,0,0,1234,-110,-16,'
        "-90,3,22",
        {"band": 20, "rsrp_dbm": -110, "level": "weak"},
        "NBIOT, searching",
    ),
    (
        '+QENG: "servingcell","LIMSRV","WCDMA",262,02,E8FE,1A2D003,10662,15,1,-78,-6,-,-,-,-,-',
        {"uarfcn": 10662, "rscp_dbm": -78, "ecno_db": -6, "area_code": 0xE8FE},
        "WCDMA, camped, not registered",
    ),
    (
        '+QENG: "servingcell","CONNECT","GSM",262,01,1A2B,3C4D,20,71,-,-64,0,5,5,36',
        {"arfcn": 71, "rxlev_dbm": -64, "state": "CONNECT"},
        "GSM, registered, connected",
    ),
    # neighbour cells: RSRQ before RSRP on LTE, after it in other modes and on 5G
    (
        '+QENG: "neighbourcell intra","LTE",6300,188,-12,-105,-75,-20,23,4,12,10,62',
        {"earfcn": 6300, "pci": 188, "rsrp_dbm": -105, "rsrq_db": -12},
        "LTE, intra, RSRP -105 dBm, RSRQ -12 dB",
    ),
    (
        '+QENG: "neighbourcell","LTE",1300,88,-101,-9,17',
        {"rsrp_dbm": -101, "rsrq_db": -9},
        "RSRP -101 dBm",
    ),
    ('+QENG: "neighbourcell inter","LTE",1501,-,-,-,-,-,-,0,10,7', {"earfcn": 1501}, "LTE, inter"),
    (
        '+QENG: "neighbourcell","NR5G",431000,44,-88,-10,15',
        {"rsrp_dbm": -88, "sinr_db": 15},
        "NR5G, RSRP -88 dBm",
    ),
    ('+QENG: "neighbourcell","WCDMA",3062,3,16,2,15,-90,-8,-', {"rscp_dbm": -90}, "RSCP -90 dBm"),
    # BC66
    (
        '+QENG: 0,3740,0,133,"0A1B2C3D",-86,-10,-79,9,8,"5A1B",0,23',
        {"rsrp_dbm": -86, "band": 8, "area": "5A1B"},
        "NB-IOT, band 8",
    ),
    # carriers; bandwidth in resource blocks, TS 36.101 clause 5.6
    (
        '+QCAINFO: "PCC",275,75,"LTE BAND 1",1,280,-99,-14,-67,-4',
        {"carrier": "PCC", "band": 1, "bandwidth_mhz": 15, "rsrp_dbm": -99, "rssi_dbm": -67},
        "primary carrier, LTE band 1, 15 MHz, RSRP -99 dBm",
    ),
    (
        '+QCAINFO: "SCC",1350,100,"LTE BAND 3",1,240,-95,-18,-68,-10,0,-,-',
        {"bandwidth_mhz": 20, "rsrq_db": -18},
        "secondary carrier, LTE band 3",
    ),
    (
        '+QCAINFO: "PCC",633984,100,"NR N78",1,702,-92,-7,-72,10',
        {"band": 78, "rsrp_dbm": -92, "rsrq_db": -7},
        "primary carrier, NR band 78",
    ),
    ('+QCAINFO: "SCC",648768,10,"NR5G BAND 78",920', {"band": 78}, "secondary carrier, NR5G band"),
    (
        '+QCAINFO: "PCC",501390,12,"NR5G BAND 41",147,-11,-11,2463',
        {"rsrp_dbm": None, "channel": 501390},
        "primary carrier, NR5G band 41",
    ),
    # antennas: -140 and -32768 if nothing is measured
    (
        "+QRSRP: -95,-98,-140,-32768,LTE",
        {"rsrp_dbm": [-95, -98, None, None], "level": "good"},
        ("LTE, RSRP -95 dBm (antenna 1), -98 dBm (antenna 2), good", "nothing measured at"),
    ),
    ("+QRSRQ: -11,-12,-20,-32768,NR5G", {"rsrq_db": [-11, -12, -20, None]}, "NR5G, RSRQ -11 dB"),
    ("+QSINR: 21,19,0,-32768,LTE", {"sinr_db": [21, 19, 0, None]}, "SINR 21 dB"),
    ("+QRSRP: -32768,-32768,-32768,-32768,NR5G", {}, "RSRP unknown"),
    # +QCSQ on 5G: RSRP, SINR, RSRQ as they are
    (
        '+QCSQ: "NR5G",-75,4,-11',
        {"ss_rsrp_dbm": -75, "ss_sinr_db": 4, "ss_rsrq_db": -11},
        "SS-RSRP -75 dBm",
    ),
    # SIM82xx: tenths
    (
        "+CPSI: NR5G_NSA,271,NR5G_BAND78,627264,-870,-110,245",
        {"band": 78, "pci": 271, "rsrp_dbm": -87, "rsrq_db": -11, "sinr_db": 24.5},
        "NR5G_NSA, band 78, RSRP -87 dBm",
    ),
    (
        "+CPSI: NR5G_SA,Online,242-12,0x765D,4955280,0,NR5G_BAND78,640704,-770,-110,290",
        {"mcc": "242", "band": 78, "rsrp_dbm": -77, "sinr_db": 29, "area_code": 0x765D},
        "NR5G_SA, online, network 242 12",
    ),
    (
        "+CPSI: NR5G,58,643296,-12,-86,8.5",
        {"rsrp_dbm": -86, "rsrq_db": -12, "sinr_db": 8.5},
        "RSRP -86 dBm",
    ),
    # A76xx: the scale of +CESQ; 255 is unknown
    (
        "+CPSI: LTE,Online,404-90,0x1AE9,114191884,290,EUTRAN-BAND40,39150,5,0,21,48,255,9",
        {"band": 40, "rsrp_dbm": -93, "rsrq_db": -9.5, "rssi_dbm": None},
        "band 40, RSRP -93 dBm",
    ),
    (
        "+CPSI: LTE-LIMITED,Online,460-00,0x1877,29946145,230,EUTRAN-BAND40,38950,5,5,-86,-1095,"
        "-809,14",
        {"technology": "LTE-LIMITED", "rsrp_dbm": -109.5, "rssi_dbm": -80.9},
        "LTE-LIMITED, online",
    ),
    (
        "+CPSI: WCDMA,Online,240-08,0x02C8,25756,WCDMA 900,15,2937,0,5.5,62,24,47,500",
        {"rscp_dbm": -62, "ecno_db": -5.5, "psc": 15},
        "band WCDMA 900, RSCP -62 dBm",
    ),
    (
        "+CPSI: GSM,Online,460-00,0x182d,12401,27 EGSM 900,-64,2110,42-42",
        {"rxlev_dbm": -64, "arfcn": "27 EGSM 900"},
        "GSM, online, network 460 00, RXLEV -64 dBm",
    ),
    # Fibocom: rows without a prefix; RSRP n is -141+n or -157+n dBm, RSRQ n/2-20, RSSNR n/2
    (
        "1,4,250,1,1234,000123456,1802,470,103,100,-4,39,39,7",
        {"mcc": "250", "band": 3, "rsrp_dbm": -102, "rsrq_db": -16.5, "sinr_db": -2},
        "LTE, network 250 1, band 3, RSRP -102 dBm",
    ),
    (
        "1,4,460,00,247E,5423D8D,9826,43,40,5,28,58,58,23",
        {"band": 40, "rsrp_dbm": -83, "cell_id": 0x5423D8D},
        "band 40",
    ),
    (
        "1,9,,,FFFFFFF,00FFFFFFF,641760,940,5078,450,19,76,76,84",
        {"band": 78, "ss_rsrp_dbm": -81},
        "NR, band 78, SS-RSRP -81 dBm",
    ),
    (
        "1,9,460,0,149002,C2840C002,504990,128,,,16,69,69,64",
        {"ss_rsrp_dbm": -88, "ss_rsrq_db": -11.5},
        "NR, network 460 0",
    ),
    ("1,4,310,260,1234,00A1B2C3,66786,12,166,100", {"band": 66}, "LTE, network 310 260, band 66"),
    ("2,4,,,,,994,F4,,38,38,10", {"rsrp_dbm": -103, "rsrq_db": -15}, "LTE, RSRP -103 dBm"),
    ("2,4,262,1,05D5,0019BF802,1300,359,100,50,52,18", {"rsrp_dbm": -89}, "network 262 1"),
    # Intel XMM
    (
        "+XCESQ: 0,99,99,255,255,19,58,11,255,255,255,255",
        {"rsrp_dbm": -83, "rsrq_db": -10.5, "sinr_db": 5.5},
        "RSRP -83 dBm",
    ),
    ("+XCESQ: 0,99,99,255,255,255,255,255", {}, "without measured values"),
    (
        '+XMCI: 4,440,50,"0x8AA8","0x0558E901","0x019F","0x0000170C","0x00005D5C","0xFFFFFFFF",61,'
        '20,19,"0x00000002","0x00000000"',
        {"mcc": "440", "area_code": 0x8AA8, "rsrp_dbm": -80, "sinr_db": 9.5},
        "LTE, network 440 50",
    ),
    # Huawei
    (
        '^HCSQ: "NR",58,165,22',
        {"ss_rsrp_dbm": -83, "ss_sinr_db": 12.8, "ss_rsrq_db": -9},
        "NR, SS-RSRP -83 dBm",
    ),
    (
        "^MONSC: NR,460,00,504990,1,C2840C002,80,149002,-65,-10,28",
        {"arfcn": 504990, "cell_id": 0xC2840C002, "rsrp_dbm": -65, "sinr_db": 28},
        "NR, network 460 00, RSRP -65 dBm, RSRQ -10 dB, SINR 28 dB",
    ),
    (
        "^MONSC: WCDMA,460,01,10713,200,5A1B2C3,A5F0,-85,-65,-7",
        {"rscp_dbm": -85, "ecno_db": -7, "psc": 200},
        "WCDMA, network 460 01",
    ),
    ("^MONSC: GSM,460,00,3,71,20,1A2B,3C4D,-64,0,1", {"rxlev_dbm": -64}, "GSM, network 460 00"),
    ("^MONSC: NONE", {}, "no cell"),
    ("^MONNC: LTE,1650,12A,-93,-12,-65", {"rsrp_dbm": -93, "earfcn": 1650}, "RSRP -93 dBm"),
    ("^MONNC: NR,504990,380,-656,-112,160", {"rsrp_dbm": -65.6, "sinr_db": 16}, "RSRP -65.6"),
    ("^MONNC: NR,524910,115,-157,-44,-24", {"rsrp_dbm": None, "sinr_db": None}, "NR"),
    ("^MONNC: WCDMA,10713,200,-85,-7", {"rscp_dbm": -85}, "RSCP -85 dBm"),
    ("^MONNC: GSM,3,71,20,1A2B,3C4D,-64", {"rxlev_dbm": -64}, "RXLEV -64 dBm"),
    # u-blox
    ("+UCGED: 2", {"mode": 2}, "mode 2"),
    ('+RSRP: 162,5110,"-090.70",', {"rsrp_dbm": -90.7, "earfcn": 5110}, "RSRP -90.7 dBm"),
    ("+RSRQ: 301,1850,-9.-50,301,6300,-11.00", {"rsrq_db": -9.5}, "RSRQ -9.5 dB"),  # L860
    ('+RSRQ: 162,5110,"-11.30",', {"rsrq_db": -11.3}, "RSRQ -11.3 dB"),
    # Telit
    (
        '#RFSTS: "222 01",10736,21,-8.5,-95,-86,5C2A,01,-50,128,19,0,1,000,0,A1B2C3,"","I TIM",3',
        {"mcc": "222", "rscp_dbm": -95, "ecno_db": -8.5, "rssi_dbm": -86},
        "RSCP -95 dBm",
    ),
    # Cinterion
    (
        "^SMONI: 2G,71,-61,262,02,0143,83BA,33,33,3,6,G,NOCONN",
        {"arfcn": 71, "rxlev_dbm": -61, "mcc": "262"},
        "2G, registered, idle, network 262 02",
    ),
    (
        "^SMONI: 3G,10564,296,-7.5,-79,262,02,0143,00228FF,-92,-78,LIMSRV",
        {"rscp_dbm": -79, "ecno_db": -7.5, "area_code": 0x143},
        "3G, camped, not registered",
    ),
    (
        "^SMONI: 4G,6300,20,10,10,FDD,262,02,BF75,0345103,350,90,-94,-7,CONN",
        {"band": 20, "rsrp_dbm": -94, "rsrq_db": -7},
        "4G, registered, connected, network 262 02, band 20",
    ),
    ("^SMONI: 4G,SEARCH", {"technology": "4G"}, "4G, searching"),
    # Sierra !GSTATUS, Qualcomm-based ^DEBUG
    ("lte_ant_rsrp:rx_diversity:1 (-101.2dBm,NA,NA,NA)", {"rsrp_dbm": -101.2}, "RSRP -101.2 dBm"),
    ("pcell: lte_band:20 lte_band_width:10.0MHz", {}, "lte_band 20, lte_band_width 10.0MHz"),
    ("channel:6300 pci:75", {}, "channel 6300, pci 75"),
    ("lte_rsrp:-103.2dBm,rsrq:-10.9dB", {"rsrp_dbm": -103.2, "rsrq_db": -10.9}, "RSRP -103.2 dBm"),
    ("RSRP: -71.6dBm rx_diversity: 3 (-78.5dBm,-71.6dBm)", {"rsrp_dbm": -71.6}, "good"),
    ("nr_rsrp:-90.2dBm,nr_rsrq:-11.0dB,nr_snr:15.0dB", {"sinr_db": 15}, "SINR 15 dB"),
    ("PCC RxM RSSI:  -45\t\tRSRP (dBm):  -81", {"rssi_dbm": -45, "rsrp_dbm": -81}, "RSSI -45"),
    ("RSRQ (dB):     -14.0\t\tCell ID:     0A14666A (1)", {"rsrq_db": -14}, "Cell ID 0A14666A"),
    ("System mode:   LTE        \tPS state:    Attached     ", {}, "LTE, PS state Attached"),
    ("EMM state:     Registered     \tNormal Service ", {}, "EMM state Registered Normal Service"),
    ("Current Time:  22016\t\tTemperature: 40", {}, "Temperature 40 °C"),
    ("mcc:250,mnc:02", {}, "mcc 250, mnc 02"),
]


@pytest.mark.parametrize(("line", "values", "words"), LINES, ids=[case[0] for case in LINES])
def test_cell_lines(check, line, values, words):
    check("", line, values, words)


# lines whose subject only the command names
ANSWERS = [
    ("AT+UCGED?", "6,4,001,01", {"service": 4, "mcc": "001"}, "registered, network 001 01"),
    (
        "AT+UCGED?",
        "2525,5,50,50,e8fe,1a2d001,1,d60814d1,8001,01,28,31,13.75,3,1,10,28,-50,-6,0,255,255,0",
        {"band": 5, "rsrp_dbm": -113, "rsrq_db": -4.5, "sinr_db": 13.8},
        "LTE, band 5",
    ),
    ("AT+GTCCINFO?", "2,4,,,,,73A,BB,,25,25,8", {"rsrp_dbm": -116}, "LTE, RSRP -116 dBm"),
    ("AT+CSQ", "18,99", {"rssi_dbm": -77}, "-77 dBm"),
]


@pytest.mark.parametrize(("command", "line", "values", "words"), ANSWERS)
def test_command_names_the_subject(check, command, line, values, words):
    check(command, line, values, words)


def test_no_service_names_the_next_check(check):
    check("", "+CPSI: NO SERVICE,Online", {}, "NO SERVICE", "AT+CEREG?")
    check("", "+CPSI: NO SERVICE,Low Power Mode", {}, "low power mode", "AT+CFUN?")


def test_neighbour_row_is_not_a_serving_cell():
    about = [explain("", f"{n},4,262,1,05D5,0019BF802,1300,359,100,50,52,18") for n in (1, 2)]
    assert [each and each["about"] for each in about] == ["serving cell", "neighbour cell"]


@pytest.mark.parametrize("line", ["1,4", "1,4,2,1,0,0,0,0,0,0", "3,4,262,1,05D5,0019BF802,1300,1"])
def test_other_rows_of_numbers_are_not_cells(line):
    assert explain("", line) is None
