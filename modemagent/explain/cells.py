"""The serving cell in the makers' own answers: network, band, cell, signal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from modemagent.at.fields import hex_integer, parse_integer
from modemagent.explain.decoder import Decoder, Line, Said
from modemagent.explain.operators import plmn
from modemagent.explain.registration import STATUS, TECHNOLOGY
from modemagent.explain.signal import CESQ, measured, scaled

_QUECTEL = "Quectel EC2x/EG9x/EG2x-G AT commands manual"
_QUECTEL_5G = "Quectel RG50xQ/RM5xxQ AT commands manual"
_SIMCOM = "SIMCom SIM7500/SIM7600 AT command manual"

# Names of the fields behind the technology, a dash where nothing is taken.
# SINR of LTE is left out: firmware differs in its scale.
_LTE = "duplex mcc mnc cell pci earfcn band - - area rsrp rsrq rssi"
_NR_SA = "duplex mcc mnc cell pci area arfcn band - rsrp rsrq sinr"
_NR_NSA = "mcc mnc pci rsrp sinr rsrq arfcn band"
_WCDMA = "mcc mnc area cell uarfcn psc - rscp ecno"
_MONSC = "mcc mnc earfcn cell - area rsrp rsrq rssi"
_GSM = "mcc mnc area cell bsic arfcn - rxlev"
QENG: dict[str, tuple[str, str]] = {
    "LTE": (_LTE, _QUECTEL),
    "CAT-M": (_LTE, _QUECTEL),
    "CAT-NB": (_LTE, _QUECTEL),
    "EMTC": (_LTE, _QUECTEL),
    "NBIOT": (_LTE, _QUECTEL),
    "WCDMA": (_WCDMA, _QUECTEL),
    "GSM": (_GSM, _QUECTEL),
    "NR5G-SA": (_NR_SA, _QUECTEL_5G),
    "NR5G-NSA": (_NR_NSA, _QUECTEL_5G),
}
CELL_STATE: dict[str, str] = {
    "SEARCH": "searching",
    "LIMSRV": "camped, not registered",
    "NOCONN": "registered, idle",
    "CONNECT": "registered, connected",
}
_MEASURES = frozenset(("rsrp", "rsrq", "sinr", "rssi", "rscp", "ecno", "rxlev"))
_HEX = frozenset(("cell", "area"))
_RANGE = {"rsrp": (-157, -20), "rssi": (-125, -10), "rscp": (-125, -10), "rxlev": (-125, -10)}
_RATIO = (-45, 45)


def _sound(name: str, value: float) -> bool:
    low, high = _RANGE.get(name, _RATIO)
    return low <= value <= high


def quectel(line: Line) -> Said | None:
    """``+QENG: "servingcell",<state>,<technology>,...``, or the technology first (EN-DC)."""
    fields = list(line.fields)
    found: dict[str, object] = {}
    parts: list[str] = []
    if line.text(0).lower() == "servingcell":
        state = line.text(1).upper()
        found["state"] = state
        parts.append(CELL_STATE.get(state, state))
        fields = fields[2:]
        if not fields:
            return Said("serving cell", parts[0], f"{_QUECTEL}, +QENG", found)
    technology = fields[0].strip().upper()
    if technology not in QENG:
        return None
    names, source = QENG[technology]
    found["technology"] = technology
    parts.insert(0, technology)
    return _cell(parts, found, names.split(), fields[1:], f"{source}, +QENG")


def _cell(
    parts: list[str], found: dict[str, object], names: list[str], fields: list[str], source: str
) -> Said:
    values: dict[str, float] = {}
    for name, field in zip(names, fields, strict=False):
        text = field.strip()
        if name == "-" or text in ("", "-"):
            continue
        number = parse_integer(text)
        if name in _MEASURES:
            if number is not None and _sound(name, number):
                values[name] = number
        elif name in _HEX:
            found[name] = text
            if len(text) <= 16 and (value := hex_integer(text)) is not None:
                found["cell_id" if name == "cell" else "area_code"] = value
        else:
            found[name] = text if name in ("mcc", "mnc") or number is None else number
    if "mcc" in found and "mnc" in found:
        parts.append(f"network {found['mcc']} {found['mnc']}")
    if "band" in found:
        parts.append(f"band {found['band']}")
    text, measures = measured(values)
    found.update(measures)
    if text:
        parts.append(text)
    return Said("serving cell", ", ".join(parts), source, found)


def simcom(line: Line) -> Said | None:
    """``+CPSI: <system>,<operation>,<mcc>-<mnc>,...``; strengths in dB or in tenths of a dB."""
    system, operation = line.text(0), line.text(1)
    source = f"{_SIMCOM}, +CPSI"
    if not system or parse_integer(system) is not None:
        return None
    found: dict[str, object] = {"technology": system, "operation": operation}
    parts = [part for part in (system, operation.lower()) if part]
    mcc, dash, mnc = line.text(2).partition("-")
    if dash:
        found["mcc"], found["mnc"] = mcc, mnc
        parts.append(f"network {mcc} {mnc}")
    if system.upper().startswith("LTE") and len(line.fields) >= 13:
        found["area"], found["cell"] = line.text(3), line.text(4)
        band = line.text(6).removeprefix("EUTRAN-BAND")
        found["band"] = band
        parts.append(f"band {band}")
        rsrp = line.number(11)
        # SIM7500/SIM7600 give tenths, SIM7000/SIM7080 whole numbers
        step = 10 if rsrp is not None and rsrp <= -300 else 1
        values = {
            name: number / step
            for name, at in (("rsrq", 10), ("rsrp", 11), ("rssi", 12))
            if (number := line.number(at)) is not None and number < 0
        }
        text, measures = measured({n: v for n, v in values.items() if _sound(n, v)})
        found.update(measures)
        if text:
            parts.append(text)
    return Said("serving cell", ", ".join(parts), source, found)


def network(line: Line) -> Said | None:
    """``+QNWINFO: <technology>,<plmn>,<band>,<channel>``."""
    source = f"{_QUECTEL}, +QNWINFO"
    technology = line.text(0)
    if technology.lower() in ("no service", "noservice"):
        return Said("network", "no service", source, {}, "see AT+CEREG? and the antenna")
    if len(line.fields) < 3:
        return None
    found: dict[str, object] = {"technology": technology, **plmn(line.text(1))}
    found["band"] = line.text(2)
    if (channel := line.number(3)) is not None:
        found["channel"] = channel
    where = f", network {found['mcc']} {found['mnc']}" if "mcc" in found else ""
    return Said("network", f"{technology}{where}, {line.text(2)}", source, found)


def telit(line: Line) -> Said | None:
    """``#RFSTS: <plmn>,<channel>,<rsrp>,<rssi>,<rsrq>,...`` on LTE; 2G and 3G have other fields."""
    source = "Telit LE910/LM960 AT commands reference guide, #RFSTS"
    mcc, _, mnc = line.text(0).partition(" ")
    levels = [line.number(at) for at in (2, 3, 4)]
    if not mcc.isdecimal() or len(line.fields) < 6:
        return None
    found: dict[str, object] = {"mcc": mcc, "mnc": mnc, "channel": line.number(1)}
    parts = [f"network {mcc} {mnc}"]
    rsrp, rssi, rsrq = levels
    if rsrp is not None and rssi is not None and rsrq is not None and max(rsrp, rssi, rsrq) < 0:
        values = {"rsrp": rsrp, "rssi": rssi, "rsrq": rsrq}
        found["area"] = line.text(5)
    elif rsrp is not None and rsrp < 0:
        values = {"rssi": rsrp}
    else:
        values = {}
    text, measures = measured({n: float(v) for n, v in values.items() if _sound(n, v)})
    found.update(measures)
    return Said("serving cell", ", ".join([*parts, text] if text else parts), source, found)


def huawei(line: Line) -> Said | None:
    """``^MONSC: LTE,<mcc>,<mnc>,<channel>,<cell>,<pci>,<area>,<rsrp>,<rsrq>,<rxlev>``."""
    technology = line.text(0).upper()
    source = "Huawei ME909s AT command manual, ^MONSC"
    if technology == "NONE":
        return Said("serving cell", "no cell", source)
    if technology != "LTE":
        return None
    fields = list(line.fields[1:])
    return _cell(["LTE"], {"technology": "LTE"}, _MONSC.split(), fields, source)


def nordic(line: Line) -> Said | None:
    """``%XMONITOR``: status, names, PLMN, area, technology, band, cell, strength, noise."""
    status = line.number(0)
    if status is None:
        return None
    source = "nRF91 AT commands reference guide, %XMONITOR"
    words = STATUS.get(status, f"status {status}")
    found: dict[str, object] = {"status": status}
    parts = [words]
    if len(line.fields) > 11:
        found.update(plmn(line.text(3)))
        found["area"], found["cell"] = line.text(4), line.text(7)
        if (technology := TECHNOLOGY.get(line.number(5) or -1)) is not None:
            found["technology"] = technology
            parts.append(technology)
        if "mcc" in found:
            parts.append(f"network {found['mcc']} {found['mnc']}")
        if (band := line.number(6)) is not None:
            found["band"] = band
            parts.append(f"band {band}")
        values, edges = scaled((CESQ[5],), (line.number(10),))
        noise = line.number(11)
        # 0 to 49 stands for -24 to 24 dB, 127 is not known
        if noise is not None and 0 <= noise <= 49:
            values["sinr"] = noise - 25
        text, measures = measured(values, edges)
        found.update(measures)
        if text:
            parts.append(text)
    return Said("serving cell", ", ".join(parts), source, found)


DECODERS: Mapping[str, Decoder] = MappingProxyType(
    {
        "+QENG": quectel,
        "+QNWINFO": network,
        "+CPSI": simcom,
        "#RFSTS": telit,
        "^MONSC": huawei,
        "%XMONITOR": nordic,
    }
)
