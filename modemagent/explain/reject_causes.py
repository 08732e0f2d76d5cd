"""Reject causes of registration and of data connections, with remedies for the frequent ones.

The names are in ``data/reject_causes.txt``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from modemagent.at.datafiles import data_rows


class Family(NamedTuple):
    """One table of causes: subject, defining clause, number to name, number to remedy."""

    about: str
    source: str
    names: Mapping[int, str]
    remedies: Mapping[int, str]


_UNKNOWN_SIM = (
    "The network does not recognize this SIM card. "
    "Ask the operator whether it is activated and not expired."
)
_SIM_REFUSED = (
    "The network refuses this SIM card, or could not authenticate it. "
    "Ask the operator, or try another SIM card."
)
_IMEI_REFUSED = "The network refuses this module's IMEI. Ask the operator and state the IMEI."
_NO_DATA = (
    "The subscription does not include packet data, or not for this technology. Ask the operator."
)
_NETWORK = (
    "The subscription may not use this network. Check roaming, or select another network manually. "
    "A network that refused stays on the SIM's list of forbidden networks."
)
_AREA = "The subscription may not be used in this area."
_ROAMING = "Roaming is not allowed here. Check the roaming agreement, or select another network."
_NO_CELLS = (
    "No cell of this area may serve this subscription. Often the contract does not include roaming "
    "or a technology (LTE-M, NB-IoT). The modem continues to search elsewhere."
)
_LATER = "The failure is in the network. Try again later, with a growing delay."
_APN = "Check the APN: it is misspelled, or not part of this subscription."
_PASSWORD = "Check user name, password and authentication method of the APN."  # noqa: S105 - text
_IP_TYPE = "Change the IP type of the data connection (AT+CGDCONT)."
_RECONNECT = "Activate the data connection again."

_MOBILITY_REMEDIES: dict[int, str] = {
    2: _UNKNOWN_SIM,
    3: _SIM_REFUSED,
    4: _UNKNOWN_SIM,
    5: _IMEI_REFUSED,
    6: _IMEI_REFUSED,
    7: _NO_DATA,
    8: _NO_DATA,
    9: "The modem will identify itself again. If the cause repeats, power-cycle the modem.",
    10: "The network lost the modem, which will register again.",
    11: _NETWORK,
    12: _AREA,
    13: _ROAMING,
    14: _NETWORK,
    15: _NO_CELLS,
    16: _LATER,
    17: _LATER,
    20: _SIM_REFUSED,
    21: "SIM and network have lost synchronization. The next attempt corrects this.",
    22: _LATER,
    42: _LATER,
    111: _LATER,
}

_SESSION_REMEDIES: dict[int, str] = {
    8: "The operator has barred this subscription, often because of an unpaid bill.",
    26: _LATER,
    27: _APN,
    28: _IP_TYPE,
    29: _PASSWORD,
    30: "The operator's gateway refuses. Check the APN and its password.",
    31: "Check the APN and the IP type, then try again later.",
    32: _APN,
    33: _APN,
    34: _LATER,
    38: _LATER,
    39: _RECONNECT,
    50: _IP_TYPE,
    51: _IP_TYPE,
    52: _IP_TYPE,
    55: "This APN is already in use by another context.",
    57: _IP_TYPE,
    65: "Close another data connection first.",
    66: "This APN does not exist in this technology or network.",
}


def _names() -> dict[str, dict[int, str]]:
    names: dict[str, dict[int, str]] = defaultdict(dict)
    for families, numbers, name in data_rows(__file__, "reject_causes.txt"):
        first, _, last = numbers.partition("-")
        for family in families.split():
            names[family] |= dict.fromkeys(range(int(first), int(last or first) + 1), name)
    return names


_MOBILITY, _SESSION = "reject cause", "cause of a data connection"
_ROWS: tuple[tuple[str, str, str, Mapping[int, str]], ...] = (
    ("MM", _MOBILITY, "24.008 clause 10.5.3.6", _MOBILITY_REMEDIES),
    ("GMM", _MOBILITY, "24.008 clause 10.5.5.14", _MOBILITY_REMEDIES),
    (
        "EMM",
        _MOBILITY,
        "24.301 clause 9.9.3.9",
        {
            **_MOBILITY_REMEDIES,
            18: "Data works, calls do not. A data modem needs no action.",
            19: "The data connection requested while attaching was refused. Check the APN.",
            35: "The network does not offer this service, often LTE-M or NB-IoT, to this SIM.",
            39: "Data works, calls temporarily do not.",
            40: _RECONNECT,
        },
    ),
    (
        "5GMM",
        _MOBILITY,
        "24.501 clause 9.11.3.2",
        {
            **_MOBILITY_REMEDIES,
            27: "The subscription does not include standalone 5G. Ask the operator, or allow LTE.",
            28: _AREA,
            31: "The network redirects the modem to LTE. Allow LTE.",
            62: "The subscription has no slice here. Check the S-NSSAI, or ask the operator.",
            91: _APN,
        },
    ),
    ("SM", _SESSION, "24.008 clause 10.5.6.6", _SESSION_REMEDIES),
    ("ESM", _SESSION, "24.301 clause 9.9.4.4", _SESSION_REMEDIES),
    ("5GSM", _SESSION, "24.501 clause 9.11.4.2", {**_SESSION_REMEDIES, 70: _APN}),
)
_NAMES = _names()
FAMILIES: Mapping[str, Family] = {
    name: Family(f"{about} ({name})", f"3GPP TS {clause}", _NAMES[name], remedies)
    for name, about, clause, remedies in _ROWS
}
