"""Every row of every dialect table is allowed, parsed and sourced."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

import modemagent.dialects
from modemagent.at.urcs import is_urc
from modemagent.dialects import allowlist, ati_block, catalogue
from modemagent.dialects.cdma import cdma_numbers
from modemagent.dialects.generic import DIALECT as GENERIC
from modemagent.dialects.parsers import PARSERS, parse_value
from modemagent.dialects.table_types import VALUE_TIMEOUTS_S, Dialect
from modemagent.identity.meid import Meid
from modemagent.modem.equipment import EQUIPMENT
from modemagent.modem.interpret import BLOCK_PARSERS
from modemagent.modem.sim_events import is_sim_event
from modemagent.modem.sim_numbers import NUMBERS
from modemagent.modem.sim_state import PendingState, state_of

TRANSCRIPTS = {
    path.parent.name
    for path in (Path(__file__).parents[2] / "fixtures" / "transcripts").glob("*/transcript.toml")
}
#: What a source may be: a trace of ours, a standard, a maker's manual, a project's code or notes.
SOURCE = re.compile(
    r"\btraces? [a-z]|3GPP TS|\bTS \d|ITU-T|[Mm]anual|reference( guide)?\b|ModemManager|QModem"
    r"|modemdata|modemfeed|WncController|luci-app|Legato|library|\bdrivers?\b|plugin|web interface"
)
#: A transcript of ours, as sources name them: the maker, a hyphen, the model.
NAMED = re.compile(
    r"(?<![\w-])(?:"
    + "|".join({name.partition("-")[0] for name in TRANSCRIPTS})
    + r")-[a-z0-9][a-z0-9-]*"
)

TABLES = [
    GENERIC,
    *{id(row.dialect): row.dialect for row in catalogue.ROWS}.values(),
]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_are_valid(table: Dialect) -> None:
    assert table.ladders.keys() <= set(VALUE_TIMEOUTS_S)
    for attempt in (one for ladder in table.ladders.values() for one in ladder):
        assert allowlist.is_allowed(attempt.command), f"{attempt.command} is not allowed"
        assert attempt.command in allowlist.PERMITTED, "rows are single commands, letter by letter"
        assert attempt.parser in PARSERS or attempt.parser in BLOCK_PARSERS, attempt
        check_source(attempt.source)
        assert attempt.timeout_s is None or 0.2 <= attempt.timeout_s <= 30, attempt
        assert re.compile(attempt.models)
        assert re.fullmatch(r"([+^%#!$*]?[A-Z][A-Z_]+)?", attempt.prefix), attempt


def check_source(source: str) -> None:
    assert SOURCE.search(source), source
    assert "usual" not in source
    for name in NAMED.findall(source):
        assert name in TRANSCRIPTS, f"{source}: there is no transcript {name}"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_ladders_do_not_repeat_a_command(table: Dialect) -> None:
    """A command may stand twice only when the first time is for some models."""
    for want, ladder in table.ladders.items():
        for general in (True, False):
            commands = [rung.command for rung in ladder if (not rung.models) is general]
            assert len(commands) == len(set(commands)), (table.name, want)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_optional_commands_are_limited_to_known_models(table: Dialect) -> None:
    """Slots and an EID command cost a round trip: no row of these is for all models."""
    for want in ("slot", "slot_count"):
        for rung in table.ladder(want):
            assert rung.models, (table.name, want, rung.command)
    if table is GENERIC:
        return
    for rung in table.ladder("eid"):
        assert rung.only_if_cached or rung.models, (table.name, rung.command)
    if table.ladder("slot_count"):
        assert table.ladder("slot")


@pytest.mark.parametrize("table", [table for table in TABLES if table.joined])
@pytest.mark.parametrize("wants", [EQUIPMENT, NUMBERS])
def test_joined_lines_are_allowed(table: Dialect, wants: tuple[str, ...]) -> None:
    check_source(table.joined)
    first = [table.ladder(want, " ")[0] for want in wants]
    line = ";".join((first[0].command, *(rung.command[2:] for rung in first[1:])))
    assert allowlist.is_allowed(line), line


def test_early_joined_line_is_for_all_models() -> None:
    for table in TABLES:
        if table.joined:
            assert not any(table.ladder(want, " ")[0].models for want in EQUIPMENT)


@pytest.mark.parametrize(
    "name", ["option", "neoway", "wavecom", "huawei", "nordic", "sequans", "cinterion", "generic"]
)
def test_families_that_do_not_join(name: str) -> None:
    assert not any(table.joined for table in TABLES if table.name == name)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_urcs_are_patterns(table: Dialect) -> None:
    for pattern in table.sim_urcs:
        assert re.compile(pattern)
        assert not re.match(pattern, "OK")


def test_every_table_is_in_the_catalogue() -> None:
    here = Path(modemagent.dialects.__file__).parent
    modules = [import_module(f"modemagent.dialects.{path.stem}") for path in here.glob("*.py")]
    tables = [value for module in modules for value in vars(module).values()]
    assert {id(table) for table in tables if isinstance(table, Dialect)} == set(map(id, TABLES))


@pytest.mark.parametrize(
    "line",
    [
        'AT+EGMR=1,7,"867698040000013"',
        "AT+EGMR=0,7",
        "AT+SIMEI=867698040000013",
        "AT+CGSN=4",
        "AT+CFUN=1",
        "AT+CFUN=0",
        'AT+CPIN="1234"',
        "AT+COPS=?",
        "AT+COPS=2",
        "AT&F",
        "AT&W",
        "ATZ",
        "ATD112;",
        "AT+QUIMSLOT=1",
        "AT+QDSIM=1",
        "AT+GTDUALSIM=1",
        "AT+SMSIMCFG=1,2",
        "AT+SIMCROSS=2",
        "AT^SIMSLOT=2",
        "AT^SWITCH_SLOT=1",
        "AT+SWITCH_SLOT=1",
        "AT!UIMS=1",
        "AT#QSS=2",
        'AT^SIND="simstatus",1',
        "AT+KGSN=2,1",
        'AT+GTSN=1,7,"867698040000013"',
        "AT+GTESIMCFG=1",
        "AT+XSIMSTATE=1",
        'AT!ENTERCND="A710"',
        "AT+CRSM=214,28423,0,0,9",
        "AT+QSIMDET=1,0",
        "AT+CGMI;+CFUN=1",
        "AT+CGMI;&W",
        "AT+IPR=115200",
        "A/",
        "AT+CMEE=1\rAT+CFUN=0",
        "AT+CMEE=1\nAT&F",
        "",
    ],
)
def test_lines_that_change_a_modem_are_rejected(line: str) -> None:
    assert not allowlist.is_allowed(line)


#: Every maker that the field guide's table of vendors names, and what it says of itself.
MAKERS = [
    ("Quectel", "EG25", "quectel"),
    ("Quectel_Ltd", "Quectel_BC660K-GL", "quectel"),
    ("Telit", "ME910C1-WW", "telit"),
    ("Telit Cinterion", "LE910C1-EUX", "telit"),
    ("SIMCOM INCORPORATED", "SIM7600E-H", "simcom"),
    ("INCORPORATED", "A7670SA-FASE", "simcom"),
    ("u-blox", "SARA-R410M-02B", "ublox"),
    ("Sierra Wireless, Incorporated", "EM7455B", "sierra"),
    ("Semtech", "HL7812", "sierra"),
    ("Cinterion", "EHS6-A", "cinterion"),
    ("Gemalto M2M", "PLS62-W", "cinterion"),
    ("Thales", "MV32-W-B", "cinterion"),
    ("huawei", "E3372", "huawei"),
    ("ZTE CORPORATION", "MF627", "zte"),
    ("GosuncnWelink", "GM800", "gosuncn"),
    ("Fibocom Wireless Inc.", "FM350-GL", "fibocom"),
    ("Rolling Wireless S.a.r.l.", "RW101R-GL", "fibocom"),
    ("Intel Corporation", "XMM7360", "xmm"),
    ("Intel", "L850", "fibocom"),
    ("MEIG", "SLM770A", "meig"),
    ("NEOWAY", "N510M", "neoway"),
    ("AirM2M", "Air780E", "luat"),
    ("CMCC", "ML307R-DC", "onemo"),
    ("Mobiletek", "ML307C-DC-CN", "onemo"),
    ("MOBILETEK", "L511", "eigencomm"),
    ("Nordic Semiconductor ASA", "nRF9160-SICA", "nordic"),
    ("Sequans", "GM02S", "sequans"),
    ("Murata Manufacturing Co., Ltd.", "LBAD0XX1SC", "altair"),
    ("WNC", "M14A2A", "altair"),
    ("Ericsson", "F5521gw", "ericsson"),
    ("Sony Ericsson", "MD300", "ericsson"),
    ("Option N.V.", "GTM382", "option"),
    ("WAVECOM MODEM", "MULTIBAND  900E  1800", "wavecom"),
    ("MediaTek Inc.", "MTK2", "mediatek"),
    ("Foxconn", "T99W175", "foxconn"),
    ("Dell", "DW5821e Snapdragon X20 LTE", "foxconn"),
    ("Alcatel", "X220D", "longcheer"),
    ("PANTECH CO., LTD.", "UMW190", "pantech"),
    # without a maker's name
    (None, "EM7455", "sierra"),
    (None, "EM12-G", "quectel"),
    (None, "SIM8200EA-M2", "simcom"),
    (None, "MV31-W", "cinterion"),
    (None, "LE910C1-EUX", "telit"),
    (None, "ME910C1-WW", "telit"),
    (None, "nRF9161", "nordic"),
    ("ACME", "X1", "generic"),
]


@pytest.mark.parametrize(("maker", "model", "name"), MAKERS)
def test_every_maker_finds_its_dialect(maker: str | None, model: str, name: str) -> None:
    assert catalogue.choose(maker, model, "x").name == name


def test_every_dialect_has_a_maker() -> None:
    assert {table.name for table in TABLES} == {name for *_, name in MAKERS}


#: manufacturer, model and firmware, value, and its first commands in order
FAMILIES = [
    ("Quectel", "EG25 EG25GGBR07A08M2G", "slot", []),
    ("Quectel", "RM500U-CNV RM500UCNVAAR03", "slot", ["AT+QUIMSLOT?"]),
    ("Quectel", "RM520N-GL RM520NGLAAR03", "slot_count", ["AT+QUIMSLOT=?"]),
    ("Quectel", "EG915U-EU EG915UEUAB", "slot", ["AT+QDSIM?"]),
    ("Quectel", "BC95-G BC95GJBR01A07", "imei", ["AT+CGSN=1"]),
    ("Quectel", "BC95-G BC95GJBR01A07", "iccid", ["AT+NCCID"]),
    ("Quectel", "Quectel_BC660K-GL BC660KGLAAR01A03", "imeisv", ["AT+CGSN=2"]),
    ("Quectel", "Quectel_M95 M95FAR01A06", "eid", []),
    ("Quectel", "EG25 EG25GGBR07A08M2G", "eid", ['AT+QESIM="eid"']),
    ("Quectel", "EG25 EG25GGBR07A08M2G", "imei", ["AT+CGSN"]),
    ("Quectel", "EG25 EG25GGBR07A08M2G", "imeisv", []),
    ("Telit", "GE910-QUAD 10.01.150", "imeisv", []),
    ("Telit", "ME910C1-E1 30.00.003", "imeisv", ["AT#CGSN=2"]),
    ("Telit", "LE910-EU V2 20.00.402", "imeisv", ["AT+IMEISV"]),
    ("Telit", "LE910C1-EUX 25.30.223", "imeisv", []),
    ("Telit", "LE910C1-EUX 25.30.223", "slot", []),
    ("Telit", "FN990A28 45.00.003", "slot", ["AT#QSS?"]),
    ("Telit", "GE910-QUAD 10.01.150", "sim_state", ["AT+CPIN?", "AT#QSS?"]),
    ("SIMCOM", "SIM7600E LE11B08SIM7600", "slot", []),
    ("SIMCOM", "SIM8260C LE20B02SIM8260", "slot", ["AT+SMSIMCFG?"]),
    ("SIMCOM", "SIM868 R1418B05", "slot", []),
    ("Sierra", "EM7455B SWI9X30C", "slot", ["AT!UIMS?"]),
    ("Sierra", "EM9191 SWIX55C", "slot", ["AT!UIMS?"]),
    ("Sierra", "HL7812 HL7812.5.5.14.0", "slot", []),
    ("Sierra", "HL7812 HL7812.5.5.14.0", "serial_number", ["AT+KGSN=3"]),
    ("Sierra", "EM7455B SWI9X30C", "serial_number", ["ATI"]),
    ("Cinterion", "EHS6-A REVISION 03.001", "slot", []),
    ("Thales", "MV32-W FDE.F0", "slot", ["AT+SWITCH_SLOT?"]),
    ("Thales", "MV32-W FDE.F0", "iccid", ["AT+ICCID"]),
    ("Fibocom", "L850 18500.5001", "slot", []),
    ("Fibocom", "L850 18500.5001", "iccid", ["AT+CCID"]),
    ("Fibocom", "L850 18500.5001", "eid", []),
    ("Fibocom", "FM350-GL 81600", "slot", ["AT+GTDUALSIM?"]),
    ("Fibocom", "FM350-GL 81600", "eid", ["AT+EID?"]),
    ("Fibocom", "FM350-GL 81600", "serial_number", ["AT+CFSN?"]),
    ("Fibocom", "FM160-CN 89614", "serial_number", ["AT+CFSN"]),
    ("Fibocom", "FM160-CN 89614", "iccid", ["AT+ICCID"]),
    ("MEIG", "SLM770A SLM770A_A.57.3", "slot", ["AT^SIMSLOT?"]),
    ("MEIG", "SLM750 SLM750_4.0.6", "slot", []),
    ("NEOWAY", "M590 ", "slot", []),
    ("NEOWAY", "N510M-CN V001", "slot", ["AT+SIMCROSS?"]),
    ("AirM2M", "Air780E AirM2M_780E_V1171_LTE_AT", "slot", ["AT+SIMCROSS?"]),
    ("AirM2M", "Air724UG V1", "slot", []),
    ("Foxconn", "T99W175 T99W175.F0", "slot", ["AT^SWITCH_SLOT?"]),
    ("Foxconn", "T99W640 T99W640.F0", "slot", ["AT+SWITCH_SLOT?"]),
    ("Foxconn", "T77W968 T77W968.F1", "slot", []),
    ("Sequans", "GM02S LR8.2.1.0", "imeisv", ["AT+CGSN=2"]),
    ("u-blox", "SARA-R410M-02B L0", "imeisv", []),
    ("u-blox", "SARA-R410M-02B L0", "iccid", ["AT+CCID"]),
    ("u-blox", "SARA-N211 06.57", "iccid", ["AT+NCCID", "AT+CCID"]),
    ("CMCC", "ML307R-DC V1", "iccid", ["AT+MCCID", "AT+CCID"]),
    ("CMCC", "M5310-A V1", "iccid", ["AT+NCCID", "AT+MCCID"]),
    ("MOBILETEK", "L511 L511CN_V1.2", "iccid", ["AT+ECICCID"]),
    ("Sequans", "GM02S LR8.2.1.0", "iccid", ["AT+SQNCCID", "AT+SQNCCID?"]),
]


@pytest.mark.parametrize(("maker", "kind", "want", "commands"), FAMILIES)
def test_first_commands_of_a_family(maker: str, kind: str, want: str, commands: list[str]) -> None:
    model, _, firmware = kind.partition(" ")
    ladder = catalogue.choose(maker, model, firmware).ladder(want, kind)
    assert [rung.command for rung in ladder[: max(len(commands), 1)]] == commands


def test_pantech_is_never_sent_crsm() -> None:
    pantech = catalogue.choose("PANTECH", "UMW190", None)
    for ladder in pantech.ladders.values():
        assert not any("CRSM" in rung.command for rung in ladder)


def test_choice_of_dialect() -> None:
    assert catalogue.choose("Quectel", "EG25", "x").name == "quectel"
    assert (
        catalogue.choose("SIMCOM_Ltd", "SIMCOM_SIM868", "x").ladder("iccid")[0].command == "AT+CCID"
    )
    assert (
        catalogue.choose("SIMCOM INCORPORATED", "SIM7600E", "x").ladder("iccid")[0].command
        == "AT+CICCID"
    )
    assert catalogue.choose(None, "A7670SA-FASE", None).name == "simcom"
    assert catalogue.choose("Sierra Wireless, Incorporated", "EM7455B", "x").name == "sierra"
    assert catalogue.choose(None, None, None) is GENERIC


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["MD300"], {"model": "MD300"}),
        (
            ["Cinterion", "EHS6-A", "REVISION 03.006"],
            {"manufacturer": "Cinterion", "model": "EHS6-A", "revision": "03.006"},
        ),
        (
            [
                "Manufacturer: INCORPORATED",
                "Model: A7670SA-FASE",
                "Revision: A011B04A7670M7_F",
                "A7670M7_B04V02_220927",
                "QCN:",
                "IMEI: 869731050000017",
                "MEID:",
                "+GCAP: +CGSM",
            ],
            {
                "manufacturer": "INCORPORATED",
                "model": "A7670SA-FASE",
                "revision": "A011B04A7670M7_F",
                "imei": "869731050000017",
            },
        ),
        (["IMEI: 869731050000017", "IMEI: 869731050000025"], {}),
    ],
)
def test_ati_blocks(lines: list[str], expected: dict[str, str]) -> None:
    assert ati_block.read_block(lines) == expected


#: Answers that are not in a transcript of ours: numbers are synthetic, forms are the sources'.
ANSWERS = [
    # zephyr hl7800 driver and Legato tests
    ("serial", "AT+KGSN=3", "+KGSN: D1306210000021", "D1306210000021"),
    ("imeisv", "AT+KGSN=1", "+KGSN: 3526530900000101", "3526530900000101"),
    # Fibocom FM350 manual 3.16, 3.13; FM160 notes
    ("serial", "AT+CFSN?", '+CFSN: "FP62PE0002"', "FP62PE0002"),
    ("serial", "AT+CFSN", '+CFSN: ""', None),
    (
        "eid",
        "AT+EID?",
        '+EID: "89049032000000000000000000000163"',
        "89049032000000000000000000000163",
    ),
    ("eid", "AT+EID?", "+EID:", None),
    # Telit ME910C1 and LE910 V2 manuals
    ("imeisv", "AT#CGSN=2", "#CGSN: 3536130800000101", "3536130800000101"),
    ("imeisv", "AT+IMEISV", "3536130800000101", "3536130800000101"),
    ("imeisv", "AT+IMEISV", "353613080000014", None),
    # walter-modem library
    ("imeisv", "AT+CGSN=2", '+CGSN: "3543470000000119"', "3543470000000119"),
    # BC28 driver, BC660K manual
    ("iccid", "AT+NCCID", "+NCCID:89860300000000005148", "89860300000000005148"),
    ("imei", "AT+CGSN=1", "+CGSN:869951040000014", "869951040000014"),
    # ModemManager tests: Sierra, Huawei, Telit, Cinterion, Wavecom forms
    ("iccid", "AT!ICCID?", "!ICCID: 89610100000000000850", "89610100000000000850"),
    ("iccid", "AT^ICCID?", "^ICCID: 98680130400000000015", "98680130400000000015"),
    ("iccid", "AT%CCID", "%CCID: 89860300000000005148", "89860300000000005148"),
    # Telit ME310G1 manual 3.3.9
    ("sim_state_qss", "AT#QSS?", "#QSS: 0,0", "NOT INSERTED"),
    ("sim_state_qss", "AT#QSS?", "#QSS:0,3", "READY"),
    ("sim_state_qss", "AT#QSS?", "#QSS: 2,1", "SIM BUSY"),
    ("sim_state_qss", "AT#QSS?", "#QSS: 3", None),
]


@pytest.mark.parametrize(("shape", "command", "line", "value"), ANSWERS)
def test_parsed_values(shape: str, command: str, line: str, value: str | None) -> None:
    found = parse_value(shape, line, command=command)
    assert (found.value if found.fits else None) == value


#: Responses to AT+CGMI, AT+CGMM and AT+CGMR and what is left of them.
NAMES = [
    ("text", '+CGMI: "Fibocom Wireless Inc."', "Fibocom Wireless Inc."),
    ("text", '+CGMI: "Fibocom","Fibocom Wireless Inc."', "Fibocom Wireless Inc."),
    ("text", "Sierra Wireless, Incorporated", "Sierra Wireless, Incorporated"),
    ("text", "Manufacturer: Quectel", "Quectel"),
    ("model", '+CGMM: "FM150-AE","FM150"', "FM150-AE"),
    ("model", '+CGMM: "FM150","FM150-AE"', "FM150-AE"),
    ("model", "+CGMM: FM150-AE, FM150", "FM150-AE"),
    ("model", "+GMM: L850 LTE Module,L850", "L850"),
    ("model", '+CGMM: "SIM7600E-H", "LTE"', "SIM7600E-H"),
    ("model", '+CGMM: +CGMM: "EC200U"', "EC200U"),
    ("model", "Model: EC25", "EC25"),
    ("model", '+CGMM: ""', None),
    ("revision", "Revision:1529B05SIM7000G", "1529B05SIM7000G"),
    ("revision", "Revision: BC66NBR01A10", "BC66NBR01A10"),
    ("revision", "REVISION 02.00", "REVISION 02.00"),
    ("revision", '+CGMR: "89602.1000.00.04.01.09"', "89602.1000.00.04.01.09"),
    ("revision", "2.5.21Hd (Date: Jun 17 2008)", "2.5.21Hd (Date: Jun 17 2008)"),
    ("imei", '+CGSN: +CGSN: "864209050000019"', "864209050000019"),
    ("imei", "+CGSN: IMEI: 864209050000019", "864209050000019"),
]


@pytest.mark.parametrize(("shape", "line", "value"), NAMES)
def test_names_have_no_labels_and_no_quotes(shape: str, line: str, value: str | None) -> None:
    command = {"text": "AT+CGMI", "model": "AT+CGMM", "revision": "AT+CGMR", "imei": "AT+CGSN"}
    if line.startswith("+GMM"):
        command["model"] = "AT+GMM?"
    found = parse_value(shape, line, command=command[shape])
    assert (found.value if found.fits else None) == value


#: A SIM that is removed, or inserted, as modules of any maker report it.
SIM_EVENTS = [
    "+CPIN: SIM REMOVED",
    "+CPIN: SIM REMOVED 0",
    "+CPIN: NOT READY",
    "+CPIN: READY",
    "+CPIN:NOT INSERTED",
    "+CPIN: SIM DROP",
    "^CPIN: READY",
    "CPIN READY",
    "+SIM: Removed",
    "+SIM: Inserted",
    "+SIM DROP",
    "+SIMCARD: NOT AVAILABLE",
    "+CSMINS: 1,0",
    "SIM REMOVED",
    "^SIMST: 255,0",
    "^SIMST:1",
    "#QSS: 0",
    "+QSIMSTAT: 1,0",
    "+ESIMS: 0,13",
    "+XSIM: 0",
    "*ISIMAID: 1",
    "$QCSIMSTAT: 1, SIM INIT COMPLETED",
]
#: The same in the words of one maker.
MAKERS_SIM_EVENTS = [
    '%NOTIFYEV:"SIMREFRESH"',
    "^SCKS: 0",
    "+CIEV: simstatus,0",
    "^SSIM READY",
    "*EMRDY: 1",
    "^SIMSLOTURC: 1,1,1,0",
    "%XSIM: 0",
    "_OSSYSI: 0",
    "+QUSIM: 1",
    "+QUSIMSLOT: 2",
    "+SQNSIMST: 1",
    "+UUSIMSTAT: 0",
    "+WIND: 0",
]


@pytest.mark.parametrize("line", SIM_EVENTS)
def test_any_removed_sim_is_read_again(line: str) -> None:
    assert [table.name for table in TABLES if not is_sim_event(line, table)] == []


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_sim_event_is_received_as_a_urc(table: Dialect) -> None:
    """Other lines that come without a command do not reach the monitor of a modem."""
    for pattern in table.sim_urcs:
        lines = [
            line
            for line in (*SIM_EVENTS, *MAKERS_SIM_EVENTS)
            if re.match(pattern, line, re.IGNORECASE)
        ]
        assert lines, f"no line above is an example of {pattern}"
        assert not [line for line in lines if not is_urc(line)]


@pytest.mark.parametrize("line", ["+CSQ: 20,99", "Call Ready", "+CREG: 1", "#QSS: 1,3", "OK"])
def test_other_urcs_are_not_sim_events(line: str) -> None:
    assert not is_sim_event(line, GENERIC)


#: Published forms of an MEID, of one with its ESN, and of an ESN alone.
CDMA = [
    (["A10000009296F2"], True),
    (["0xa10000009296f2"], True),
    (["00A10000009296F2"], True),
    (["0x00A10000009296F2"], True),
    (["270113177609606898"], True),
    (["27011317769606898"], True),
    (['+GSN: "A10000009296F2"'], True),
    (["A10000009296F2:80ABCDEF"], True),
    (["+GSN:0x80ABCDEF,0xA10000009296F2"], True),
    (["270113177609606898,12811259375"], True),
    (["80ABCDEF", "A10000009296F2"], True),
    (["MEID: A1-000000-9296F2"], True),
    (["0x80ABCDEF"], False),
    (["ESN: 80123456"], False),
]


@pytest.mark.parametrize(("lines", "has_meid"), CDMA)
def test_published_forms_of_an_meid(lines: list[str], has_meid: bool) -> None:
    found = cdma_numbers(lines)
    assert found.is_cdma
    if has_meid:
        assert found.meid is not None
        assert Meid.check(found.meid).normalized == "A10000009296F2"
    else:
        assert found.meid is None


@pytest.mark.parametrize("line", ["352656100000010", "+CGSN: 3526561000000101", "1234567", "OK"])
def test_an_imei_is_not_an_meid(line: str) -> None:
    assert cdma_numbers([line]) == (None, False)


@pytest.mark.parametrize(
    "value",
    sorted({value for shape, *_, value in ANSWERS if shape.startswith("sim_state") and value}),
)
def test_sim_state_codes_are_known(value: str) -> None:
    assert state_of(value) is not PendingState.UNKNOWN
