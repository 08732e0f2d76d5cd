"""Choice of the dialect: one row each, read from the top, the first match counts.

The rows match what the modem reports (manufacturer, model, firmware), never URCs, which several
makers share, and never USB ids alone, which rebranded modems share. The table of a vendor is
imported when its row matches: all of them take 3 ms of a one-shot command.
"""

import re
from importlib import import_module
from typing import NamedTuple

from modemagent.dialects.generic import DIALECT as GENERIC_DIALECT
from modemagent.dialects.table_types import Dialect


class VendorRow(NamedTuple):
    """One dialect and the modems it applies to.

    :param maker: pattern searched in the manufacturer's name, ``""`` for any
    :param model: pattern searched in model and firmware, ``""`` for any
    :param table: module of this package, with the name of a table other than ``DIALECT``
    """

    maker: str
    model: str
    table: str

    @property
    def dialect(self) -> Dialect:
        module, _, name = self.table.partition(":")
        found: Dialect = getattr(import_module(f"{__package__}.{module}"), name or "DIALECT")
        return found


ROWS = (
    VendorRow("quectel", "", "quectel"),
    VendorRow("telit", "", "telit"),
    VendorRow("cinterion|gemalto|thales|^siemens", "", "cinterion"),
    VendorRow("foxconn|hon hai", "", "foxconn"),
    VendorRow("simcom|incorporated$", r"SIM(COM_)?(800|808|868|900|7000|70\d\d)", "simcom:SIM800"),
    VendorRow("simcom", "", "simcom"),
    VendorRow(r"u-?blox|trasna", "", "ublox"),
    VendorRow("sierra|semtech", "", "sierra"),
    VendorRow("wavecom", "", "wavecom"),
    VendorRow("huawei", "", "huawei"),
    VendorRow("gosuncn", "", "gosuncn"),
    VendorRow("zte", "", "zte"),
    VendorRow("fibocom|rolling wireless", "", "fibocom"),
    VendorRow("meig", "", "meig"),
    VendorRow("neoway", "", "neoway"),
    VendorRow("airm2m|^luat", "", "luat"),
    VendorRow("", r"\bML30\d[A-Z]?\b|^M5310", "onemo"),  # also with MobileTek's name
    VendorRow("cmcc|china ?mobile|onemo", "", "onemo"),
    VendorRow("mobiletek|eigencomm", "", "eigencomm"),
    VendorRow("nordic", "", "nordic"),
    VendorRow("sequans|pycom|renesas", "", "sequans"),
    VendorRow("altair|wnc|wistron neweb|murata", "", "altair"),
    VendorRow("ericsson", "", "ericsson"),
    VendorRow(r"^option\b", "", "option"),
    VendorRow("pantech", "", "pantech"),
    VendorRow("longcheer|alcatel|olivetti|^tct", "", "longcheer"),
    # Names of chip makers, which rebranded modules keep: a known model is more specific.
    VendorRow("", r"\b(T77W|T99W|DW5821e|DW5930e)", "foxconn"),
    VendorRow("", r"^(L8[56]0|FM\d{3}|NL668)", "fibocom"),
    VendorRow("intel|comneon|infineon", "", "xmm"),
    VendorRow("mediatek|^mtk", "", "mediatek"),
    # From here on the manufacturer is missing or another name.
    VendorRow("", r"SIM(COM_)?(800|808|868|900|7000|70\d\d)", "simcom:SIM800"),
    VendorRow("", r"^SIMCOM|\bSIM7\d{3}|\bSIM8[23]\d\d|\bA76\d\d", "simcom"),
    VendorRow("", r"^(EM|MC|WP)\d{4}|^HL[678]\d{3}", "sierra"),
    VendorRow("", r"^(EC|EG|EP|EM|ER|BC|BG|RM|RG|UC|UG)\d\d", "quectel"),
    VendorRow("", r"^(SLM|SRM)\d{3}", "meig"),
    VendorRow("", r"^(BGS|EHS|ELS|PLS|PHS|PDS|EXS|TX)\d|^MV3\d", "cinterion"),
    VendorRow("", r"^nRF9[13]", "nordic"),
    VendorRow("", r"^(GM01Q|GM02S|RYZ014)", "sequans"),
    VendorRow("", r"^([GHU]E910|L[EN]9[0-9]0|LM9[46]0|ME[39]10|ML865|NE910|F[NE]9[0-9]0)", "telit"),
    VendorRow("", r"^M590", "neoway"),
    VendorRow("", r"\bAir7\d\d|AirM2M_", "luat"),
    VendorRow("", r"^(SARA|LARA|LISA|TOBY|LENA|LEXI)-", "ublox"),
)


def choose(manufacturer: str | None, model: str | None, firmware: str | None) -> Dialect:
    """Return the dialect of a modem by what it reports, the generic one if no row matches.

    >>> choose("Quectel", "EG25", None).name
    'quectel'
    >>> choose("ACME", None, None).name
    'generic'
    """
    maker, kind = manufacturer or "", f"{model or ''} {firmware or ''}".rstrip()
    for row in ROWS:
        # A pattern is compiled only if there is a text to search.
        if row.maker and not (maker and re.search(row.maker, maker, re.IGNORECASE)):
            continue
        if row.model and not (kind and re.search(row.model, kind, re.IGNORECASE)):
            continue
        return row.dialect
    return GENERIC_DIALECT
