"""Answers in plain words: what ``+CEREG: 2,5,"5B00"`` means, and where that is written.

Kept apart from reading identities: nothing is decided by these words, people read them.
"""

from __future__ import annotations

from collections.abc import Sequence

from modemagent.at.plan import Final
from modemagent.at.results import CME, CMS, parse_final
from modemagent.at.urcs import PREFIXES, asked_prefixes, is_urc, prefix_of
from modemagent.at.values import integer, split_fields, split_prefix

TS_27007 = "3GPP TS 27.007"

REGISTRATION: dict[str, tuple[str, str]] = {
    "+CREG": ("registration (circuit switched)", "clause 7.2"),
    "+CGREG": ("registration (GPRS)", "clause 10.1.20"),
    "+CEREG": ("registration (LTE)", "clause 10.1.22"),
    "+C5GREG": ("registration (5G)", "clause 10.1.47"),
}

STATUS: dict[int, str] = {
    0: "not registered, not searching",
    1: "registered, home network",
    2: "not registered, searching",
    3: "registration denied",
    4: "unknown, perhaps no coverage",
    5: "registered, roaming",
    6: "registered for SMS only, home network",
    7: "registered for SMS only, roaming",
    8: "emergency service only",
    9: "registered, home network, CS fallback not preferred",
    10: "registered, roaming, CS fallback not preferred",
    11: "restricted local operator service only",
}

TECHNOLOGY: dict[int, str] = {
    0: "GSM",
    1: "GSM Compact",
    2: "UMTS",
    3: "GSM with EGPRS",
    4: "UMTS with HSDPA",
    5: "UMTS with HSUPA",
    6: "UMTS with HSDPA and HSUPA",
    7: "LTE",
    8: "EC-GSM-IoT",
    9: "NB-IoT",
    10: "LTE with 5G core",
    11: "5G NR with 5G core",
    12: "NG-RAN",
    13: "LTE and 5G NR together",
}

COPS_MODE: dict[int, str] = {
    0: "automatic choice",
    1: "manual choice",
    2: "deregistered",
    3: "format set only",
    4: "manual choice, else automatic",
}

PIN_STATE: dict[str, str] = {
    "READY": "the card asks for no PIN",
    "SIM PIN": "the card waits for its PIN",
    "SIM PUK": "the PIN is blocked, the card waits for its PUK",
    "SIM PIN2": "the card waits for PIN2",
    "SIM PUK2": "PIN2 is blocked, the card waits for PUK2",
    "PH-SIM PIN": "the modem is locked to another card",
    "PH-FSIM PIN": "the modem is locked to the first card it met",
    "PH-FSIM PUK": "the modem is locked to the first card it met, code blocked",
    "PH-NET PIN": "the modem is locked to another network",
    "PH-NET PUK": "the modem is locked to another network, code blocked",
    "PH-NETSUB PIN": "the modem is locked to another network subset",
    "PH-NETSUB PUK": "the modem is locked to another network subset, code blocked",
    "PH-SP PIN": "the modem is locked to another service provider",
    "PH-SP PUK": "the modem is locked to another service provider, code blocked",
    "PH-CORP PIN": "the modem is locked to another company's cards",
    "PH-CORP PUK": "the modem is locked to another company's cards, code blocked",
    # not in the standard: SIMCom, Quectel, Fibocom
    "NOT READY": "the card is not ready, or was pulled",
    "NOT INSERTED": "no card",
}

# name, offset, step, lowest, highest, "not known", unit: value = offset + step * number
_CESQ: tuple[tuple[str, float, float, int, int, str], ...] = (
    ("rxlev", -111, 1, 63, 99, "dBm"),
    ("ber", 0, 1, 7, 99, "class"),
    ("rscp", -121, 1, 96, 255, "dBm"),
    ("ecno", -24.5, 0.5, 49, 255, "dB"),
    ("rsrq", -20, 0.5, 34, 255, "dB"),
    ("rsrp", -141, 1, 97, 255, "dBm"),
    ("ss_rsrq", -43.5, 0.5, 126, 255, "dB"),
    ("ss_rsrp", -157, 1, 126, 255, "dBm"),
    ("ss_sinr", -23.5, 0.5, 127, 255, "dB"),
)


def explain(line: str, answer_line: str) -> dict[str, object] | None:
    """Say in words what one line of an answer means.

    :param line: the command line that was asked, ``""`` when it is not known (a URC)
    :return: ``about`` (the subject), ``text`` (the meaning), ``source`` (where it is written),
        perhaps ``fields`` (name to value); None when nothing is known about the line

    >>> explain("AT+CSQ", "+CSQ: 18,99")["text"]
    'signal -77 dBm'
    >>> explain("", "+CEREG: 2,3")["text"]
    'registration denied'
    """
    final = parse_final(answer_line)
    if final is not None:
        return _result(final)
    prefix = prefix_of(answer_line)
    fields = split_fields(answer_line)
    if prefix in REGISTRATION and fields:
        return _registration(line, prefix, answer_line)
    if prefix == "+CPIN" and fields:
        return _pin(fields)
    if prefix == "+CSQ":
        return _signal(fields)
    if prefix == "+CESQ":
        return _extended_signal(fields)
    if prefix == "+COPS" and fields:
        return _operator(fields)
    if prefix == "+CFUN" and fields:
        return _functionality(fields)
    if is_urc(answer_line) and prefix not in asked_prefixes(line):
        return {
            "about": "unsolicited",
            "text": PREFIXES.get(prefix, "start-up, SIM or call event"),
            "source": "the modem's maker",
        }
    return None


def _entry(
    about: str, text: str, clause: str, fields: dict[str, object] | None = None
) -> dict[str, object]:
    found: dict[str, object] = {"about": about, "text": text, "source": f"{TS_27007} {clause}"}
    if fields:
        found["fields"] = fields
    return found


def _result(final: Final) -> dict[str, object]:
    kind, code = final.kind, final.code
    if kind == "cme":
        words = CME.get(code, "unknown to the standard") if code is not None else "a maker's text"
        return _entry("equipment error", words, "clause 9.2", {"code": code})
    if kind == "cms":
        words = CMS.get(code, "see the standard") if code is not None else "a maker's text"
        return {
            "about": "message service error",
            "text": words,
            "source": "3GPP TS 27.005 clause 3.2.5",
            "fields": {"code": code},
        }
    texts = {
        "ok": "done",
        "error": "failed, no reason given; AT+CMEE=1 asks for one",
        "refused": "the modem does not know this command",
        "call": "a call ended, or the command was cut off",
    }
    return {"about": "result", "text": texts[kind], "source": "ITU-T V.250 clause 5.7"}


def _registration(line: str, prefix: str, answer_line: str) -> dict[str, object] | None:
    about, clause = REGISTRATION[prefix]
    fields = split_fields(answer_line)
    numbers = [integer(each) for each in fields]
    # a read answer is <n>,<stat>,...; a URC has no <n>, its second field is a quoted or long
    # area code. Some modules answer in the URC's form.
    _, _, second = split_prefix(answer_line)[1].partition(",")
    short = len(fields) > 1 and numbers[1] is not None and len(fields[1]) <= 2
    read = short and not second.lstrip().startswith('"')
    at = 1 if read else 0
    status = numbers[at]
    if status is None:
        return None
    text = STATUS.get(status, f"status {status}, unknown to the standard")
    found: dict[str, object] = {"status": status}
    if len(fields) > at + 2:
        found["area"] = fields[at + 1]
        found["cell"] = fields[at + 2]
    if len(fields) > at + 3:
        technology = integer(fields[at + 3])
        if technology is not None and technology in TECHNOLOGY:
            found["technology"] = TECHNOLOGY[technology]
            text += f", {TECHNOLOGY[technology]}"
    return _entry(about, text, clause, found)


def _pin(fields: Sequence[str]) -> dict[str, object]:
    state = fields[0].upper()
    return _entry("SIM", PIN_STATE.get(state, f"{fields[0]}: a maker's word"), "clause 8.3")


def _signal(fields: Sequence[str]) -> dict[str, object] | None:
    level = integer(fields[0]) if fields else None
    if level is None:
        return None
    if level == 99:
        return _entry("signal", "signal not known", "clause 8.5")
    if not 0 <= level <= 31:
        return _entry("signal", f"level {level}, unknown to the standard", "clause 8.5")
    dbm = 2 * level - 113
    edge = " or less" if level == 0 else " or more" if level == 31 else ""
    return _entry("signal", f"signal {dbm} dBm{edge}", "clause 8.5", {"rssi_dbm": dbm})


def _extended_signal(fields: Sequence[str]) -> dict[str, object] | None:
    found: dict[str, object] = {}
    parts: list[str] = []
    for (name, offset, step, highest, unknown, unit), field in zip(_CESQ, fields, strict=False):
        number = integer(field)
        if number is None:
            return None
        if number == unknown or not 0 <= number <= highest:
            continue
        value = offset + step * number
        found[f"{name}_{unit.lower()}"] = value
        parts.append(f"{name.upper().replace('_', '-')} {value:g} {unit}")
    if not fields:
        return None
    return _entry("signal", ", ".join(parts) or "signal not known", "clause 8.69", found)


def _operator(fields: Sequence[str]) -> dict[str, object] | None:
    mode = integer(fields[0])
    if mode is None:
        return None
    found: dict[str, object] = {"mode": COPS_MODE.get(mode, str(mode))}
    text = COPS_MODE.get(mode, f"mode {mode}")
    if len(fields) < 3:
        return _entry("operator", f"no operator, {text}", "clause 7.3", found)
    found["operator"] = fields[2]
    name = fields[2] or "an operator without name"
    technology = integer(fields[3]) if len(fields) > 3 else None
    if technology is not None and technology in TECHNOLOGY:
        found["technology"] = TECHNOLOGY[technology]
        name += f", {TECHNOLOGY[technology]}"
    return _entry("operator", f"{name} ({text})", "clause 7.3", found)


def _functionality(fields: Sequence[str]) -> dict[str, object] | None:
    words = {
        0: "minimum functionality: radio and SIM are off",
        1: "full functionality",
        4: "flight mode: the radio is off",
    }
    level = integer(fields[0])
    if level is None:
        return None
    return _entry("functionality", words.get(level, f"level {level}"), "clause 8.2")
