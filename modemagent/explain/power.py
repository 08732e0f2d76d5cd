"""Explanations of power saving (PSM, eDRX), supply voltage and temperature."""

from __future__ import annotations

import re
from collections.abc import Mapping

from modemagent.at.fields import InformationLine
from modemagent.at.registration import active_time, periodic_update
from modemagent.explain.cells import parse_number
from modemagent.explain.explanation import HUAWEI, NORDIC, SIMCOM, TS_27007, Decoder, Explanation
from modemagent.explain.meanings import meaning
from modemagent.explain.registration import duration

_EDRX = "3GPP TS 24.008 table 10.5.5.32"
#: eDRX value of LTE and NB-IoT to seconds; 5.12 s exists on LTE only.
_CYCLES_S = (5.12, 10.24, 20.48, 40.96, 61.44, 81.92, 102.4, 122.88)
_LONG_CYCLES_S = (143.36, 163.84, 327.68, 655.36, 1310.72, 2621.44, 5242.88, 10485.76)
_NB_IOT = 5
#: Length of one step of the paging time window.
_WINDOW_S, _WINDOW_NB_IOT_S = 1.28, 2.56


def _cycle(bits: str) -> float | None:
    if not re.fullmatch("[01]{4}", bits):
        return None
    return (*_CYCLES_S, *_LONG_CYCLES_S)[int(bits, 2)]


def extended_reception(line: InformationLine) -> Explanation | None:
    """Explain ``+CEDRXS: <type>,<value>`` and ``+CEDRXRDP: <type>[,<value>,<network>,<window>]``.

    ``+CEDRXP`` is the URC of ``+CEDRXRDP``.
    """
    kind = line.integer(0)
    name = meaning("edrx", kind)
    if name is None or kind is None:
        return None
    clause = "10.1.38" if line.name == "+CEDRXS" else "10.1.39"
    source = f"{TS_27007} clause {clause}; {_EDRX}"
    found: dict[str, object] = {"type": kind}
    if kind == 0:
        return Explanation("power saving", "eDRX is not used", source, found)
    parts = [f"eDRX on {name}"]
    for at, key, label in ((1, "requested_s", "requested"), (2, "network_s", "from the network")):
        seconds = _cycle(line.text(at))
        if seconds is not None:
            found[key] = seconds
            parts.append(f"{label} {seconds:g} s")
    if re.fullmatch("[01]{4}", line.text(3)):
        step = _WINDOW_NB_IOT_S if kind == _NB_IOT else _WINDOW_S
        window = round((int(line.text(3), 2) + 1) * step, 2)
        found["paging_window_s"] = window
        parts.append(f"paging time window {window:g} s")
    if len(parts) == 1:
        parts.append("no value")
    return Explanation("power saving", ", ".join(parts), source, found)


def power_saving_mode(line: InformationLine) -> Explanation | None:
    """Explain ``+CPSMS: <mode>,<RAU>,<GPRS ready>,<periodic TAU>,<active time>``."""
    mode = line.integer(0)
    state = meaning("psm", mode)
    if state is None:
        return None
    periodic, active = periodic_update(line.text(3)), active_time(line.text(4))
    found: dict[str, object] = {"mode": mode, "periodic_tau_s": periodic, "active_time_s": active}
    parts = [state]
    if active is not None:
        parts.append(f"sleep requested {duration(active)} after the last use")
    if periodic is not None:
        parts.append(f"wakes every {duration(periodic)}")
    return Explanation("power saving", ", ".join(parts), f"{TS_27007} clause 7.38", found)


#: Prefix to the first field of the supply voltage, its unit in volts, and the source.
_VOLTAGES: Mapping[str, tuple[int, float, str]] = {
    "+CBC": (2, 0.001, f"{TS_27007} clause 8.4; {SIMCOM}, +CBC"),
    "^SBV": (0, 0.001, "Cinterion EHS6 AT command set, ^SBV"),
    "#CBC": (1, 0.01, "Telit LE910 AT commands reference guide, #CBC"),
    "%XVBAT": (0, 0.001, f"{NORDIC}, %XVBAT"),
    "POWER SUPPLY VOLTAGE": (0, 0.001, "Sierra AT command reference, !PCVOLT"),
}


def voltage(line: InformationLine) -> Explanation | None:
    """Explain ``+CBC: <state>,<percent>,<mV>``, ``+CBC: 3.749V`` and the makers' own lines."""
    at, unit, source = _VOLTAGES[line.name]
    found: dict[str, object] = {}
    parts: list[str] = []
    if written := re.fullmatch(r"([0-9]+\.[0-9]+) ?V", line.text(-1)):
        found["voltage_v"] = float(written[1])
    elif (raw := _whole(line.text(at))) is not None:
        found["voltage_v"] = round(raw * unit, 3)
    if "voltage_v" in found:
        parts.append(f"supply {found['voltage_v']} V")
    percent = line.integer(1) if line.name == "+CBC" and "." not in line.text(0) else None
    if percent is not None and 0 <= percent <= 100:
        found["percent"] = percent
        parts.append(f"battery {percent} %")
    if not parts:
        return None
    state = meaning("+CBC", line.integer(0)) if line.name == "+CBC" else None
    return Explanation("supply", ", ".join(filter(None, (*parts, state))), source, found)


def _whole(text: str) -> int | None:
    """Return a number, without its unit: ``3300 mV (ADC: 97)``."""
    found = re.match(r"[0-9]{1,6}(?= mV\b|$)", text)
    return int(found[0]) if found else None


#: Prefix to the first field with a temperature, the steps in a degree, and the source.
_TEMPERATURES: Mapping[str, tuple[int, int, str]] = {
    "+QTEMP": (0, 1, "Quectel EC2x and RG50xQ AT commands manuals, +QTEMP"),
    "+CPMUTEMP": (0, 1, f"{SIMCOM}, +CPMUTEMP"),
    "+CMTE": (-1, 1, "SIMCom SIM800 AT command manual, +CMTE"),
    "#TEMPMEAS": (-1, 1, "Telit LE910 V2 AT reference guide 80446ST10707A, #TEMPMON"),
    "^SCTM": (-1, 1, "Cinterion EHS6 AT command set, ^SCTM"),
    "+GTSENRDTEMP": (1, 1000, "Fibocom FM350 AT commands manual, +GTSENRDTEMP"),
    "+MTSM": (-1, 1, "Fibocom L8-family AT commands manual, +MTSM"),
    "^CHIPTEMP": (0, 10, f"{HUAWEI}, ^CHIPTEMP"),
    "%XTEMP": (0, 1, f"{NORDIC}, %XTEMP"),
    "+UTEMP": (0, 10, "u-blox AT commands manual, +UTEMP"),
    "+TEMP": (0, 1, "MeiG SLM770A AT commands manual, +TEMP"),
    "^TEMP": (0, 1, "Foxconn T99W175 AT commands, ^TEMP"),
    "!PCTEMP": (0, 1, "Sierra AT command reference, !PCTEMP"),
    "TEMPERATURE": (0, 1, "Sierra AT command reference, !PCTEMP"),
    "TSENS": (0, 1, "Foxconn T99W175 AT commands, ^TEMP"),
    "PA": (0, 1, "Foxconn T99W175 AT commands, ^TEMP"),
    "SKIN SENSOR": (0, 1, "Foxconn T99W175 AT commands, ^TEMP"),
}
_COLDEST, _HOTTEST = -60, 150
_DEGREES = r"(?i)(-?[0-9]{1,6}(?:\.[0-9]+)?) ?(?:°?C|deg ?C)?"


def temperature(line: InformationLine) -> Explanation | None:
    """Explain temperatures: numbers, or pairs of a sensor and a number."""
    first, steps, source = _TEMPERATURES[line.name]
    start = len(line.fields) - 1 if first < 0 else first
    sensor = "" if line.prefix[:1] in "+#^%!" else line.prefix
    values: list[float] = []
    parts: list[str] = []
    for field in line.fields[start:]:
        match = re.fullmatch(_DEGREES, field.strip())
        if match is None:
            sensor = field.strip()
            continue
        degrees = (parse_number(match[1]) or 0) / steps
        if steps == 1 and abs(degrees) > 1000:  # Some firmware sends thousandths.
            degrees /= 1000
        if _COLDEST <= degrees <= _HOTTEST:
            values.append(round(degrees, 1))
            parts.append(f"{sensor} {degrees:.3g} °C".strip())
        sensor = ""
    if not values:
        return None
    return Explanation("temperature", ", ".join(parts), source, {"temperatures_c": values})


DECODERS: Mapping[str, Decoder] = {
    **dict.fromkeys(("+CEDRXS", "+CEDRXRDP", "+CEDRXP"), extended_reception),
    "+CPSMS": power_saving_mode,
    **dict.fromkeys(_VOLTAGES, voltage),
    **dict.fromkeys(_TEMPERATURES, temperature),
}
