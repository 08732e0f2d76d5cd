"""The equipment itself: what it is, whether its numbers can be believed, whether it is on."""

from __future__ import annotations

from collections.abc import Iterable

from modemagent.diagnosis.checks.answer import said
from modemagent.diagnosis.facts import Facts
from modemagent.diagnosis.finding import Finding, note, ok, skipped, warning, wrong
from modemagent.identity.problems import Problem, Severity

_FIELDS = ("imei", "imeisv", "meid")
_REMEDIES = {
    "imei.missing": "a module without IMEI can not register: have it replaced by its maker",
    "imei.placeholder": "the IMEI was lost or never written: have the module replaced",
    "imei.check_digit": "compare with the label; a module that shows another number is to be "
    "replaced",
}


def firmware(facts: Facts) -> Finding:
    if facts.snapshot is None:
        return skipped("the modem did not say who it is")
    modem = facts.snapshot.modem
    name = " ".join(part for part in (modem.manufacturer, modem.model) if part)
    words = f"{name or 'maker and model not told'}, firmware {modem.firmware or 'not told'}"
    if facts.snapshot.dialect == "generic":
        return note(
            f"{words}; no table for this maker: standard commands only",
            "help others: modemagent record PORT, docs/add-a-modem.md",
        )
    return ok(words)


def identity(facts: Facts) -> Finding:
    if facts.snapshot is None:
        return skipped("the modem did not say who it is")
    problems = [each for each in facts.snapshot.problems if each.field in _FIELDS]
    number = facts.snapshot.modem.imei
    return judged(problems, f"IMEI {number}" if number else "no IMEI")


def judged(problems: Iterable[Problem], otherwise: str) -> Finding:
    """Return the worst of an identity's problems as a finding; notes are not told."""
    ranked = {Severity.ERROR: wrong, Severity.WARNING: warning}
    for severity, finding in ranked.items():
        for each in problems:
            if each.severity is severity:
                remedy = _REMEDIES.get(each.code, "compare with the label and the order")
                return finding(f"{each.field.upper()}: {each.message}", remedy, each.code)
    return ok(otherwise)


def radio(facts: Facts) -> Finding:
    found = said(facts, "AT+CFUN?", "+CFUN")
    if found is None:
        return skipped("the modem does not tell whether its radio is on")
    level = found.fields.get("level")
    if level in (1, "1"):
        return ok(found.text, found.line)
    if level in (0, 4, "0", "4"):
        return wrong(
            found.text, "AT+CFUN=1 switches it on; modemagent itself never does", found.line
        )
    return note(found.text, found.remedy, found.line)
