"""USB ids of cellular modems and what their interfaces are for.

The interface numbers follow the device's USB composition, which its owner can change: a role from
this table says which port to ask first, never that a port may not answer.
"""

from __future__ import annotations

from typing import NamedTuple

from modemagent.discovery.candidate import Role


class Row(NamedTuple):
    """One layout.

    :param pid: the product id, or "" for every product of the vendor without a row of its own
    :param roles: interface number -> role; an interface that is not named is unknown
    :param source: where the layout is known from
    """

    vid: str
    pid: str
    roles: dict[int, Role]
    source: str


AT, DATA, NMEA, DIAG = Role.AT, Role.DATA, Role.NMEA, Role.DIAG

ROWS: tuple[Row, ...] = (
    Row("2c7c", "", {0: DIAG, 1: NMEA, 2: AT, 3: AT}, "Quectel port rules; trace EG25-G"),
    Row("2c7c", "0900", {}, "RM500U-CNV: AT is the third tty, its interface is not recorded"),
    Row("1bc7", "1101", {0: NMEA, 1: AT}, "Telit ME910C1"),
    Row("1bc7", "1201", {3: NMEA, 4: AT, 5: AT}, "Telit LE910C1"),
    Row("1bc7", "1040", {4: AT, 5: AT}, "Telit LM960"),
    Row("1bc7", "1050", {4: AT, 5: AT}, "Telit FN980"),
    Row("1bc7", "", {}, "Telit: by composition"),
    Row("1e0e", "9001", {0: DIAG, 1: NMEA, 2: AT, 3: AT}, "trace SIM7600E"),
    Row("1e0e", "9205", {2: AT, 3: DATA}, "SIM7080 family"),
    Row("1e0e", "9206", {2: AT, 5: DATA}, "SIM7080 family"),
    Row("1e0e", "9011", {4: AT, 5: DATA}, "trace A7670"),
    Row("1e0e", "", {}, "SIMCom: by product"),
    Row("1546", "1102", {0: AT, 2: AT, 4: AT}, "u-blox LISA-U2"),
    Row("1546", "1104", {0: AT, 2: AT, 4: AT}, "u-blox TOBY-R2"),
    Row("1546", "1010", {6: AT}, "u-blox TOBY-L4"),
    Row("1546", "1311", {1: AT, 2: AT}, "u-blox LARA-R6"),
    Row("05c6", "908b", {1: AT, 2: AT}, "u-blox LARA-R6"),
    Row("1199", "", {0: DIAG, 2: NMEA, 3: AT}, "Sierra MC74/EM75 family; trace EM7455B"),
    Row("1199", "c001", {0: AT}, "Sierra HL7812"),
    Row("413c", "81b6", {0: DIAG, 2: NMEA, 3: AT}, "trace Dell DW5811e"),
    Row("1e2d", "0061", {0: AT, 2: AT, 4: NMEA}, "Cinterion PLS8"),
    Row("1e2d", "00b3", {2: AT}, "Cinterion MV31"),
    Row("1e2d", "", {}, "Cinterion: by composition"),
    Row("0681", "", {}, "Cinterion, older ids"),
    Row("1269", "", {}, "Cinterion, older ids"),
    Row("12d1", "", {}, "Huawei: the order of interfaces is the stick's own"),
    Row("19d2", "", {}, "ZTE: 62 layouts in ModemManager's rules"),
    Row("305a", "", {1: AT, 2: AT}, "Gosuncn GM800"),
    Row("2cb7", "0007", {2: AT, 4: DIAG, 6: AT}, "trace L850-GL"),
    Row("2cb7", "01a0", {2: AT, 3: AT}, "Fibocom NL668"),
    Row("2cb7", "", {}, "Fibocom: by product"),
    Row("8087", "095a", {0: AT, 2: DIAG, 4: AT}, "Intel XMM7360"),
    Row("0e8d", "7126", {}, "Fibocom FM350"),
    Row("0e8d", "7127", {}, "trace FM350-GL: AT is the fourth tty"),
    Row("0e8d", "00a1", {0: AT}, "MediaTek sticks"),
    Row("0e8d", "00a2", {0: AT}, "MediaTek sticks"),
    Row("0e8d", "00a4", {0: AT, 2: AT}, "MediaTek sticks"),
    Row("0e8d", "00a5", {2: AT, 3: AT}, "MediaTek sticks"),
    Row("0e8d", "00a7", {2: AT, 3: AT}, "MediaTek sticks"),
    Row("1782", "4d10", {0: AT, 5: AT, 6: AT}, "Fibocom L610"),
    Row("1782", "4d11", {0: AT, 5: AT, 6: AT}, "Fibocom L610"),
    Row("2dee", "", {2: DIAG, 3: AT, 4: AT, 5: NMEA}, "trace SLM770A"),
    Row("19d1", "0001", {2: AT}, "trace Air780E; interface 6 is a script's own on LuatOS firmware"),
    Row("3763", "", {}, "Neoway: varies"),
    Row("216f", "", {}, "Altair, WNC, Murata"),
    Row("0bdb", "", {9: NMEA}, "Ericsson MBM"),
    Row("0fce", "d0cf", {9: NMEA}, "trace MD300"),
    Row("0af0", "", {0: AT}, "Option sticks"),
    Row("1931", "", {}, "Option, Nozomi"),
    Row("114f", "", {}, "Wavecom"),
)

#: Recovery modes: ids that must never be written to, whatever else the vendor's row says.
NEVER: frozenset[tuple[str, str]] = frozenset({("05c6", "9008"), ("05c6", "9006")})

_BY_IDS = {(row.vid, row.pid): row for row in ROWS}


def row_for(vid: str | None, pid: str | None) -> Row | None:
    """Return the layout of a USB device, or None when it is not known to be a cellular modem."""
    if vid is None or pid is None or (vid, pid) in NEVER:
        return None
    return _BY_IDS.get((vid, pid)) or _BY_IDS.get((vid, ""))
