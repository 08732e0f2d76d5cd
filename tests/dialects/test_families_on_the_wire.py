"""Families of which no transcript is kept: forms from manuals and drivers, played through PTYs.

The forms are the sources' that the rows name; numbers are synthetic. A command that is not in a
family's list is refused, as the module would.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from modemagent.channel.runner import run_plans
from modemagent.identity.snapshot import Snapshot
from modemagent.modem.identify import identify
from tests.simulated import simulated

ICCID = "89860300000000005148"
IMSI = "460110000000092"
EID = "89049032000000000000000000000163"
READY = {"AT": "", "AT+CPIN?": "+CPIN: READY", "AT+CIMI": IMSI}


class Family(NamedTuple):
    """What one module answers and what must come of it.

    :param says: command -> information lines, joined by newlines
    :param reads: fields of the modem
    :param slots: number, in use
    :param never: commands that must not have been sent
    """

    says: dict[str, str]
    reads: dict[str, str]
    slots: tuple[tuple[int, bool], ...] = ((1, True),)
    eid: str | None = None
    never: tuple[str, ...] = ()


FAMILIES = {
    "quectel-bc660k": Family(
        {
            "AT+CGMI": "Quectel_Ltd\nQuectel_BC660K-GL\nRevision: QCX",
            "ATI": "Quectel_Ltd\nQuectel_BC660K-GL\nRevision: BC660KGLAAR01A",
            "AT+CGMM": "Quectel_BC660K-GL",
            "AT+CGMR": "Revision: BC660KGLAAR01A03",
            "AT+CGSN": "MPN21C2300001",
            "AT+CGSN=1": "+CGSN: 866818030000010",
            "AT+CGSN=2": "+CGSN: 8668180300000101",
            "AT+QCCID": f"+QCCID: {ICCID}",
        },
        {"imei": "866818030000010", "imeisv": "8668180300000101"},
        never=('AT+QESIM="eid"', "AT+QUIMSLOT?"),
    ),
    "quectel-bc95": Family(
        {
            "AT+CGMI": "Quectel",
            "AT+CGMM": "BC95-G",
            "AT+CGMR": "BC95GJBR01A07",
            "AT+CGSN=1": "+CGSN:866818030000028",
            "AT+NCCID": f"+NCCID:{ICCID}",
        },
        {"imei": "866818030000028"},
        never=("AT+QCCID",),
    ),
    "quectel-rm520n": Family(
        {
            "AT+CGMI": "Quectel",
            "AT+CGMM": "RM520N-GL",
            "AT+CGMR": "RM520NGLAAR03A03M4G",
            "AT+CGSN": "866818030000036",
            "AT+QUIMSLOT?": "+QUIMSLOT: 2",
            "AT+QUIMSLOT=?": "+QUIMSLOT: (1,2)",
            "AT+QCCID": f"+QCCID: {ICCID}",
            'AT+QESIM="eid"': f'+QESIM: "eid","{EID}"',
        },
        {"imei": "866818030000036"},
        ((1, False), (2, True)),
        EID,
    ),
    "sierra-hl7812": Family(
        {
            "AT+CGMI": "Sierra Wireless",
            "AT+CGMM": "HL7812",
            "AT+CGMR": "HL7812.5.5.14.0",
            "AT+CGSN": "353273090000015",
            "AT+KGSN=1": "+KGSN: 3532730900000151",
            "AT+KGSN=3": "+KGSN: D1306210000021",
            "AT+CCID": f"+CCID: {ICCID},{EID}",
        },
        {
            "imei": "353273090000015",
            "imeisv": "3532730900000151",
            "serial_number": "D1306210000021",
        },
        eid=EID,
        never=("AT!UIMS?",),
    ),
    "sierra-em7455b": Family(
        {
            "AT+CGMI": "Sierra Wireless, Incorporated",
            "AT+CGMM": "EM7455",
            "AT+CGMR": "SWI9X30C_02.24.05.06",
            "AT+CGSN": "353273090000023",
            "ATI": "Manufacturer: Sierra Wireless, Incorporated\nModel: EM7455B\n"
            "IMEI: 353273090000023\nFSN: LQ72600000002",
            "AT!UIMS?": "!UIMS: 0",
            "AT+ICCID": f"ICCID: {ICCID}",
        },
        {"imei": "353273090000023", "serial_number": "LQ72600000002", "model": "EM7455B"},
        ((1, True), (2, False)),
    ),
    "fibocom-fm350-esim": Family(
        {
            "AT+CGMI?": '+CGMI: "Fibocom Wireless Inc."',
            "AT+CGMM?": '+CGMM: "FM350-GL","FM350-GL"',
            "AT+CGMR?": '+CGMR: "81600.0000.00.29.21.41"',
            "AT+CGSN?": '+CGSN: "354174400000019"',
            "AT+CFSN?": '+CFSN: "FP62PE0002"',
            "AT+GTDUALSIM?": '+GTDUALSIM : 1, "SUB2", "LTE"',
            "AT+ICCID": f"+ICCID: {ICCID}",
            "AT+EID?": f'+EID: "{EID}"',
        },
        {"imei": "354174400000019", "serial_number": "FP62PE0002"},
        ((1, False), (2, True)),
        EID,
        never=("AT+CCID",),
    ),
    "foxconn-t99w175": Family(
        {
            "AT+CGMI": "Foxconn",
            "AT+CGMM": "T99W175",
            "AT+CGMR": "T99W175.F0.1.0.0.9.GC.004",
            "AT+CGSN": "354174400000027",
            "AT^SWITCH_SLOT?": "SIM2 ENABLE",
            "AT+ICCID": f"ICCID: {ICCID}",
        },
        {"imei": "354174400000027"},
        ((1, False), (2, True)),
        never=("AT+SWITCH_SLOT?",),
    ),
    "telit-me910c1": Family(
        {
            "AT+CGMI": "Telit",
            "AT+CGMM": "ME910C1-E1",
            "AT+CGMR": "30.00.003",
            "AT+CGSN": "353613080000022",
            "AT+GSN": "0001760003",
            "AT#CGSN=2": "#CGSN: 3536130800000201",
            "AT#CCID": f"#CCID: {ICCID}",
        },
        {
            "imei": "353613080000022",
            "imeisv": "3536130800000201",
            "serial_number": "0001760003",
        },
        never=("AT+IMEISV",),
    ),
    "meig-srm810": Family(
        {
            "AT+CGMI": "MEIG",
            "AT+CGMM": "SRM810",
            "AT+CGMR": "SRM810_2.0.1",
            "AT+CGSN": "001001000001120",
            "AT^SIMSLOT?": "^SIMSLOT: 0,0,1,1",
            "AT+ICCID": f"+ICCID: {ICCID}",
        },
        {"imei": "001001000001120"},
        ((1, False), (2, True)),
    ),
    "nordic-nrf93m1": Family(
        {
            "AT+CGMI": "Nordic Semiconductor ASA",
            "AT+CGMM": "nRF93M1-LACA",
            "AT+CGMR": "mfw_nrf93m1_1.5.0",
            "AT+CGSN": "2623CKLQ0000001",
            "AT+CGSN=0": "2623CKLQ0000001",
            "AT+CGSN=1": '+CGSN: "354629690000011"',
            "AT+CGSN=2": '+CGSN: "3546296900000101"',
            "AT%ICCID": f"%ICCID: {ICCID}",
        },
        {
            "imei": "354629690000011",
            "imeisv": "3546296900000101",
            "serial_number": "2623CKLQ0000001",
        },
        never=("AT%XICCID",),
    ),
    "aithinker-a9g": Family(  # RDA chip
        {
            "AT+CGMI": "Ai Thinker Co.LTD",
            "AT+CGMM": "A9G",
            "AT+CGMR": "V02.02.20180822R",
            "AT+CGSN": "868715030000016/01",
            "AT+CCID": f"+SCID: SIM Card ID: {ICCID}",
        },
        {"imei": "868715030000016"},
    ),
    "zte-mc8618": Family(
        {
            "AT+CGMI": "ZTE INCORPORATED",
            "AT+CGMM": "MC8618",
            "AT+CGMR": "MC8618V1.0.0",
            "AT+CGSN": "001001000001146",
            "AT+GETICCID": f"+GETICCID: {ICCID}",
        },
        {"imei": "001001000001146"},
        never=("AT+CCID",),
    ),
    "pantech-umw190": Family(
        {
            "AT+CGMI": "PANTECH CO., LTD.",
            "AT+CGMM": "UMW190",
            "AT+CGMR": "L0190VWB110F.239",
            "AT+CGSN": "001001000001138",
        },
        {"imei": "001001000001138"},
        never=("AT+CRSM=176,12258,0,0,10", "AT+CRSM=176,28423,0,0,9"),
    ),
}


def write(folder: Path, name: str, family: Family) -> Path:
    maker, _, model = name.partition("-")
    lines = [f'vendor = "{maker}"', f'model = "{model}"', 'source = "forms of manuals and drivers"']
    lines += ["echo_default = true", 'notes = ""']
    for command, answer in {**READY, **family.says}.items():
        told = [*filter(None, answer.split("\n")), "", "OK"]
        lines += ["[[exchange]]", f"send = '{command}'", "lines = ["]
        lines += [f"  '{line}'," for line in told]
        lines += ["]", 'evidence = "manual"']
    path = folder / name / "transcript.toml"
    path.parent.mkdir()
    path.write_text("\n".join(lines) + "\n")
    return path.parent


@pytest.fixture(scope="module")
def identified(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[object, list[str]]]]:
    folder = tmp_path_factory.mktemp("families")
    with ExitStack() as stack:
        players = {
            name: stack.enter_context(simulated(write(folder, name, family)))
            for name, family in FAMILIES.items()
        }
        outcomes = run_plans({m.path: identify(m.path) for m in players.values()}, timeout_s=40)
        yield {n: (outcomes[m.path], m.lines_received) for n, m in players.items()}


@pytest.mark.parametrize("name", FAMILIES)
def test_transcript_has_its_expected_identity(
    name: str, identified: dict[str, tuple[object, list[str]]]
) -> None:
    family = FAMILIES[name]
    found, sent = identified[name]
    assert isinstance(found, Snapshot), found
    fields = ("imei", "imeisv", "serial_number")
    read = {field: getattr(found.modem, field) for field in fields}
    assert read == {field: family.reads.get(field) for field in fields}
    assert found.modem.model == family.reads.get("model", found.modem.model)
    assert tuple((sim.slot, sim.active) for sim in found.sims) == family.slots
    active = next(sim for sim in found.sims if sim.active)
    expected_iccid = ICCID if any(ICCID in answer for answer in family.says.values()) else None
    assert (active.iccid, active.imsi, active.eid) == (expected_iccid, IMSI, family.eid)
    assert not set(family.never) & set(sent), sent
