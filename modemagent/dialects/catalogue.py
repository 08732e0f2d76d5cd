"""Choice of the dialect: one row each, read from the top, the first match counts.

The rows match what the modem reports (manufacturer, model, firmware), never URCs, which several
makers share, and never USB ids alone, which rebranded modems share.
"""

import re
from typing import NamedTuple

from modemagent.dialects import (
    altair,
    cinterion,
    eigencomm,
    ericsson,
    fibocom,
    foxconn,
    gosuncn,
    huawei,
    longcheer,
    luat,
    mediatek,
    meig,
    neoway,
    nordic,
    onemo,
    option,
    pantech,
    quectel,
    sequans,
    sierra,
    simcom,
    telit,
    ublox,
    wavecom,
    xmm,
    zte,
)
from modemagent.dialects.generic import DIALECT as GENERIC_DIALECT
from modemagent.dialects.table_types import Dialect


class VendorRow(NamedTuple):
    """One dialect and the modems it applies to.

    :param maker: pattern searched in the manufacturer's name, ``""`` for any
    :param model: pattern searched in model and firmware, ``""`` for any
    """

    maker: str
    model: str
    dialect: Dialect


ROWS = (
    VendorRow("quectel", "", quectel.DIALECT),
    VendorRow("telit", "", telit.DIALECT),
    VendorRow("cinterion|gemalto|thales|^siemens", "", cinterion.DIALECT),
    VendorRow("foxconn|hon hai", "", foxconn.DIALECT),
    VendorRow("simcom|incorporated$", r"SIM(COM_)?(800|808|868|900|7000|70\d\d)", simcom.SIM800),
    VendorRow("simcom", "", simcom.DIALECT),
    VendorRow(r"u-?blox|trasna", "", ublox.DIALECT),
    VendorRow("sierra|semtech", "", sierra.DIALECT),
    VendorRow("wavecom", "", wavecom.DIALECT),
    VendorRow("huawei", "", huawei.DIALECT),
    VendorRow("gosuncn", "", gosuncn.DIALECT),
    VendorRow("zte", "", zte.DIALECT),
    VendorRow("fibocom|rolling wireless", "", fibocom.DIALECT),
    VendorRow("meig", "", meig.DIALECT),
    VendorRow("neoway", "", neoway.DIALECT),
    VendorRow("airm2m|^luat", "", luat.DIALECT),
    VendorRow("", r"\bML30\d[A-Z]?\b|^M5310", onemo.DIALECT),  # also with MobileTek's name
    VendorRow("cmcc|china ?mobile|onemo", "", onemo.DIALECT),
    VendorRow("mobiletek|eigencomm", "", eigencomm.DIALECT),
    VendorRow("nordic", "", nordic.DIALECT),
    VendorRow("sequans|pycom|renesas", "", sequans.DIALECT),
    VendorRow("altair|wnc|wistron neweb|murata", "", altair.DIALECT),
    VendorRow("ericsson", "", ericsson.DIALECT),
    VendorRow(r"^option\b", "", option.DIALECT),
    VendorRow("pantech", "", pantech.DIALECT),
    VendorRow("longcheer|alcatel|olivetti|^tct", "", longcheer.DIALECT),
    # Names of chip makers, which rebranded modules keep: a known model is more specific.
    VendorRow("", r"\b(T77W|T99W|DW5821e|DW5930e)", foxconn.DIALECT),
    VendorRow("", r"^(L8[56]0|FM\d{3}|NL668)", fibocom.DIALECT),
    VendorRow("intel|comneon|infineon", "", xmm.DIALECT),
    VendorRow("mediatek|^mtk", "", mediatek.DIALECT),
    # From here on the manufacturer is missing or another name.
    VendorRow("", r"SIM(COM_)?(800|808|868|900|7000|70\d\d)", simcom.SIM800),
    VendorRow("", r"^SIMCOM|\bSIM7\d{3}|\bSIM8[23]\d\d|\bA76\d\d", simcom.DIALECT),
    VendorRow("", r"^(EM|MC|WP)\d{4}|^HL[678]\d{3}", sierra.DIALECT),
    VendorRow("", r"^(EC|EG|EP|EM|ER|BC|BG|RM|RG|UC|UG)\d\d", quectel.DIALECT),
    VendorRow("", r"^(SLM|SRM)\d{3}", meig.DIALECT),
    VendorRow("", r"^(BGS|EHS|ELS|PLS|PHS|PDS|EXS|TX)\d|^MV3\d", cinterion.DIALECT),
    VendorRow("", r"^nRF9[13]", nordic.DIALECT),
    VendorRow("", r"^(GM01Q|GM02S|RYZ014)", sequans.DIALECT),
    VendorRow(
        "", r"^([GHU]E910|L[EN]9[0-9]0|LM9[46]0|ME[39]10|ML865|NE910|F[NE]9[0-9]0)", telit.DIALECT
    ),
    VendorRow("", r"^M590", neoway.DIALECT),
    VendorRow("", r"\bAir7\d\d|AirM2M_", luat.DIALECT),
    VendorRow("", r"^(SARA|LARA|LISA|TOBY|LENA|LEXI)-", ublox.DIALECT),
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
