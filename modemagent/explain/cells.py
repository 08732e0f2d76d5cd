"""Explanations of the makers' own serving-cell lines: network, band, cell, signal."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.at.fields import InformationLine, hex_integer, parse_integer
from modemagent.at.signal import CESQ, Signal, scaled
from modemagent.explain.explanation import (
    HUAWEI,
    NORDIC,
    QUECTEL,
    QUECTEL_5G,
    SIMCOM,
    Decoder,
    Explanation,
)
from modemagent.explain.meanings import meaning
from modemagent.explain.operators import plmn
from modemagent.explain.signal import measured

# Names of the fields after the technology, a dash for a field that is not used.
# SINR of LTE is not used: its scale depends on the firmware.
_LTE = "duplex mcc mnc cell pci earfcn band - - area rsrp rsrq rssi"
_NR_SA = "duplex mcc mnc cell pci area arfcn band - rsrp rsrq sinr"
_NR_NSA = "mcc mnc pci rsrp sinr rsrq arfcn band"
_WCDMA = "mcc mnc area cell uarfcn psc - rscp ecno"
_MONSC = "mcc mnc earfcn cell - area rsrp rsrq rssi"
_GSM = "mcc mnc area cell bsic arfcn - rxlev"
#: Technology in +QENG to the fields after it and the manual.
QENG: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("LTE", "CAT-M", "CAT-NB", "EMTC", "NBIOT"), (_LTE, QUECTEL)),
    "WCDMA": (_WCDMA, QUECTEL),
    "GSM": (_GSM, QUECTEL),
    "NR5G-SA": (_NR_SA, QUECTEL_5G),
    "NR5G-NSA": (_NR_NSA, QUECTEL_5G),
}
_MEASURES = frozenset(("rsrp", "rsrq", "sinr", "rssi", "rscp", "ecno", "rxlev"))
_HEX = frozenset(("cell", "area"))
_RANGE = {"rsrp": (-157, -20), "rssi": (-125, -10), "rscp": (-125, -10), "rxlev": (-125, -10)}
_RATIO = (-45, 45)


def _plausible(values: Mapping[str, float]) -> Signal:
    """Return the values that are within the range of their measure."""
    ranges = {name: _RANGE.get(name, _RATIO) for name in values}
    return Signal({n: v for n, v in values.items() if ranges[n][0] <= v <= ranges[n][1]})


def quectel(line: InformationLine) -> Explanation | None:
    """Explain ``+QENG: "servingcell",<state>,<technology>,...``; EN-DC lines omit the state."""
    fields = list(line.fields)
    found: dict[str, object] = {}
    parts: list[str] = []
    if line.text(0).lower() == "servingcell":
        state = line.text(1).upper()
        found["state"] = state
        parts.append(meaning("+QENG", state) or state)
        fields = fields[2:]
        if not fields:
            return Explanation("serving cell", parts[0], f"{QUECTEL}, +QENG", found)
    technology = fields[0].strip().upper()
    if technology not in QENG:
        return None
    names, source = QENG[technology]
    found["technology"] = technology
    parts.insert(0, technology)
    return _cell(parts, found, names, fields[1:], f"{source}, +QENG")


def _cell(
    parts: list[str], found: dict[str, object], names: str, fields: list[str], source: str
) -> Explanation:
    """Explain fields in the order of their names."""
    values: dict[str, float] = {}
    for name, field in zip(names.split(), fields, strict=False):
        text = field.strip()
        if name == "-" or text in ("", "-"):
            continue
        number = parse_integer(text)
        if name in _MEASURES:
            if number is not None:
                values[name] = number
        elif name in _HEX:
            found[name] = text
            if len(text) <= 16 and (value := hex_integer(text)) is not None:
                found["cell_id" if name == "cell" else "area_code"] = value
        else:
            found[name] = text if name in ("mcc", "mnc") or number is None else number
    return _explained(parts, found, _plausible(values), source)


def _explained(
    parts: list[str], found: dict[str, object], signal: Signal, source: str
) -> Explanation:
    """Return the explanation of a cell: the given parts, then network, band and signal."""
    if "mcc" in found and "mnc" in found:
        parts.append(f"network {found['mcc']} {found['mnc']}")
    if "band" in found:
        parts.append(f"band {found['band']}")
    text, measures = measured(signal)
    if text:
        parts.append(text)
    return Explanation("serving cell", ", ".join(parts), source, found | measures)


def simcom(line: InformationLine) -> Explanation | None:
    """Explain ``+CPSI: <system>,<operation>,<mcc>-<mnc>,...``, in dB or tenths of a dB."""
    system, operation = line.text(0), line.text(1)
    source = f"{SIMCOM}, +CPSI"
    if not system or parse_integer(system) is not None:
        return None
    found: dict[str, object] = {"technology": system, "operation": operation}
    parts = [part for part in (system, operation.lower()) if part]
    mcc, dash, mnc = line.text(2).partition("-")
    if dash:
        found["mcc"], found["mnc"] = mcc, mnc
    values: dict[str, float] = {}
    if system.upper().startswith("LTE") and len(line.fields) >= 13:
        found["area"], found["cell"] = line.text(3), line.text(4)
        found["band"] = line.text(6).removeprefix("EUTRAN-BAND")
        rsrp = line.integer(11)
        # SIM7500 and SIM7600 send tenths, SIM7000 and SIM7080 whole numbers.
        step = 10 if rsrp is not None and rsrp <= -300 else 1
        for name, at in (("rsrq", 10), ("rsrp", 11), ("rssi", 12)):
            if (number := line.integer(at)) is not None and number < 0:
                values[name] = number / step
    return _explained(parts, found, _plausible(values), source)


def network(line: InformationLine) -> Explanation | None:
    """Explain ``+QNWINFO: <technology>,<plmn>,<band>,<channel>``."""
    source = f"{QUECTEL}, +QNWINFO"
    technology = line.text(0)
    if technology.lower() in ("no service", "noservice"):
        return Explanation("network", "no service", source, {}, "Check AT+CEREG? and the antenna.")
    if len(line.fields) < 3:
        return None
    found: dict[str, object] = {"technology": technology, **plmn(line.text(1))}
    found["band"] = line.text(2)
    if (channel := line.integer(3)) is not None:
        found["channel"] = channel
    where = f", network {found['mcc']} {found['mnc']}" if "mcc" in found else ""
    return Explanation("network", f"{technology}{where}, {line.text(2)}", source, found)


def telit(line: InformationLine) -> Explanation | None:
    """Explain ``#RFSTS: <plmn>,<channel>,<rsrp>,<rssi>,<rsrq>,...``, the form on LTE."""
    source = "Telit LE910/LM960 AT commands reference guide, #RFSTS"
    mcc, _, mnc = line.text(0).partition(" ")
    if not mcc.isdecimal() or len(line.fields) < 6:
        return None
    found: dict[str, object] = {"mcc": mcc, "mnc": mnc, "channel": line.integer(1)}
    values: dict[str, float] = {}
    rsrp, rssi, rsrq = (line.integer(at) for at in (2, 3, 4))
    if rsrp is not None and rssi is not None and rsrq is not None and max(rsrp, rssi, rsrq) < 0:
        values = {"rsrp": rsrp, "rssi": rssi, "rsrq": rsrq}
        found["area"] = line.text(5)
    elif rsrp is not None and rsrp < 0:
        values = {"rssi": rsrp}
    return _explained([], found, _plausible(values), source)


def huawei(line: InformationLine) -> Explanation | None:
    """Explain ``^MONSC: LTE,<mcc>,<mnc>,<channel>,<cell>,<pci>,<area>,<rsrp>,<rsrq>,<rxlev>``."""
    technology = line.text(0).upper()
    source = f"{HUAWEI}, ^MONSC"
    if technology == "NONE":
        return Explanation("serving cell", "no cell", source)
    if technology != "LTE":
        return None
    return _cell(["LTE"], {"technology": "LTE"}, _MONSC, list(line.fields[1:]), source)


def nordic(line: InformationLine) -> Explanation | None:
    """Explain ``%XMONITOR``: status, names, PLMN, area, technology, band, cell, signal."""
    status = line.integer(0)
    if status is None:
        return None
    found: dict[str, object] = {"status": status}
    parts = [meaning("registration", status) or f"status {status}"]
    signal = Signal({})
    if len(line.fields) > 11:
        found |= plmn(line.text(3))
        found["area"], found["cell"] = line.text(4), line.text(7)
        if technology := meaning("technology", line.integer(5)):
            found["technology"] = technology
            parts.append(technology)
        if (band := line.integer(6)) is not None:
            found["band"] = band
        signal = scaled((CESQ[5],), (line.integer(10),))
        noise = line.integer(11)
        # 0 to 49 stands for -24 to 24 dB, 127 is unknown
        if noise is not None and 0 <= noise <= 49:
            signal = signal._replace(values={**signal.values, "sinr": noise - 25})
    return _explained(parts, found, signal, f"{NORDIC}, %XMONITOR")


DECODERS: Mapping[str, Decoder] = {
    "+QENG": quectel,
    "+QNWINFO": network,
    "+CPSI": simcom,
    "#RFSTS": telit,
    "^MONSC": huawei,
    "%XMONITOR": nordic,
}
