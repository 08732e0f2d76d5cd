"""Meaning of the properties that ModemManager's udev rules set on ports."""

from __future__ import annotations

from collections.abc import Mapping

from modemagent.discovery.candidate import Role

PREFIX = "ID_MM_PORT_TYPE_"
#: Set by a rule that reserves this port for another program and leaves the rest of the modem to
#: ModemManager.
RESERVED = "ID_MM_PORT_IGNORE"
#: Port types that ModemManager's rules set: ID_MM_PORT_TYPE_* = "1".
_TYPES: Mapping[str, tuple[Role, str]] = {
    "AT_PRIMARY": (Role.AT, "primary AT port"),
    "AT_SECONDARY": (Role.AT, "secondary AT port"),
    "AT_PPP": (Role.DATA, "port for data calls"),
    "AT_GPS_CONTROL": (Role.UNKNOWN, "port that controls the GNSS receiver"),
    "GPS": (Role.NMEA, "GNSS port"),
    "QCDM": (Role.DIAG, "diagnostic port"),
    "AUDIO": (Role.DATA, "audio port"),
    "XMMRPC": (Role.DIAG, "RPC port"),
}


def role_of(properties: Mapping[str, str]) -> tuple[Role, str] | None:
    """Return the role that ModemManager's rules give a port and its source; None if they give none.

    A port with several types (a second AT port that data calls may use) is an AT port.

    >>> role_of({"ID_MM_PORT_TYPE_GPS": "1"})
    (<Role.NMEA: 'nmea'>, "ModemManager's rules call it a GNSS port")
    >>> role_of({"ID_MM_PORT_TYPE_GPS": "0"}) is None
    True
    """
    found = [
        (role, label)
        for name, (role, label) in _TYPES.items()
        if properties.get(PREFIX + name) == "1"
    ]
    if not found:
        return None
    role, label = next((each for each in found if each[0] is Role.AT), found[0])
    return role, f"ModemManager's rules call it a {label}"


def is_secondary(properties: Mapping[str, str]) -> bool:
    """Return True if data calls and ModemManager leave this AT port free.

    >>> is_secondary({"ID_MM_PORT_IGNORE": "1"}), is_secondary({"ID_MM_PORT_TYPE_AT_PRIMARY": "1"})
    (True, False)
    """
    return "1" in (properties.get(PREFIX + "AT_SECONDARY"), properties.get(RESERVED))
