"""Content of one scan: a code of ours, or the numbers of a label.

Only recognized numbers are kept, because labels may carry secrets as well.

>>> parse_scan("MA-BAY-07").bay
'07'
>>> parse_scan("867698040000013").fields
{'imei': '86769804000001'}
>>> parse_scan("IMEI:867698040000013;SN:E1Q20A7;PWD:secret").fields
{'imei': '86769804000001', 'serial_number': 'E1Q20A7'}
>>> parse_scan("867698040000014").problem
'the check digit of the IMEI is wrong'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from modemagent.identity.cleaning import is_decimal, without_separators
from modemagent.identity.eid import Eid
from modemagent.identity.iccid import Iccid
from modemagent.identity.identifier import Identifier
from modemagent.identity.imei import Imei
from modemagent.identity.problems import CODES
from modemagent.labels.gs1 import GTIN, IMEI, SERIAL, Invalid, gtin_fits
from modemagent.provisioning.scans import gs1
from modemagent.provisioning.scans.keyboard import check_sheet_problem, damage

#: Characters of the longest scan that is read.
LONGEST: Final = 512
#: None of them ends a shift: a label of a module may hold any text.
_COMMAND: Final = re.compile(
    r"MA-(BAY|PRINT|OK|RETEST|BADGE)(?:-([A-Z0-9_.-]{1,32}))?", re.IGNORECASE
)
#: A serial number has no space, because a code of several words may hold a secret, and no colon,
#: because a name before it is unknown.
_SERIAL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+#-]{1,39}")
#: Names on labels, without spaces and signs, and the field of each.
_NAMES: Final = {
    **dict.fromkeys(("IMEI", "IMEI1", "IMEINO", "IMEISV", "GSMIMEI", "LTEIMEI"), "imei"),
    **dict.fromkeys(("ICCID", "CCID", "ICCID1", "SIMICCID", "SIMNO", "USIM"), "iccid"),
    **dict.fromkeys(("EID", "EUICCID"), "eid"),
    **dict.fromkeys(
        ("SN", "SERIAL", "SERIALNO", "SERIALNUMBER", "SERNO", "PSN", "MSN"), "serial_number"
    ),
}
_NUMBERS: Final[Mapping[str, type[Identifier]]] = {"imei": Imei, "iccid": Iccid, "eid": Eid}
#: ``name:value``, ``name=value``, ``"name": "value"``; of an IMEI the sign may be missing.
_NAMED: Final = re.compile(
    r"""(?<![A-Za-z0-9])
    (?P<name>[A-Za-z](?:[A-Za-z0-9./]|[ ](?=[A-Za-z0-9]))*?)
    (?: ["']?[ ]*[:=][ ]*["']? | [ #]+(?=[0-9]) | (?<=[Nn][Oo]\.)[ ]*
      | (?<=IMEI)(?=[0-9]{14}) | (?<=ICCID)(?=89) )
    (?P<value>[A-Za-z0-9][A-Za-z0-9._/+\-]*(?:[ ][0-9]+(?![A-Za-z0-9:=]))*)""",
    re.VERBOSE,
)
_LIST_SIGNS: Final = re.compile(r"[;,|&?\s\x1c-\x1f]+")


class ParsedScan(NamedTuple):
    """A scan after parsing.

    :param bay: number of the bay whose code was scanned
    :param command: ``print``, ``ok``, ``retest``, ``badge`` or ``check``
    :param argument: of the command, such as the name on a badge; of ``check`` what is wrong with
        the scanner
    :param fields: numbers of a label: ``imei`` as 14 digits, ``iccid``, ``eid``, ``serial_number``
    :param problem: why nothing of the scan is used; without a number
    :param remedy: one sentence
    """

    bay: str = ""
    command: str = ""
    argument: str = ""
    fields: Mapping[str, str] = {}
    problem: str = ""
    remedy: str = ""


class NotUsable(Exception):
    """The scan is not used: problem and remedy."""

    def __init__(self, problem: str, remedy: str = "Scan another code of the label.") -> None:
        super().__init__(problem)
        self.remedy = remedy


def parse_scan(
    text: str,
    *,
    formats: Sequence[re.Pattern[str]] = (),
    serial: re.Pattern[str] | None = None,
) -> ParsedScan:
    """Return the content of a scan, without what the scanner adds before and after it.

    :param formats: of the order, for labels of its makers: whole texts with groups named after
        fields
    :param serial: what a serial number has to look like, None for any without spaces
    """
    text = text[: LONGEST + 1].strip(" \t\r\n\"'")
    try:
        if len(text) > LONGEST:
            raise NotUsable("the scan is too long")
        return _parsed(text, formats, serial)
    except NotUsable as wrong:
        if layout := damage(text):
            return ParsedScan(
                problem=f"the scanner types for another keyboard layout ({layout})",
                remedy="Set the scanner to the layout of this computer, then scan the check sheet.",
            )
        return ParsedScan(problem=str(wrong), remedy=wrong.remedy)


def _parsed(
    text: str, formats: Sequence[re.Pattern[str]], serial: re.Pattern[str] | None
) -> ParsedScan:
    bare = gs1.without_aim(text)
    if (sheet := check_sheet_problem(bare)) is not None:
        return ParsedScan(command="check", argument=sheet)
    if command := _COMMAND.fullmatch(bare):
        name, argument = command[1].lower(), command[2] or ""
        return ParsedScan(bay=argument) if name == "bay" else ParsedScan("", name, argument)
    try:
        elements = gs1.read(text)
    except Invalid as wrong:
        remedy = "Let the scanner send GS, or give the form of this label in the order."
        raise NotUsable(f"not a usable GS1 code: {wrong}", remedy) from None
    if elements is not None:
        return ParsedScan(fields=_of_gs1(elements))
    return ParsedScan(fields=_of_label(bare, formats, serial))


def _of_gs1(elements: Mapping[str, str]) -> dict[str, str]:
    fields = {}
    if IMEI in elements:
        fields["imei"] = _number("imei", elements[IMEI])
    if SERIAL in elements:
        fields["serial_number"] = elements[SERIAL]
    if not fields:
        what = "the number of a product" if GTIN in elements else "neither IMEI nor serial number"
        raise NotUsable(f"the GS1 code has {what} only")
    return fields


def _of_label(
    text: str, formats: Sequence[re.Pattern[str]], serial: re.Pattern[str] | None
) -> dict[str, str]:
    for pattern in formats:
        if found := pattern.fullmatch(text):
            return _checked({k: v for k, v in found.groupdict().items() if v})
    if named := _named(text):
        return _checked(named)
    if fields := _single(text, serial):
        return fields
    if listed := _listed(text):
        return listed
    if any(not (sign.isprintable() or sign.isspace()) for sign in text):
        raise NotUsable("the scan has characters that cannot be printed")
    raise NotUsable("the code has no number that is known")


def _named(text: str) -> dict[str, str]:
    """Return the values with a known name, or with one among several words if none is exact.

    :raises NotUsable: two values have one name
    """
    whole, part = dict[str, str](), dict[str, str]()
    for found in _NAMED.finditer(text):
        words = re.split(r"[ ./]+", found["name"].upper())
        value = found["value"].rstrip("._/+-")
        if (name := _NAMES.get("".join(words))) is not None:
            if whole.setdefault(name, value) != value:
                raise NotUsable(f"the code has two values for {name.replace('_', ' ')}")
        elif name := next((_NAMES[word] for word in words if word in _NAMES), None):
            part.setdefault(name, value)
    return part | whole


def _checked(fields: Mapping[str, str]) -> dict[str, str]:
    """Return fields that a label names, after their own rules.

    :raises NotUsable: one of them is not what its name states
    """
    return {name: _number(name, value) for name, value in fields.items()}


def _number(name: str, value: str) -> str:
    if name not in _NUMBERS:
        if _SERIAL.fullmatch(value) is None:
            raise NotUsable(f"not a usable {name.replace('_', ' ')}")
        return value
    if name == "imei" and not is_decimal(without_separators(value)):
        raise NotUsable("not a usable IMEI: it has other characters than digits")
    verdict = _NUMBERS[name].check(value)
    if verdict.normalized is None:
        code = verdict.codes[0]
        if code in (f"{name}.check_digit", f"{name}.check_digits"):
            raise NotUsable(f"the check digit of the {name.upper()} is wrong")
        raise NotUsable(f"not a usable {name.upper()}: {CODES[code][1]}")
    return str(verdict.normalized)[:14] if name == "imei" else str(verdict.normalized)


def _single(text: str, serial: re.Pattern[str] | None) -> dict[str, str]:
    """Return the one number that a text is, by its shape."""
    digits = without_separators(text)
    if is_decimal(digits) and len(digits) == 32:
        return {"eid": _number("eid", digits)}
    if 18 <= len(digits) <= 20 and digits.startswith("89") and is_decimal(digits[:17]):
        return {"iccid": _number("iccid", digits)}
    if len(digits) == 19 and digits.startswith(IMEI) and Imei.check(digits[4:]).valid:
        return {"imei": _number("imei", digits[4:])}  # GS1 without any mark of it
    if is_decimal(digits) and 14 <= len(digits) <= 16:
        doubtful = {"imei.unknown_rbi", "imei.test_tac"}.intersection(Imei.check(digits).codes)
        if len(digits) == 14 and doubtful and gtin_fits(digits):
            raise NotUsable("the code is the number of a product (GTIN)")
        return {"imei": _number("imei", digits)}
    if _SERIAL.fullmatch(text) and (serial is None or serial.fullmatch(text)):
        return {"serial_number": text}
    return {}


def _listed(text: str) -> dict[str, str]:
    """Return the numbers of a list without names: only those that their check digits prove."""
    fields: dict[str, str] = {}
    for word in filter(None, _LIST_SIGNS.split(text)):
        name = _proved(word.strip("\"'[]{}()<>"))
        if name is None:
            continue
        value = _number(*name)
        if fields.setdefault(name[0], value) != value:
            raise NotUsable(f"the code has two numbers of the kind {name[0].upper()}")
    return fields


def _proved(word: str) -> tuple[str, str] | None:
    candidates: Iterable[tuple[str, bool]] = (
        ("imei", len(word) == 15),
        ("iccid", len(word) in (19, 20) and word.startswith("89")),
        ("eid", len(word) == 32),
    )
    for name, has_shape in candidates:
        if has_shape and is_decimal(word):
            codes = _NUMBERS[name].check(word).codes
            doubtful = {
                "imei.spare_digit",
                "imei.unknown_rbi",
                "iccid.luhn",
                "iccid.unknown_country",
            }
            if _NUMBERS[name].check(word).valid and doubtful.isdisjoint(codes):
                return name, word
    return None
