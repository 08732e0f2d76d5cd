"""Explanations of the technologies and LTE bands that a modem may use, as set by its user.

An explanation has the field ``technologies`` if they are restricted, and ``lte_bands`` if the line
lists them. Sources: 3GPP TS 27.007 clause 5.9 (+WS46) and the makers' manuals in :data:`_ROWS`.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from modemagent.at.fields import InformationLine
from modemagent.explain.explanation import (
    HUAWEI,
    NORDIC,
    QUECTEL,
    QUECTEL_5G,
    SIMCOM,
    TS_27007,
    Decoder,
    Explanation,
)

_ABOUT = "technologies"
_CDMA = "CDMA"


class _Row(NamedTuple):
    """The selection of one maker.

    :param source: the manual
    :param values: value to the technologies, separated by spaces; ``""`` for all of them
    """

    source: str
    values: Mapping[int, str]


_SXRAT = {0: "GSM", 1: "GSM UMTS", 2: "UMTS", 3: "LTE", 4: "UMTS LTE", 5: "GSM LTE", 6: ""}
_ROWS: Final[Mapping[str, _Row]] = {
    "+WS46": _Row(
        f"{TS_27007} clause 5.9",
        {
            12: "GSM",
            22: "UMTS",
            25: "",
            28: "LTE",
            29: "GSM UMTS",
            30: "GSM LTE",
            31: "UMTS LTE",
            36: "NR",
            37: "LTE NR",
        },
    ),
    "+CNMP": _Row(
        f"{SIMCOM}, +CNMP",
        {
            2: "",
            13: "GSM",
            14: "UMTS",
            19: "GSM UMTS",
            22: _CDMA,
            38: "LTE",
            39: "",
            51: "GSM LTE",
            54: "UMTS LTE",
            71: "NR",
            109: "LTE NR",
        },
    ),
    "+CMNB": _Row(
        "SIMCom SIM7000 AT command manual, +CMNB", {1: "LTE-M", 2: "NB-IoT", 3: "LTE-M NB-IoT"}
    ),
    "^SXRAT": _Row("Cinterion PLS62 AT command set, ^SXRAT", _SXRAT | {7: "LTE-M", 8: "NB-IoT"}),
    "+GTACT": _Row(
        "Fibocom FM150 AT commands manual, +GTACT",
        {
            1: "UMTS",
            2: "LTE",
            4: "UMTS LTE",
            10: "",
            14: "NR",
            16: "UMTS NR",
            17: "LTE NR",
            20: "",
        },
    ),
}
#: +QCFG: name of the setting to its values.
_QUECTEL: Final[Mapping[str, Mapping[int, str]]] = {
    "NWSCANMODE": {
        0: "",
        1: "GSM",
        2: "UMTS",
        3: "LTE",
        4: "TD-SCDMA",
        5: "UMTS TD-SCDMA",
        6: _CDMA,
        7: _CDMA,
        8: _CDMA,
    },
    "IOTOPMODE": {0: "LTE-M", 1: "NB-IoT", 2: "LTE-M NB-IoT"},
}
# u-blox SARA-R4, SARA-R5, SARA-U2, TOBY-L2 AT commands manuals, +URAT
_URAT: Final = (
    *("GSM", "GSM UMTS", "UMTS", "LTE", "GSM UMTS LTE", "GSM LTE", "UMTS LTE"),
    *("LTE-M", "NB-IoT", "GSM"),
)
_SYSCFGEX: Final[Mapping[str, str]] = {
    "01": "GSM", "02": "UMTS", "03": "LTE", "04": _CDMA, "07": _CDMA, "08": "NR",
}  # fmt: skip
#: Words of !SELRAT and of +QNWPREFCFG: pattern to technology.
_NAMES: Final = (
    (r"LTE", "LTE"),
    (r"UMTS|WCDMA|3G", "UMTS"),
    (r"GSM|2G", "GSM"),
    (r"NR ?5G|5G", "NR"),
    (r"CDMA(?<!WCDMA)", _CDMA),
)
#: A selection of as many technologies as any network has excludes nothing.
_MOST = 3


def _explanation(technologies: str, source: str) -> Explanation:
    names = list(dict.fromkeys(technologies.split()))
    if not names or len(names) > _MOST:
        return Explanation(_ABOUT, "all technologies may be used", source)
    spoken = ["5G NR" if name == "NR" else name for name in names]
    shown = " and ".join(filter(None, (", ".join(spoken[:-1]), spoken[-1])))
    return Explanation(_ABOUT, f"{shown} only", source, {"technologies": names})


def _bands(mask: str, source: str) -> Explanation | None:
    """Explain a mask of LTE bands, whose lowest bit is band 1."""
    if not re.fullmatch("(0[xX])?[0-9A-Fa-f]{1,64}", mask):
        return None
    number = int(mask, 16)
    bands = [at + 1 for at in range(number.bit_length()) if number >> at & 1]
    if not bands:
        return None
    return _listed(bands, source)


def _listed(bands: list[int], source: str) -> Explanation:
    shown = ", ".join(map(str, bands))
    text = f"LTE band{'' if len(bands) == 1 else 's'} {shown}"
    return Explanation("bands", text, source, {"lte_bands": bands})


def selection(line: InformationLine) -> Explanation | None:
    """Explain a line whose first number selects technologies."""
    row, number = _ROWS[line.name], line.integer(0)
    found = row.values.get(number) if number is not None else None
    return None if found is None else _explanation(found, row.source)


def quectel(line: InformationLine) -> Explanation | None:
    """Explain ``+QCFG: "nwscanmode",<mode>``, ``"iotopmode"`` and ``"band"``."""
    name, source = line.text(0).upper(), f"{QUECTEL}, +QCFG"
    if name == "BAND":
        return _bands(line.text(2), source)
    number = line.integer(1)
    found = _QUECTEL.get(name, {}).get(number) if number is not None else None
    return None if found is None else _explanation(found, source)


def quectel_5g(line: InformationLine) -> Explanation | None:
    """Explain ``+QNWPREFCFG: "mode_pref",LTE:NR5G`` and ``"lte_band",1:3:20``."""
    name, source = line.text(0).upper(), f"{QUECTEL_5G}, +QNWPREFCFG"
    values = line.text(1).upper()
    if name == "MODE_PREF":
        return _explanation("" if "AUTO" in values else _named(values), source)
    if name == "LTE_BAND" and re.fullmatch("[0-9:]{1,200}", values):
        bands = [int(each) for each in values.split(":") if each and int(each)]
        return _listed(bands, source) if bands else None
    return None


def simcom_bands(line: InformationLine) -> Explanation | None:
    """Explain ``+CNBP: <GSM and UMTS mask>,<LTE mask>[,<TDS mask>]``."""
    return _bands(line.text(1), f"{SIMCOM}, +CNBP")


def u_blox(line: InformationLine) -> Explanation | None:
    """Explain ``+URAT: <technology>[,<technology>...]``."""
    numbers = [line.integer(at) for at in range(len(line.fields))]
    known = [_URAT[each] for each in numbers if each is not None and 0 <= each < len(_URAT)]
    return _explanation(" ".join(known), "u-blox AT commands manuals, +URAT") if known else None


def sierra(line: InformationLine) -> Explanation | None:
    """Explain ``!SELRAT: <index>, <name>``, such as ``06, LTE Only``."""
    name = line.text(1).upper()
    if not name:
        return None
    words = _named(name) if "ONLY" in name else ""
    return _explanation(words, "Sierra AT command reference, !SELRAT")


def huawei(line: InformationLine) -> Explanation | None:
    """Explain ``^SYSCFGEX: <order>,<bands>,<roam>,<domain>,<LTE bands>``."""
    order = line.text(0)
    if not re.fullmatch("([0-9]{2})+", order):
        return None
    parts = [order[at : at + 2] for at in range(0, len(order), 2)]
    names = "" if "00" in parts else " ".join(_SYSCFGEX.get(part, "") for part in parts)
    found = _explanation(names, f"{HUAWEI}, ^SYSCFGEX")
    bands = _bands(line.text(4), found.source)
    return found._replace(fields={**found.fields, **bands.fields}) if bands else found


def nordic(line: InformationLine) -> Explanation | None:
    """Explain ``%XSYSTEMMODE: <LTE-M>,<NB-IoT>,<GNSS>,<preference>``."""
    flags = [line.integer(at) for at in range(3)]
    if None in flags:
        return None
    source = f"{NORDIC}, %XSYSTEMMODE"
    names = [name for name, on in zip(("LTE-M", "NB-IoT"), flags, strict=False) if on]
    if not names:
        text = "GNSS only, no network" if flags[2] else "no technology may be used"
        return Explanation(_ABOUT, text, source, {"technologies": []})
    return _explanation(" ".join(names), source)


def _named(text: str) -> str:
    return " ".join(name for pattern, name in _NAMES if re.search(pattern, text))


DECODERS: Mapping[str, Decoder] = {
    **dict.fromkeys(_ROWS, selection),
    "+QCFG": quectel,
    "+QNWPREFCFG": quectel_5g,
    "+CNBP": simcom_bands,
    "+URAT": u_blox,
    "!SELRAT": sierra,
    "^SYSCFGEX": huawei,
    "%XSYSTEMMODE": nordic,
}
