"""What ModemManager reports about a modem, in place of the modem's responses.

Each property is given the fields of the AT response with the same meaning, and listed under its
command, so that one check judges both. Nothing is sent to the modem.

Source of names and numbers: ModemManager's D-Bus interface reference 1.20, ``ModemManager-enums.h``
and ``ModemManager-errors.h``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from modemagent.at.registration import REGISTERED
from modemagent.diagnosis.facts import Decoded, Managed
from modemagent.explain.meanings import meaning
from modemagent.explain.signal_levels import MEASURES

if TYPE_CHECKING:
    from modemagent.identity.network import Network
    from modemagent.modemmanager.managed_modem import MmModem, Properties

#: Properties without a command whose response has the same meaning.
STATE: Final = "Modem.State"
QUALITY: Final = "Modem.SignalQuality"
CONNECTION_ERROR: Final = "Bearer.ConnectionError"

#: MMModemState.
_STATES: Final[Mapping[int, str]] = {
    -1: "failed",
    1: "initializing",
    2: "locked",
    3: "disabled",
    4: "being disabled",
    5: "being enabled",
    6: "enabled",
    7: "searching",
    8: "registered",
    9: "disconnecting",
    10: "connecting",
    11: "connected",
}
_FAILED: Final = -1
_DISABLED: Final = (3, 4)
#: MMModemStateFailedReason, and those that the check of the SIM judges.
_REASONS: Final[Mapping[int, str]] = {
    2: "the SIM is missing",
    3: "the SIM does not work",
    4: "the capabilities of the modem are unknown",
    5: "the eSIM has no profile",
}
_SIM_REASONS: Final = (2, 3, 5)
#: MMModemPowerState to the level of AT+CFUN.
_LEVELS: Final[Mapping[int, int]] = {1: 0, 2: 4, 3: 1}
_OFF: Final = (0, 4)
#: MMModem3gppRegistrationState "unknown": the modem is not enabled, or has reported nothing yet.
#: All other numbers are those of <stat> in TS 27.007.
_NO_REGISTRATION: Final = 4
#: MMModemAccessTechnology of a rejected registration to the command with the causes of its family.
_REJECTED: Final = ((1 << 15, "AT+C5GREG?"), (1 << 14, "AT+CEREG?"), (0x3FE, "AT+CGREG?"))
#: MMModemLock to the code of AT+CPINR, and the number that stands for unknown attempts.
_CODES: Final[Mapping[int, str]] = {2: "SIM PIN", 4: "SIM PUK"}
_UNKNOWN_RETRIES: Final = 999
#: MMModem3gppPacketServiceState to <state> of AT+CGATT.
_ATTACHED: Final[Mapping[int, int]] = {1: 1, 2: 0}
#: Properties of the interface Signal, the anchor cell of EN-DC first, and the measure of each key.
_SIGNALS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "Signal.Lte": ("LTE", {"rsrp": "rsrp", "rsrq": "rsrq", "snr": "sinr", "rssi": "rssi"}),
    "Signal.Nr5g": ("NR", {"rsrp": "ss_rsrp", "rsrq": "ss_rsrq", "snr": "ss_sinr"}),
    "Signal.Umts": ("UMTS", {"rscp": "rscp", "ecio": "ecno", "rssi": "rssi"}),
    "Signal.Gsm": ("GSM", {"rssi": "rxlev"}),
    "Signal.Cdma": ("CDMA", {"rssi": "rssi"}),
}
#: ModemManager's number for an unknown value is the lowest one of a double.
_LEAST_DB: Final = -200.0
#: Bit of MMBearerIpFamily.
_NON_IP: Final = 1 << 3
_STATIC: Final = 2
_ERRORS: Final = "org.freedesktop.ModemManager1.Error."


def managed_answers(modem: MmModem, network: Network | None) -> Managed:
    """Return what ModemManager reports about a modem, by the command with the same meaning.

    :param modem: a detailed reading
    :param network: of the snapshot of the same reading
    """
    properties, found = modem.properties, dict[str, list[Decoded]]()
    for command, line in (
        *_state(properties),
        *_registration(properties),
        *_operator(properties, network),
        *_attempts(properties),
        *_signal(properties),
        *_attached(properties),
    ):
        found.setdefault(command, []).append(line)
    if isinstance(properties.get("Modem.Bearers"), list):
        found["AT+CGACT?"] = []
    for number, bearer in enumerate(modem.bearers):
        for command, line in _bearer(number, bearer):
            found.setdefault(command, []).append(line)
    return {command: tuple(lines) for command, lines in found.items()}


Answer = tuple[str, Decoded]


def _state(properties: Properties) -> Iterator[Answer]:
    state = _number(properties, STATE)
    if (text := _STATES.get(state or 0)) is not None:
        reason = _number(properties, "Modem.StateFailedReason")
        is_failed = state == _FAILED
        if is_failed:
            text += f": {_REASONS.get(reason or 0, 'the reason is unknown')}"
        fields = {"failed": is_failed, "is_sim": reason in _SIM_REASONS}
        yield STATE, Decoded(f"{STATE} {state}", text, "", fields)
    power = _number(properties, "Modem.PowerState")
    level = _LEVELS.get(power or 0)
    if state in _DISABLED and level not in _OFF:
        text = "not enabled in ModemManager, which reports neither signal nor registration then"
        yield "AT+CFUN?", Decoded(f"{STATE} {state}", text, "", {})
    elif level is not None:
        text = str(meaning("+CFUN", level))
        yield "AT+CFUN?", Decoded(f"Modem.PowerState {power}", text, "", {"level": level})


def _registration(properties: Properties) -> Iterator[Answer]:
    name = "Modem3gpp.RegistrationState"
    status = _number(properties, name)
    if status is None or status == _NO_REGISTRATION:
        return
    text = meaning("registration", status) or f"registration state {status}"
    fields: dict[str, object] = {"status": status, "registered": status in REGISTERED}
    command, rejection = "AT+CREG?", properties.get("Modem3gpp.NetworkRejection")
    if isinstance(rejection, dict) and isinstance(cause := rejection.get("error"), int) and cause:
        technology = rejection.get("access-technology")
        bits = technology if isinstance(technology, int) else 0
        command = next((each for mask, each in _REJECTED if bits & mask), command)
        fields["reject_cause"] = cause
    yield command, Decoded(f"{name} {status}", text, "", fields)


def _operator(properties: Properties, network: Network | None) -> Iterator[Answer]:
    if network is None:
        return
    name = network.operator or "".join(filter(None, (network.mcc, network.mnc)))
    if name:
        text = ", ".join(filter(None, (f"network {name}", _technology(network.rat))))
        line = f"Modem3gpp.OperatorCode {properties.get('Modem3gpp.OperatorCode', '')}"
        yield "AT+COPS?", Decoded(line, text, "", {})


def _technology(rat: str | None) -> str:
    return (rat or "").upper().replace("_", "-")


def _attempts(properties: Properties) -> Iterator[Answer]:
    retries = properties.get("Modem.UnlockRetries")
    for lock, code in _CODES.items():
        left = retries.get(lock) if isinstance(retries, dict) else None
        if isinstance(left, int) and left != _UNKNOWN_RETRIES:
            line = f"Modem.UnlockRetries {lock}: {left}"
            text = f"{code}: {left} attempts left"
            yield "AT+CPINR", Decoded(line, text, "", {"code": code, "attempts_left": left})


def _signal(properties: Properties) -> Iterator[Answer]:
    for name, (technology, measures) in _SIGNALS.items():
        reported = properties.get(name)
        values = {
            measures[key]: float(value)
            for key, value in (reported.items() if isinstance(reported, dict) else ())
            if key in measures and isinstance(value, int | float) and value > _LEAST_DB
        }
        if values:
            fields: dict[str, object] = {"technology": technology}
            parts = []
            for each, value in values.items():
                measure = MEASURES[each]
                fields[f"{each}_{measure.unit.lower()}"] = value
                parts.append(f"{measure.label} {value:g} {measure.unit}")
            text = ", ".join(parts)
            yield "AT+CESQ", Decoded(f"{name} {text}", text, "", fields)
    quality = properties.get(QUALITY)
    if isinstance(quality, list) and quality and isinstance(quality[0], int):
        percent = quality[0]
        text = f"signal quality {percent} %"
        yield QUALITY, Decoded(f"{QUALITY} {percent}", text, "", {"percent": percent})


def _attached(properties: Properties) -> Iterator[Answer]:
    name = "Modem3gpp.PacketServiceState"
    state = _number(properties, name)
    if (attached := _ATTACHED.get(state or 0)) is not None:
        text = str(meaning("+CGATT", attached))
        yield "AT+CGATT?", Decoded(f"{name} {state}", text, "", {"attached": attached})


def _bearer(number: int, bearer: Properties) -> Iterator[Answer]:
    wanted = bearer.get("Bearer.Properties")
    wanted = wanted if isinstance(wanted, dict) else {}
    apn = str(wanted.get("apn") or "")
    family = wanted.get("ip-type")
    is_non_ip = isinstance(family, int) and bool(family & _NON_IP)
    fields: dict[str, object] = {"cid": number, "apn": apn, "type": "NON-IP" if is_non_ip else "IP"}
    named = f"APN {apn}" if apn else "no APN"
    yield "AT+CGDCONT?", Decoded(f"Bearer.Properties apn {apn}", named, "", fields)
    connected = bearer.get("Bearer.Connected") is True
    interface = str(bearer.get("Bearer.Interface") or "")
    text = f"connected on {interface or 'an unknown interface'}, {named}"
    fields = {"cid": number, "active": connected}
    line = f"Bearer.Connected {str(connected).lower()}"
    yield "AT+CGACT?", Decoded(line, text if connected else f"not connected, {named}", "", fields)
    if connected:
        yield from _addresses(number, bearer)
    elif failure := _connection_error(bearer):
        line = f"{CONNECTION_ERROR} {failure}"
        yield CONNECTION_ERROR, Decoded(line, f"{failure} ({named})", "", {"apn": apn})


def _addresses(number: int, bearer: Properties) -> Iterator[Answer]:
    """Yield the addresses of a connection; those by DHCP and PPP are known to the host only."""
    configurations = [bearer.get(f"Bearer.Ip{version}Config") for version in (4, 6)]
    known = [each for each in configurations if isinstance(each, dict)]
    addresses = [str(each["address"]) for each in known if each.get("address")]
    if addresses or any(each.get("method") == _STATIC for each in known):
        line = f"Bearer.Ip4Config, Bearer.Ip6Config {' '.join(addresses)}"
        fields = {"cid": number, "addresses": addresses}
        yield "AT+CGPADDR", Decoded(line, ", ".join(addresses), "", fields)


def _connection_error(bearer: Properties) -> str:
    """Return the message of the last failure of a connection, "" if it has not failed."""
    error = bearer.get("Bearer.ConnectionError")
    words = [str(word) for word in error] if isinstance(error, list) else []
    name, message = (*words, "", "")[:2]
    return message or name.removeprefix(_ERRORS)


def _number(properties: Properties, name: str) -> int | None:
    value = properties.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
