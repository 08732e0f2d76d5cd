"""Every row of every dialect table: allowed, readable, sourced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

import modemagent.dialects
from modemagent.dialects import ati, catalogue, readonly
from modemagent.dialects.generic import DIALECT as GENERIC
from modemagent.dialects.generic import MNC_LENGTH
from modemagent.dialects.model import WANTS, Attempt, Dialect
from modemagent.dialects.shapes import SHAPES
from modemagent.modem.reading import _BLOCK_KEYS

TABLES = [
    GENERIC,
    *(catalogue.load(name) for name in dict.fromkeys(r.table for r in catalogue.ROWS)),
]


def attempts() -> Iterator[ParameterSet]:
    for table in TABLES:
        for want, ladder in table.ladders.items():
            for attempt in ladder:
                yield pytest.param(
                    table, want, attempt, id=f"{table.name}-{want}-{attempt.command}"
                )
    yield pytest.param(GENERIC, "imsi", MNC_LENGTH, id="generic-mnc")


@pytest.mark.parametrize(("table", "want", "attempt"), list(attempts()))
def test_row(table: Dialect, want: str, attempt: Attempt) -> None:
    assert want in WANTS
    assert readonly.permits(attempt.command), f"{table.name}: {attempt.command} is not allowed"
    assert attempt.command in readonly.PERMITTED, "rows are single commands, letter by letter"
    assert attempt.shape in SHAPES or attempt.shape in _BLOCK_KEYS
    assert attempt.source.strip()
    assert attempt.timeout_s is None or 0.2 <= attempt.timeout_s <= 30
    assert attempt.prefix == "" or re.fullmatch(r"[+^%#!$*]?[A-Z]+", attempt.prefix)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_ladders_do_not_repeat_a_command(table: Dialect) -> None:
    for want, ladder in table.ladders.items():
        commands = [attempt.command for attempt in ladder]
        assert len(commands) == len(set(commands)), (table.name, want)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_urcs_are_patterns(table: Dialect) -> None:
    for pattern in table.sim_urcs:
        assert re.compile(pattern)
        assert not re.match(pattern, "OK")


def test_every_table_is_in_the_catalogue() -> None:
    rooms = {"__init__", "model", "generic", "catalogue", "readonly", "shapes", "ati"}
    here = Path(modemagent.dialects.__file__).parent
    vendors = {path.stem for path in here.glob("*.py")} - rooms
    assert vendors == {row.table.split(":")[0] for row in catalogue.ROWS}


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
def test_lines_that_change_a_modem_are_refused(line: str) -> None:
    assert not readonly.permits(line)


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
    assert ati.read_block(lines) == expected
