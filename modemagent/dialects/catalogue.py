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


class Row(NamedTuple):
    """One dialect and when it applies.

    :param maker: pattern searched for in the maker's name, "" for any
    :param model: pattern searched for in model and firmware, "" for any
    :param table: ``module:NAME`` below this package
    """

    maker: str
    model: str
    table: str


ROWS = (
    Row("quectel", "", "quectel:DIALECT"),
    Row("telit", "", "telit:DIALECT"),
    Row("cinterion|gemalto|thales|^siemens", "", "cinterion:DIALECT"),
    Row("foxconn|hon hai", "", "foxconn:DIALECT"),
    Row("simcom|incorporated$", r"SIM(COM_)?(800|808|868|900|7000|70\d\d)", "simcom:SIM800"),
    Row("simcom", "", "simcom:DIALECT"),
    Row(r"u-?blox", "", "ublox:DIALECT"),
    Row("sierra|semtech", "", "sierra:DIALECT"),
    Row("wavecom", "", "wavecom:DIALECT"),
    Row("huawei", "", "huawei:DIALECT"),
    Row("gosuncn", "", "gosuncn:DIALECT"),
    Row("zte", "", "zte:DIALECT"),
    Row("fibocom|rolling wireless", "", "fibocom:DIALECT"),
    Row("meig", "", "meig:DIALECT"),
    Row("neoway", "", "neoway:DIALECT"),
    Row("airm2m|^luat", "", "luat:DIALECT"),
    Row("nordic", "", "nordic:DIALECT"),
    Row("sequans|pycom|renesas", "", "sequans:DIALECT"),
    Row("altair|wnc|wistron neweb|murata", "", "altair:DIALECT"),
    Row("ericsson", "", "ericsson:DIALECT"),
    Row(r"^option\b", "", "option:DIALECT"),
    Row("pantech", "", "pantech:DIALECT"),
    Row("longcheer|alcatel|olivetti|^tct", "", "longcheer:DIALECT"),
    # Chip makers' names, which rebranded modules keep: the model tells more, if it is known.
    Row("", r"\b(T77W|T99W|DW5821e|DW5930e)", "foxconn:DIALECT"),
    Row("", r"^(L8[56]0|FM\d{3}|NL668)", "fibocom:DIALECT"),
    Row("intel|comneon|infineon", "", "xmm:DIALECT"),
    Row("mediatek|^mtk", "", "mediatek:DIALECT"),
    # From here on the maker did not say who he is, or under another name.
    Row("", r"SIM(COM_)?(800|808|868|900|7000|70\d\d)", "simcom:SIM800"),
    Row("", r"^SIMCOM|\bSIM7\d{3}|\bSIM8[23]\d\d|\bA76\d\d", "simcom:DIALECT"),
    Row("", r"^(EM|MC|WP)\d{4}|^HL[678]\d{3}", "sierra:DIALECT"),
    Row("", r"^(EC|EG|EP|EM|ER|BC|BG|RM|RG|UC|UG)\d\d", "quectel:DIALECT"),
    Row("", r"^(SLM|SRM)\d{3}", "meig:DIALECT"),
    Row("", r"^(BGS|EHS|ELS|PLS|PHS|PDS|EXS|TX)\d|^MV3\d", "cinterion:DIALECT"),
    Row("", r"^nRF91", "nordic:DIALECT"),
    Row("", r"^(GM01Q|GM02S|RYZ014)", "sequans:DIALECT"),
    Row(
        "", r"^([GHU]E910|L[EN]9[0-9]0|LM9[46]0|ME[39]10|ML865|NE910|F[NE]9[0-9]0)", "telit:DIALECT"
    ),
    Row("", r"^M590", "neoway:DIALECT"),
    Row("", r"\bAir7\d\d|AirM2M_", "luat:DIALECT"),
    Row("", r"^SARA-|^LARA-|^LISA-|^TOBY-", "ublox:DIALECT"),
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
