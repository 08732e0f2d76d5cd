"""Explanations of identities: numbers of the module, the SIM and the eUICC, names of the module.

A number is checked by the rules of :mod:`modemagent.identity` and shown as it was received. These
lines are apart from those of :mod:`modemagent.explain.decoder`: few lines that are explained need
the rules, which take 3 ms to import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from modemagent.at.fields import SIGILS, InformationLine, parse_information
from modemagent.at.results import parse_final
from modemagent.at.urcs import is_urc
from modemagent.explain.explanation import (
    LONGEST,
    NORDIC,
    QUECTEL,
    TS_27007,
    Decoder,
    Explanation,
    commands_of,
    decode,
    decode_bare,
)
from modemagent.identity.check import validate
from modemagent.identity.problems import CODES, Severity

_NAMES = {"imei": "IMEI", "imeisv": "IMEISV", "imsi": "IMSI", "iccid": "ICCID", "eid": "EID"}
_RIGHT = {"imei": ", check digit right", "eid": ", check digits right"}
_INVALID = {
    "imei": "Read the IMEI again and compare it with the label of the module. Networks may refuse "
    "a module without a valid IMEI; ask its manufacturer.",
    "iccid": "Compare it with the number printed on the SIM card.",
}


def number(kind: str, text: str, source: str) -> Explanation:
    """Explain one identity number, with the verdict of the identity rules.

    >>> number("imei", "867698040000013", "").text
    'IMEI 867698040000013, check digit right'
    >>> number("imei", "867698040000014", "").text
    'IMEI 867698040000014, not valid: 15th digit wrong and not 0'
    """
    result = validate(kind, text)
    found: dict[str, object] = {kind: text, "valid": result.valid}
    found |= {name: result.details[name] for name in ("mcc", "mnc") if result.details.get(name)}
    parts = [f"{_NAMES[kind]} {text}"]
    advice = ""
    if not result.valid:
        parts.append(f"not valid: {'; '.join(CODES[code][1] for code in result.codes)}")
        advice = _INVALID.get(kind, "")
    else:
        if "imei.spare_digit" not in result.codes and len(text) != 14:
            parts[0] += _RIGHT.get(kind, "")
        if kind == "imsi" and "mcc" in found and "mnc" in found:
            parts.append(f"network {found['mcc']} {found['mnc']}")
        notable = (CODES[code] for code in result.codes)
        parts += [message for severity, message in notable if severity is not Severity.NOTE]
    about = "module" if kind in ("imei", "imeisv") else "eUICC" if kind == "eid" else "SIM"
    return Explanation(about, ", ".join(parts), source, found, advice)


def equipment(line: InformationLine) -> Explanation | None:
    """Explain ``+CGSN`` in all forms: IMEI, IMEISV, software version or serial number."""
    source = EQUIPMENT[line.name]
    fields = [field.strip() for field in line.fields if field.strip()]
    for field in fields:
        digits = re.sub(r"[ -]|/\d\d$", "", field)
        if re.fullmatch("[0-9]{14,15}", digits):
            return number("imei", digits, source)
        if re.fullmatch("[0-9]{16}", digits):
            return number("imeisv", digits, source)
    text = fields[0] if fields else ""
    if re.fullmatch("[0-9]{2}", text):
        shown = f"software version number {text} of the IMEISV"
        return Explanation("module", shown, source, {"svn": text})
    if re.fullmatch("(0X)?[0-9A-F]{14}|(0X)?[0-9A-F]{8}", text.upper()):
        digits = text.upper().removeprefix("0X")
        kind = "MEID" if len(digits) == 14 else "ESN"
        return Explanation("module", f"{kind} {text}", source, {kind.lower(): text})
    if text == "0" or re.fullmatch("0{2,13}|0{17,}", text):
        shown = "no number is stored"
        return Explanation("module", shown, source, {}, _INVALID["imei"])
    if not re.fullmatch("[0-9A-Za-z][0-9A-Za-z./-]{3,31}", text):
        return None
    return Explanation("module", f"serial number {text}", source, {"serial_number": text})


def subscriber(line: InformationLine) -> Explanation | None:
    """Explain ``+CIMI`` (clause 5.6): the IMSI."""
    text = re.sub("[ -]", "", line.text(0))
    if not re.fullmatch("[0-9]{6,16}", text):
        return None
    return number("imsi", text, f"{TS_27007} clause 5.6")


def iccid(line: InformationLine) -> Explanation | None:
    """Explain an ICCID, with the EID that some modules send after it."""
    text = line.text(0).rpartition(":")[2].strip()  # +SCID: SIM Card ID: 8988...
    if len(text) < 10 or not text.isalnum():
        return None
    found = number("iccid", text, ICCID_SOURCES[line.name])
    shown, fields = found.text, dict(found.fields)
    if text.startswith("98"):
        shown += ", digits swapped in pairs as stored on the SIM"
    elif text[-1] in "Ff":
        shown += f", with {text[-1]} as filler of a 19-digit number"
    if other := line.text(1):
        fields["eid"] = other
        shown += f", EID {other}"
    return found._replace(text=shown, fields=fields)


def eid(line: InformationLine) -> Explanation | None:
    """Explain ``+EID: <eid>`` and ``+QESIM: "eid",<eid>``, with or without a number between."""
    if line.name == "+QESIM" and line.text(0).lower() != "eid":
        return None
    text = line.text(-1)
    if not text and line.name != "+QESIM":
        shown = "the SIM in use is not an eUICC"
        return Explanation("eUICC", shown, EID_SOURCES[line.name])
    return number("eid", text, EID_SOURCES[line.name]) if len(text) >= 10 else None


def _named(about: str) -> Callable[[InformationLine], Explanation | None]:
    def decode(line: InformationLine) -> Explanation | None:
        text = ", ".join(filter(None, (field.strip() for field in line.fields)))
        if not text:
            return None
        found = {about: text}
        return Explanation("module", f"{about} {text}", TEXTS[line.name][1], found)

    return decode


_BY_FORM = "the identity rules of modemagent"


def recognize(text: str) -> Explanation | None:
    """Explain a bare number by its form; None if it may be something else.

    IMEI and IMSI both have 15 digits, and one IMSI in ten passes the check of an IMEI. A number
    without any finding decides.

    >>> recognize("867698040000013").text
    'IMEI 867698040000013, check digit right (by its form)'
    >>> recognize("901288000000001").text
    'IMSI 901288000000001, network 901 28 (by its form)'
    >>> recognize("20"), recognize("123456789012345")
    (None, None)
    """
    digits = text.strip().strip('"')
    if re.fullmatch("89[0-9]{30}", digits):
        kinds: tuple[str, ...] = ("eid",)
    elif re.fullmatch("(89|98)[0-9A-Fa-f]{17,18}", digits):
        kinds = ("iccid",)
    elif re.fullmatch("[0-9]{15}", digits):
        kinds = ("imei", "imsi")
    else:
        return None
    verdicts = {kind: validate(kind, digits) for kind in kinds}
    clean = [
        kind
        for kind, verdict in verdicts.items()
        if all(CODES[code][0] is Severity.NOTE for code in verdict.codes) or kind == "iccid"
    ]
    if not clean and "imei.check_digit" in verdicts.get("imei", verdicts[kinds[0]]).codes:
        clean = ["imei"]
    if not clean:
        return None
    found = number(clean[0], digits, _BY_FORM)
    return found._replace(text=f"{found.text} (by its form)")


_NUMBER = f"{TS_27007} clause 5.4"
EQUIPMENT: Mapping[str, str] = {
    "+CGSN": _NUMBER,
    "+GSN": "ITU-T V.250 clause 6.1.7",
    "#CGSN": "Telit AT commands reference guide, #CGSN",
    "+KGSN": "Sierra HL78xx AT commands interface guide, +KGSN",
    "+IMEISV": "Telit LE910 V2 AT commands reference guide, +IMEISV",
    "+CFSN": "Fibocom FM350 AT commands manual, +CFSN",
    "+EGMR": "MediaTek-based modules, +EGMR: IMEI",
    **dict.fromkeys(("IMEI", "IMEI SV", "IMEISV"), _NUMBER),
}
ICCID_SOURCES: Mapping[str, str] = {
    "+CCID": "u-blox, SIMCom, Telit, Quectel manuals",
    "+QCCID": QUECTEL,
    "+ICCID": "SIMCom, MeiG, Sierra manuals",
    "+NCCID": "Quectel BC95 AT commands manual",
    "+MCCID": "China Mobile ML307 AT commands manual",
    "+ECICCID": "EigenComm-based modules",
    "+GETICCID": "drivers of ZTE CDMA modules",
    "+CICCID": "SIMCom SIM7500/SIM7600 AT command manual",
    "ICCID": "Sierra, MeiG manuals",
    "^ICCID": "Huawei ME909s AT command manual",
    "^SCID": "Cinterion EHS6 AT command set",
    "#CCID": "Telit LE910 AT commands reference guide",
    "!ICCID": "Sierra AT command reference",
    "*ICCID": "ASR-based modules",
    "%XICCID": NORDIC,
    "%ICCID": "nRF93M1 AT commands reference",
    "+SCID": "modules with RDA chips, A9 and A9G",
    "%CCID": "Altair, Murata manuals",
    "+SQNCCID": "Sequans Monarch AT commands reference",
    "$MYCCID": "Neoway manuals",
    "+ZGETICCID": "ZTE, Gosuncn manuals",
}
EID_SOURCES: Mapping[str, str] = {
    "+QESIM": "Quectel eSIM application note, +QESIM",
    "+EID": "Fibocom FM350 AT commands manual, +EID",
    "^EID": "GSMA SGP.02 clause 2.2.2",
    "EID": "GSMA SGP.02 clause 2.2.2",
}
_V250 = "ITU-T V.250 clause 6.1"
#: Prefix of a line of free text to its subject and source.
TEXTS: Mapping[str, tuple[str, str]] = {
    "+CGMI": ("manufacturer", f"{TS_27007} clause 5.1"),
    "+GMI": ("manufacturer", _V250),
    "+CGMM": ("model", f"{TS_27007} clause 5.2"),
    "+GMM": ("model", _V250),
    "+CGMR": ("firmware", f"{TS_27007} clause 5.3"),
    "+GMR": ("firmware", _V250),
    "+GTPKGVER": ("firmware", "Fibocom L8-family AT commands manual, +GTPKGVER"),
    "+MYGMR": ("firmware", "Neoway manuals, +MYGMR"),
    "+QGMR": ("firmware", f"{QUECTEL}, +QGMR"),
    "+GCAP": ("capabilities", f"{_V250}.9"),
}

DECODERS: Mapping[str, Decoder] = {
    **dict.fromkeys(EQUIPMENT, equipment),
    **dict.fromkeys(ICCID_SOURCES, iccid),
    **dict.fromkeys(EID_SOURCES, eid),
    **dict.fromkeys(("+CIMI", "#CIMI", "IMSI"), subscriber),
    **{prefix: _named(about) for prefix, (about, _) in TEXTS.items()},
}


def explain_identity(command: str, line: str) -> dict[str, object] | None:
    """Explain a line with a number or a name of the module, the SIM or the eUICC.

    :param command: the command line that was sent, ``""`` if it is not known
    :return: as :func:`modemagent.explain.explain` returns it; None for any other line

    >>> explain_identity("AT+CGSN", "867698040000013")["text"]
    'IMEI 867698040000013, check digit right'
    >>> explain_identity("AT+CGSN", "ERROR") is explain_identity("AT+CSQ", "+CSQ: 1,9") is None
    True
    """
    text = line[:LONGEST].strip()
    if parse_final(text) is not None:
        return None
    found = _explain(commands_of(command[:LONGEST]), parse_information(text, command), text)
    return None if found is None else found.to_dict()


def _explain(commands: list[str], line: InformationLine, text: str) -> Explanation | None:
    found = decode(DECODERS, line)
    if found is not None or is_urc(text) or (line.prefix and line.prefix[0] in SIGILS):
        return found
    found = decode_bare(DECODERS, line, commands)
    if found is None and (len(commands) > 1 or not commands[0]):
        found = recognize(text)
    return found
