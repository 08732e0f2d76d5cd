"""Explanations of packet events, clock, messages and indicators."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.at.fields import InformationLine, parse_integer
from modemagent.explain.explanation import QUECTEL, TS_27005, TS_27007, Decoder, Explanation
from modemagent.explain.meanings import MEANINGS, meaning, texts_of


def packet_event(line: InformationLine) -> Explanation | None:
    """Explain ``+CGEV: <event>[ <cid>]...``."""
    upper = line.body.strip().upper()
    for start, text in texts_of(MEANINGS, "+CGEV").items():
        if upper.startswith(start):
            cid = parse_integer(upper.removeprefix(start).lstrip(" ,").partition(",")[0])
            found: dict[str, object] = {"event": start}
            if cid is not None and "PDN" in start:
                found["cid"] = cid
            return Explanation("packet event", text, f"{TS_27007} clause 10.1.19", found)
    return None


def clock(line: InformationLine) -> Explanation | None:
    """Explain ``+CCLK: yy/MM/dd,hh:mm:ss[+-]zz``: local time, zone in quarters of an hour."""
    text = ",".join(line.fields).strip()
    date, comma, rest = text.partition(",")
    sign = next((letter for letter in "+-" if letter in rest), "")
    time, _, zone = rest.partition(sign) if sign else (rest, "", "")
    day = [parse_integer(part) for part in date.split("/")]
    hour = [parse_integer(part) for part in time.split(":")]
    if not comma or len(day) != 3 or len(hour) != 3 or None in day or None in hour:
        return None
    year = day[0] or 0
    year += 2000 if year < 100 else 0
    written = f"{year:04d}-{day[1]:02d}-{day[2]:02d} {time.strip()}"
    found: dict[str, object] = {"local_time": written}
    quarters = parse_integer(zone)
    if sign and quarters is not None and quarters < 96:
        minutes = quarters * 15 * (-1 if sign == "-" else 1)
        found["utc_offset_min"] = minutes
        written += f", UTC{sign}{quarters // 4:02d}:{quarters % 4 * 15:02d}"
    remedy = "" if 2005 <= year < 2080 else "The network has not set the clock yet."
    return Explanation("clock", written, f"{TS_27007} clause 8.15", found, remedy)


def stored(line: InformationLine) -> Explanation | None:
    """Explain ``+CMTI`` and ``+CDSI: <store>,<index>``."""
    store, index = line.text(0).upper(), line.integer(1)
    if index is None:
        return None
    what = "a message" if line.name == "+CMTI" else "a status report"
    text = f"{what} was stored in {meaning(line.name, store) or store}, index {index}"
    found: dict[str, object] = {"store": store, "index": index}
    return Explanation("message", text, f"{TS_27005} clause 3.4.1", found)


def indicator(line: InformationLine) -> Explanation | None:
    """Explain ``+CIEV: <indicator>,<value>``: an index into ``AT+CIND=?``, or Cinterion's name."""
    name, value = line.text(0), line.text(1)
    if not name or not value:
        return None
    found: dict[str, object] = {"indicator": name, "value": value}
    known = meaning("indicator", f"{name} {value}".upper())
    text = f"indicator {name} is now {value}{f': {known}' if known else ''}"
    if parse_integer(name) is not None:
        text += "; AT+CIND=? lists the indicators"
    return Explanation("indicator", text, f"{TS_27007} clause 8.10", found)


def cinterion_indicator(line: InformationLine) -> Explanation | None:
    """Explain ``^SIND: <indicator>,<mode>[,<value>]``; mode 2 reads the value."""
    name, value = line.text(0), ", ".join(filter(None, map(str.strip, line.fields[2:])))
    if not name or line.integer(1) is None:
        return None
    found: dict[str, object] = {"indicator": name, "value": value}
    known = meaning("indicator", f"{name} {value}".upper())
    text = f"indicator {name}: {known or value or 'no value'}"
    return Explanation("indicator", text, "Cinterion EHS6 AT command set, ^SIND", found)


def quectel_indication(line: InformationLine) -> Explanation | None:
    """Explain ``+QIND: <indication>[,...]``."""
    text = meaning(line.name, line.text(0).upper())
    if text is None:
        return None
    if values := ", ".join(field.strip() for field in line.fields[1:] if field.strip()):
        text += f": {values}"
    return Explanation("indication", text, f"{QUECTEL}, +QIND")


def time_zone(line: InformationLine) -> Explanation | None:
    """Explain ``+CTZV: <zone>``: quarters of an hour, with a sign (clause 8.41)."""
    raw = line.text(0)
    quarters = parse_integer(raw.lstrip("+"))
    if quarters is None or abs(quarters) >= 96:
        return None
    sign = "-" if quarters < 0 else "+"
    text = f"time zone UTC{sign}{abs(quarters) // 4:02d}:{abs(quarters) % 4 * 15:02d}"
    found: dict[str, object] = {"utc_offset_min": quarters * 15}
    return Explanation("time zone", text, f"{TS_27007} clause 8.41", found)


DECODERS: Mapping[str, Decoder] = {
    "+CGEV": packet_event,
    "+CCLK": clock,
    "+CMTI": stored,
    "+CDSI": stored,
    "+CIEV": indicator,
    "^SIND": cinterion_indicator,
    "+QIND": quectel_indication,
    "+CTZV": time_zone,
}
