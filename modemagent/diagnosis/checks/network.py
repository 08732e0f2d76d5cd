"""Registration and the way there: who refuses, how strong, through which access point."""

from __future__ import annotations

from modemagent.diagnosis.checks.answer import Words, is_told, said, said_all
from modemagent.diagnosis.facts import Facts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, warning, wrong
from modemagent.identity.snapshot import SimState

#: The newer systems decide: on LTE alone, the older ones say "not registered".
_REGISTRATIONS = ("AT+C5GREG?", "AT+CEREG?", "AT+CGREG?", "AT+CREG?")
_DENIED = 3
_WEAK = ("weak", "unusable")


def registration(facts: Facts) -> Finding:
    if facts.way == "modemmanager":
        return _by_modemmanager(facts)
    told = [found for line in _REGISTRATIONS if (found := said(facts, line)) is not None]
    if not told:
        return skipped("the modem does not tell whether it is registered")
    for words in told:
        if words.fields.get("registered"):
            operator = said(facts, "AT+COPS?", "+COPS")
            return ok(f"{words.text}; {operator.text}" if operator else words.text, words.line)
    card = facts.snapshot.active_sim if facts.snapshot else None
    if card is not None and card.state not in (SimState.READY, SimState.UNKNOWN):
        return skipped("without a card that is ready there is no network")
    worst = min(told, key=_how_telling)
    remedy = worst.remedy or "see signal, antenna, and whether the card is activated"
    return wrong(worst.text, remedy, worst.line)


def _how_telling(words: Words) -> tuple[bool, bool]:
    return "reject_cause" not in words.fields, words.fields.get("status") != _DENIED


def _by_modemmanager(facts: Facts) -> Finding:
    network = facts.snapshot.network if facts.snapshot else None
    if network is None or network.registered is None:
        return skipped("ModemManager does not tell whether the modem is registered")
    if network.registered:
        return ok(" ".join(filter(None, ("registered", network.operator, network.rat))))
    return wrong("not registered", "see mmcli -m any; signal, antenna, is the card activated?")


def reason(facts: Facts) -> Finding:
    """Say what the modem says of its last failure, where it is not registered."""
    if registration(facts).state != "error":
        return skipped("only of interest when registration fails")
    words = said(facts, "AT+CEER", "+CEER")
    if words is None:
        return skipped("the modem does not tell why")
    return note(f"the modem says: {words.text}", words.remedy, words.line)


def signal(facts: Facts) -> Finding:
    told = [said(facts, line) for line in ("AT+CESQ", "AT+CSQ")]
    known = [words for words in told if words is not None and words.fields.get("level")]
    if not known:
        if any(words is not None for words in told):
            return warning(
                "no signal", "see the antenna, its plug and its cable, and where it stands"
            )
        return skipped("the modem does not tell its signal")
    words = known[0]
    if words.fields["level"] in _WEAK or words.fields.get("quality") in _WEAK:
        return warning(
            words.text, "see the antenna, its plug and its cable; try another place", words.line
        )
    return ok(words.text, words.line)


def attached(facts: Facts) -> Finding:
    words = said(facts, "AT+CGATT?", "+CGATT")
    if words is None:
        return skipped("the modem does not tell whether it is attached")
    if words.fields.get("attached") in (1, "1"):
        return ok(words.text, words.line)
    if registration(facts).state != "ok":
        return skipped("not registered, so not attached")
    return warning(
        words.text, "see the access point name and whether the card has data", words.line
    )


def access_point(facts: Facts) -> Finding:
    if not is_told(facts, "AT+CGDCONT?"):
        return skipped("the modem does not tell its access points")
    contexts = list(said_all(facts, "AT+CGDCONT?", "+CGDCONT"))
    if not contexts:
        return note("no data connection is defined", "set the operator's APN where you dial")
    if not any(words.fields.get("apn") for words in contexts):
        return note("no APN is set: the network chooses", "set one if the operator wants it")
    return ok("; ".join(words.text for words in contexts if words.fields.get("apn")))
