"""Explanations of cell lines whose form depends on more than their first field."""

from __future__ import annotations

import re
from collections.abc import Mapping

from modemagent.at.fields import InformationLine, parse_integer
from modemagent.explain.cells import (
    cell_rows,
    explain_cell,
    parse_number,
    plausible,
)
from modemagent.explain.explanation import (
    QUECTEL,
    QUECTEL_5G,
    SIMCOM,
    Decoder,
    Explanation,
)
from modemagent.explain.meanings import meaning, remedy
from modemagent.explain.operators import plmn
from modemagent.explain.signal import measured
from modemagent.explain.signal_levels import level


def quectel(line: InformationLine) -> Explanation | None:
    """Explain ``+QENG``: serving cell with its state, EN-DC lines without, neighbour cells."""
    fields = list(line.fields)
    kind = line.text(0).lower()
    known: dict[str, object] = {}
    parts: list[str] = []
    if kind == "servingcell":
        state = line.text(1).upper()
        known["state"] = state
        parts.append(meaning("cell", state) or state)
        fields = fields[2:]
        if not fields:
            return Explanation("serving cell", parts[0], f"{QUECTEL}, +QENG", known)
    elif kind.startswith("neighbourcell"):
        parts.append(kind.removeprefix("neighbourcell").strip())
        fields = [f"NEIGHBOURCELL {line.text(1)}", *fields[2:]]
    key = fields[0].strip().upper()
    layout = cell_rows()["+QENG"].get(key)
    if layout is None:
        return None
    return explain_cell(layout, fields[1:], parts, **known)


def simcom(line: InformationLine) -> Explanation | None:
    """Explain ``+CPSI: <system>,<operation>,<mcc>-<mnc>,...``."""
    system, operation = line.text(0), line.text(1)
    if not system or parse_integer(system) is not None:
        return None
    layout = cell_rows()["+CPSI"].get(re.split("[ -]", system.upper())[0])
    if layout is None:
        known: dict[str, object] = {"technology": system, "operation": operation}
        text = ", ".join(filter(None, (system, operation.lower())))
        advice = remedy("operation", operation.upper())
        return Explanation("serving cell", text, f"{SIMCOM}, +CPSI", known, advice)
    parts = (operation.lower(),) if layout.names[0][0] == "operation" else ()
    return explain_cell(layout._replace(label=system), line.fields[1:], parts)


def telit(line: InformationLine) -> Explanation | None:
    """Explain ``#RFSTS``, whose fields after PLMN and channel depend on the technology."""
    first, second, third = (parse_number(line.text(at)) for at in (2, 3, 4))
    if len(line.fields) < 4 or first is None:
        return None
    if first >= 0:
        key = "3G"
    elif second is not None and second < 0 and third is not None and third < 0:
        key = "4G"
    else:
        key = "2G"
    found = explain_cell(cell_rows()["#RFSTS"][key], line.fields)
    return found if "mcc" in found.fields else None


def fibocom(line: InformationLine) -> Explanation | None:
    """Explain a row of ``+GTCCINFO``: ``<1: serving, 2: neighbour>,<technology>,...``.

    A row has no prefix. The measured values are its last fields; a neighbour cell has neither
    band nor noise. Numbers of bands contain the technology: 103 is LTE band 3, 5078 NR band 78.
    """
    serving, key = line.text(0) == "1", line.text(1)
    layout = cell_rows()["+GTCCINFO"].get(key)
    if layout is None or line.text(0) not in ("0", "1", "2") or len(line.fields) < 8:
        return None
    fields = [field.strip() for field in line.fields[2:]]
    if not serving:
        layout = layout._replace(about="neighbour cell")
        # The band, the bandwidth and the noise of a serving cell are missing or not sent.
        values = fields[-2:] if len(fields) >= 9 else []
        fields = [*fields[:6], "", "", "", "", *values]
    elif len(fields) > 6:
        fields[6] = _fibocom_band(fields[6])
    return explain_cell(layout, fields)


def _fibocom_band(text: str) -> str:
    if re.fullmatch("50[0-9]{1,3}", text):
        return text[2:]
    return str(int(text) - 100) if re.fullmatch("1[0-9]{2}", text) else text


def u_blox(line: InformationLine) -> Explanation | None:
    """Explain ``+UCGED``: its mode, then bare lines with the service and with the cell."""
    source = cell_rows()[line.name][""].source
    if len(line.fields) >= 13:
        return explain_cell(cell_rows()[line.name][""], line.fields)
    state = meaning(line.name, line.integer(1))
    if len(line.fields) == 4 and state:
        mcc, mnc = line.text(2), line.text(3)
        found: dict[str, object] = {"service": line.integer(1), "mcc": mcc, "mnc": mnc}
        shown = f"{state}, network {mcc} {mnc}" if mcc.isdecimal() else state
        return Explanation("serving cell", shown, source, found)
    mode = line.integer(0)
    if mode is None or len(line.fields) > 1:
        return None
    text = f"cell reports in mode {mode}; the lines that follow are the cell"
    return Explanation("cell reports", text if mode else "no cell reports", source, {"mode": mode})


def nordic(line: InformationLine) -> Explanation | None:
    """Explain ``%XMONITOR``: status, names, PLMN, area, technology, band, cell, signal."""
    status = line.integer(0)
    if status is None:
        return None
    known: dict[str, object] = {"status": status}
    parts = [meaning("registration", status) or f"status {status}"]
    if technology := meaning("technology", line.integer(5)):
        known["technology"] = technology
        parts.append(technology)
    return explain_cell(cell_rows()[line.name][""], line.fields, parts, **known)


def network(line: InformationLine) -> Explanation | None:
    """Explain ``+QNWINFO: <technology>,<plmn>,<band>,<channel>``."""
    source = f"{QUECTEL}, +QNWINFO"
    technology = line.text(0)
    if technology.lower() in ("no service", "noservice", "none"):
        return Explanation("network", "no service", source, {}, "Check AT+CEREG? and AT+CPIN?.")
    if len(line.fields) < 3:
        return None
    found: dict[str, object] = {"technology": technology, **plmn(line.text(1))}
    found["band"] = line.text(2)
    if (channel := line.integer(3)) is not None:
        found["channel"] = channel
    where = f", network {found['mcc']} {found['mnc']}" if "mcc" in found else ""
    return Explanation("network", f"{technology}{where}, {line.text(2)}", source, found)


_CARRIERS = {"PCC": "primary carrier", "SCC": "secondary carrier"}
#: Bandwidth of LTE in resource blocks to MHz, TS 36.101 clause 5.6.
_MHZ = {6: 1.4, 15: 3, 25: 5, 50: 10, 75: 15, 100: 20}


def carrier(line: InformationLine) -> Explanation | None:
    """Explain ``+QCAINFO: <carrier>,<channel>,<bandwidth>,<band>,...``.

    Firmware differs in the fields after the band; the first strength among them is RSRP, then
    RSRQ follows, and on LTE RSSI.
    """
    role = line.text(0).upper()
    named = re.match(r"(LTE|NR5G|NR)\W*(?:BAND\W*|N)([0-9]+)", line.text(3).upper())
    if role not in _CARRIERS or named is None:
        return None
    found: dict[str, object] = {"carrier": role, "technology": named[1], "band": int(named[2])}
    parts = [f"{_CARRIERS[role]}, {named[1]} band {named[2]}"]
    if (channel := line.integer(1)) is not None:
        found["channel"] = channel
    if named[1] == "LTE" and (width := _MHZ.get(line.integer(2) or 0)):
        found["bandwidth_mhz"] = width
        parts.append(f"{width} MHz")
    numbers = [parse_number(field) for field in line.fields[4:]]
    start = next((at for at, number in enumerate(numbers) if number and number <= -30), None)
    if start is not None:
        names = ("rsrp", "rsrq", "rssi") if named[1] == "LTE" else ("rsrp", "rsrq")
        pairs = zip(names, numbers[start:], strict=False)
        text, measures = measured(plausible({n: v for n, v in pairs if v is not None}))
        found |= measures
        parts.append(text)
    source = QUECTEL if named[1] == "LTE" else QUECTEL_5G
    return Explanation("carrier", ", ".join(filter(None, parts)), f"{source}, +QCAINFO", found)


_ANTENNAS = {"+QRSRP": ("rsrp", "dBm"), "+QRSRQ": ("rsrq", "dB"), "+QSINR": ("sinr", "dB")}
#: RSRP of an antenna that receives nothing.
_NO_ANTENNA = -140


def antennas(line: InformationLine) -> Explanation | None:
    """Explain ``+QRSRP``, ``+QRSRQ`` and ``+QSINR``: one value for each antenna."""
    name, unit = _ANTENNAS[line.name]
    numbers = [parse_number(field) for field in line.fields]
    technology = line.text(-1) if numbers and numbers[-1] is None else ""
    values = [number for number in numbers if number is not None]
    if not values:
        return None
    kept = [plausible({name: value}).values.get(name) for value in values]
    kept = [None if value == _NO_ANTENNA else value for value in kept]
    best = max((value for value in kept if value is not None), default=None)
    found: dict[str, object] = {f"{name}_{unit.lower()}": kept}
    parts = [technology, f"{name.upper()} unknown"]
    if best is not None:
        shown = (
            f"{value:g} {unit} (antenna {at})"
            for at, value in enumerate(kept, 1)
            if value is not None
        )
        parts[1] = f"{name.upper()} {', '.join(shown)}"
        word = level(name, best)
        found["level"] = word
        parts.append(word)
    if silent := [str(at) for at, value in enumerate(kept, 1) if value is None]:
        parts.append(f"nothing measured at antenna {', '.join(silent)}")
    text = ", ".join(filter(None, parts))
    return Explanation("signal", text, f"{QUECTEL_5G}, {line.name}", found)


def fibocom_row(line: InformationLine) -> Explanation | None:
    """Explain a bare line that has the form of a row of ``+GTCCINFO``."""
    if line.prefix or line.text(0) not in ("1", "2") or not 10 <= len(line.fields) <= 16:
        return None
    country = line.text(2)
    if country and not re.fullmatch("[2-79][0-9]{2}", country):
        return None
    return fibocom(line)


DECODERS: Mapping[str, Decoder] = {
    "+QENG": quectel,
    "+QNWINFO": network,
    "+QCAINFO": carrier,
    **dict.fromkeys(_ANTENNAS, antennas),
    "+CPSI": simcom,
    "#RFSTS": telit,
    "+GTCCINFO": fibocom,
    "+UCGED": u_blox,
    "%XMONITOR": nordic,
}
