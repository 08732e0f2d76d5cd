"""Data connections, clock, messages and indicators: answers and the URCs about them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from modemagent.at.fields import parse_integer
from modemagent.explain.decoder import TS_27005, TS_27007, Decoder, Line, Said

IP_TYPE: dict[str, str] = {
    "IP": "IPv4",
    "IPV4": "IPv4",
    "IPV6": "IPv6",
    "IPV4V6": "IPv4 and IPv6",
    "PPP": "PPP",
    "NON-IP": "no IP",
    "NONIP": "no IP",
    "ETHERNET": "Ethernet",
}

# TS 27.007 clause 10.1.19, longest beginning first
PACKET_EVENTS: tuple[tuple[str, str], ...] = (
    ("NW DETACH", "the network detached the modem from packet service"),
    ("ME DETACH", "the modem left packet service"),
    ("NW CLASS", "the network changed the mobile class"),
    ("ME CLASS", "the modem changed its mobile class"),
    ("NW PDN ACT", "the network made a data connection"),
    ("ME PDN ACT", "the modem made a data connection"),
    ("NW PDN DEACT", "the network ended a data connection"),
    ("ME PDN DEACT", "the modem ended a data connection"),
    ("NW ACT", "the network made a further bearer"),
    ("ME ACT", "the modem made a further bearer"),
    ("NW DEACT", "the network ended a bearer"),
    ("ME DEACT", "the modem ended a bearer"),
    ("NW MODIFY", "the network changed a bearer"),
    ("ME MODIFY", "the modem changed a bearer"),
    ("NW REACT", "the network asks to make the data connection again"),
    ("REJECT", "a request of the network was rejected"),
    ("IPV6", "an IPv6 address was given"),
    ("EXCE STATUS", "coverage enhancement changed"),
)

STORE: dict[str, str] = {
    "SM": "the card",
    "ME": "the modem",
    "MT": "card and modem",
    "SR": "status reports",
    "BM": "broadcast messages",
}


def context_state(line: Line) -> Said | None:
    """``+CGACT: <cid>,<state>``."""
    cid, state = line.number(0), line.number(1)
    if cid is None or state not in (0, 1):
        return None
    text = f"data connection {cid} is {'active' if state else 'not active'}"
    found: dict[str, object] = {"cid": cid, "active": state == 1}
    return Said("data connection", text, f"{TS_27007} clause 10.1.10", found)


def context_address(line: Line) -> Said | None:
    """``+CGPADDR: <cid>[,<address>[,<address>]]``."""
    cid = line.number(0)
    if cid is None:
        return None
    addresses = [field.strip() for field in line.fields[1:] if field.strip()]
    # 0.0.0.0 is how Quectel and others say that there is none
    real = [address for address in addresses if address.strip("0.:")]
    found: dict[str, object] = {"cid": cid, "addresses": real}
    words = f"has {' and '.join(real)}" if real else "has no address"
    text = f"data connection {cid} {words}"
    return Said("data connection", text, f"{TS_27007} clause 10.1.14", found)


def context(line: Line) -> Said | None:
    """``+CGDCONT: <cid>,<type>,<APN>,<address>,...``."""
    cid, kind = line.number(0), line.text(1)
    if cid is None or not kind:
        return None
    apn = line.text(2)
    found: dict[str, object] = {"cid": cid, "type": kind, "apn": apn}
    words = f"APN {apn}" if apn else "no APN: the network chooses"
    text = f"data connection {cid}: {IP_TYPE.get(kind.upper(), kind)}, {words}"
    return Said("data connection", text, f"{TS_27007} clause 10.1.1", found)


def packet_event(line: Line) -> Said | None:
    """``+CGEV: <event>[ <cid>]...``."""
    upper = line.rest.strip().upper()
    for start, words in PACKET_EVENTS:
        if upper.startswith(start):
            cid = parse_integer(upper.removeprefix(start).lstrip(" ,").partition(",")[0])
            found: dict[str, object] = {"event": start}
            if cid is not None and "PDN" in start:
                found["cid"] = cid
            return Said("packet event", words, f"{TS_27007} clause 10.1.19", found)
    return None


def clock(line: Line) -> Said | None:
    """``+CCLK: yy/MM/dd,hh:mm:ss[+-]zz``: local time, the zone in quarters of an hour."""
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
    remedy = "" if 2005 <= year < 2080 else "the clock was not set by the network yet"
    return Said("clock", written, f"{TS_27007} clause 8.15", found, remedy)


def failure_report(line: Line) -> Said | None:
    """``+CEER``: free text about why the last call or attempt failed."""
    text = line.rest.strip().strip('"')
    if not text:
        return None
    return Said("last failure", text, f"{TS_27007} clause 6.10", {"report": text})


def stored(line: Line) -> Said | None:
    """``+CMTI`` and ``+CDSI: <store>,<index>``."""
    store, index = line.text(0).upper(), line.number(1)
    if index is None:
        return None
    what = "a message" if line.prefix == "+CMTI" else "a status report"
    text = f"{what} was stored in {STORE.get(store, store)}, place {index}"
    found: dict[str, object] = {"store": store, "index": index}
    return Said("message", text, f"{TS_27005} clause 3.4.1", found)


def indicator(line: Line) -> Said | None:
    """``+CIEV: <indicator>,<value>``: a number that ``AT+CIND=?`` names, or Cinterion's name."""
    name, value = line.text(0), line.text(1)
    if not name or not value:
        return None
    found: dict[str, object] = {"indicator": name, "value": value}
    if parse_integer(name) is not None:
        text = f"indicator {name} is now {value}; AT+CIND=? names the indicators"
    else:
        text = f"indicator {name} is now {value}"
    return Said("indicator", text, f"{TS_27007} clause 8.10", found)


_INDICATIONS: dict[str, str] = {
    "SMS DONE": "messages are ready",
    "PB DONE": "the phone book is ready",
    "CSQ": "signal changed",
    "ACT": "technology changed",
    "SMSFULL": "the message store is full",
    "FOTA": "firmware update",
}


def quectel_indication(line: Line) -> Said | None:
    """``+QIND: <what>[,...]``."""
    words = _INDICATIONS.get(line.text(0).upper())
    if words is None:
        return None
    behind = ", ".join(field.strip() for field in line.fields[1:] if field.strip())
    text = f"{words}: {behind}" if behind else words
    return Said("indication", text, "Quectel EC2x/EG9x/EG2x-G AT commands manual, +QIND")


def time_zone(line: Line) -> Said | None:
    """``+CTZV: <zone>``: quarters of an hour, with a sign (clause 8.41)."""
    raw = line.text(0)
    quarters = parse_integer(raw.lstrip("+"))
    if quarters is None or abs(quarters) >= 96:
        return None
    sign = "-" if quarters < 0 else "+"
    text = f"time zone UTC{sign}{abs(quarters) // 4:02d}:{abs(quarters) % 4 * 15:02d}"
    found: dict[str, object] = {"utc_offset_min": quarters * 15}
    return Said("time zone", text, f"{TS_27007} clause 8.41", found)


DECODERS: Mapping[str, Decoder] = MappingProxyType(
    {
        "+CGACT": context_state,
        "+CGPADDR": context_address,
        "+CGDCONT": context,
        "+CGEV": packet_event,
        "+CCLK": clock,
        "+CEER": failure_report,
        "+CMTI": stored,
        "+CDSI": stored,
        "+CIEV": indicator,
        "+QIND": quectel_indication,
        "+CTZV": time_zone,
    }
)
