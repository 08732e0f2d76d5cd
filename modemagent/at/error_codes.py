"""Numbers, texts and remedies of ``+CME ERROR:`` and ``+CMS ERROR:``.

The numbers are in ``data/error_codes.txt``. Every text is unique, so that a text from a module
leads to one number: if the standard uses a text twice, the text of the rarer number names its
context.
"""

from __future__ import annotations

from typing import NamedTuple

from modemagent.at.datafiles import data_rows
from modemagent.at.locks import CME_LOCKS, REMEDY


class _Codes(NamedTuple):
    """Numbers and texts of one kind of error.

    :ivar texts: number to text, those of the standard
    :ivar makers: number outside the standard to maker, meaning and source, one row for each maker
    """

    texts: dict[int, str]
    makers: dict[int, list[tuple[str, str, str]]]


def _load() -> dict[str, _Codes]:
    kinds = {"CME": _Codes({}, {}), "CMS": _Codes({}, {})}
    for kind, number, text, *maker in data_rows(__file__, "error_codes.txt"):
        if maker:
            kinds[kind].makers.setdefault(int(number), []).append((maker[0], text, maker[1]))
        else:
            kinds[kind].texts[int(number)] = text
    return kinds


_KINDS = _load()
CME, MAKERS_CME = _KINDS["CME"]
CMS, MAKERS_CMS = _KINDS["CMS"]

#: Other texts of known errors, as :func:`modemagent.at.results.fold_error_text` returns them.
OTHER_TEXTS: dict[str, dict[str, int]] = {
    "cme": {
        "simnotinserted": 10,
        "nosim": 10,
        "simcardnotinserted": 10,
        # codes of +CPIN instead of the standard's texts
        "phnetpinrequired": 40,
        "phnetpukrequired": 41,
        "phnetsubpinrequired": 42,
        "phnetsubpukrequired": 43,
        "phsppinrequired": 44,
        "phsppukrequired": 45,
        "phcorppinrequired": 46,
        "phcorppukrequired": 47,
        # Wavecom, during start-up: trace wavecom-multiband
        "pleasewaitinitializationorcommandprocessinginprogress": 515,
        # names of the same numbers for LTE and 5G, TS 27.007 release 17
        "illegalue": 103,
        "peinotaccepted": 105,
        "epsservicesnotallowed": 107,
        "5gsservicesnotallowed": 107,
        "epsservicesandnonepsservicesnotallowed": 108,
        "ueidentitycannotbederivedbythenetwork": 109,
        "implicitlyderegistered": 110,
        "trackingareanotallowed": 112,
        "roamingnotallowedinthistrackingarea": 113,
        "epsservicesnotallowedinthisplmn": 114,
        "nosuitablecellsintrackingarea": 115,
        "unknownerror": 100,
    },
    "cms": {"destinationoutoforder": 27, "semanticallyincorrectmessage": 95},
}

CME_REMEDIES: dict[int, str] = {
    3: "Check AT+CPIN? and AT+CFUN?. Most refusals are due to a missing SIM, a PIN or flight mode.",
    4: "This firmware does not have the command, or not with these values.",
    10: "Reinsert the SIM card and check the holder. With two slots, check which one is active.",
    11: "Enter the PIN of the SIM card.",
    12: "The PIN was wrong three times. Unblock the SIM card with the PUK from the operator.",
    13: "Check AT+CFUN?: with 0 or 4 the SIM is only off. Otherwise clean it, or try another one.",
    14: "Wait a few seconds and read again. The SIM is starting.",
    15: "The modem is locked to other SIM cards.",
    17: "The SIM is ready. PIN2 is for fixed dialling only.",
    18: "The SIM is ready. PUK2 is for fixed dialling only.",
    30: "Check antenna and coverage with AT+CESQ and AT+CEREG?.",
    31: "Try again. If the timeout repeats, check the signal.",
    32: "The network does not accept the SIM. Ask the operator whether it is active and may roam.",
    **dict.fromkeys(CME_LOCKS, f"The modem is locked to certain SIM cards. {REMEDY}"),
    48: "The modem is locked and requires a hidden key.",
    50: "Check which values the command accepts with its test form (the command with =?).",
    58: "Check the spelling. Some firmware sends this error for any line it cannot parse.",
    100: "Read again. Some MediaTek firmware sends this error for AT+CPIN? with a working SIM.",
    103: "The network refuses this SIM card. Ask the operator.",
    106: "The network refuses this module's IMEI. Ask the operator.",
    107: "The subscription does not include packet data.",
    111: "The subscription may not use this network. Check roaming, or select another network.",
    112: "The subscription may not be used in this area.",
    113: "Roaming is not allowed in this area.",
    127: "Check the APN.",
    129: "Check user name, password and authentication method of the APN.",
    132: "Check the APN and the IP type of the context.",
    133: "Check the APN. This subscription does not include it.",
    148: "Check the APN and the registration, then try again.",
    149: "Check user name, password and authentication method of the APN.",
    177: "The operator has barred this subscription.",
    515: "Wait a few seconds and try again.",
    516: "The receiver has no position yet. Give the antenna a view of the sky and wait.",
    772: "The SIM is powered down. Check AT+CFUN?.",
}

CMS_REMEDIES: dict[int, str] = {
    8: "The operator has barred this subscription for messages.",
    21: "The network or the recipient refused. Check the number and the service centre.",
    28: "The network does not recognize this subscription for messages.",
    38: "Try again later.",
    42: "Try again later.",
    50: "The subscription does not include messages. Ask the operator.",
    69: "The network does not offer this. Ask the operator for messages over IMS or SGs.",
    193: "The service centre does not serve this SIM card. Check its number with AT+CSCA?.",
    304: "Correct the length given to AT+CMGS: it does not match the PDU.",
    305: "Check AT+CMGF and AT+CSMP.",
    310: "Reinsert the SIM card.",
    311: "Enter the PIN of the SIM card.",
    312: f"The modem is locked to one SIM card. {REMEDY}",
    320: "The message store cannot be read. Check AT+CPMS?.",
    321: "No message is stored at this index.",
    322: "Delete messages: new ones cannot be stored.",
    330: "Check AT+CSCA?: the number of the service centre is missing.",
    331: "Check registration and signal.",
    332: "Try again. If the timeout repeats, check the signal.",
    500: "Wait a few seconds and try again. Often the modem or the SIM is not ready yet.",
}


def clause_of_cme(code: int) -> str:
    """Return the clause that defines a CME number.

    >>> clause_of_cme(13), clause_of_cme(160)
    ('3GPP TS 27.007 clause 9.2.1', '3GPP TS 27.007 clause 9.2.3')
    """
    if code <= 100:
        return "3GPP TS 27.007 clause 9.2.1"
    return "3GPP TS 27.007 clause 9.2.3" if 151 <= code <= 165 else "3GPP TS 27.007 clause 9.2.2"


def clause_of_cms(code: int) -> str:
    """Return the clause that defines a CMS number.

    >>> clause_of_cms(38), clause_of_cms(208), clause_of_cms(310)
    ('3GPP TS 24.011 annex E', '3GPP TS 23.040 clause 9.2.3.22', '3GPP TS 27.005 clause 3.2.5')
    """
    if code < 128:
        return "3GPP TS 24.011 annex E"
    return "3GPP TS 23.040 clause 9.2.3.22" if code < 256 else "3GPP TS 27.005 clause 3.2.5"
