"""Checks of the data session: attach, data connections and their addresses, access point names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modemagent.diagnosis.checks.failure_report import (
    DATA,
    REGISTRATION,
    Cause,
    reported_cause,
)
from modemagent.diagnosis.checks.registration import is_registered, is_registration_reported
from modemagent.diagnosis.checks.responses import all_decoded, decoded, is_answered
from modemagent.diagnosis.facts import Facts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, warning, wrong
from modemagent.diagnosis.managed import CONNECTION_ERROR

#: Causes that stand for a wrong or missing access point name.
_WRONG_APN: Final = (27, 32, 33, 66, 70, 91)
#: Contexts without an address: TS 27.007 clause 10.1.1, <PDP_type>.
_NO_ADDRESS: Final = ("NON-IP", "NONIP", "ETHERNET", "UNSTRUCTURED")
#: Access points of the operator's own services.
_SERVICES: Final = ("ims", "sos", "xcap")
_CHECK_CONNECTION = (
    "Compare APN, user name and password with those of the operator, and ask the operator whether "
    "the SIM card has a data plan."
)
_CONNECT = "Start the connection in NetworkManager, or with mmcli -m any --simple-connect=apn=NAME"
_SET_APN = "No APN is set. Set the operator's APN in the program that dials."
_NOT_REGISTERED = "only possible if the modem is registered"


def attached(facts: Facts) -> Finding:
    found = decoded(facts, "AT+CGATT?", "+CGATT")
    if found is None:
        return skipped("the modem does not report whether it is attached")
    if found.fields.get("attached") in (1, "1"):
        return ok(found.text, found.line)
    if not is_registered(facts):
        return skipped("not registered, so not attached")
    if cause := reported_cause(facts, (*DATA, *REGISTRATION)):
        return wrong(f"{found.text}: {cause.text}", _remedy(facts, cause), cause.line)
    names = _access_points(facts)
    check = f"Compare the APN {' and '.join(names)} with the operator's. If it is right"
    if not names and is_answered(facts, "AT+CGDCONT?"):
        check = f"{_SET_APN} If nothing changes"
    elif not names:
        check = "Check the access point name. If it is right"
    return warning(
        found.text,
        f"{check}, ask the operator whether the SIM card has a data plan.",
        found.line,
    )


def session(facts: Facts) -> Finding:
    if is_registration_reported(facts) and not is_registered(facts):
        return skipped(_NOT_REGISTERED)
    contexts = list(all_decoded(facts, "AT+CGACT?", "+CGACT"))
    active = [each for each in contexts if each.fields.get("active")]
    addresses = _addresses(facts)
    for each in active:
        if shown := addresses.get(each.fields.get("cid")):
            return ok(f"{each.text}, address {shown}", each.line)
    if not is_answered(facts, "AT+CGACT?") and any(addresses.values()):
        return ok(f"address {next(filter(None, addresses.values()))}")
    if cause := reported_cause(facts, DATA):
        return wrong(f"no data connection: {cause.text}", _remedy(facts, cause), cause.line)
    if not active and (error := decoded(facts, CONNECTION_ERROR)):
        return wrong(f"no data connection: {error.text}", _CHECK_CONNECTION, error.line)
    listed = _listed(facts) - _without_address(facts)
    for each in active:
        if each.fields.get("cid") in listed:
            return wrong(
                f"{each.text}, but has no address",
                "End the data connection in the program that dials and start it again. If it gets "
                "no address again, check its APN and IP type, and ask the operator.",
                each.line,
            )
    if active:
        return ok(active[0].text, active[0].line)
    if facts.managed is not None and is_answered(facts, "AT+CGACT?"):
        return note("ModemManager has no data connection", _CONNECT)
    if contexts:
        return note(
            "no data connection is active in the modem's AT contexts",
            "This is normal if the host connects over QMI or MBIM, or is not to be connected now. "
            "Otherwise start the program that dials.",
            contexts[0].line,
        )
    return skipped("the modem does not report its data connections")


def access_point(facts: Facts) -> Finding:
    if not is_answered(facts, "AT+CGDCONT?"):
        return skipped("the modem does not report its access point names")
    contexts = list(all_decoded(facts, "AT+CGDCONT?", "+CGDCONT"))
    if not contexts:
        return note(
            "no data connection is defined", "Set the operator's APN in the program that dials."
        )
    named = [one.text for one in contexts if one.fields.get("apn")]
    if not named:
        return note(
            "no APN is set, so the network chooses one", "Set one if the operator requires it."
        )
    return ok("; ".join(named))


def _remedy(facts: Facts, cause: Cause) -> str:
    """Return the remedy of a cause; for a wrong access point name, with the names that are set."""
    if cause.number not in _WRONG_APN or cause.family not in DATA:
        return cause.remedy or "Ask the operator about this cause."
    names = _access_points(facts)
    if not names:
        return _SET_APN
    return (
        f"Compare the APN {' and '.join(names)} with the operator's: it is misspelled, or not part "
        "of this subscription."
    )


def _access_points(facts: Facts) -> list[str]:
    contexts = all_decoded(facts, "AT+CGDCONT?", "+CGDCONT")
    names = [str(each.fields.get("apn") or "") for each in contexts]
    return [name for name in dict.fromkeys(names) if name and name.lower() not in _SERVICES]


def _addresses(facts: Facts) -> dict[object, str]:
    """Return the address of each context that has one."""
    found: dict[object, str] = {}
    for each in all_decoded(facts, "AT+CGCONTRDP", "+CGCONTRDP"):
        _add(found, each.fields.get("cid"), (each.fields.get("address"),))
    for each in all_decoded(facts, "AT+CGPADDR", "+CGPADDR"):
        addresses = each.fields.get("addresses")
        _add(found, each.fields.get("cid"), addresses if isinstance(addresses, list) else ())
    return found


def _add(found: dict[object, str], cid: object, addresses: Iterable[object]) -> None:
    real = [str(each) for each in addresses if each and str(each).strip("0.:")]
    if real:
        found.setdefault(cid, " and ".join(real))


def _listed(facts: Facts) -> set[object]:
    """Return the contexts whose addresses the modem reports: some need a number after "="."""
    return {each.fields.get("cid") for each in all_decoded(facts, "AT+CGPADDR", "+CGPADDR")}


def _without_address(facts: Facts) -> set[object]:
    """Return the contexts that have none by their type."""
    return {
        each.fields.get("cid")
        for each in all_decoded(facts, "AT+CGDCONT?", "+CGDCONT")
        if str(each.fields.get("type", "")).upper() in _NO_ADDRESS
    }
