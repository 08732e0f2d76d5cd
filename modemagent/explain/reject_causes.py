"""Why a network says no: reject causes of registration and of data connections.

Names are the standard's, in lower case, checked against pycrate's dictionaries and Wireshark's
``packet-nas_eps.c``, ``packet-nas_5gs.c`` and ``packet-gsm_a_gm.c``. Remedies are ours: what the
person in front of the box can do about the frequent ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Family(NamedTuple):
    """One table of causes: what it is about, where it is defined, number to name."""

    about: str
    source: str
    names: Mapping[int, str]
    remedies: Mapping[int, str]


_PROTOCOL: dict[int, str] = {
    95: "semantically incorrect message",
    96: "invalid mandatory information",
    97: "message type non-existent or not implemented",
    98: "message type not compatible with the protocol state",
    99: "information element non-existent or not implemented",
    100: "conditional IE error",
    101: "message not compatible with the protocol state",
    111: "protocol error, unspecified",
}

_UNKNOWN_CARD = (
    "the network does not know this card: ask the operator whether it is activated and not expired"
)
_CARD_REFUSED = (
    "the network refuses this card, or could not authenticate it: "
    "ask the operator, try another card"
)
_IMEI_REFUSED = "the network refuses this module's IMEI: ask the operator, with the IMEI at hand"
_NO_DATA = "the subscription has no packet data, or not in this technology: ask the operator"
_NETWORK = (
    "the subscription may not use this network: check roaming, or choose another network by hand; "
    "a refused network stays on the card's list of forbidden ones"
)
_AREA = "the subscription may not be used in this area"
_ROAMING = "roaming is not allowed here: check the roaming agreement, or choose another network"
_NO_CELLS = (
    "no cell of this area may serve this subscription: often roaming or a technology (LTE-M, "
    "NB-IoT) that the contract does not hold; the modem looks elsewhere by itself"
)
_LATER = "the network's own trouble: try again later, not in a hot loop"
_APN = "check the APN: a typing error, or not part of this subscription"
_PASSWORD = "check the APN's user name, password and authentication method"  # noqa: S105 - words
_IP_TYPE = "change the IP type of the data connection (AT+CGDCONT)"
_APN_ATTACH = "the data connection asked for while attaching was refused: check the APN"

_MOBILITY_REMEDIES: dict[int, str] = {
    2: _UNKNOWN_CARD,
    3: _CARD_REFUSED,
    4: _UNKNOWN_CARD,
    5: _IMEI_REFUSED,
    6: _IMEI_REFUSED,
    7: _NO_DATA,
    8: _NO_DATA,
    9: "the modem will introduce itself anew; if it stays, switch it off and on",
    10: "the network lost sight of the modem; it will register again",
    11: _NETWORK,
    12: _AREA,
    13: _ROAMING,
    14: _NETWORK,
    15: _NO_CELLS,
    16: _LATER,
    17: _LATER,
    20: _CARD_REFUSED,
    21: "card and network have lost step; it heals by itself at the next attempt",
    22: _LATER,
    42: _LATER,
    111: _LATER,
}

_SESSION_REMEDIES: dict[int, str] = {
    8: "the operator has barred this subscription, often for an unpaid bill",
    26: _LATER,
    27: _APN,
    28: _IP_TYPE,
    29: _PASSWORD,
    30: "the operator's gateway refuses: check the APN and its password",
    31: "check the APN and the IP type, then try again later",
    32: _APN,
    33: _APN,
    34: _LATER,
    38: _LATER,
    39: "make the data connection again",
    50: _IP_TYPE,
    51: _IP_TYPE,
    52: _IP_TYPE,
    55: "this APN is in use by another context already",
    57: _IP_TYPE,
    65: "close another data connection first",
    66: "this APN does not exist in this technology or network",
}

MM = Family(
    "reject cause (MM)",
    "3GPP TS 24.008 clause 10.5.3.6",
    {
        2: "IMSI unknown in HLR",
        3: "illegal MS",
        4: "IMSI unknown in VLR",
        5: "IMEI not accepted",
        6: "illegal ME",
        11: "PLMN not allowed",
        12: "location area not allowed",
        13: "roaming not allowed in this location area",
        15: "no suitable cells in location area",
        17: "network failure",
        20: "MAC failure",
        21: "synch failure",
        22: "congestion",
        23: "GSM authentication unacceptable",
        25: "not authorized for this CSG",
        32: "service option not supported",
        33: "requested service option not subscribed",
        34: "service option temporarily out of order",
        38: "call cannot be identified",
        **dict.fromkeys(range(48, 64), "retry upon entry into a new cell"),
        **_PROTOCOL,
    },
    _MOBILITY_REMEDIES,
)

GMM = Family(
    "reject cause (GMM)",
    "3GPP TS 24.008 clause 10.5.5.14",
    {
        2: "IMSI unknown in HLR",
        3: "illegal MS",
        5: "IMEI not accepted",
        6: "illegal ME",
        7: "GPRS services not allowed",
        8: "GPRS services and non-GPRS services not allowed",
        9: "MS identity cannot be derived by the network",
        10: "implicitly detached",
        11: "PLMN not allowed",
        12: "location area not allowed",
        13: "roaming not allowed in this location area",
        14: "GPRS services not allowed in this PLMN",
        15: "no suitable cells in location area",
        16: "MSC temporarily not reachable",
        17: "network failure",
        20: "MAC failure",
        21: "synch failure",
        22: "congestion",
        23: "GSM authentication unacceptable",
        25: "not authorized for this CSG",
        28: "SMS provided via GPRS in this routing area",
        40: "no PDP context activated",
        **dict.fromkeys(range(48, 64), "retry upon entry into a new cell"),
        **_PROTOCOL,
    },
    _MOBILITY_REMEDIES,
)

EMM = Family(
    "reject cause (EMM)",
    "3GPP TS 24.301 clause 9.9.3.9",
    {
        2: "IMSI unknown in HSS",
        3: "illegal UE",
        5: "IMEI not accepted",
        6: "illegal ME",
        7: "EPS services not allowed",
        8: "EPS services and non-EPS services not allowed",
        9: "UE identity cannot be derived by the network",
        10: "implicitly detached",
        11: "PLMN not allowed",
        12: "tracking area not allowed",
        13: "roaming not allowed in this tracking area",
        14: "EPS services not allowed in this PLMN",
        15: "no suitable cells in tracking area",
        16: "MSC temporarily not reachable",
        17: "network failure",
        18: "CS domain not available",
        19: "ESM failure",
        20: "MAC failure",
        21: "synch failure",
        22: "congestion",
        23: "UE security capabilities mismatch",
        24: "security mode rejected, unspecified",
        25: "not authorized for this CSG",
        26: "non-EPS authentication unacceptable",
        31: "redirection to 5GCN required",
        35: "requested service option not authorized in this PLMN",
        36: "IAB-node operation not authorized",
        39: "CS service temporarily not available",
        40: "no EPS bearer context activated",
        42: "severe network failure",
        78: "PLMN not allowed to operate at the present UE location",
        80: "disaster roaming for the determined PLMN with disaster condition not allowed",
        83: (
            "procedure cannot be completed due to unavailable feeder link "
            "while MME is operating in S&F mode"
        ),
        **_PROTOCOL,
    },
    {
        **_MOBILITY_REMEDIES,
        18: "data works, calls do not: nothing to do for a data modem",
        19: _APN_ATTACH,
        35: "the network does not offer this service (often LTE-M or NB-IoT) to the subscription",
        39: "data works, calls do not for the moment",
        40: "make the data connection again",
    },
)

FIVE_GMM = Family(
    "reject cause (5GMM)",
    "3GPP TS 24.501 clause 9.11.3.2",
    {
        3: "illegal UE",
        5: "PEI not accepted",
        6: "illegal ME",
        7: "5GS services not allowed",
        9: "UE identity cannot be derived by the network",
        10: "implicitly de-registered",
        11: "PLMN not allowed",
        12: "tracking area not allowed",
        13: "roaming not allowed in this tracking area",
        15: "no suitable cells in tracking area",
        20: "MAC failure",
        21: "synch failure",
        22: "congestion",
        23: "UE security capabilities mismatch",
        24: "security mode rejected, unspecified",
        26: "non-5G authentication unacceptable",
        27: "N1 mode not allowed",
        28: "restricted service area",
        31: "redirection to EPC required",
        36: "IAB-node operation not authorized",
        43: "LADN not available",
        62: "no network slices available",
        65: "maximum number of PDU sessions reached",
        67: "insufficient resources for specific slice and DNN",
        69: "insufficient resources for specific slice",
        71: "ngKSI already in use",
        72: "non-3GPP access to 5GCN not allowed",
        73: "serving network not authorized",
        74: "temporarily not authorized for this SNPN",
        75: "permanently not authorized for this SNPN",
        76: "not authorized for this CAG or authorized for CAG cells only",
        77: "wireline access area not allowed",
        78: "PLMN not allowed to operate at the present UE location",
        79: "UAS services not allowed",
        80: "disaster roaming for the determined PLMN with disaster condition not allowed",
        81: "selected N3IWF is not compatible with the allowed NSSAI",
        82: "selected TNGF is not compatible with the allowed NSSAI",
        90: "payload was not forwarded",
        91: "DNN not supported or not subscribed in the slice",
        92: "insufficient user-plane resources for the PDU session",
        93: "onboarding services terminated",
        94: "user plane positioning not authorized",
        **_PROTOCOL,
    },
    {
        **_MOBILITY_REMEDIES,
        27: "the subscription has no standalone 5G: ask the operator, or let the modem use LTE",
        28: _AREA,
        31: "the network sends the modem to LTE; let it use LTE",
        62: "the subscription has no slice here: check the configured S-NSSAI, ask the operator",
        91: _APN,
    },
)

SM = Family(
    "cause of a data connection (SM)",
    "3GPP TS 24.008 clause 10.5.6.6",
    {
        8: "operator determined barring",
        24: "MBMS bearer capabilities insufficient for the service",
        25: "LLC or SNDCP failure (A/Gb mode only)",
        26: "insufficient resources",
        27: "missing or unknown APN",
        28: "unknown PDP address or PDP type",
        29: "user authentication failed",
        30: "activation rejected by GGSN, Serving GW or PDN GW",
        31: "activation rejected, unspecified",
        32: "service option not supported",
        33: "requested service option not subscribed",
        34: "service option temporarily out of order",
        35: "NSAPI already used",
        36: "regular deactivation",
        37: "QoS not accepted",
        38: "network failure",
        39: "reactivation requested",
        40: "feature not supported",
        41: "semantic error in the TFT operation",
        42: "syntactical error in the TFT operation",
        43: "unknown PDP context",
        44: "semantic errors in packet filter(s)",
        45: "syntactical errors in packet filter(s)",
        46: "PDP context without TFT already activated",
        47: "multicast group membership time-out",
        48: "request rejected, BCM violation",
        50: "PDP type IPv4 only allowed",
        51: "PDP type IPv6 only allowed",
        52: "single address bearers only allowed",
        56: "collision with network initiated request",
        60: "bearer handling not supported",
        65: "maximum number of PDP contexts reached",
        66: "requested APN not supported in current RAT and PLMN combination",
        81: "invalid transaction identifier value",
        **_PROTOCOL,
        112: "APN restriction value incompatible with active PDP context",
        113: "multiple accesses to a PDN connection not allowed",
    },
    _SESSION_REMEDIES,
)

ESM = Family(
    "cause of a data connection (ESM)",
    "3GPP TS 24.301 clause 9.9.4.4",
    {
        8: "operator determined barring",
        26: "insufficient resources",
        27: "missing or unknown APN",
        28: "unknown PDN type",
        29: "user authentication or authorization failed",
        30: "request rejected by Serving GW or PDN GW",
        31: "request rejected, unspecified",
        32: "service option not supported",
        33: "requested service option not subscribed",
        34: "service option temporarily out of order",
        35: "PTI already in use",
        36: "regular deactivation",
        37: "EPS QoS not accepted",
        38: "network failure",
        39: "reactivation requested",
        41: "semantic error in the TFT operation",
        42: "syntactical error in the TFT operation",
        43: "invalid EPS bearer identity",
        44: "semantic errors in packet filter(s)",
        45: "syntactical errors in packet filter(s)",
        47: "PTI mismatch",
        49: "last PDN disconnection not allowed",
        50: "PDN type IPv4 only allowed",
        51: "PDN type IPv6 only allowed",
        52: "single address bearers only allowed",
        53: "ESM information not received",
        54: "PDN connection does not exist",
        55: "multiple PDN connections for a given APN not allowed",
        56: "collision with network initiated request",
        57: "PDN type IPv4v6 only allowed",
        58: "PDN type non IP only allowed",
        59: "unsupported QCI value",
        60: "bearer handling not supported",
        61: "PDN type Ethernet only allowed",
        65: "maximum number of EPS bearers reached",
        66: "requested APN not supported in current RAT and PLMN combination",
        81: "invalid PTI value",
        **_PROTOCOL,
        112: "APN restriction value incompatible with active EPS bearer context",
        113: "multiple accesses to a PDN connection not allowed",
    },
    _SESSION_REMEDIES,
)

FIVE_GSM = Family(
    "cause of a data connection (5GSM)",
    "3GPP TS 24.501 clause 9.11.4.2",
    {
        8: "operator determined barring",
        26: "insufficient resources",
        27: "missing or unknown DNN",
        28: "unknown PDU session type",
        29: "user authentication or authorization failed",
        31: "request rejected, unspecified",
        32: "service option not supported",
        33: "requested service option not subscribed",
        35: "PTI already in use",
        36: "regular deactivation",
        37: "5GS QoS not accepted",
        38: "network failure",
        39: "reactivation requested",
        41: "semantic error in the TFT operation",
        42: "syntactical error in the TFT operation",
        43: "invalid PDU session identity",
        44: "semantic errors in packet filter(s)",
        45: "syntactical error in packet filter(s)",
        46: "out of LADN service area",
        47: "PTI mismatch",
        50: "PDU session type IPv4 only allowed",
        51: "PDU session type IPv6 only allowed",
        54: "PDU session does not exist",
        57: "PDU session type IPv4v6 only allowed",
        58: "PDU session type unstructured only allowed",
        59: "unsupported 5QI value",
        61: "PDU session type Ethernet only allowed",
        67: "insufficient resources for specific slice and DNN",
        68: "not supported SSC mode",
        69: "insufficient resources for specific slice",
        70: "missing or unknown DNN in a slice",
        81: "invalid PTI value",
        82: "maximum data rate per UE for user-plane integrity protection is too low",
        83: "semantic error in the QoS operation",
        84: "syntactical error in the QoS operation",
        85: "invalid mapped EPS bearer identity",
        86: "UAS services not allowed",
        **_PROTOCOL,
    },
    {**_SESSION_REMEDIES, 70: _APN},
)

FAMILIES: dict[str, Family] = {
    "MM": MM,
    "GMM": GMM,
    "EMM": EMM,
    "5GMM": FIVE_GMM,
    "SM": SM,
    "ESM": ESM,
    "5GSM": FIVE_GSM,
}
