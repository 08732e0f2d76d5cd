"""Which dialect a modem speaks: one row each, read from the top, the first that fits wins.

The rows look at what the modem itself says (maker, model, firmware), never at URCs (several
makers share them) and never at USB ids alone (rebadged units share those). A vendor's table is
imported only when its row fits, which keeps a one-shot command's start short.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import NamedTuple

from modemagent.dialects.generic import DIALECT as GENERIC_DIALECT
from modemagent.dialects.model import Dialect


class VendorRow(NamedTuple):
    """One dialect and when it applies.

    :param maker: pattern searched for in the maker's name, "" for any
    :param model: pattern searched for in model and firmware, "" for any
    :param table: ``module:NAME`` below this package
    """

    maker: str
    model: str
    table: str


ROWS = (
    VendorRow("quectel", "", "quectel:DIALECT"),
    VendorRow("telit", "", "telit:DIALECT"),
    VendorRow("cinterion|gemalto|thales|^siemens", "", "cinterion:DIALECT"),
    VendorRow("foxconn|hon hai", "", "foxconn:DIALECT"),
    VendorRow("simcom|incorporated$", r"SIM(COM_)?(800|808|868|900|7000|70\d\d)", "simcom:SIM800"),
    VendorRow("simcom", "", "simcom:DIALECT"),
    VendorRow(r"u-?blox", "", "ublox:DIALECT"),
    VendorRow("sierra|semtech", "", "sierra:DIALECT"),
    VendorRow("wavecom", "", "wavecom:DIALECT"),
    VendorRow("huawei", "", "huawei:DIALECT"),
    VendorRow("gosuncn", "", "gosuncn:DIALECT"),
    VendorRow("zte", "", "zte:DIALECT"),
    VendorRow("fibocom|rolling wireless", "", "fibocom:DIALECT"),
    VendorRow("meig", "", "meig:DIALECT"),
    VendorRow("neoway", "", "neoway:DIALECT"),
    VendorRow("airm2m|^luat", "", "luat:DIALECT"),
    VendorRow("nordic", "", "nordic:DIALECT"),
    VendorRow("sequans|pycom|renesas", "", "sequans:DIALECT"),
    VendorRow("altair|wnc|wistron neweb|murata", "", "altair:DIALECT"),
    VendorRow("ericsson", "", "ericsson:DIALECT"),
    VendorRow(r"^option\b", "", "option:DIALECT"),
    VendorRow("pantech", "", "pantech:DIALECT"),
    VendorRow("longcheer|alcatel|olivetti|^tct", "", "longcheer:DIALECT"),
    # Chip makers' names, which rebranded modules keep: the model tells more, if it is known.
    VendorRow("", r"\b(T77W|T99W|DW5821e|DW5930e)", "foxconn:DIALECT"),
    VendorRow("", r"^(L8[56]0|FM\d{3}|NL668)", "fibocom:DIALECT"),
    VendorRow("intel|comneon|infineon", "", "xmm:DIALECT"),
    VendorRow("mediatek|^mtk", "", "mediatek:DIALECT"),
    # From here on the maker did not say who he is, or under another name.
    VendorRow("", r"SIM(COM_)?(800|808|868|900|7000|70\d\d)", "simcom:SIM800"),
    VendorRow("", r"^SIMCOM|\bSIM7\d{3}|\bSIM8[23]\d\d|\bA76\d\d", "simcom:DIALECT"),
    VendorRow("", r"^(EM|MC|WP)\d{4}|^HL[678]\d{3}", "sierra:DIALECT"),
    VendorRow("", r"^(EC|EG|EP|EM|ER|BC|BG|RM|RG|UC|UG)\d\d", "quectel:DIALECT"),
    VendorRow("", r"^(SLM|SRM)\d{3}", "meig:DIALECT"),
    VendorRow("", r"^(BGS|EHS|ELS|PLS|PHS|PDS|EXS|TX)\d|^MV3\d", "cinterion:DIALECT"),
    VendorRow("", r"^nRF91", "nordic:DIALECT"),
    VendorRow("", r"^(GM01Q|GM02S|RYZ014)", "sequans:DIALECT"),
    VendorRow(
        "", r"^([GHU]E910|L[EN]9[0-9]0|LM9[46]0|ME[39]10|ML865|NE910|F[NE]9[0-9]0)", "telit:DIALECT"
    ),
    VendorRow("", r"^M590", "neoway:DIALECT"),
    VendorRow("", r"\bAir7\d\d|AirM2M_", "luat:DIALECT"),
    VendorRow("", r"^SARA-|^LARA-|^LISA-|^TOBY-", "ublox:DIALECT"),
)


def load(table: str) -> Dialect:
    """Import one vendor's table, as ``quectel:DIALECT``."""
    module, _, name = table.partition(":")
    found: Dialect = getattr(import_module(f"modemagent.dialects.{module}"), name)
    return found


def choose(manufacturer: str | None, model: str | None, firmware: str | None) -> Dialect:
    """Return the dialect for what a modem says of itself; generic when no row fits.

    >>> choose("Quectel", "EG25", None).name
    'quectel'
    >>> choose("ACME", None, None).name
    'generic'
    """
    maker, kind = manufacturer or "", f"{model or ''} {firmware or ''}".rstrip()
    for row in ROWS:
        # nothing is compiled for what the modem did not say
        if row.maker and not (maker and re.search(row.maker, maker, re.IGNORECASE)):
            continue
        if row.model and not (kind and re.search(row.model, kind, re.IGNORECASE)):
            continue
        return load(row.table)
    return GENERIC_DIALECT
