"""Radio access technology by its number <AcT>: those of the standard, and what makers mean by them.

3GPP TS 27.007 clause 7.3. No network uses EC-GSM-IoT (8), so makers of LTE-M modules use its
number; other modules know LTE only as LTE-M, and report it as LTE.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

#: <AcT> to the radio access technology in a reading's network; 10 to 13 are 5G.
RATS: Mapping[int, str] = {
    0: "gsm",
    1: "gsm",
    2: "umts",
    3: "gsm",
    4: "umts",
    5: "umts",
    6: "umts",
    7: "lte",
    8: "gsm",
    9: "nb_iot",
    10: "nr",
    11: "nr",
    12: "nr",
    13: "nr",
    14: "satellite",
    15: "satellite",
    16: "satellite",
}


class MakerNumber(NamedTuple):
    """A number with another meaning in the modules of one maker.

    :param models: pattern searched in model and firmware, case ignored; ``""`` for all
    """

    dialect: str
    models: str
    number: int
    rat: str
    source: str


_ROWS = (
    MakerNumber("quectel", "", 8, "lte_m", "Quectel BG95/BG77 AT commands manual, AT+COPS: eMTC"),
    MakerNumber("quectel", "", 100, "cdma", "Quectel EC2x/EG9x AT commands manual, AT+COPS: CDMA"),
    MakerNumber(
        "telit", "", 8, "lte_m", "Telit ME910C1 AT commands reference guide, +COPS: CAT M1"
    ),
    MakerNumber("ublox", "", 8, "lte_m", "u-blox SARA-R4 AT commands manual, +COPS: SARA-R41"),
    MakerNumber("ublox", "SARA-R[45]", 7, "lte_m", "u-blox SARA-R4, SARA-R5 data sheets"),
    MakerNumber("simcom", "SIM70[0-9]{2}", 7, "lte_m", "SIMCom SIM7000 AT command manual, AT+COPS"),
    MakerNumber("fibocom", "FG621", 16, "lte", "luci-app-3ginfo-lite 139: two carriers of LTE"),
    MakerNumber("nordic", "nRF91", 7, "lte_m", "nRF91 AT commands reference guide, +COPS"),
    MakerNumber("sequans", "GM0[12]|Monarch|RYZ014|GPy|VZM20", 7, "lte_m", "Monarch data sheets"),
    MakerNumber("sierra", "HL78", 7, "lte_m", "Sierra HL78xx AT commands interface guide, +COPS"),
)


def rat_of(number: int | None, dialect: str = "", kind: str = "") -> str | None:
    """Return the radio access technology of a number, None if the number is not known.

    :param dialect: name of the modem's dialect
    :param kind: model and firmware separated by a space

    >>> rat_of(8), rat_of(8, "quectel", "BG95-M3"), rat_of(7, "simcom", "SIM7600E"), rat_of(9)
    ('gsm', 'lte_m', 'lte', 'nb_iot')
    """
    if number is None:
        return None
    for row in _ROWS:
        if (row.dialect, row.number) == (dialect, number) and (
            not row.models or re.search(row.models, kind, re.IGNORECASE)
        ):
            return row.rat
    return RATS.get(number)
