"""Problem codes and severities.

Codes are ``<kind>.<name>``, stable and never renamed; :data:`CODES` lists all of them.

>>> problem("imei.check_digit", "imei").message
'15th digit wrong and not 0'
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from modemagent.identity.json_codec import fields_to_json


class Severity(StrEnum):
    """Effect of a problem: an error rejects the value, a warning needs a person, a note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @classmethod
    def _missing_(cls, value: object) -> "Severity":
        """Return WARNING for a severity of a later version."""
        return cls.WARNING


class Verdict(StrEnum):
    """The worst severity of a reading; notes do not count."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Problem(NamedTuple):
    """One finding about one field of a reading.

    :param code: ``<kind>.<name>``, stable
    :param field: the field of the reading, such as ``imei`` or ``iccid``
    :param message: the finding in plain language; never contains an identifier
    """

    code: str
    severity: Severity
    field: str
    message: str = ""

    def to_json(self) -> dict[str, object]:
        return fields_to_json(self)


def verdict_of(problems: Iterable[Problem]) -> Verdict:
    """Return the worst of the problems' severities as a verdict."""
    worst = {problem.severity for problem in problems}
    if Severity.ERROR in worst:
        return Verdict.ERROR
    return Verdict.WARNING if Severity.WARNING in worst else Verdict.OK


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE

KINDS = ("imei", "imeisv", "meid", "imsi", "iccid", "eid")

CODES: dict[str, tuple[Severity, str]] = {
    f"{kind}.{name}": (_E, meaning)
    for kind in KINDS
    for name, meaning in (
        ("missing", "no value, or the module answered with an error"),
        ("placeholder", "known filler; cannot identify anything"),
        ("charset", "character that is not allowed"),
        ("length", "wrong number of digits"),
    )
}
CODES |= {
    f"cross.{kind}_ambiguous": (
        _E,
        f"unrelated lines came with the {kind.upper()}, so no value is certain",
    )
    for kind in ("imei", "iccid", "imsi")
}
CODES |= {
    "imei.check_digit": (_E, "15th digit wrong and not 0"),
    "imei.spare_digit": (_W, "15th digit is 0 where a check digit would differ"),
    "imei.no_check_digit": (_N, "14 digits received"),
    "imei.is_imeisv": (_N, "16 digits received"),
    "imei.test_tac": (_W, "test equipment: reporting body 00 or 02-09"),
    "imei.unknown_rbi": (_W, "reporting body not in the table"),
    "imei.serial_suspect": (_W, "serial is one digit repeated, or counts up or down"),
    "imeisv.svn_reserved": (_W, "software version 99 is reserved"),
    "meid.check_digit": (_E, "check digit wrong"),
    "meid.range": (_E, "decimal part too large"),
    "meid.imei_form": (_N, "only decimal digits: has the form of an IMEI"),
    "meid.region_code": (_W, "hexadecimal MEID with a region below A0"),
    "imsi.short": (_W, "6 to 13 digits"),
    "imsi.unknown_mcc": (_W, "country code not in the table"),
    "imsi.test_network": (_W, "test network, MCC 001"),
    "imsi.private_network": (_N, "private network, MCC 999 or 315-010"),
    "imsi.shared_mcc": (_N, "international network, MCC 901, 902 or 991"),
    "imsi.ef_encoded": (_N, "decoded from EF_IMSI content"),
    "iccid.non_telecom_mii": (_E, "does not start with 89"),
    "iccid.luhn": (_W, "no check digit fits"),
    "iccid.extra_digit": (_N, "20 digits; the first 19 are a complete number"),
    "iccid.hex_digit": (_W, "A-F in the operator part"),
    "iccid.length_unusual": (_W, "18 digits"),
    "iccid.unknown_country": (_W, "no E.164 country code fits"),
    "iccid.test_profile": (_W, "published test profile"),
    "iccid.swapped": (_N, "nibbles were swapped"),
    "eid.check_digits": (_E, "number modulo 97 is not 1"),
    "eid.test_value": (_W, "published test EID"),
    "eid.not_e118": (_N, "does not start with 89"),
    "eid.tlv_encoded": (_N, "taken out of a data object"),
    "cross.imei_imeisv_differ": (_E, "IMEI and IMEISV of one reading differ"),
    "cross.imei_duplicate": (_E, "two modems present at once report one IMEI"),
    "cross.imei_unstable": (_E, "the IMEI changed while the modem was connected"),
    "cross.imei_label_differ": (_W, "the IMEI on the label is not the one read"),
    "cross.meid_imei_differ": (_W, "dual-mode IMEI and MEID differ"),
    "cross.tac_model_differ": (_W, "the TAC belongs to another maker or model"),
    "cross.tac_unknown": (_N, "TAC not in the table (usual)"),
    "cross.iccid_imsi_country": (_N, "countries of ICCID and IMSI differ"),
    "cross.iccid_changed": (_W, "known IMEI, other ICCID"),
    "cross.imei_changed": (_W, "known ICCID, other IMEI"),
    "cross.imsi_changed": (_N, "same ICCID, other IMSI (multi-IMSI SIM)"),
    "cross.eid_changed": (_W, "known IMEI, other EID"),
    "sim.absent": (_N, "no SIM card in the slot"),
    "sim.pin_required": (_W, "the SIM card waits for its PIN"),
    "sim.puk_required": (_W, "the SIM card is blocked and waits for its PUK"),
    "sim.no_profile": (_W, "the SIM is an eUICC without an enabled profile"),
    "sim.locked": (_W, "the module accepts only certain SIM cards"),
    "sim.busy": (_E, "the SIM card stayed busy"),
    "sim.failure": (_E, "the SIM card failed"),
    "sim.off": (_N, "the SIM interface is switched off"),
    "sim.wrong_slot": (_W, "the slot in use is empty, another slot holds a SIM card"),
    "sim.unknown": (_E, "the state of the SIM card could not be read"),
}


def problem(code: str, field: str, message: str | None = None) -> Problem:
    """Return the finding of a listed code about one field.

    :param message: what was found, instead of the meaning in :data:`CODES`. It must not contain
        an identifier, because messages are logged
    :raises KeyError: the code is not listed
    """
    severity, meaning = CODES[code]
    return Problem(code, severity, field, meaning if message is None else message)
