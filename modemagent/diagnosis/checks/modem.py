"""Checks of the modem: make and firmware, numbers, radio."""

from __future__ import annotations

from collections.abc import Iterable

from modemagent.diagnosis.checks.responses import decoded
from modemagent.diagnosis.facts import Facts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, warning, wrong
from modemagent.identity.problems import Problem, Severity

NOT_IDENTIFIED = "the modem could not be identified"
_FIELDS = ("imei", "imeisv", "meid")
_REMEDIES = {
    "imei.missing": "Have the module replaced: it cannot register without an IMEI.",
    "imei.placeholder": "Have the module replaced: its IMEI was lost or never written.",
    "imei.check_digit": "Compare it with the label, and have the module replaced if they differ.",
}


def firmware(facts: Facts) -> Finding:
    if facts.snapshot is None:
        return skipped(NOT_IDENTIFIED)
    modem = facts.snapshot.modem
    name = " ".join(filter(None, (modem.manufacturer, modem.model)))
    text = f"{name or 'unknown make and model'}, firmware {modem.firmware or 'unknown'}"
    if facts.snapshot.dialect == "generic":
        return note(
            f"{text}; no dialect for this maker, so only standard commands were used",
            "Help to support it: modemagent record PORT, docs/add-a-modem.md",
        )
    return ok(text)


def identity(facts: Facts) -> Finding:
    if facts.snapshot is None:
        return skipped(NOT_IDENTIFIED)
    problems = [each for each in facts.snapshot.problems if each.field in _FIELDS]
    imei = facts.snapshot.modem.imei
    return worst_problem(problems, f"IMEI {imei}" if imei else "no IMEI")


def worst_problem(problems: Iterable[Problem], otherwise: str) -> Finding:
    """Return the most severe problem as a finding; problems that are notes are left out."""
    ranked = {Severity.ERROR: wrong, Severity.WARNING: warning}
    for severity, finding in ranked.items():
        for each in problems:
            if each.severity is severity:
                remedy = _REMEDIES.get(each.code, "Compare it with the label and the order.")
                return finding(f"{each.field.upper()}: {each.message}", remedy, each.code)
    return ok(otherwise)


def radio(facts: Facts) -> Finding:
    found = decoded(facts, "AT+CFUN?", "+CFUN")
    if found is None:
        return skipped("the modem does not report whether its radio is on")
    level = found.fields.get("level")
    if level in (1, "1"):
        return ok(found.text, found.line)
    if level in (0, 4, "0", "4"):
        return wrong(
            found.text,
            "Switch it on with AT+CFUN=1 in a terminal program; modemagent never does.",
            found.line,
        )
    return note(found.text, found.remedy, found.line)
