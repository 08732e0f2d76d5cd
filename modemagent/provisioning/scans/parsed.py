"""Content of one scan: a code of ours, or the numbers of a label.

>>> parse_scan("MA-BAY-07").bay
'07'
>>> parse_scan("867698040000013").fields
{'imei': '86769804000001'}
>>> parse_scan("867698040000014").problem
'the check digit of the IMEI is wrong'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from modemagent.identity.cleaning import is_decimal, without_separators
from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.identifier import CheckResult, Identifier
from modemagent.identity.imei import Imei
from modemagent.identity.problems import CODES

_COMMAND = re.compile(r"MA-(BAY|PRINT|OK|END|RETEST|BADGE)(?:-([A-Z0-9_.-]{1,32}))?", re.IGNORECASE)
#: Characters of the longest scan that is read.
LONGEST = 512


class ParsedScan(NamedTuple):
    """A scan after parsing.

    :param bay: number of the bay whose code was scanned
    :param command: ``print``, ``ok``, ``end``, ``retest`` or ``badge``
    :param argument: of the command, such as the name on a badge
    :param fields: numbers of a label: ``imei`` as 14 digits, ``iccid``, ``eid``, ``serial_number``
    :param problem: why nothing of the scan is used; without a number
    """

    bay: str = ""
    command: str = ""
    argument: str = ""
    fields: Mapping[str, str] = {}
    problem: str = ""


def parse_scan(text: str) -> ParsedScan:
    """Return the content of a scan, without what the scanner adds before and after it."""
    text = text.strip()[:LONGEST]
    if not text or not text.isprintable():
        return ParsedScan(problem="the scan has characters that cannot be printed")
    if command := _COMMAND.fullmatch(text):
        name, argument = command[1].lower(), command[2] or ""
        return ParsedScan(bay=argument) if name == "bay" else ParsedScan("", name, argument)
    digits = without_separators(text)
    if is_decimal(digits) and len(digits) == 32:
        return _number("eid", Eid.check(digits))
    if 18 <= len(digits) <= 20 and digits.startswith("89"):
        return _number("iccid", Iccid.check(digits))
    if is_decimal(digits) and 14 <= len(digits) <= 16:
        return _number("imei", Imei.check(digits))
    return ParsedScan(fields={"serial_number": text})


def _number(
    name: str, verdict: CheckResult[Imei] | CheckResult[Iccid] | CheckResult[Eid]
) -> ParsedScan:
    value: Identifier | None = verdict.normalized
    if value is None:
        code = verdict.codes[0]
        wrong = {f"{name}.check_digit", f"{name}.check_digits"}
        if code in wrong:
            return ParsedScan(problem=f"the check digit of the {name.upper()} is wrong")
        return ParsedScan(problem=f"not a usable {name.upper()}: {CODES[code][1]}")
    return ParsedScan(fields={name: str(value)[:14] if name == "imei" else str(value)})
