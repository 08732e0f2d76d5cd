"""What a typed number is, and what it is not: kind, check digit, maker, country, issuer."""

from __future__ import annotations

from dataclasses import dataclass

from modemagent.identity import tac
from modemagent.identity.check import validate
from modemagent.identity.damage import DAMAGES, repair
from modemagent.identity.identifier import CheckResult, Identifier
from modemagent.registry.pages.words import word

_DIGITS_OF = {"imei": range(14, 17), "iccid": range(18, 21), "imsi": range(14, 16),
              "eid": range(32, 33)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """The verdict on a number as one kind.

    :param facts: what follows from its digits
    :param problems: what is wrong or unusual, as text
    """

    kind: str
    is_valid: bool
    facts: list[str]
    problems: list[str]


def check_number(typed: str) -> list[NumberCheck]:
    """Return the verdicts for the kinds that a number can have by its length, valid ones first.

    >>> [(one.kind, one.problems) for one in check_number("867698040000014")]
    [('IMEI', ['the check digit would be 3, not 4'])]
    """
    damage = repair("imei", typed.strip())
    if damage.code == "scientific":
        return [NumberCheck("number", False, [], [DAMAGES[damage.code][0]])]
    digits = sum(sign.isdigit() for sign in typed)
    found = [validate(kind, typed) for kind, lengths in _DIGITS_OF.items() if digits in lengths]
    # any 15 digits have the form of an IMSI
    likely = [_check(one) for one in found if "imsi.unknown_mcc" not in one.codes]
    return sorted(likely, key=lambda one: not one.is_valid)


def _check(result: CheckResult[Identifier]) -> NumberCheck:
    details = result.details
    facts: list[str] = []
    if result.normalized is not None and result.kind == "imei":
        facts.append("check digit right" if len(result.input.strip()) == 15 else "14 digits count")
        known = tac.find(result.normalized[:8])
        maker = f" {known.maker} {known.model}" if known else ", not in the table of TACs"
        facts.append(f"TAC {result.normalized[:8]}{maker}")
    if name := details.get("country_name"):
        is_service = name == details.get("country")  # an international one
        facts.append(f"assigned to {name}" if is_service else f"country {name}")
    facts += [f"issuer {issuer}"] if (issuer := details.get("issuer")) else []
    problems = [_problem(code, result) for code in result.codes]
    return NumberCheck(result.kind.upper(), result.valid, facts, problems)


def _problem(code: str, result: CheckResult[Identifier]) -> str:
    expected = result.details.get("expected_check_digit")
    if expected is not None:
        return f"the check digit would be {expected}, not {result.input.strip()[-1:]}"
    return word(code).short
